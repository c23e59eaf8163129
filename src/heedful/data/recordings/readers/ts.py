"""Reads the `.ts` files of the UCR and UEA archives: a header of @ lines, then one case a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import THIS, Found, Wanted, chosen, number, text
from heedful.errors import DataError


@dataclass
class _Header:
    """The @ lines; `classes` are empty where the file lists none."""

    tags: dict[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def says(self, tag: str) -> bool:
        return self.tags.get(tag, "").lower() == "true"


def read_ts(path: Path, wanted: Wanted) -> Found:
    """Reads cases of one or more dimensions, of equal or unequal length, with a class or a number each.

    The format (sktime and aeon document it): dimensions are parted by ':', values by ',', '?' is missing, and the last
    part of a line is the class label (@classLabel true) or the target (@targetLabel true).

    Raises: DataError with the line for time stamps, an unknown label, a number that is none, or unequal dimensions.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"It cannot be read ({error.strerror}). Check its permissions.") from error
    header, first = _header(lines)
    cases = [
        (place, *_case(line, header, place))
        for place, line in enumerate(lines[first:], first + 1)
        if line.strip() and line.strip()[0] not in "#%"
    ]
    if not cases:
        raise DataError("It holds no case after @data. Write it anew.")
    _agree(cases, header)
    digits = len(str(len(cases) - 1))
    return Found(recordings=tuple(_recordings(cases, header, wanted, digits)))


def _header(lines: list[str]) -> tuple[_Header, int]:
    header = _Header()
    for place, raw in enumerate(lines):
        line = raw.strip()
        if not line or line[0] in "#%":
            continue
        if line[0] != "@":
            raise DataError(f"Line {place + 1} holds no @ tag, but @data has not come yet. It is no .ts file.")
        tag, _, rest = line[1:].partition(" ")
        tag = tag.lower()
        if tag == "data":
            break
        value, *classes = rest.split() or [""]
        header.tags[tag] = value
        if tag == "classlabel":
            header.classes = tuple(classes)
    else:
        raise DataError("It has no line @data. It is truncated or no .ts file.")
    if header.says("timestamps"):
        raise DataError("Its values carry time stamps (@timeStamps true), which is not read. Save them at equal steps.")
    return header, place + 1


def _case(line: str, header: _Header, place: int) -> tuple[np.ndarray, str | None]:
    """Reads one line: the dimensions (C, N), and the label or target as it is written."""
    *parts, last = line.strip().split(":")
    labelled = header.says("classlabel") or header.says("targetlabel")
    dimensions, label = (parts, last.strip()) if labelled else ([*parts, last], None)
    if labelled and (not parts or (header.classes and label not in header.classes)):
        raise DataError(f"Line {place} ends in no label of the header ({', '.join(header.classes) or 'a number'}).")
    try:
        rows = [np.array(part.replace("?", "nan").split(","), dtype=np.float32) for part in dimensions]
    except ValueError as error:
        raise DataError(f"Line {place} holds a value that is no number ({error}).") from error
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise DataError(f"Line {place} has dimensions of unequal length: {', '.join(map(str, sorted(lengths)))}.")
    return np.stack(rows), label


def _agree(cases: list[tuple[int, np.ndarray, str | None]], header: _Header) -> None:
    """Checks that all cases have the dimensions and the length that the header or the first case has."""
    given = header.tags.get("dimensions", header.tags.get("dimension", ""))
    count = int(given) if given.isdigit() else len(cases[0][1])
    length = cases[0][1].shape[1] if header.says("equallength") else None
    for place, values, _ in cases:
        if len(values) != count:
            raise DataError(f"Line {place} has {len(values)} dimensions, not {count}.")
        if length is not None and values.shape[1] != length:
            raise DataError(f"Line {place} has {values.shape[1]} values, but @equalLength says {length} for all.")


def _recordings(
    cases: list[tuple[int, np.ndarray, str | None]], header: _Header, wanted: Wanted, digits: int
) -> Iterator[Recording]:
    real = header.says("targetlabel")
    for i, (place, values, label) in enumerate(cases):
        target = number(label) if real else None
        if real and target is None:
            raise DataError(f"Line {place} ends in '{label}', which is no number.")
        samples, channels = chosen(values, wanted)
        yield Recording(
            name=f"{THIS}#{i:0{digits}d}",
            values=samples,
            channels=channels,
            label=None if real else text(label),
            target=target,
        )
