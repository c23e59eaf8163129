"""Writes a comparison as one HTML page that needs nothing else: no server, no network, no second file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from heedful.errors import DataError
from heedful.files import write_whole
from heedful.report import across, answers, figures, told, view, words
from heedful.report.language import language as read
from heedful.report.second import second
from heedful.report.sheet import Plot, packed, template
from heedful.trial.across import across_series

if TYPE_CHECKING:
    from heedful.trial.result import Comparison


def write_report(comparison: Comparison, path: Path, language: str = "en") -> Path:
    """Writes the report page; an older one is replaced only once the new one is complete.

    Args:
        comparison: what was compared.
        path: the file to write.
        language: one of `heedful.report.language.languages()`.

    Raises: DataError for a comparison without a single finished trial; UnknownName for an unknown language.
    """
    html = render(comparison, language)
    path = Path(path)
    return write_whole(path, html)


def render(comparison: Comparison, language: str = "en") -> str:
    """Gives the report page as text.

    Raises: DataError for a comparison without a single finished trial; UnknownName for an unknown language.
    """
    say = read(language)
    if not comparison.trials:
        raise DataError("The report needs at least one finished trial, got none. Let the comparison run longer.")
    page = view.page_data(comparison, say)
    plots = _plots(page) | (_answered(page, comparison) if comparison.answers else {})
    panel = across_series(comparison)
    plots |= across.diagram(panel, say) if panel else {}
    columns = words.columns(comparison, say)
    command, run = words.repeat(comparison.run, say)
    return template("report.html.j2").render(
        say=say,
        t=say.html,
        comparison=comparison,
        page=page,
        parts=words.parts(comparison, page.clock, say),
        facts=words.facts(comparison, page.clock, say),
        verdict=words.verdict(comparison, say),
        general=[f for f in comparison.findings[1 if comparison.answers else 0 :] if not f.models],
        named=[f for f in comparison.findings if f.models],
        notes=dict.fromkeys((*comparison.series.notes, *comparison.notes)),
        missing=words.missing(comparison),
        columns=columns,
        cells={column.key: words.cells(comparison.summary, column) for column in columns},
        seeds=max(len(line.trials) for line in page.lines),
        about=told.about,
        reference=words.is_reference,
        ranked="rmse",
        fingerprint=comparison.series.fingerprint,
        plots=plots,
        ranking=across.ranking(panel, say) if panel else None,
        answers=answers.rows(comparison.answers, say),
        second=second(comparison.opinions, say) if comparison.answers else None,
        asked=answers.asked(comparison, say),
        learned=[line for line in page.lines if any(t.history for t in line.trials)],
        lesson_lines="learning.lines",
        comparable=True,
        epochs=figures.EPOCHS,
        long_training=any(len(t.history) > figures.EPOCHS for t in comparison.trials),
        bin_size=figures.residual_bins(page).size,
        unobserved=int((page.truth != page.truth).sum()),
        command=command,
        run=run,
        figures=packed(plots),
        plotly=Markup(get_plotlyjs()),
    )


def _plots(page: view.PageData) -> dict[str, Plot]:
    say = page.say
    plots = [
        Plot(id="curves", figure=figures.curves(page), alt=say("alt.curves")),
        Plot(id="errors", figure=figures.residuals_over_time(page), alt=say("alt.errors")),
        Plot(id="spread", figure=figures.residual_spread(page), alt=say("alt.spread")),
        Plot(id="histogram", figure=figures.residual_histogram(page), alt=say("alt.histogram")),
    ]
    if page.horizon > 1:
        plots.append(Plot(id="steps", figure=figures.step_errors(page), alt=say("alt.steps")))
    for i, line in enumerate(page.lines):
        if any(t.history for t in line.trials):
            alt = say("alt.learning", model=line.name)
            plots.append(Plot(id=f"learning-{i}", figure=figures.learning(page, line), alt=alt))
    for i, one in enumerate(page.maps):
        heat, mean = figures.heat_map(page, one), figures.profile(page, one)
        plots.append(Plot(id=f"map-{i}", figure=heat, alt=say("alt.map", model=one.model)))
        plots.append(Plot(id=f"profile-{i}", figure=mean, alt=say("alt.profile", model=one.model)))
    return {plot.id: plot for plot in plots}


def _answered(page: view.PageData, comparison: Comparison) -> dict[str, Plot]:
    forest = Plot(id="forest", figure=figures.forest(page, comparison), alt=page.say("alt.forest"))
    cost = Plot(id="cost", figure=figures.cost(page, comparison), alt=page.say("alt.cost"))
    return {plot.id: plot for plot in (forest, cost)}
