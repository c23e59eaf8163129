"""Memory-mapped samples that keep no file open, and that go to another process as a path, never as a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


class Mapped(np.ndarray):
    """An array whose numbers lie in a file; pickled, it is the file and the place in it.

    What is computed of it is an ordinary array in all but name, and is pickled as one.
    """

    span: tuple[str, int, int] | None = None
    """The file, where its first byte lies in memory, and how many bytes it has."""

    def __array_finalize__(self, source: Any) -> None:
        self.span = getattr(source, "span", None)

    def __reduce__(self) -> Any:
        """Gives file, place and layout if the numbers lie there, else the numbers."""
        if self.span is not None:
            path, start, size = self.span
            offset = self.__array_interface__["data"][0] - start
            if 0 <= offset < size:
                return _again, (path, offset, self.shape, self.dtype.str, self.strides)
        return np.asarray(self).__reduce__()


def mapped(path: Path) -> np.ndarray:
    """Maps the bytes of a file without keeping it open, so that thousands can be mapped at once."""
    import pyarrow as pa

    if not path.stat().st_size:
        return np.empty(0, dtype=np.uint8)
    with pa.memory_map(str(path)) as file:
        memory = np.frombuffer(file.read_buffer(), dtype=np.uint8).view(Mapped)
    memory.span = (str(path.resolve()), memory.__array_interface__["data"][0], memory.size)
    return memory


def unopened(values: np.ndarray) -> np.ndarray:
    """Gives the same view of a memory map's file without keeping the file open; other arrays as they are."""
    base: Any = values
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    while isinstance(base, np.memmap) and isinstance(base.base, np.memmap):
        base = base.base
    if base is None or base.filename is None:
        return values
    start = values.__array_interface__["data"][0] - base.__array_interface__["data"][0] + base.offset
    return _again(str(base.filename), start, values.shape, values.dtype.str, values.strides)


def _again(path: str, offset: int, shape: tuple[int, ...], kind: str, strides: tuple[int, ...]) -> np.ndarray:
    memory = mapped(Path(path))
    found = Mapped(shape, np.dtype(kind), buffer=memory, offset=offset, strides=strides)
    found.span = getattr(memory, "span", None)
    return found
