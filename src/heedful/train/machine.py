"""Settles how a process computes before it trains: its threads, and whether memory goes back to the kernel.

Both are settings of the whole process, not of a model. Call `settle()` once at the start of every process
that trains; nothing here is done on import.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from heedful.errors import OptionError

# <malloc.h>: parameters of glibc's mallopt, whose values must fit a C int.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_BYTES = (1 << 30, 1 << 25)  # the second is the most that older versions accept


def settle(threads: int | None = None) -> None:
    """Prepares this process for training: sets its threads and keeps freed memory for the next step.

    Calling it again changes nothing but the number of threads asked for.

    Args:
        threads: threads per tensor operation of this job. One, the default, is right for small models and
            wherever jobs run side by side; see `use_threads`.

    Raises: OptionError if threads is below one.
    """
    use_threads(1 if threads is None else threads)
    keep_memory()


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs a block in one thread, so that jobs side by side do not wait for each other; the caller gets his own back.

    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    settle(threads=1)
    try:
        yield
    finally:
        use_threads(before)


def use_threads(threads: int) -> None:
    """Lets every tensor operation of this process use that many threads.

    An operation that is split over OpenMP threads ends with a barrier at which each thread spins for the
    slowest one. While another job holds a core, the slowest one is not running at all, so a step of a small
    model may take 10 to 60 times as long with two threads as with one. Use the cores for jobs of one thread
    each, and more threads only for one large model on a machine that is otherwise idle.

    Raises: OptionError if threads is below one.
    """
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise OptionError(
            f"use_threads needs a whole number of threads from 1 up, got {threads!r}. "
            "Use 1 unless one large model has the machine to itself."
        )
    torch.set_num_threads(threads)


def keep_memory() -> bool:
    """Makes glibc keep freed blocks instead of handing them back to the kernel; says whether it could.

    A training step frees large blocks and asks for the same ones again. By default glibc unmaps them in
    between: blocks over M_MMAP_THRESHOLD are mapped one by one, and the top of the heap is trimmed beyond
    M_TRIM_THRESHOLD. Each step then touches fresh pages, one page fault per 4 KiB, which at a batch of 128 or
    more can be half of the time. Both thresholds are raised to 1 GiB (32 MiB where glibc allows no more): the
    process holds on to its peak memory until it ends. Blocks already mapped are not moved, so call it before
    training.

    Does nothing, and returns False, on other systems and other C libraries.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    return all(
        any(mallopt(threshold, size) == 1 for size in _KEEP_BYTES)
        for threshold in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD)
    )
