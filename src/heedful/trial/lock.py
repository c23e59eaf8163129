"""One run at a time in a folder: the operating system holds the lock, so a process that dies leaves none behind."""

from __future__ import annotations

import errno
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from heedful.errors import DataError

NAME = ".lock"
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_BYTE = 1 << 30  # Windows forbids to read what is locked, so the locked byte lies far behind the words

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A folder held by this process until `release`, or until the process ends, however it ends."""

    descriptor: int

    def release(self) -> None:
        """Lets the next run in. The file stays: removing it would let two runs hold two files of one name."""
        os.close(self.descriptor)


def lock(folder: Path) -> Lock:
    """Takes a folder for this process alone; the folder is made if it is not there.

    On a file system that knows no locks (some network folders) nothing is held and nothing is refused.

    Raises: DataError if another run holds the folder, or if it cannot be written to.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     held = lock(Path(name))
    ...     try:
    ...         lock(Path(name))
    ...     except DataError as error:
    ...         print("is in use by process" in str(error))
    ...     held.release()
    True
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DataError(f"{folder} cannot be written to ({error.strerror or error}). Give another --out.") from error
    try:
        _take(descriptor)
    except OSError as error:
        if error.errno in _HELD:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise DataError(
                f"The folder {folder} is in use by {holder}. Wait until that run is done or stop it, or give another "
                "--out."
            ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
    return Lock(descriptor=descriptor)
