"""The last bytes of an endless stream, in bounded memory."""

from __future__ import annotations

import os

TAIL_BYTES = 8 * 1024
TAIL_LINES = 20
_READ_BYTES = 64 * 1024


class Tail:
    """Reads a non-blocking descriptor, keeps its end, forgets the rest."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._kept = bytearray()
        self.total_bytes = 0

    def read_once(self) -> bool:
        """Read at most 64 KiB; False at the end of the stream. An empty pipe is not its end."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.total_bytes += len(data)
        self._kept += data[-TAIL_BYTES:]
        if len(self._kept) > 2 * TAIL_BYTES:
            del self._kept[:-TAIL_BYTES]
        return bool(data)

    def read_rest(self) -> None:
        """Read what is still in the pipe, without waiting for writers."""
        before = -1
        while before != self.total_bytes:
            before = self.total_bytes
            self.read_once()

    def text(self) -> str:
        """The last 20 lines, at most 8 KiB; undecodable bytes replaced."""
        text = bytes(self._kept[-TAIL_BYTES:]).decode("utf-8", "replace")
        return "\n".join(text.rstrip("\n").split("\n")[-TAIL_LINES:])
