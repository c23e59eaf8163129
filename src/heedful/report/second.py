"""Second opinions on the page: what other tests say of the same forecasts, a row for each control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from heedful.report.language import Language
from heedful.trial.statistics import p_text, p_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from heedful.trial.second import Best, Opinion, Opinions

MOST_NAMES = 12


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attention against one control: how many nets differ, and p values, as text."""

    arm: str
    control: str
    nets: str
    flips: str
    blocks: str
    agrees: bool


@dataclass(frozen=True, kw_only=True)
class Second:
    """What the page shows of second opinions: a table, and sentences."""

    rows: tuple[Row, ...]
    lines: tuple[str, ...]


def second(found: Opinions, say: Language) -> Second:
    """Writes second opinions in the language of the page."""
    rows = (
        Row(
            arm=one.arm,
            control=say.named("nones", one.called),
            nets=say("second.of", better=one.better, worse=one.worse, all=len(one.nets)) if one.nets else "–",
            flips=p_text(one.flips.p) if one.flips else "–",
            blocks=p_text(one.blocks.p),
            agrees=one.agrees,
        )
        for one in found.each
    )
    return Second(rows=tuple(rows), lines=tuple(_lines(found, say)))


def _lines(found: Opinions, say: Language) -> Iterator[str]:
    tested = [one for one in found.each if one.nets]
    if found.disagreeing:
        told = say("text.semicolon").join(_differs(one, say) for one in found.disagreeing)
        yield say("second.differ", count=len(found.disagreeing), all=len(tested), told=told)
        yield say("second.rests")
    elif tested:
        yield say("second.agree", all=len(tested))
    for reason in dict.fromkeys(one.reason for one in found.each if one.reason):
        yield say("second.missing", reason=say.sentence(reason))
    if found.best is None:
        yield say("second.missing", reason=say.sentence(found.reason))
    else:
        yield from _best(found.best, say)


def _differs(one: Opinion, say: Language) -> str:
    return say(
        "second.differs",
        arm=one.arm,
        control=say.named("nones", one.called),
        nets=say(f"second.{one.by_nets}"),
        blocks=say(f"second.{one.by_blocks}"),
    )


def _best(best: Best, say: Language) -> Iterator[str]:
    names = _names(best.kept, say)
    level = f"{100 * best.chosen.level:g}"
    yield say("second.kept", level=level, count=len(best.kept), all=len(best.networks), names=names)
    for one in best.beaten:
        slots = {"benchmark": one.benchmark, "count": len(one.models), "best": one.best, "p": p_told(one.test.p)}
        yield say("second.beaten", block=one.block, **slots)
    yield say("second.bootstrap", seeds=best.seeds, origins=best.origins, block=best.block)
    if best.left_out:
        yield say("second.left_out", names=_names(best.left_out, say))


def _names(names: Sequence[str], say: Language) -> str:
    more = say("second.more", count=len(names) - MOST_NAMES) if len(names) > MOST_NAMES else ""
    return say("text.comma").join(names[:MOST_NAMES]) + more
