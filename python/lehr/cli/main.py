"""The entry point: runs the command, and turns whatever ends it into an exit code and at most one sentence."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

from lehr.cli.exits import Exit, InputError, exit_code
from lehr.cli.output import abandon_stdout, complain, complain_at_length, complete_streams, emit
from lehr.errors import LehrError

_SIGPIPE = 141  # what a shell reports for a program that its reader left


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``lehr`` with the given arguments (``sys.argv`` by default) and exit."""
    complete_streams()
    try:
        code = _guarded(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        code = _SIGPIPE
    except KeyboardInterrupt:  # one more Ctrl-C while the first was being dealt with
        code = Exit.INTERRUPTED
    try:
        sys.stdout.flush()
    except OSError as error:
        abandon_stdout()
        if not isinstance(error, BrokenPipeError) and code != Exit.MACHINE:
            code = _failed(f"cannot write to stdout: {error.strerror}", Exit.MACHINE, json=False)
    sys.exit(int(code))


def _is_folder_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _guarded(arguments: list[str]) -> int:
    json = "--json" in arguments
    try:
        from lehr.cli.app import invoke

        return invoke(arguments)
    except InputError as error:
        return _failed(error, Exit.BAD_INPUT, json)
    except LehrError as error:
        return _failed(error, exit_code(error), json)
    except BrokenPipeError:
        raise
    except OSError as error:
        if not error.filename and _is_folder_gone():
            return _failed("the working folder is gone: go to another one", Exit.MACHINE, json)
        where = f" {error.filename}" if error.filename else ""
        return _failed(f"cannot read or write{where}: {error.strerror or error}", Exit.MACHINE, json)
    except KeyboardInterrupt:
        complain("interrupted")
        return Exit.INTERRUPTED
    except Exception as error:
        complain_at_length(traceback.format_exc())
        return _failed(f"this is a mistake in lehr itself, please report it: {error!r}", Exit.MACHINE, json)


def _failed(error: object, code: Exit, json: bool) -> int:
    text = " ".join(str(error).split())
    if json:
        with contextlib.suppress(OSError):  # the sentence on stderr remains
            emit({"status": "error", "error": text, "exit_code": int(code)})
    complain(text)
    return code
