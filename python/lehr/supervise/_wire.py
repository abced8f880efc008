"""Framed messages: a 4-byte big-endian length, then the message. With descriptors over a Unix socket.

Commands to a helper are JSON objects. What comes back from a helper or a trial begins with a kind of one byte, as the
core reads it (cpp/lehr/supervise/frames.hpp); numbers are 8 bytes each, big-endian. Never pickle: what a trial sends
must be safe to read, whatever its process has become.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

RESULT_LIMIT_BYTES = 16 * 1024 * 1024
"""The largest result record that a trial may send."""

RECORD_KINDS = {"begun": b"b", "returned": b"r", "stopped": b"s", "raised": b"x", "refused": b"f"}
"""What a trial may send, by the byte that stands for it."""

_HEADER = struct.Struct("!I")
_MAX_DESCRIPTORS = 16


class BadFrame(Exception):
    """The bytes are not a message of ours: too long, or not JSON."""


def encode(message: dict[str, Any]) -> bytes:
    """The message as one frame. NaN and infinities are allowed in transport."""
    body = json.dumps(message).encode()
    return _HEADER.pack(len(body)) + body


def record(kind: str, at: float, body: bytes) -> bytes:
    """A trial's message: its kind, when it was written (monotonic seconds), JSON."""
    message = RECORD_KINDS[kind] + struct.pack("!d", at) + body
    return _HEADER.pack(len(message)) + message


def answer(kind: bytes, *numbers: int, text: bytes = b"") -> bytes:
    """A helper's message: its kind, then whole numbers or a text. A kind in capitals brings one descriptor."""
    body = kind + struct.pack(f"!{len(numbers)}q", *numbers) + text
    return _HEADER.pack(len(body)) + body


class FrameReader:
    """Collects bytes and hands out complete JSON messages; incomplete ones stay inside."""

    def __init__(self, limit: int = RESULT_LIMIT_BYTES) -> None:
        self._bytes = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Add ``data``; return the messages it completes. Raises BadFrame."""
        self._bytes += data
        messages = []
        while len(self._bytes) >= _HEADER.size:
            (length,) = _HEADER.unpack_from(self._bytes)
            if length > self._limit:
                raise BadFrame(f"a message of {length} bytes; at most {self._limit} are allowed")
            end = _HEADER.size + length
            if len(self._bytes) < end:
                break
            body = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            try:
                message = json.loads(body)
            except ValueError as error:
                raise BadFrame(f"not JSON: {error}") from None
            if not isinstance(message, dict):
                raise BadFrame("not a JSON object")
            messages.append(message)
        return messages


def write_all(fd: int, data: bytes) -> None:
    """Write every byte to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Channel:
    """A helper's end of its socket: commands with descriptors in, answers out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = FrameReader()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, message: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a whole frame; ``descriptors`` arrive as duplicates. Raises OSError when the peer is gone."""
        sent = 0
        if descriptors:  # they travel with the first byte of their message
            sent = socket.send_fds(self._sock, [message], list(descriptors))
        self._sock.sendall(message[sent:])

    def receive(self) -> list[tuple[dict[str, Any], list[int]]] | None:
        """Read once, and return the complete messages with their descriptors; None at end of file.

        Received descriptors are closed on exec and belong to the caller.
        """
        size = socket.CMSG_SPACE(_MAX_DESCRIPTORS * array.array("i").itemsize)
        flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        try:
            data, ancillary, _, _ = self._sock.recvmsg(65536, size, flags)
        except ConnectionError:
            return None
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
                for fd in received:
                    os.set_inheritable(fd, False)
                    self._descriptors.append(fd)
        if not data:
            return None
        result = []
        for message in self._reader.feed(data):
            count = int(message.pop("descriptors", 0))
            result.append((message, self._descriptors[:count]))
            del self._descriptors[:count]
        return result

    def close(self) -> None:
        for fd in self._descriptors:
            os.close(fd)
        self._descriptors.clear()
        self._sock.close()
