"""The report page of a detection: the signal, the scores, the alarms, and what the detectors are worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from heedful.files import write_whole
from heedful.report.figures.alarms import over_time
from heedful.report.figures.learning import learning
from heedful.report.language import Language
from heedful.report.language import language as read
from heedful.report.sheet import Plot, packed, template
from heedful.report.words import decimals, number, repeat

if TYPE_CHECKING:
    import pandas as pd

    from heedful.signals.detection.measures import Measure
    from heedful.signals.detection.result import Detection
    from heedful.signals.detection.tracks import Track

LISTED = 50
"""Events that the page lists, the strongest; all are in alarms.csv."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_COUNTS = ("events", "false_events", "parameters")


@dataclass(frozen=True, kw_only=True)
class Learner:
    """A network and its trainings, as the picture of learning curves takes it."""

    name: str
    colour: str
    trials: tuple[Track, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """What pictures are drawn for."""

    say: Language
    result: Detection


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number of the table, with its spread over seeds."""

    text: str
    spread: str
    value: float | None
    best: bool


def write_report(result: Detection, path: Path, language: str = "en") -> Path:
    """Writes the report page; an older one is replaced only once the new one is complete.

    Args:
        result: what was detected.
        path: the file to write.
        language: one of `heedful.report.language.languages()`.

    Raises: UnknownName for an unknown language.
    """
    return write_whole(Path(path), render(result, language))


def render(result: Detection, language: str = "en") -> str:
    """Gives the report page as text.

    Raises: UnknownName for an unknown language.
    """
    say = read(language)
    page = Page(say=say, result=result)
    learners = _learners(result)
    plots = {"alarms": Plot(id="alarms", figure=over_time(page), alt=say("detection.alt"))}
    for i, one in enumerate(learners):
        alt = say("alt.learning", model=one.name)
        plots[f"learning-{i}"] = Plot(id=f"learning-{i}", figure=learning(page, one), alt=alt)
    command, run = repeat(result.run, say)
    shown, columns = strongest(result)
    measures = list(result.measures.values())
    first, *rest = result.findings
    return template("detection.html.j2").render(
        say=say,
        t=say.html,
        result=result,
        kind=result.kind,
        verdict=say.sentence(str(first)),
        warned=first.severity == "warning",
        findings=[(one.severity, say.sentence(str(one))) for one in rest],
        facts=facts(result, say),
        parts=[(say.named("detection_parts", name), text) for name, text in result.parts.items()],
        notes=[say.sentence(note) for note in result.notes],
        events=shown,
        event_columns=[(name, say.named("detection_columns", name)) for name in columns],
        listed=LISTED,
        measures=[_heading(one, say) for one in measures],
        rows=table(result, measures),
        summaries={name: say.sentence(text) for name, text in result.summaries.items()},
        assumed=[say(f"detection_assumed.{key}") for key in assumed(result)],
        learners=learners,
        command=command,
        run=run,
        fingerprint=result.run.get("data", {}).get("fingerprint", ""),
        plots=plots,
        figures=packed(plots),
        plotly=Markup(get_plotlyjs()),
    )


def facts(result: Detection, say: Language) -> list[tuple[str, str]]:
    """Gives what was tested and promised, as label and value."""
    points, best = result.points, result.best
    unit = "rows" if result.kind == "table" else "windows"
    found = [
        (say(f"detection_facts.{unit}"), f"{len(points):,}"),
        (say("detection_facts.watched"), _listed(result.signals, say)),
        (say("detection_facts.detector"), best.model),
        (say("detection_facts.promised"), f"{100 * result.alarm_rate:.3g} %"),
        (say("detection_facts.threshold"), f"{best.threshold.value:.4g}"),
        (say("detection_facts.calibration"), f"{best.threshold.windows:,}"),
        (say("detection_facts.events"), f"{len(result.events):,}"),
    ]
    if points.truth is not None:
        found.append((say("detection_facts.true_events"), f"{len(result.true_events):,}"))
    if points.a_day:
        found.append((say(f"detection_facts.{unit}_a_day"), f"{points.a_day:,.4g}"))
    return found


def strongest(result: Detection) -> tuple[list[dict[str, str]], list[str]]:
    """Gives the events with the highest peaks in the order of time, written out, and the columns they have."""
    frame: pd.DataFrame = result.alarms
    if len(frame) > LISTED:
        frame = frame.nlargest(LISTED, "peak").sort_index()
    left_out = {"threshold", *(() if len(result.points.names) > 1 else ("source",))}
    columns = [str(name) for name in frame.columns if name not in left_out]
    return [{name: _written(row[name]) for name in columns} for row in frame.to_dict("records")], columns


def table(result: Detection, measures: list[Measure]) -> list[tuple[str, bool, list[Cell]]]:
    """Gives a row of the table for each detector: its name, whether it is a baseline, and its numbers."""
    summary = result.summary
    columns = [_cells(summary, one.name, one.larger_is_better) for one in measures]
    columns.append(_cells(summary, "parameters", None))
    plain = {track.model for track in result.tracks if track.seed is None}
    return [
        (str(name), str(name) in plain, [column[place] for column in columns])
        for place, name in enumerate(summary.index)
    ]


def assumed(result: Detection) -> list[str]:
    """Names what the promise and the numbers rest on."""
    keys = ["exchangeable", "average", "clean"]
    keys += ["drift", "echo"] if result.kind == "table" else ["groups"]
    return [*keys, *(("no_adjustment", "ranges") if result.points.truth is not None else ("no_labels",))]


def _cells(summary: pd.DataFrame, name: str, larger: bool | None) -> list[Cell]:
    values = summary[name].to_numpy(dtype=np.float64)
    spread = summary[f"{name}_std"].to_numpy(dtype=np.float64) if f"{name}_std" in summary else values * np.nan
    known = values[np.isfinite(values)]
    digits = 0 if name in _COUNTS else min(4, max(2, decimals(values, 3)))
    best = np.nan if larger is None or known.size < 2 else known.max() if larger else known.min()
    return [
        Cell(
            text=number(v, digits, tiny=False),
            spread=number(s, digits, tiny=False) if np.isfinite(s) and name == "composite_f1" else "",
            value=float(v) if np.isfinite(v) else None,
            best=bool(v == best),
        )
        for v, s in zip(values, spread, strict=True)
    ]


def _heading(one: Measure, say: Language) -> dict[str, Any]:
    arrow = {None: "", True: " ↑", False: " ↓"}[one.larger_is_better]
    return {"title": say(f"detection_measures.{one.name}") + arrow, "meaning": say(f"detection_meanings.{one.name}")}


def _learners(result: Detection) -> list[Learner]:
    models = dict.fromkeys(track.model for track in result.tracks if track.history)
    return [
        Learner(
            name=model,
            colour=_COLOURS[i % len(_COLOURS)],
            trials=tuple(track for track in result.tracks if track.model == model),
        )
        for i, model in enumerate(models)
    ]


def _listed(names: tuple[str, ...], say: Language, most: int = 6) -> str:
    more = say("facts.inputs_more", count=len(names) - most) if len(names) > most else ""
    return say("text.comma").join(names[:most]) + more


def _written(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, (int, float, np.number)) else str(value)
