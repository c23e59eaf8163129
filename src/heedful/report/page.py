"""Writes a comparison as one HTML page that needs nothing else: no server, no network, no second file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from heedful.errors import DataError
from heedful.files import write_whole
from heedful.report import answers, figures, view, words
from heedful.trial.effects import ASSUMED, NOT_CONCLUDED

if TYPE_CHECKING:
    from heedful.trial.result import Comparison


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure with its place on the page and the sentence that a reader hears instead of seeing it."""

    id: str
    figure: go.Figure
    alt: str


def write_report(comparison: Comparison, path: Path) -> Path:
    """Writes the report page; an older one is replaced only once the new one is complete.

    Raises: DataError for a comparison without a single finished trial.
    """
    html = render(comparison)
    path = Path(path)
    return write_whole(path, html)


def render(comparison: Comparison) -> str:
    """Gives the report page as text."""
    if not comparison.trials:
        raise DataError("The report needs at least one finished trial, got none. Let the comparison run longer.")
    page = view.page_data(comparison)
    plots = _plots(page) | (_answered(comparison, page) if comparison.answers else {})
    columns = words.columns(comparison)
    command, run = words.repeat(comparison.run)
    cells = {column.key: words.cells(comparison.summary, column) for column in columns}
    return _template("report.html.j2").render(
        comparison=comparison,
        page=page,
        parts=words.parts(comparison, page.clock),
        facts=words.facts(comparison, page.clock),
        verdict=words.verdict(comparison),
        general=[f for f in comparison.findings[1 if comparison.answers else 0 :] if not f.models],
        told=[f for f in comparison.findings if f.models],
        signed=words.signed,
        notes=dict.fromkeys((*comparison.series.notes, *comparison.notes)),
        missing=words.missing(comparison),
        columns=columns,
        cells=cells,
        seeds=max(len(line.trials) for line in page.lines),
        reference=words.is_reference,
        plots=plots,
        answers=answers.rows(comparison.answers),
        assumed=ASSUMED,
        not_concluded=NOT_CONCLUDED,
        learned=[line for line in page.lines if any(t.history for t in line.trials)],
        epochs=figures.EPOCHS,
        long_training=any(len(t.history) > figures.EPOCHS for t in comparison.trials),
        bin_size=figures.residual_bins(page).size,
        unobserved=int((page.truth != page.truth).sum()),
        command=command,
        run=run,
        figures=_json(plots),
        plotly=Markup(get_plotlyjs()),
    )


def _plots(page: view.PageData) -> dict[str, Plot]:
    plots = [
        Plot(id="curves", figure=figures.curves(page), alt="Truth and forecasts over time"),
        Plot(id="errors", figure=figures.residuals_over_time(page), alt="Forecast errors over time"),
        Plot(id="spread", figure=figures.residual_spread(page), alt="Spread of forecast errors of each model"),
        Plot(id="histogram", figure=figures.residual_histogram(page), alt="Distribution of forecast errors"),
    ]
    if page.horizon > 1:
        plots.append(Plot(id="steps", figure=figures.step_errors(page), alt="RMSE at every step of the horizon"))
    for i, line in enumerate(page.lines):
        if any(t.history for t in line.trials):
            alt = f"Training and validation loss of {line.name}"
            plots.append(Plot(id=f"learning-{i}", figure=figures.learning(line), alt=alt))
    colours = {line.name: line.colour for line in page.lines}
    for i, one in enumerate(page.maps):
        heat = figures.heat_map(one, figures.label(page.clock.title), page.clock.dated)
        plots.append(Plot(id=f"map-{i}", figure=heat, alt=f"Attention weights of {one.model} over time"))
        mean = figures.profile(one, colours[one.model])
        plots.append(Plot(id=f"profile-{i}", figure=mean, alt=f"Mean attention weights of {one.model}"))
    return {plot.id: plot for plot in plots}


def _answered(comparison: Comparison, page: view.PageData) -> dict[str, Plot]:
    forest = Plot(id="forest", figure=answers.forest(comparison), alt="Effect of every attention against its controls")
    cost = Plot(id="cost", figure=answers.cost(comparison, page), alt="Error of every network against training time")
    return {plot.id: plot for plot in (forest, cost)}


def _json(plots: dict[str, Plot]) -> Markup:
    """Writes all figures as JSON that can stand inside a script element; equal arrays are written once."""
    arrays: dict[str, int] = {}

    def shared(node: Any) -> Any:
        if isinstance(node, dict):
            if "bdata" in node:
                return {**node, "bdata": arrays.setdefault(node["bdata"], len(arrays))}
            return {key: shared(value) for key, value in node.items()}
        return [shared(value) for value in node] if isinstance(node, (list, tuple)) else node

    drawn = {plot.id: shared(plot.figure.to_dict()) for plot in plots.values()}
    text = json.dumps({"figures": drawn, "arrays": list(arrays)}, separators=(",", ":"))
    for mark, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(mark, code)
    return Markup(text)


@cache
def _template(name: str) -> Template:
    loader = PackageLoader("heedful.report")
    kept = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    kept.filters["breakable"] = words.breakable
    return kept.get_template(name)
