"""Writes files whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heedful.errors import DataError

PARQUET_ROWS = 500_000
"""Rows above which a table is written as Parquet."""


def write_whole(path: str | Path, content: bytes | str | Callable[[Path], object]) -> Path:
    """Writes a file under a temporary name in its folder, then renames it; a failure leaves nothing behind.

    Args:
        content: what to write, or a function that writes it to the path it is given.

    Raises: DataError if the file cannot be written; the file that was there before is then still as it was.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            partial.write_bytes(content)
        elif isinstance(content, str):
            partial.write_text(content, encoding="utf-8", newline="")
        else:
            content(partial)
        partial.replace(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror or error}). Give a place that can be written to."
        ) from error
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)
    return path


def write_rows(folder: Path, name: str, frame: Any, most: int = PARQUET_ROWS) -> None:
    """Writes a frame of many rows as CSV, above `most` rows as Parquet; the other one of an earlier run goes.

    Args:
        name: of the file, without its ending.
        frame: of pandas.
    """
    large = len(frame) > most
    if large:
        write_whole(folder / f"{name}.parquet", lambda path: frame.to_parquet(path, index=False))
    else:
        write_whole(folder / f"{name}.csv", frame.to_csv(index=False))
    (folder / f"{name}.{'csv' if large else 'parquet'}").unlink(missing_ok=True)
