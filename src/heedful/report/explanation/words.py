"""What the page of an explanation says in words: facts, tables, and what its words mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.explanation import faithfulness
from heedful.explanation import usage as use
from heedful.explanation.controls import PERMUTED, SMOOTH
from heedful.report.explanation import view
from heedful.report.language import signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heedful.explanation.looks import Look
    from heedful.explanation.result import Explanation
    from heedful.report.language import Language


LEARNED = {"classes": 0.9, "forecast": 0.8, "number": 0.8}
"""What the network of a self-test must reach, of classes right or of R2, for its maps to mean anything."""
RIGHT = "right"
"""Under this name `Explanation.found` tells how well the network of the self-test learned."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the page: headings, and rows of which the first cell is a name."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def facts(explanation: Explanation, say: Language) -> list[tuple[str, str]]:
    """Gives what was explained and what it cost, as label and value."""
    found = [
        (say("explain_facts.model"), explanation.model),
        (say("explain_facts.data"), explanation.data),
        (say("explain_facts.windows"), f"{len(explanation.windows):,}"),
    ]
    if explanation.classes:
        found.append((say("explain_facts.classes"), f"{len(explanation.classes):,}"))
    found.append((say("explain_facts.columns"), f"{len(explanation.columns):,}"))
    if explanation.maps:
        name = view.checked_name(explanation, None)
        found.append((say("explain_facts.shown"), view.title(explanation, name, say)))
    passes = sum(explanation.passes.values())
    if passes and explanation.windows:
        found.append((say("explain_facts.passes"), f"{passes / len(explanation.windows):,.0f}"))
    return found


def gains(explanation: Explanation, name: str, say: Language) -> Table:
    """Gives the gains of a map over its controls as a table, one row for each number."""
    heads = ("metric", "filling", "control", "of", "gain", "interval", "groups")
    rows = tuple(
        (
            say(f"explain_metrics.{one.metric}"),
            view.filling(one.filling, say),
            say.named("explain_controls", one.control),
            say("explain.all") if one.of == "all" else one.of,
            number(one.mean),
            between(one.low, one.high, say),
            f"{one.groups:,}",
        )
        for one in explanation.truths[name].rows
    )
    return Table(heads=_heads(heads, say), rows=rows)


def truths(explanation: Explanation, say: Language) -> list[Table]:
    """Gives the verdict on every tested map, and what it beats by the same rule: maps over time, then of channels."""
    made = []
    for control, head in ((SMOOTH, "map_over_time"), (PERMUTED, "map_of_channels")):
        chosen = {name: one for name, one in explanation.truths.items() if one.control == control}
        controls = list(dict.fromkeys(key for one in chosen.values() for key in one.beats))
        names = (say.named("explain_controls", key) for key in controls)
        heads = (say(f"explain_heads.{head}"), say("explain_heads.true"), *names)
        rows = tuple(
            (
                view.title(explanation, name, say),
                answer(one.true, say),
                *(answer(one.beats[key], say) if key in one.beats else "–" for key in controls),
            )
            for name, one in chosen.items()
        )
        made.append(Table(heads=heads, rows=rows))
    return [table for table in made if table.rows]


def agreements(explanation: Explanation, say: Language) -> Table:
    """Gives the rank correlations of the maps as a table."""
    heads = ("pair", "correlation", "interval", "groups", "windows", "constant")
    rows = tuple(
        (
            say("explain.pair", first=first, second=second),
            number(one.alike),
            between(one.low, one.high, say),
            f"{one.groups:,}",
            f"{one.windows:,}",
            f"{one.constant:,}",
        )
        for one in explanation.agreements
        for first, second in [tuple(view.title(explanation, name, say) for name in one.maps)]
    )
    return Table(heads=_heads(heads, say), rows=rows)


def cost(explanation: Explanation, say: Language) -> Table:
    """Gives the windows passed through the network, by part of the work."""
    count = max(1, len(explanation.windows))
    rows = tuple(
        (say.named("explain_work", name), f"{passed:,}", f"{passed / count:,.1f}")
        for name, passed in explanation.passes.items()
    )
    return Table(heads=_heads(("work", "passes", "a_window"), say), rows=rows)


def sanity(explanation: Explanation, say: Language) -> Table | None:
    """Gives the checks against other networks as a table; None where there are none."""
    heads = ("check", "own", "among", "passed")
    rows = tuple(
        (
            say(f"explain_checks.{one.check}", map=view.title(explanation, one.map, say)),
            number(one.own, "+.2f"),
            number(one.spread, "+.2f")
            if not np.isfinite(one.margin)
            else f"{number(one.spread, '+.2f')} ± {one.margin:.2f}",
            answer(one.passed, say),
        )
        for one in explanation.sanity
    )
    return Table(heads=_heads(heads, say), rows=rows) if rows else None


def needed(explanation: Explanation, say: Language) -> Table | None:
    """Gives the losses of networks trained anew as a table; None where none was."""
    rows = tuple(
        (say.named("explain_kinds", name), say("text.comma").join(f"{loss:.4g}" for loss in losses))
        for name, losses in explanation.needed.items()
    )
    return Table(heads=_heads(("kind", "losses"), say), rows=rows) if rows else None


def found(explanation: Explanation, say: Language) -> Table | None:
    """Gives how well each map finds planted evidence; None where that was not tried."""
    rows = tuple(
        (view.title(explanation, name, say), f"{value:.3f}" if np.isfinite(value) else "–")
        for name, value in explanation.found.items()
        if name != RIGHT
    )
    return Table(heads=(say("explain_heads.map"), say("columns.auroc")), rows=rows) if rows else None


def learned(explanation: Explanation, say: Language) -> tuple[str, str] | None:
    """Says whether the network of the self-test learned the planted evidence, and marks it; None where none was."""
    right = explanation.found.get(RIGHT)
    if right is None:
        return None
    need, of_classes = LEARNED[explanation.kind], explanation.kind == "classes"
    key, mark = ("explain.did_learn", "good") if right >= need else ("explain.did_not_learn", "warning")
    told = say("explain.right_share", value=right) if of_classes else signed(f"R2 {right:.2f}")
    return mark, say(key, right=told, least=f"{percent(need)} %" if of_classes else f"R2 {need:.2f}")


def looks(explanation: Explanation, say: Language) -> Table:
    """Gives what each mechanism weighs: over what, how widely, how much of it on padding, what stands behind it."""
    heads = ("mechanism", "axes", "effective", "padding", "reach")
    rows = tuple(
        (
            view.title(explanation, one.name, say),
            say("text.comma").join(say.named("explain_speaks", name) for name in one.speaks),
            _effective(one, say),
            "–" if one.padding is None else f"{100 * float(one.padding.mean()):.3g} %",
            _behind(explanation, one, say),
        )
        for one in explanation.looks
        if one.speaks
    )
    return Table(heads=_heads(heads, say), rows=rows)


def silent(explanation: Explanation, say: Language) -> list[str]:
    """Says which mechanisms weigh nothing that can be shown, and why."""
    return [
        say("explain.silent", name=view.title(explanation, one.name, say), why=say.sentence(one.why))
        for one in explanation.looks
        if not one.speaks
    ]


def tables(explanation: Explanation, say: Language) -> list[tuple[str, Table]]:
    """Gives all numbers that stand folded at the end of the page, each table with its title."""
    made = [(say("explain.used"), usage(explanation, say))]
    made += [
        (say("explain.gains_of", name=view.title(explanation, name, say)), gains(explanation, name, say))
        for name in explanation.truths
    ]
    made += [(say("explain.alike"), agreements(explanation, say)), (say("explain.cost_told"), cost(explanation, say))]
    return [(title, table) for title, table in made if table.rows]


def glossary(explanation: Explanation, say: Language) -> list[tuple[str, str]]:
    """Explains the words of the page that stand on it."""
    metrics = ("deletion", "insertion", "comprehensiveness", "sufficiency") if explanation.truths else ()
    at = percent(faithfulness.AT)
    found = [(say(f"explain_metrics.{name}"), say(f"explain_meanings.{name}", at=at)) for name in metrics]
    rest = ("filling", "random", "other", "magnitude") if explanation.truths else ()
    return found + [
        (say(f"explain_words.{name}"), say(f"explain_meanings.{name}"))
        for name in (*rest, "occlusion", "gradients", "used", "effective")
    ]


def usage(explanation: Explanation, say: Language) -> Table:
    """Gives what changes when other weights stand in place of the learned ones."""
    rows = tuple(
        (
            view.replaced(explanation, one, say),
            f"{one.moved:.3g}",
            between(one.moved_low, one.moved_high, say, ".3g"),
            number(one.loss, "+.3g"),
            between(one.loss_low, one.loss_high, say, "+.3g"),
        )
        for one in view.replacements(explanation)
    )
    heads = _heads(("weights", "moved", "interval", "loss", "interval"), say, use.LEVEL)
    return Table(heads=heads, rows=rows)


def _effective(one: Look, say: Language) -> str:
    if one.effective is None:
        return "–"
    of = next((w.shape[1] for w in (one.time, one.lines, one.channels) if w is not None), None)
    mean = float(np.nanmean(one.effective))
    return f"{mean:.1f}" if of is None else say("explain.effective_of", mean=mean, of=of)


def _behind(explanation: Explanation, one: Look, say: Language) -> str:
    reach = explanation.reaches.get(one.name, one.reach)
    if reach is None:
        return "–"
    if not reach.local:
        return say("explain.behind_lines")
    behind = say("explain.behind", count=reach.stride, field=reach.field)
    if not (reach.whole_past or reach.whole_window):
        return behind
    through = say.named("explain_through", reach.through)
    key = "explain.behind_window" if reach.whole_window else "explain.behind_past"
    return say(key, behind=behind, through=through)


def number(value: float, form: str = "+.3f") -> str:
    """Writes a number with its sign and true minus signs; what is unknown is a dash."""
    return signed(f"{value:{form}}") if np.isfinite(value) else "–"


def between(low: float, high: float, say: Language, form: str = "+.3f") -> str:
    """Writes an interval; what is unknown is a dash."""
    if not np.isfinite([low, high]).all():
        return "–"
    return say("explain.between", low=number(low, form), high=number(high, form))


def answer(value: bool | None, say: Language) -> str:
    """Writes yes, no or that it cannot be told."""
    return say("explain.unknown") if value is None else say("text.yes") if value else say("text.no")


def percent(share: float) -> str:
    """Writes a share in per cent.

    >>> percent(0.95)
    '95'
    """
    return f"{100 * share:.4g}"


def _heads(names: Sequence[str], say: Language, level: float = faithfulness.LEVEL) -> tuple[str, ...]:
    return tuple(say(f"explain_heads.{name}", level=percent(level)) for name in names)
