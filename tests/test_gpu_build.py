"""What the build carries for GPUs: nothing that is linked, and a kernel for each of them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from lehr import _core


def test_nothing_is_linked_against_cuda() -> None:
    """Names of needed libraries stand in the dynamic string table, each as a whole."""
    image = Path(_core.__file__).read_bytes()
    for name in (b"libcuda.so", b"libcudart", b"libnvidia", b"libnvrtc"):
        needed = [at for at in find(image, name) if image[at - 1] == 0]
        assert needed == [], name


def find(image: bytes, name: bytes) -> list[int]:
    places = []
    at = image.find(name)
    while at >= 0:
        places.append(at)
        at = image.find(name, at + 1)
    return places


def fat_binary(image: bytes) -> list[tuple[str, int]]:
    """(kind, architecture) of the parts of the fat binary in an image.

    The header is magic, version, its own length (u16) and that of the parts (u64); a part's is kind (u16), attributes,
    its own length (u32) and its payload's (u64), and 28 bytes in its architecture.
    """
    start = image.index(b"\x50\xed\x55\xba")
    length, size = struct.unpack_from("<HQ", image, start + 6)
    at, end = start + length, start + length + size
    parts = []
    while at < end:
        kind, own, payload = struct.unpack_from("<HxxIQ", image, at)
        parts.append(({1: "ptx", 2: "elf"}[kind], struct.unpack_from("<I", image, at + 28)[0]))
        at += own + payload
    return parts


def test_the_kernel_that_was_built_has_a_binary_for_every_architecture() -> None:
    if not _core.Gpu("no such driver").status()[-1]:
        pytest.skip("this build has no kernel: there was no nvcc")
    parts = fat_binary(Path(_core.__file__).read_bytes())
    assert ("ptx", 75) in parts  # for whatever has no machine code here, 8.7 and 11.0 among them
    binaries = {architecture for kind, architecture in parts if kind == "elf"}
    assert {75, 80, 86, 89, 90} <= binaries
    nvcc = shutil.which("nvcc")
    if nvcc is not None and "compute_120" in subprocess.check_output([nvcc, "--list-gpu-arch"], text=True):
        assert {100, 120} <= binaries
        assert ("ptx", 120) in parts


@pytest.mark.parametrize(
    ("asked", "refused"), [("AUTOO", True), ("", True), ("OFF", False), ("off", False), ("AUTO", False)]
)
def test_a_word_that_is_none_of_the_three_is_refused(tmp_path: Path, asked: str, refused: bool) -> None:
    cmake = shutil.which("cmake") or pytest.skip("no cmake to configure with")
    project = Path(__file__).resolve().parents[1] / "cmake" / "gpu.cmake"
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.25)\nproject(asks NONE)\ninclude({project})\n"
    )
    run = subprocess.run(
        [cmake, "-S", str(tmp_path), "-B", str(tmp_path / "build"), f"-DLEHR_CUDA={asked}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode != 0) == refused
    assert ("use AUTO, ON or OFF" in " ".join(run.stderr.split())) == refused
