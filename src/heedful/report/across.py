"""Several comparisons, or the series of a panel, as one ranking: the table, the diagram, and what it says of others."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from heedful.files import write_whole
from heedful.report import told
from heedful.report.answers import TONES
from heedful.report.figures.critical_difference import SHOWN, critical_difference
from heedful.report.language import Language, signed
from heedful.report.language import language as read
from heedful.report.sheet import Plot, packed, template
from heedful.trial.across import SERIES
from heedful.trial.statistics.contrast import ALPHA
from heedful.trial.statistics.grounds import p_text, p_told

if TYPE_CHECKING:
    from collections.abc import Collection

    from heedful.trial.across import Across, Measured
    from heedful.trial.effects import Answer
    from heedful.trial.standing import Standing

DIAGRAM = "critical-difference"
_OURS = {
    "across.csv": b"data,model,relative_mse,rank,answer",
    "across.html": b'<meta name="generator" content="Heedful">',
}
"""What the files begin with that Heedful writes."""
_START = 1000
COLUMNS = 8
"""With more rows than this, the losses on each of them stand in the file alone."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A text of a table, what stands small beneath it, and its tone."""

    text: str
    below: str = ""
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One model: its mean rank, its mean loss, how often it was best, and its loss on each data set."""

    name: str
    marked: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AttentionRow:
    """One attention: against its hardest control over all, and what the trial said on each data set."""

    arm: str
    control: str
    cells: tuple[str, ...]
    said: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What the section on ranks shows."""

    series: bool
    sentences: tuple[str, ...]
    explained: tuple[str, ...]
    each: tuple[str, ...]
    models: tuple[ModelRow, ...]
    attentions: tuple[AttentionRow, ...]
    judged: tuple[str, ...]
    notes: tuple[str, ...]
    diagram: bool


@dataclass(frozen=True, kw_only=True)
class DataRow:
    """One data set: the address of its own report, empty where there is none, what it is, and its best model."""

    name: str
    address: str
    target: str
    origins: str
    horizon: int
    best: str
    loss: str


def write_across(found: Across, folder: Path, language: str = "en") -> Path:
    """Writes across.csv and across.html into a folder; gives the path of the page.

    Raises: UnknownName for an unknown language; DataError where nothing can be written.
    """
    html = render(found, language, folder)
    write_whole(folder / "across.csv", found.frame.to_csv(index=False))
    return write_whole(folder / "across.html", html)


def forget_across(folder: Path) -> None:
    """Takes away what `write_across` wrote into a folder; a file of that name by anybody else stays."""
    for name, ours in _OURS.items():
        path = folder / name
        if path.is_file() and ours in path.read_bytes()[:_START]:
            path.unlink()


def render(found: Across, language: str = "en", folder: Path | None = None) -> str:
    """Gives the page over several data sets as text.

    Args:
        folder: where the page will lie, so that it can lead to the reports of the data sets.

    Raises: UnknownName for an unknown language.
    """
    say = read(language)
    shown, plots = ranking(found, say), diagram(found, say)
    return template("across.html.j2").render(
        say=say,
        t=say.html,
        found=found,
        ranking=shown,
        rows=_data_rows(found, folder),
        plots=plots,
        figures=packed(plots),
        plotly=Markup(get_plotlyjs()),
    )


def sentences(found: Across, say: Language) -> tuple[str, ...]:
    """Says what the tests over all data sets found, or that there are too few of them, and what the trials said."""
    unit, count = _unit(found, say), len(found.losses)
    if found.unit == SERIES:
        return ()
    if found.caution:
        text = "several.few_family" if found.family > 1 else "several.few"
        said = [say(text, unit=unit, count=count, fewest=found.fewest, family=found.family)]
    else:
        said = _tested(found, unit, say)
    records = [one.record for one in found.standings]
    if records:
        wins, ties, losses = (sum(getattr(one, name) for one in records) for name in ("wins", "ties", "losses"))
        said.append(say("several.told", count=count, wins=wins, ties=ties, losses=losses))
    return tuple(said)


def _tested(found: Across, unit: str, say: Language) -> list[str]:
    """Says what came of the tests."""
    said = []
    if found.ranks is not None:
        said.append(say("several.differ" if found.ranks.p <= ALPHA else "several.alike", p=p_told(found.ranks.p)))
    for one in found.standings:
        for key, p in (("several.better", one.p_helps), ("several.worse", one.p_hurts)):
            if p is not None and p <= ALPHA:
                said.append(say(key, arm=one.arm, unit=unit, change=_percent(one.change, say), p=p_told(p)))
    known = [one.p_helps for one in found.standings if one.p_helps is not None]
    if known and min(known) > ALPHA:
        said.append(say("several.none_better", unit=unit, p=p_told(min(known))))
    return said


def ranking(found: Across, say: Language) -> Ranking:
    """Gives what the section on ranks shows."""
    unit = _unit(found, say)
    each = tuple(map(str, found.losses.index)) if len(found.losses) <= COLUMNS else ()
    explained = [say("several.ranks", count=len(found.losses), unit=unit)]
    bars = "several.bars_series" if found.unit == SERIES else "several.bars"
    explained += [say(bars)] if found.ranks is not None else []
    explained += [say("several.shown", count=SHOWN)] if found.losses.shape[1] > SHOWN else []
    named = found.standings and found.unit != SERIES
    return Ranking(
        series=found.unit == SERIES,
        sentences=sentences(found, say),
        explained=tuple(explained),
        each=each,
        models=_model_rows(found, each),
        attentions=tuple(_attention_row(one, found, say) for one in found.standings),
        judged=tuple(found.measured) if named else (),
        notes=tuple(say.sentence(note) for note in found.notes),
        diagram=found.ranks is not None,
    )


def diagram(found: Across, say: Language) -> dict[str, Plot]:
    """Gives the critical-difference diagram; nothing where there are no ranks."""
    if found.ranks is None:
        return {}
    figure = critical_difference(say, list(map(str, found.losses)), found.ranks, marked=_marked(found))
    return {DIAGRAM: Plot(id=DIAGRAM, figure=figure, alt=say("alt.critical_difference"))}


# --- the parts ---------------------------------------------------------------------------------------------------


def _unit(found: Across, say: Language) -> str:
    return say("several.unit_series" if found.unit == SERIES else "several.unit_data")


def _marked(found: Across) -> Collection[str]:
    return {one.arm for one in found.standings}


def _model_rows(found: Across, each: tuple[str, ...]) -> tuple[ModelRow, ...]:
    marked = _marked(found)
    return tuple(
        ModelRow(
            name=str(name),
            marked=name in marked,
            cells=(
                f"{row['rank']:.2f}",
                f"{row['loss']:.3f}",
                f"{int(row['best'])}",
                *(f"{loss:.3f}" for loss in (found.losses[name] if each else ())),
            ),
        )
        for name, row in found.table.iterrows()
    )


def _attention_row(one: Standing, found: Across, say: Language) -> AttentionRow:
    record = str(one.record)
    if one.record.undecided:
        record += say("several.undecided", count=one.record.undecided)
    tested = () if found.unit == SERIES else (one.p_helps, one.p_hurts)
    p_values = ["–" if p is None else p_text(p) for p in tested]
    return AttentionRow(
        arm=one.arm,
        control=one.control,
        cells=(_percent(one.change, say), record, *p_values),
        said=tuple(_answer(one.arm, answers, say) for answers in found.answers.values()),
    )


def _answer(arm: str, answers: tuple[Answer, ...], say: Language) -> Cell:
    """Writes what the trial of one data set said of an attention."""
    for one in answers:
        if one.question.arm == arm:
            effect = told.effect(one.against_none, say)
            return Cell(text=told.outcome(one, say), below=effect, tone=TONES.get(one.outcome, ""))
    return Cell(text="–")


def _percent(change: float, say: Language) -> str:
    return say("text.percent", value=signed(f"{100 * change:+.1f}"))


def _address(one: Measured, folder: Path | None) -> str:
    """Gives the way from a folder to the report of a data set; empty where there is no such report."""
    if folder is None or one.folder is None or not (one.folder / "report.html").is_file():
        return ""
    report = (one.folder / "report.html").resolve()
    try:
        return quote(Path(os.path.relpath(report, folder.resolve())).as_posix())
    except ValueError:  # on another drive
        return report.as_uri()


def _data_rows(found: Across, folder: Path | None) -> tuple[DataRow, ...]:
    rows = []
    for name, one in found.measured.items():
        best = min(one.losses, key=lambda model: one.losses[model], default="")
        rows.append(
            DataRow(
                name=name,
                address=_address(one, folder),
                target=one.target,
                origins=f"{one.origins:,}",
                horizon=one.horizon,
                best=best,
                loss=f"{one.losses[best]:.3f}" if best else "–",
            )
        )
    return tuple(rows)
