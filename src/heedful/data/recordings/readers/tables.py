"""Reads tables whose rows are samples: CSV, TSV, text, Parquet and Excel."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import (
    THIS,
    Found,
    Wanted,
    channel_names,
    facts,
    number,
    pick,
    text,
)
from heedful.data.recordings.readers.frames import frames
from heedful.data.recordings.readers.times import rate_of, steps_evenly
from heedful.errors import DataError

KEYS = ("recording", "group", "label", "part")
FEW = 8
"""A target of more values than so many within a recording belongs to its samples; the recording is not cut by it."""


@dataclass
class _Run:
    """Rows that follow each other and belong together."""

    start: int
    stop: int
    known: dict[str, Any]


@dataclass
class _Plan:
    """What each column of the table is; settled on its first rows."""

    keys: dict[str, str]
    channels: list[str]
    names: tuple[str, ...]
    target: str | None = None
    time: str | None = None
    rate: str | None = None
    scale: str | None = None
    texts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    optional: tuple[str, ...] = ("part",)


def read_table(path: Path, wanted: Wanted) -> Found:
    """Reads one recording, or as many as the columns of recording, group, label and target tell apart.

    Rows that follow each other with the same of these are one recording; where a label changes, or a target of few
    values, the recording is cut and its pieces keep one group. A target of many values is one of each sample. Columns
    that are text and never change become facts.

    Raises: DataError for a channel of text, a column that is not there, or recordings that are mixed row by row.
    """
    plan: _Plan | None = None
    runs: list[_Run] = []
    rate: float | None = None
    with _Samples(wanted.spill, np.float32) as samples, _Samples(wanted.spill, np.float64) as targets:
        for frame in frames(path, wanted.block, wanted.spill):
            if plan is None:
                plan = _plan(frame, wanted)
                frame = _sorted(frame, plan) if path.stat().st_size <= wanted.block else frame
                rate = _rate(frame, plan)
            _extend(runs, frame, plan, samples.rows)
            samples.append(_matrix(frame, plan, samples.rows))
            if plan.target is not None:
                targets.append(_target(frame, plan.target)[:, None])
            _watch(plan, frame)
        if plan is None or not samples.rows:
            raise DataError("It holds no sample. Leave the file out.")
        values = samples.close()
        told = targets.close()[:, 0] if plan.target is not None else None
    return _found(values, runs, plan, rate, told)


class _Samples:
    """Collects rows of samples, in memory or in a file without a name."""

    def __init__(self, folder: Path | None, kind: type) -> None:
        self.rows = 0
        self._kind = kind
        self._blocks: list[np.ndarray] = []
        self._file = tempfile.TemporaryFile(dir=folder) if folder is not None else None  # noqa: SIM115

    def __enter__(self) -> _Samples:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, block: np.ndarray) -> None:
        self.rows += len(block)
        if self._file is not None:
            block.tofile(self._file)
            self._width = block.shape[1]
        else:
            self._blocks.append(block)

    def close(self) -> np.ndarray:
        """Gives all rows (N, C)."""
        if self._file is None:
            return self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)
        self._file.flush()
        return np.memmap(self._file, dtype=self._kind, mode="r", shape=(self.rows, self._width))


def _plan(frame: pd.DataFrame, wanted: Wanted) -> _Plan:
    columns = [str(column) for column in frame.columns]
    headless = columns[0] == "column 1"
    roles = {
        role: column
        for role in (*KEYS, "target", "rate", "scale", "time", "counter")
        if (column := wanted.column(role, columns, among="column")) is not None
    }
    notes = []
    if headless and len(columns) > 1 and steps_evenly(frame[columns[0]]):
        roles["time"] = columns[0]
        notes.append("The first column rises in equal steps and was read as the time.")
    named = [one for one in wanted.channels or () if isinstance(one, str)]
    roles = {role: column for role, column in roles.items() if column not in named or getattr(wanted, role, None)}
    rest = [column for column in columns if column not in roles.values()]
    numeric = [column for column in rest if pd.api.types.is_numeric_dtype(frame[column])]
    names = channel_names(len(numeric)) if headless else tuple(numeric)
    if wanted.channels is not None and not headless:
        numeric = [column for column in rest if column in numeric or column in named]
        names = tuple(numeric)
    places = pick(names, wanted.channels)
    if not places:
        raise DataError(f"It has no column of numbers to read as a channel. Columns: {', '.join(columns)}.")
    found = [f"{role} '{roles[role]}'" for role in (*KEYS, "target") if role in roles and not getattr(wanted, role)]
    if found:
        notes.append(f"Taken by their names: {', '.join(found)}.")
    return _Plan(
        keys={role: roles[role] for role in KEYS if role in roles},
        channels=[numeric[i] for i in places],
        names=tuple(names[i] for i in places),
        target=roles.get("target"),
        time=roles.get("time"),
        rate=roles.get("rate"),
        scale=roles.get("scale"),
        texts={column: None for column in rest if column not in numeric},
        notes=notes,
        optional=_optional(wanted, roles),
    )


def _optional(wanted: Wanted, roles: Mapping[str, str]) -> tuple[str, ...]:
    """Says which roles rows may lack: what was not asked for; if neither label nor target was, the label is needed."""
    told = [role for role in ("label", "target") if role in roles]
    needed = [role for role in told if getattr(wanted, role)] or told[:1]
    return ("part", *(role for role in told if wanted.unlabelled or role not in needed))


def _sorted(frame: pd.DataFrame, plan: _Plan) -> pd.DataFrame:
    """Puts the rows of each recording together where they are mixed."""
    column = plan.keys.get("recording")
    if column is None:
        return frame
    codes = pd.factorize(frame[column])[0]
    if np.count_nonzero(np.diff(codes)) + 1 == len(np.unique(codes)):
        return frame
    plan.notes.append(f"Rows were put together by '{column}'.")
    return frame.iloc[np.argsort(codes, kind="stable")].reset_index(drop=True)


def _rate(frame: pd.DataFrame, plan: _Plan) -> float | None:
    if plan.time is None:
        return None
    starts = _changes(frame, plan)
    if plan.target is not None:
        told = _target(frame, plan.target)
        inner = [a + _steps(told[a:b]) for a, b in zip(starts, [*starts[1:], len(frame)], strict=True)]
        starts = np.concatenate(inner)
    rate, note = rate_of(frame[plan.time], starts)
    plan.notes += [note] if note else []
    return rate


def _changes(frame: pd.DataFrame, plan: _Plan) -> np.ndarray:
    """Gives the rows at which any of the key columns changes, the first row among them."""
    changed = np.zeros(len(frame), dtype=bool)
    changed[:1] = True
    for column in plan.keys.values():
        changed[1:] |= np.diff(pd.factorize(frame[column])[0]) != 0
    return np.flatnonzero(changed)


def _target(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Gives the numbers of the target's column, NaN where there is none."""
    found: np.ndarray = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def _steps(told: np.ndarray) -> np.ndarray:
    """Gives the rows at which a target of few values changes, the first among them; that one alone for many values."""
    if _moves(told):
        return np.zeros(1, dtype=np.int64)
    same = (told[1:] == told[:-1]) | (np.isnan(told[1:]) & np.isnan(told[:-1]))
    return np.concatenate([[0], np.flatnonzero(~same) + 1])


def _moves(told: np.ndarray) -> bool:
    return len(np.unique(told[np.isfinite(told)])) > FEW


def _extend(runs: list[_Run], frame: pd.DataFrame, plan: _Plan, before: int) -> None:
    """Adds the runs of a block; its first goes on with the last of the block before if nothing changes."""
    starts = _changes(frame, plan)
    stops = [*starts[1:], len(frame)]
    wanted = [*plan.keys.items(), *((role, c) for role in ("rate", "scale") if (c := getattr(plan, role)))]
    for start, stop in zip(starts, stops, strict=True):
        known = {role: frame[column].iloc[start] for role, column in wanted}
        if runs and start == 0 and all(text(runs[-1].known[role]) == text(known[role]) for role in plan.keys):
            runs[-1].stop = before + int(stop)
        else:
            runs.append(_Run(start=before + int(start), stop=before + int(stop), known=known))


def _matrix(frame: pd.DataFrame, plan: _Plan, before: int) -> np.ndarray:
    for column in plan.channels:
        if column not in frame.columns or not pd.api.types.is_numeric_dtype(frame[column]):
            odd = pd.to_numeric(frame[column], errors="coerce").isna() & frame[column].notna()
            row = int(np.argmax(odd.to_numpy()))
            raise DataError(
                f"Channel '{column}' holds text, '{frame[column].iloc[row]}' in row {before + row + 1:,}. "
                "Name other channels, or mend it."
            )
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(frame[plan.channels].to_numpy(dtype=np.float32, na_value=np.nan))


def _watch(plan: _Plan, frame: pd.DataFrame) -> None:
    """Keeps the text columns that never change; the others are left out."""
    for column, first in list(plan.texts.items()):
        values = frame[column].dropna().unique()
        given = ([first] if first is not None else []) + [text(value) for value in values]
        if len(set(given)) > 1:
            del plan.texts[column]
            plan.notes.append(f"Column '{column}' holds text and was left out.")
        elif given:
            plan.texts[column] = given[0]


def _parted(runs: list[_Run], told: np.ndarray, plan: _Plan) -> list[_Run]:
    """Cuts runs where a target of few values changes; the others are kept, with a target for each sample."""
    parted = []
    for run in runs:
        own = np.asarray(told[run.start : run.stop])
        if _moves(own):
            parted.append(_Run(start=run.start, stop=run.stop, known={**run.known, "target": own}))
            continue
        starts = (_steps(own) + run.start).tolist()
        parted += [
            _Run(start=start, stop=stop, known={**run.known, "target": number(told[start])})
            for start, stop in zip(starts, [*starts[1:], run.stop], strict=True)
        ]
    if any(np.ndim(run.known["target"]) for run in parted):
        plan.notes.append(f"'{plan.target}' changes within a recording: a window has that of its last sample.")
    return parted


def _found(values: np.ndarray, runs: list[_Run], plan: _Plan, rate: float | None, told: np.ndarray | None) -> Found:
    """Makes a recording of each run; pieces of what was one recording get one group."""
    keys = plan.keys
    if told is not None and plan.target is not None:
        runs, keys = _parted(runs, told, plan), {**keys, "target": plan.target}
    if len(runs) > max(100, len(values) // 2):
        raise DataError(
            f"Its {' or '.join(keys.values())} changes {len(runs):,} times in {len(values):,} rows, so there "
            "is no recording to cut out. Name a column that stays the same within a recording."
        )
    bases = [f"{THIS}#{text(run.known['recording'])}" if "recording" in plan.keys else THIS for run in runs]
    counts = Counter(bases)
    if len(list(groupby(bases))) > len(counts):
        raise DataError(
            f"Its recordings are mixed, and it is too large to sort. Sort it by '{plan.keys['recording']}'."
        )
    known = facts({column: value for column, value in plan.texts.items() if value is not None})
    items, problems, nth = [], [], Counter[str]()
    for run, base in zip(runs, bases, strict=True):
        lacks = next((role for role in keys if role not in plan.optional and _unknown(run.known[role])), None)
        if lacks is not None:
            problems.append(f"rows {run.start + 1:,} to {run.stop:,} have no {lacks} ('{keys[lacks]}').")
            continue
        several = counts[base] > 1
        suffix = f".{nth[base]:0{len(str(counts[base] - 1))}d}" if several else ""
        nth[base] += 1
        own = {"rate": rate, "group": base if several else None} | {
            k: v for k, v in run.known.items() if not _unknown(v)
        }
        items.append(_recording(f"{base}{suffix}", values[run.start : run.stop].T, own, plan, known))
    return Found(recordings=tuple(items), problems=tuple(problems), notes=tuple(plan.notes))


def _unknown(value: Any) -> bool:
    return not isinstance(value, np.ndarray) and text(value) is None


def _recording(
    name: str, values: np.ndarray, own: dict[str, Any], plan: _Plan, known: dict[str, str | float]
) -> Recording:
    """Makes a recording of its samples and what the columns say of it."""
    target = own.get("target")
    return Recording(
        name=name,
        values=values,
        channels=plan.names,
        label=text(own.get("label")),
        target=None if isinstance(target, np.ndarray) else number(target),
        targets=target if isinstance(target, np.ndarray) else None,
        group=text(own["group"]),
        part=text(own.get("part")),
        rate=number(own["rate"]),
        scale=number(own.get("scale")) or 1.0,
        facts=known,
    )
