"""One reader a format; each gives the recordings of one file."""

from __future__ import annotations

from pathlib import Path

from heedful.data.recordings.readers.arrays import read_npy, read_npz
from heedful.data.recordings.readers.common import THIS, Found, Reader, Wanted
from heedful.data.recordings.readers.matlab import read_mat
from heedful.data.recordings.readers.sound import can_map, read_wav
from heedful.data.recordings.readers.tables import read_table
from heedful.data.recordings.readers.ts import read_ts
from heedful.data.recordings.readers.ucr import is_ucr, read_ucr
from heedful.errors import DataError

READERS: dict[str, Reader] = {
    ".npy": read_npy,
    ".wav": read_wav,
    ".mat": read_mat,
    ".npz": read_npz,
    ".ts": read_ts,
    ".parquet": read_table,
    ".pq": read_table,
    ".tsv": read_table,
    ".csv": read_table,
    ".txt": read_table,
    ".xlsx": read_table,
}
"""Readers by ending, the one that is preferred first where a recording lies there in several formats."""


def read_file(path: Path, wanted: Wanted) -> Found:
    """Reads the recordings of one file.

    Raises: DataError for a file that cannot be used; nothing else comes out of damaged bytes.
    """
    reader = READERS[path.suffix.lower()]
    try:
        if not path.stat().st_size:
            raise DataError("It is empty. Leave it out.")
        return (read_ucr if reader is read_table and is_ucr(path) else reader)(path, wanted)
    except OSError as error:
        raise DataError(f"It cannot be read ({error.strerror or error}). Check its permissions.") from error


def maps(path: Path) -> bool:
    """Says whether the samples of a file can be used where they lie."""
    ending = path.suffix.lower()
    return ending == ".npy" or (ending == ".wav" and can_map(path))


__all__ = ["READERS", "THIS", "Found", "Reader", "Wanted", "maps", "read_file"]
