"""Files that a user names: a link is followed; a pipe or a device, which would hang or fill the command, is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lehr
from lehr._files import NotPlainError, read_given
from lehr.bench import Problem

MAKERS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
}


@pytest.fixture(params=MAKERS)
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    MAKERS[request.param](path := tmp_path / "best.json")
    return path


def test_what_is_no_plain_file_in_the_end(odd: Path) -> None:
    with pytest.raises(NotPlainError, match=r"it is a (pipe|device|folder)"):
        read_given(odd)


def test_a_link_to_a_plain_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"contents")
    (tmp_path / "link").symlink_to("real")
    assert read_given(tmp_path / "link") == b"contents"


def test_a_deployment(odd: Path) -> None:
    with pytest.raises(lehr.DeploymentError, match=r"cannot read .*best\.json"):
        lehr.load(odd if not odd.is_dir() else odd.parent)


def test_a_recording(odd: Path) -> None:
    with pytest.raises(lehr.LehrError, match=r"cannot read .*best\.json: it is a"):
        Problem.replay(odd)


def test_a_command_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    code = "import os, sys; os.rmdir(os.getcwd()); from lehr.cli import main; main(['tune'])"
    environment = os.environ | {"PYTHONPATH": str(Path(lehr.__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (3, "lehr: the working folder is gone: go to another one\n")
