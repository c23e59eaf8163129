"""Writes a study as one HTML page that needs nothing else: no server, no network, no second file."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from heedful.tuning.study import Study

_INK, _BLUE, _GREY, _RULE = "#111827", "#0b5394", "#9ca3af", "#e5e7eb"
_SHOWN = 20


def render(study: Study) -> str:
    """Gives the page of a study as text."""
    plots = _plots(study)
    table = study.trials.sort_values("error", na_position="last").head(_SHOWN)
    return _template().render(
        study=study,
        plots={name: title for name, (title, _) in plots.items()},
        rows=[[_cell(value) for value in row] for row in table.itertuples(index=False)],
        columns=list(table.columns),
        scores=_scores(study),
        figures=_json({name: figure for name, (_, figure) in plots.items()}),
        plotly=Markup(get_plotlyjs()),
    )


def _plots(study: Study) -> dict[str, tuple[str, go.Figure]]:
    table = study.trials[study.trials["error"].notna()]
    if table.empty:
        return {}
    plots = {"history": ("Validation error of every setting, in the order tried", history(study))}
    if study.importance:
        plots["importance"] = ("Share of the error's variance that each path explains", importance(study))
    for number, path in enumerate(study.run["options"]["space"]):
        plots[f"slice-{number}"] = (f"Validation error against {path}", _slice(study, path))
    return plots


def history(study: Study) -> go.Figure:
    """Draws the error of every setting that was trained to its end, in the order tried, and the best so far."""
    table = study.trials.sort_values("number")
    table = table[table["error"].notna()]
    numbers = table["number"].tolist()
    figure = go.Figure(layout=_layout("setting", "validation error"))
    figure.add_scatter(
        x=numbers,
        y=table["error"].tolist(),
        name="finished",
        mode="markers",
        marker={"color": _BLUE, "size": 8},
    )
    figure.add_scatter(
        x=numbers,
        y=table["error"].cummin().tolist(),
        name="best so far",
        mode="lines",
        line={"color": _INK, "width": 1.5, "shape": "hv"},
    )
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.12})


def importance(study: Study) -> go.Figure:
    """Draws how much each path matters."""
    names = sorted(study.importance, key=lambda path: study.importance[path])
    figure = go.Figure(layout=_layout("share of the variance", "", height=90 + 28 * len(names)))
    figure.add_bar(x=[study.importance[n] for n in names], y=names, orientation="h", marker={"color": _BLUE})
    return figure


def _slice(study: Study, path: str) -> go.Figure:
    table = study.trials[study.trials["error"].notna()]
    space = study.run["options"]["space"][path]
    figure = go.Figure(layout=_layout(path, "validation error", height=280))
    values = [str(value) for value in table[path]] if isinstance(space, list) else table[path].tolist()
    figure.add_scatter(
        x=values, y=table["error"].tolist(), mode="markers", marker={"color": _BLUE, "size": 8, "opacity": 0.75}
    )
    if isinstance(space, list):
        order = [str(value) for value in space]
        return figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    return figure.update_xaxes(type="log" if space["log"] else "linear")


def _layout(x: str, y: str, height: int = 360) -> dict[str, Any]:
    axis = {"gridcolor": _RULE, "zeroline": False, "automargin": True, "linecolor": _GREY, "showline": True}
    return {
        "height": height,
        "margin": {"l": 8, "r": 16, "t": 30, "b": 8},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "showlegend": False,
        "template": "none",
        "xaxis": {**axis, "title": {"text": _plain(x)}},
        "yaxis": {**axis, "title": {"text": _plain(y)}},
    }


def _plain(text: str) -> str:
    return text.replace("<", "&lt;")


def _scores(study: Study) -> list[list[str]]:
    found: dict[tuple[str, str], dict[str, float]] = {}
    for model, target, metric, value in study.scores:
        found.setdefault((target, model), {})[metric] = value
    ranked = sorted(found.items(), key=lambda pair: (pair[0][0], pair[1]["rmse"]))
    return [[*names, *(_cell(one.get(m)) for m in ("mae", "rmse", "smape", "mase", "skill"))] for names, one in ranked]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value) or value is pd.NA:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _json(figures: dict[str, go.Figure]) -> Markup:
    text = json.dumps({name: figure.to_dict() for name, figure in figures.items()}, separators=(",", ":"))
    for mark, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(mark, code)
    return Markup(text)


@cache
def _template() -> Template:
    loader = PackageLoader("heedful.tuning")
    kept = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return kept.get_template("study.html.j2")
