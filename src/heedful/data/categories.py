"""Text columns as inputs: one 0/1 column for each level that the train rows show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from heedful.data.columns import Lead

MOST = 32
_TOLD = 5


def one_hot(name: str, level: str) -> str:
    """Names the column of one level.

    >>> one_hot("cbwd", "NE")
    'cbwd=NE'
    """
    return f"{name}={level}"


def find_levels(
    lead: Lead, columns: Sequence[str], named: Sequence[str]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Decides the levels of text columns on the leading rows: all, or for a named column the 32 most frequent.

    Columns with one level are left out, and so are those with more than 32 unless they were named; notes tell.
    """
    found: dict[str, tuple[str, ...]] = {}
    notes, still, long = [], [], []
    for name in columns:
        codes, words = _coded(lead.table.frame[name].iloc[lead.rows])
        counts = Counter(dict(zip(words, np.bincount(codes[codes >= 0], minlength=len(words)), strict=True)))
        if len(counts) < 2:
            still.append(name)
        elif len(counts) > MOST and name not in named:
            long.append(f"{name} ({len(counts):,} different texts)")
        else:
            ranked = sorted(counts, key=lambda word: (-counts[word], word))
            found[name] = tuple(sorted(ranked[:MOST]))
            which = f"the {MOST} most frequent of its {len(counts):,}" if len(counts) > MOST else f"its {len(counts)}"
            notes.append(f"Text column {name} is an input by {which} levels: {', '.join(found[name])}.")
    if still:
        notes.append(f"Text columns with less than two levels in the train rows left out: {', '.join(still)}.")
    if long:
        notes.append(f"Text columns left out: {', '.join(long)}. Name one as an input to use its {MOST} most frequent.")
    return found, notes


def encode(column: pd.Series, levels: Sequence[str]) -> list[np.ndarray]:
    """Gives one 0/1 array for each level; any other text is 0 in all of them, a missing one NaN.

    >>> [found.tolist() for found in encode(pd.Series(["a", "b", "c", None]), ["a", "b"])]
    [[1.0, 0.0, 0.0, nan], [0.0, 1.0, 0.0, nan]]
    """
    codes, words = _coded(column)
    places = {word: number for number, word in enumerate(words)}
    gone = codes < 0
    found = [(codes == places.get(level, -2)).astype(np.float32) for level in levels]
    for column in found:
        column[gone] = np.nan
    return found


def strange(column: pd.Series, levels: Sequence[str]) -> dict[str, int]:
    """Counts the rows of every text that is none of the levels, the most frequent first.

    >>> strange(pd.Series(["a", "zz", "b", "zz", None, "c"]), ["a", "b"])
    {'zz': 2, 'c': 1}
    """
    codes, words = _coded(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    found = {word: int(count) for word, count in zip(words, counts, strict=True) if word not in levels and count}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def tell_strange(table: pd.DataFrame, levels: Mapping[str, Sequence[str]]) -> list[str]:
    """Names the texts that an earlier series has no level for: to a model they are none of those it knows."""
    notes = []
    for name, known in levels.items():
        if found := strange(table[name], known):
            told = [f"{text} ({count:,} {'row' if count == 1 else 'rows'})" for text, count in found.items()]
            more = f" and {len(told) - _TOLD:,} more" if len(told) > _TOLD else ""
            notes.append(
                f"Text column {name} has texts that are none of the {len(known)} levels known from training, and count "
                f"as none: {', '.join(told[:_TOLD])}{more}."
            )
    return notes


def expand(columns: Sequence[str], levels: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Puts the one-hot columns in the place of the text columns.

    >>> expand(["y", "wind"], {"wind": ["N", "S"]})
    ('y', 'wind=N', 'wind=S')
    """
    return tuple(
        new for name in columns for new in ([one_hot(name, v) for v in levels[name]] if name in levels else [name])
    )


def _coded(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Gives a number for every row (-1 for missing) and the texts that the numbers stand for."""
    codes, kinds = pd.factorize(column)
    words = [str(kind) for kind in kinds]
    if len(set(words)) == len(words):
        return np.asarray(codes), words
    again, unique = pd.factorize(np.array([*words], dtype=object))
    return np.where(codes < 0, -1, again[codes]), [str(word) for word in unique]
