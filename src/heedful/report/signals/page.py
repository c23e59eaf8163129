"""Writes a classification of recordings as one HTML page that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from heedful.errors import DataError
from heedful.files import write_whole
from heedful.report import answers, told
from heedful.report import figures as shared
from heedful.report.language import language as read
from heedful.report.sheet import Plot, packed, template
from heedful.report.signals import figures, tables, words
from heedful.report.signals.confidence import Confidence, confidence
from heedful.report.signals.examples import CHANNELS, MOST
from heedful.report.signals.view import SignalPage, page_data
from heedful.report.words import cells, missing, repeat

if TYPE_CHECKING:
    from heedful.signals.result import Classification


def write_report(result: Classification, path: Path, language: str = "en") -> Path:
    """Writes the report page; an older one is replaced only once the new one is complete.

    Args:
        result: what was classified.
        path: the file to write.
        language: one of `heedful.report.language.languages()`.

    Raises: DataError for a result without a single finished trial; UnknownName for an unknown language.
    """
    html = render(result, language)
    return write_whole(Path(path), html)


def render(result: Classification, language: str = "en") -> str:
    """Gives the report page as text.

    Raises: DataError for a result without a single finished trial; UnknownName for an unknown language.
    """
    say = read(language)
    if not result.trials:
        raise DataError("The report needs at least one finished trial, got none. Let the classification run longer.")
    page = page_data(result, say)
    sure = confidence(result, page.network) if page.network is not None and result.classes else None
    plots = _plots(page, sure)
    columns = tables.columns(page)
    shown, recordings, wrong = tables.votes(page)
    command, run = repeat(result.run, say)
    return template("signals.html.j2").render(
        say=say,
        t=say.html,
        comparison=result,
        page=page,
        verdict=words.verdict(page),
        rest=words.compared(page) if result.answers else "",
        alarms=words.alarms(page),
        looked_for=words.looked_for(page),
        missing=missing(result),
        facts=words.facts(page),
        notes=words.notes(page),
        problems=result.recordings.problems,
        channels=result.recordings.channels,
        drawn_channels=CHANNELS,
        drawn_examples=MOST,
        columns=columns,
        cells={column.key: cells(result.summary, column) for column in columns},
        ranked=result.ranked_by,
        seeds=max(len(line.trials) for line in page.lines),
        about=told.about,
        reference=lambda name: False,  # noqa: ARG005
        by_fold=tables.by_fold(page) if len(result.folds) > 1 else [],
        remarks=words.remarks(page),
        stride=words.stride,
        per_class={line.name: result.per_class(line.name) for line in page.lines} if result.classes else {},
        answers=answers.rows(result.answers, say),
        asked=words.asked(page),
        second=None,
        sure=sure,
        votes=shown,
        many=any(vote.windows != "1" for vote in shown),
        voted=recordings,
        wrong=wrong,
        learned=[line for line in page.lines if any(trial.history for trial in line.trials)],
        lesson_lines="learning.lines_of_trainings",
        comparable=False,
        epochs=shared.EPOCHS,
        long_training=any(len(trial.history) > shared.EPOCHS for trial in result.trials),
        command=command,
        run=run,
        fingerprint=result.run.get("data", {}).get("fingerprint") or result.recordings.fingerprint,
        plots=plots,
        figures=packed(plots),
        plotly=Markup(get_plotlyjs()),
    )


def _plots(page: SignalPage, sure: Confidence | None) -> dict[str, Plot]:
    say, result = page.say, page.result
    plots = []
    for i, one in enumerate(page.examples):
        alt = say("alt.example", name=one.recording)
        plots.append(Plot(id=f"example-{i}", figure=figures.preview(say, one, result.recordings.channels), alt=alt))
    for i, line in enumerate(page.lines):
        alt = say("alt.mistakes", model=line.name)
        figure = (
            figures.confusion(say, result.confusion(line.name))
            if result.classes
            else figures.scatter(say, result, line)
        )
        plots.append(Plot(id=f"mistakes-{i}", figure=figure, alt=alt))
        if any(trial.history for trial in line.trials):
            alt = say("alt.learning", model=line.name)
            plots.append(Plot(id=f"learning-{i}", figure=shared.learning(page, line), alt=alt))
    if sure is not None:
        plots.append(Plot(id="reliability", figure=figures.reliability(say, sure), alt=say("alt.reliability")))
    if result.answers:
        forest = shared.forest(page, result)
        plots.append(Plot(id="forest", figure=forest, alt=say("alt.forest")))
        plots.append(Plot(id="cost", figure=shared.cost(page, result), alt=say("alt.cost")))
    return {plot.id: plot for plot in (*plots, *_looks(page))}


def _looks(page: SignalPage) -> list[Plot]:
    say, plots = page.say, []
    for i, look in enumerate(page.looks):
        colour, alt = page.line(look.model).colour, say("alt.look", model=look.model)
        for j, one in enumerate(look.windows):
            plots.append(Plot(id=f"look-{i}-{j}", figure=figures.window(say, look, one, colour), alt=alt))
        if not look.windows:
            plots.append(Plot(id=f"look-{i}", figure=figures.positions(say, look, colour), alt=alt))
    return plots
