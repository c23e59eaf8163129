"""The tables of the page: scores, scores fold by fold, and what was said of each recording."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.report.words import Column, decimals, number

if TYPE_CHECKING:
    from collections.abc import Hashable

    from heedful.report.language import Language
    from heedful.report.signals.view import SignalPage
    from heedful.signals.result import Classification

_COLUMNS = {
    "accuracy": 1,
    "macro_f1": 1,
    "auroc": 1,
    "log_loss": -1,
    "ece": -1,
    "vote_accuracy": 1,
    "mae": -1,
    "rmse": -1,
    "r2": 1,
    "parameters": 0,
    "seconds": 0,
    "milliseconds": 0,
}
_OWN = ("mae", "rmse", "r2", "seconds", "milliseconds")  # said otherwise than of forecasts


def columns(page: SignalPage) -> tuple[Column, ...]:
    """Gives the columns of the score table that have at least one number in them."""
    say, table = page.say, page.result.summary
    return tuple(
        Column(
            key=key,
            title=say("columns.milliseconds_window" if key == "milliseconds" else f"columns.{key}"),
            unit=say.named("column_units", f"{key}_window" if key in _OWN else key),
            better=better,
            meaning=say(f"meanings.{key}_window" if key in _OWN else f"meanings.{key}"),
        )
        for key, better in _COLUMNS.items()
        if key in table and np.isfinite(table[key].to_numpy(dtype=np.float64)).any()
    )


@dataclass(frozen=True, kw_only=True)
class FoldRow:
    """One model of the table by fold: its scores, and which of them are the best of their fold."""

    name: str
    baseline: bool
    cells: tuple[tuple[str, bool], ...]


def by_fold(page: SignalPage) -> list[FoldRow]:
    """Gives the ranking metric of every model on every fold."""
    result = page.result
    sign = 1 if result.metrics[result.ranked_by].larger_is_better else -1
    values = np.stack([folds_of(result, line.name) for line in page.lines])
    top = np.where(np.isfinite(values), sign * values, -np.inf).max(0)
    return [
        FoldRow(
            name=line.name,
            baseline=line.kind == "baseline",
            cells=tuple((plain(page, float(v)), bool(sign * v == best)) for v, best in zip(row, top, strict=True)),
        )
        for line, row in zip(page.lines, values, strict=True)
    ]


def folds_of(result: Classification, model: str) -> np.ndarray:
    """Gives the ranking metric of a model on every fold (folds,); NaN where it is not finished."""
    place = [str(name) for name in result.by_fold.index].index(model)
    found: np.ndarray = result.by_fold.to_numpy(dtype=np.float64)[place]
    return found


def value(result: Classification, model: str, column: str) -> float:
    """Gives one number of the summary."""
    place = [str(name) for name in result.summary.index].index(model)
    return float(result.summary[column].to_numpy(dtype=np.float64)[place])


def plain(page: SignalPage, value: float) -> str:
    """Writes a value of the ranking metric with as many decimals as all models need."""
    name = page.result.ranked_by
    values = page.result.summary[name].to_numpy(dtype=np.float64)
    return number(value, 3 if page.result.classes else decimals(values, 4), tiny=False)


# --- votes -------------------------------------------------------------------------------------------------------

VOTES = 50
"""At most so many recordings are listed."""


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What the windows of one test recording said together, over the seeds of the best network."""

    recording: str
    group: str
    fold: str
    true: str
    said: str
    right: bool
    seeds: str
    windows: str
    share: str
    p: str


def votes(page: SignalPage) -> tuple[list[Vote], int, int]:
    """Gives the votes of the best network, wrong ones first, how many recordings there are, and how many are wrong."""
    result = page.result
    if page.network is None or not result.classes:
        return [], 0, 0
    frame = result.votes
    by_recording: dict[tuple[str, str], list[dict[Hashable, Any]]] = {}
    for row in frame[frame["model"] == page.network.name].to_dict("records"):
        by_recording.setdefault((row["fold"], row["recording"]), []).append(row)
    order = sorted(by_recording.values(), key=lambda own: (-_wrong(own) / len(own), _mean(own, "share")))
    return [_vote(own, page.say) for own in order[:VOTES]], len(order), sum(_wrong(own) > 0 for own in order)


def _vote(own: list[dict[Hashable, Any]], say: Language) -> Vote:
    first, counted = own[0], Counter(row["said"] for row in own)
    said = [f"{name} ({count})" if len(counted) > 1 else str(name) for name, count in counted.most_common()]
    return Vote(
        recording=first["recording"],
        group=first["group"],
        fold=first["fold"],
        true=first["true"],
        said=say("text.comma").join(said),
        right=not _wrong(own),
        seeds=say("votes.of", wrong=_wrong(own), all=len(own)),
        windows=f"{first['windows']:,}",
        share=say("text.percent", value=f"{100 * _mean(own, 'share'):.0f}"),
        p=f"{_mean(own, 'p'):.2f}",
    )


def _wrong(own: list[dict[Hashable, Any]]) -> int:
    return sum(row["said"] != row["true"] for row in own)


def _mean(own: list[dict[Hashable, Any]], column: str) -> float:
    return float(np.mean([row[column] for row in own]))
