"""What the page says in words and numbers: facts, verdict, findings, the score table, how to repeat it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from heedful.baselines import PERSISTENCE
from heedful.report import told
from heedful.report.clock import Clock
from heedful.report.language import Language

if TYPE_CHECKING:
    import pandas as pd

    from heedful.data.split import Span
    from heedful.signals.result import Classification
    from heedful.trial.result import Comparison


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of the score table; `better` is the sign of the good direction, 0 for neither."""

    key: str
    title: str
    unit: str
    better: int
    meaning: str


def columns(comparison: Comparison, say: Language) -> tuple[Column, ...]:
    """Gives the columns that have at least one number in them."""
    season, table = comparison.season or 1, comparison.summary
    return tuple(
        Column(
            key=key,
            title=say(f"columns.{key}"),
            unit=comparison.series.target if key in ("mae", "rmse") else say(f"column_units.{key}"),
            better=better,
            meaning=say(f"meanings.{key}", season=season, count=season),
        )
        for key, better in _COLUMNS.items()
        if np.isfinite(table[key].to_numpy(dtype=np.float64)).any()
    )


_COLUMNS = {
    "mae": -1,
    "rmse": -1,
    "smape": -1,
    "r2": 1,
    "mase": -1,
    "skill": 1,
    "directional": 1,
    "parameters": 0,
    "seconds": 0,
    "milliseconds": 0,
    "milliseconds_batched": 0,
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number of the score table: as text, with its spread, and as a value to sort by."""

    text: str
    spread: str
    value: float | None
    best: bool


def cells(table: pd.DataFrame, column: Column) -> list[Cell]:
    """Writes one column of the score table with the same number of decimals in every row."""
    values = table[column.key].to_numpy(dtype=np.float64)
    spread_key = f"{column.key}_std"
    has_spread = column.key in _SPREAD and spread_key in table
    spreads = table[spread_key].to_numpy(dtype=np.float64) if has_spread else np.full(len(values), np.nan)
    digits = _FIXED[column.key] if column.key in _FIXED else decimals(values, _SHOWN[column.key])
    known = values[np.isfinite(values)]
    top = column.better * (column.better * known).max() if column.better and known.size > 1 else np.nan
    return [
        Cell(
            text=number(v, digits, tiny=column.key not in ("seconds", "parameters")),
            spread=number(s, digits, tiny=False) if np.isfinite(s) and np.isfinite(v) else "",
            value=float(v) if np.isfinite(v) else None,
            best=bool(v == top),
        )
        for v, s in zip(values, spreads, strict=True)
    ]


_SPREAD = (
    "mae",
    "rmse",
    "skill",
    "accuracy",
    "macro_f1",
)  # the rest stand in scores.csv; a spread in every cell is a wall of digits
_FIXED = {"r2": 3, "mase": 3, "skill": 3, "directional": 3, "parameters": 0, "seconds": 1}
_FIXED |= dict.fromkeys(("accuracy", "macro_f1", "auroc", "log_loss", "ece", "vote_accuracy"), 3)
_SHOWN = {"mae": 4, "rmse": 4, "smape": 3, "milliseconds": 2, "milliseconds_batched": 2}


def decimals(values: np.ndarray, digits: int) -> int:
    """Chooses decimals so that the smallest value of a column shows so many digits.

    A value far below the middle one (a hundredth) has no say.

    >>> decimals(np.array([13.4, 550.0]), 4), decimals(np.array([0.00001, 0.0456, 12.0]), 3)
    (2, 6)
    """
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not sizes.size:
        return 0
    small = max(sizes.min(), np.median(sizes) / 100)
    return int(np.clip(digits - 1 - np.floor(np.log10(small)), 0, 6))


def number(value: float, digits: int, *, tiny: bool = True) -> str:
    """Writes a number with a true minus sign, in powers of ten where decimals would hide or bloat it.

    With `tiny` off, what decimals would hide is written as zero.

    >>> number(-0.5, 2), number(float("nan"), 2), number(4352, 0), number(0.0000123, 2)
    ('−0.50', '–', '4,352', '1.2e−05')
    """
    if not np.isfinite(value):
        return "–" if np.isnan(value) else "∞"
    if abs(value) >= 1e8:
        text = f"{value:.3e}"
    elif tiny and value and abs(value) < 0.5 * 10**-digits:
        text = f"{value:.1e}"
    else:
        text = f"{value:,.{digits}f}"
    return text.replace("-", "−")


def verdict(comparison: Comparison, say: Language) -> str:
    """Says what a trial found and which model did best; findings about the whole table follow it on the page."""
    table = comparison.summary
    best = table.index[0]
    first = [told.answered(comparison, say)] if comparison.answers else []
    digits = decimals(table["rmse"].to_numpy(dtype=np.float64), _SHOWN["rmse"])
    score = number(float(table.loc[best, "rmse"]), digits)
    spread = float(table.loc[best, "rmse_std"])
    score += f" ± {number(spread, digits, tiny=False)}" if np.isfinite(spread) else ""
    sentences = [*first, say("verdict.best", model=best, score=score)]
    learned = table[table["kind"] != "baseline"]
    if not comparison.findings and not len(learned):
        sentences.append(say("verdict.no_network"))
    elif not comparison.findings:
        sentences.append(say("verdict.beat", better=int((learned["skill"] > 0).sum()), count=len(learned)))
    return say("text.space").join(sentences)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the split: its share of the bar, rows and stamps."""

    name: str
    share: float
    rows: str
    count: str
    times: str


def parts(comparison: Comparison, clock: Clock, say: Language) -> list[Part]:
    """Describes the split, part by part."""
    total = sum(len(span) for span in _spans(comparison))
    return [
        Part(
            name=say(f"parts.{span.part}"),
            share=100 * len(span) / total,
            rows=say("parts.rows", first=span.start, last=span.stop - 1)
            if len(span.pieces) == 1
            else say("parts.series", count=len(span.pieces)),
            count=f"{len(span):,}",
            times=say("text.to").join(clock.text(row) for row in _ends(span, clock)) if clock.dated else "",
        )
        for span in _spans(comparison)
    ]


def _ends(span: Span, clock: Clock) -> tuple[int, int]:
    """Gives the rows with the first and the last stamp of a part."""
    firsts, lasts = zip(*((start, stop - 1) for start, stop in span.pieces), strict=True)
    return min(firsts, key=lambda row: clock.index[row]), max(lasts, key=lambda row: clock.index[row])


def _spans(comparison: Comparison) -> tuple[Span, Span, Span]:
    return comparison.split.train, comparison.split.validation, comparison.split.test


def facts(comparison: Comparison, clock: Clock, say: Language) -> list[tuple[str, str]]:
    """Gives the short facts under the title, as pairs of label and value."""
    series = comparison.series
    seeds = sorted({t.seed for t in comparison.trials if t.seed is not None})
    tz = getattr(series.times, "tz", None)
    zone = f" ({tz})" if tz is not None else ""
    inputs = (series.target, *(c for c in series.columns if c != series.target))
    first = min((member.start for member in series.members), key=lambda row: clock.index[row])
    last = max((member.stop - 1 for member in series.members), key=lambda row: clock.index[row])
    more = say("facts.inputs_more", count=len(inputs) - 9) if len(inputs) > 9 else ""
    members, season = len(series.members), comparison.season
    several = say("facts.rows_of_series", rows=len(series), count=members)
    found = {
        "rows": several if members > 1 else f"{len(series):,}",
        "from" if clock.dated else "first_row": clock.text(first) + zone,
        "to" if clock.dated else "last_row": clock.text(last) + zone,
        "step": step_words(series.step.kind, series.step.frequency, say),
        "inputs": say("text.comma").join(inputs[:9]) + more,
        "window": say("facts.window_rows", count=comparison.window),
        "horizon": say("facts.horizon_steps", count=comparison.horizon),
        "season": say("facts.season_rows", count=season) if season else say("facts.season_none"),
        "seeds": say("text.comma").join(map(str, seeds)) or say("facts.seeds_none"),
        "test_windows": f"{len(comparison.test):,}",
    }
    return [(say(f"facts.{name}"), value) for name, value in found.items()]


_UNITS = {"s": "second", "min": "minute", "h": "hour", "D": "day", "W": "week", "MS": "month", "ME": "month"}
_UNITS |= {"QS": "quarter", "QE": "quarter", "YS": "year", "YE": "year", "B": "business_day"}


def step_words(kind: str, frequency: str, say: Language) -> str:
    """Says a step in words where the frequency is a common one.

    >>> from heedful.report.language import language
    >>> step_words("fixed", "15min", language("en")), step_words("irregular", "2D", language("en"))
    ('15 minutes', 'irregular, about 2 days')
    """
    if kind == "rows":
        return say("facts.rows_only")
    found = re.fullmatch(r"(\d*)([A-Za-z]+?)(-[A-Z]+)?", frequency)
    step = frequency
    if found and found.group(2) in _UNITS:
        step = say(f"units.{_UNITS[found.group(2)]}", count=int(found.group(1) or 1))
    return say("facts.irregular", step=step) if kind == "irregular" else step


def repeat(run: Mapping[str, Any], say: Language) -> tuple[str | None, list[tuple[str, str]]]:
    """Gives the command, if one is known, and what else is needed to repeat the run as label and value.

    Data and split stand at the top of the page and are not said again; options get a line each.
    """
    command = run.get("command")
    if isinstance(command, (list, tuple)):
        command = " ".join(map(str, command))
    lines: dict[str, Any] = {}
    for key, value in run.items():
        if key == "options" and isinstance(value, Mapping):
            lines |= value
        elif key not in ("command", "data", "split", "fingerprint"):
            lines[key] = value
    told = [(str(key).replace("_", " "), _plain(value, say)) for key, value in lines.items()]
    return (str(command) if command else None), [(k, v) for k, v in told if v]


def _plain(value: Any, say: Language) -> str:
    """Writes nested values on one line, without brackets."""
    if isinstance(value, Mapping):
        inner = [(k, _plain(v, say)) for k, v in value.items()]
        return "; ".join(f"{str(k).replace('_', ' ')} {v}" for k, v in inner if v)
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(v, say) for v in value)
    if isinstance(value, bool):
        return say("text.yes") if value else say("text.no")
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def missing(comparison: Comparison | Classification) -> list[str]:
    """Gives the models that were asked for and have no trial."""
    done = {t.model for t in comparison.trials}
    return [name for name in comparison.models if name not in done]


def breakable(name: str) -> Markup:
    """Lets a long name break after its underscores and pluses.

    >>> breakable("a_<b>+c")
    Markup('a_<wbr>&lt;b&gt;+<wbr>c')
    """
    return Markup("<wbr>").join(re.split("(?<=[_+])", name))


def is_reference(name: str) -> bool:
    """True for the model that all others are measured against."""
    return name == PERSISTENCE
