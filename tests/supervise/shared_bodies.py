"""Trials that hold memory in files and segments."""

from __future__ import annotations

import ctypes
import mmap
import os
import time

MB = 1_000_000


def fill(fd, megabytes, a_step=5):
    block = b"x" * (a_step * MB)
    for _ in range(megabytes // a_step):
        os.write(fd, block)
        time.sleep(0.01)
    return fd


def memfd(megabytes):
    fd = fill(os.memfd_create("of the user"), megabytes)
    time.sleep(0.1)
    return os.fstat(fd).st_size


def memfd_of_a_child(megabytes):
    if os.fork() == 0:
        memfd(megabytes)
        time.sleep(600)
    time.sleep(600)


def mapped_memfd(megabytes):
    """Written by its file and read through a mapping: the same pages."""
    fd = fill(os.memfd_create("of the user"), megabytes)
    view = mmap.mmap(fd, megabytes * MB)
    total = sum(view[at] for at in range(0, len(view), 4096))
    time.sleep(0.2)
    return total


def file_in_shm(path, megabytes):
    with open(path, "wb", buffering=0) as file:
        fill(file.fileno(), megabytes)
        time.sleep(0.1)


def closed_file_in_shm(path, megabytes):
    file_in_shm(path, megabytes)
    time.sleep(600)


def map_in_shm(path):
    """As sem_open and shm_open do: the descriptor is closed at once."""
    with open(path, "w+b") as file:
        file.truncate(4096)
        view = mmap.mmap(file.fileno(), 4096)
    time.sleep(0.2)
    return view[0]


def read_in_shm(path):
    with open(path, "rb") as file:
        time.sleep(0.2)
        return len(file.read())


def segment(megabytes):
    """Made, touched and let go of."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    number = libc.shmget(0, ctypes.c_size_t(megabytes * MB), 0o600 | 0o1000)
    at = libc.shmat(number, None, 0)
    for start in range(0, megabytes * MB, 5 * MB):
        ctypes.memset(at + start, 1, 5 * MB)
        time.sleep(0.01)
    libc.shmdt(ctypes.c_void_p(at))
    time.sleep(0.1)
    return number


def segment_and_more(megabytes):
    segment(megabytes)
    time.sleep(600)
