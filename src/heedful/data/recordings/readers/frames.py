"""Gives a table as frames, one for a small file and block by block for a large one."""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from heedful.data.table import MISSING, read
from heedful.errors import DataError

_SPACED = re.compile(rb"[+-]?[\d.][\d.eE+-]*([ \t]+[+-]?[\d.][\d.eE+-]*)*$")


def frames(path: Path, block: int, folder: Path | None = None) -> Iterator[pd.DataFrame]:
    """Reads a table in frames of about `block` bytes.

    Args:
        folder: where blocks of a large file are put while they are read; by default the system's.

    Raises: DataError for a file that cannot be read as a table.
    """
    large = path.stat().st_size > block
    if path.suffix.lower() in (".parquet", ".pq"):
        yield from _parquet(path, block) if large else [read(path).frame]
    elif path.suffix.lower() == ".txt" and _spaced(path):
        yield from _by_spaces(path, block)
    elif large and path.suffix.lower() != ".xlsx" and not _wide(path):
        yield from _text(path, block, folder)
    else:
        yield read(path).frame


def _parquet(path: Path, block: int) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            rows = max(1000, block // (8 * max(1, len(file.schema_arrow))))
            for batch in file.iter_batches(batch_size=rows):
                yield read(pa.Table.from_batches([batch])).frame
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"It is a damaged Parquet file ({error}). Write it anew.") from error


def _spaced(path: Path) -> bool:
    """Says whether the rows hold numbers parted by spaces."""
    with path.open("rb") as file:
        lines = [line.strip() for line in (file.readline(1 << 16), file.readline(1 << 16)) if line.strip()]
    return bool(lines) and all(_SPACED.match(line) and (b" " in line or b"\t" in line) for line in lines)


def _by_spaces(path: Path, block: int) -> Iterator[pd.DataFrame]:
    with path.open("rb") as file:
        width = max(1, len(file.readline()))
    try:
        with pd.read_csv(
            path,
            sep=r"\s+",
            header=None,
            na_values=MISSING,
            chunksize=max(1000, block // width),
            encoding_errors="replace",
        ) as chunks:
            for chunk in chunks:
                yield chunk.set_axis([f"column {i + 1}" for i in range(len(chunk.columns))], axis=1)
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"It cannot be read as a table ({str(error).strip()}). Save it as plain CSV.") from error


def _wide(path: Path) -> bool:
    """Says whether a character takes two bytes, so that lines cannot be told by bytes."""
    with path.open("rb") as file:
        return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _text(path: Path, block: int, folder: Path | None) -> Iterator[pd.DataFrame]:
    """Cuts a text file at line ends and reads each piece under the file's own header."""
    with path.open("rb") as file, tempfile.TemporaryDirectory(dir=folder) as place:
        piece = Path(place) / path.name
        header = file.readline()
        while header.startswith(b"#") or (header and not header.strip()):
            header = file.readline()
        while content := file.read(block):
            start = file.tell() - len(content)
            piece.write_bytes(header + content + file.readline())
            try:
                frame = read(piece).frame
            except DataError as error:
                told = str(error).replace(str(piece), path.name)
                raise DataError(f"{told} (Rows and lines are counted from byte {start:,}.)") from error
            if frame.columns[0] == "column 1":  # the first line was no header
                header = b""
            yield frame
