"""What the page's window viewer holds: a few windows, their maps, and the weights of each head and step ahead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from heedful.report.explanation import view
from heedful.report.explanation.figures.style import envelope, pooled, share, thinned
from heedful.report.figures.style import label, shortened

if TYPE_CHECKING:
    from heedful.explanation.looks import Look
    from heedful.explanation.result import Explanation, Shown
    from heedful.report.language import Language

MOST = 400
"""Lines are drawn by so many stretches, maps by so many cells."""
_DAY = 86_400_000.0
"""Milliseconds."""


def viewer(explanation: Explanation, say: Language) -> Markup:
    """Writes what the viewer shows as JSON that can stand inside a script element."""
    names = view.order(explanation)
    data = {
        "maps": [
            {"name": name, "title": view.judged(explanation, name, say), "kind": _kind(explanation, name)}
            for name in names
        ],
        "windows": [_window(explanation, one, names, say) for one in explanation.shown],
        "words": {
            "importance": say("explain.importance"),
            "forecast": say("explain.forecast"),
            "truth": say("explain.truth"),
            "even": say("explain.of_all_steps"),
            "step": say("explain.of_step"),
            "head": say("explain.of_head"),
        },
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for mark, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(mark, code)
    return Markup(text)


def _kind(explanation: Explanation, name: str) -> str:
    return "attention" if view.look_of(explanation, name) is not None else "other"


def _window(explanation: Explanation, shown: Shown, names: list[str], say: Language) -> dict[str, Any]:
    clock = view.clock(shown, say)
    x, dated = clock.x, clock.dated
    found: dict[str, Any] = {
        "name": label(shortened(shown.name, 60)),
        "told": label(view.told(explanation, shown, say)),
        "dated": dated,
        "clock": clock.title,
        "lines": [_line(explanation, shown, column, clock) for column in view.columns(explanation, shown)],
        "maps": {name: _cells(view.ends(x), explanation.maps[name][shown.number], dated) for name in names},
        "looks": {},
    }
    for name in names:
        look = view.look_of(explanation, name)
        parts = {} if look is None else _parts(explanation, look, shown, clock)
        if parts:
            found["looks"][name] = parts
    if shown.ahead is not None:
        found["ahead"] = _ahead(explanation, shown, clock)
    return found


def _line(explanation: Explanation, shown: Shown, column: int, clock: view.Clock) -> dict[str, Any]:
    at, values = envelope(clock.x, shown.values[:, column], MOST)
    name = label(shortened(explanation.columns[column], 28))
    return {"name": name, "x": _places(at, clock.dated), "y": _numbers(values)}


def _parts(explanation: Explanation, look: Look, shown: Shown, clock: view.Clock) -> dict[str, Any]:
    """Gives the weights of each head and of each step ahead, where the look has any."""
    found = {}
    for part in ("heads", "steps"):
        weights = getattr(look, part)
        if weights is not None and weights.shape[1] > 1:
            rows = np.asarray(weights[shown.number], dtype=np.float64)
            ends = view.cell_ends(explanation, look, clock.x, rows.shape[-1])
            found[part] = [_cells(ends, row, clock.dated) for row in rows]
    return found


def _cells(ends: np.ndarray, values: np.ndarray, dated: bool) -> dict[str, Any]:
    """Gives a map as the ends of its cells, its values, and how dark each is."""
    parts, size = pooled(np.nan_to_num(np.asarray(values, dtype=np.float64)), MOST)
    return {
        "x": _places(thinned(ends, size), dated),
        "y": _numbers(parts),
        "dark": [round(float(one), 3) for one in share(parts)],
    }


def _ahead(explanation: Explanation, shown: Shown, clock: view.Clock) -> dict[str, Any]:
    x = clock.ahead
    answers = np.asarray(shown.said, dtype=np.float64).reshape(len(x), -1)
    wanted = view.targets(explanation, shown)
    drawn = view.columns(explanation, shown)
    rows = [drawn.index(column) if column in drawn else None for column in wanted]
    found = {"x": _places(x, clock.dated), "rows": rows, "said": [_numbers(one) for one in answers.T]}
    if shown.truth is not None:
        truth = np.asarray(shown.truth, dtype=np.float64).reshape(len(x), -1)
        found["truth"] = [_numbers(one) for one in truth.T]
    return found


def _places(x: np.ndarray, dated: bool) -> list[float]:
    return [round(float(one) * _DAY) for one in x] if dated else [float(f"{one:.9g}") for one in x]


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(f"{one:.5g}") if np.isfinite(one) else None for one in values]
