"""Sentences of other rooms on the page of an explanation: the verdict, what a model is worth, notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from heedful.report.explanation import view

if TYPE_CHECKING:
    from heedful.explanation.result import Explanation
    from heedful.report.language import Language


def verdict(explanation: Explanation, say: Language) -> list[tuple[str, str]]:
    """Gives the lines that say it with how they are marked; whether to show the map to a customer comes first."""
    lines = [line.strip() for line in explanation.verdict] or [say("explain.no_verdict")]
    return [(_severity(line), told(line, say)) for line in (lines[-1], *lines[:-1])]


def told(line: str, say: Language) -> str:
    """Translates a line sentence by sentence, and the names of measures and controls within.

    The numbers of a map that is not true stand in its picture and its table.
    """
    line = _silences(_NUMBERS.sub("", line), say)
    text = say("text.space").join(say.sentence(part) for part in _SENTENCES.split(line))
    if not say.sentences:
        return text
    for metric in ("deletion", "insertion"):
        for name in ("line", "zero", "other", "mean", "noise"):
            own = say("explain.by", metric=say(f"explain_metrics.{metric}"), filling=view.filling(name, say))
            text = text.replace(f"{metric} by {name}", own)
    for name in _PARTS:
        text = text.replace(f", {name}", say("explain.part_of", name="", part=say.named("explain_parts", name)))
    for name in _CONTROLS:
        text = text.replace(name, say.named("explain_controls", name))
    for name in _OTHERS:
        text = text.replace(name, say.named("explain_others", name))
    return text


_CONTROLS = ("smooth random", "permuted", "shifted", "another window", "mean map", "recency", "magnitude")
_OTHERS = ("untrained networks", "networks trained on shuffled labels", "networks trained from other seeds")
_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z-])")
_PARTS = ("pushed to the input", "by values", "channels")
_NUMBERS = re.compile(r" [+-][\d.]+ \([+-][\d.]+ to [+-][\d.]+\)")
_SILENT = re.compile(r"(True: not asked, .*) \((.*)\)\.")
_NEXT = re.compile(r"; (?=[\w.]+: )")
_GOOD = re.compile(r"(Used|Needed|True|Show .*): yes\b")
_BAD = re.compile(
    r"The (network does not predict|windows were trained)|(Used|Needed|True|Show .*): no\b|Fixed: yes"
    r"|Not shown to say more|Learned: .*: (nothing need be learned|another seed shows another)"
)


def _silences(line: str, say: Language) -> str:
    """Translates why mechanisms weigh nothing that can be tested, within a line; without any it takes the brackets."""
    found = _SILENT.fullmatch(line)
    if found is None:
        return line
    each = [one.partition(": ") for one in _NEXT.split(found[2]) if one]
    told = "; ".join(say("explain.silent", name=name, why=say.sentence(why)) for name, _, why in each)
    return f"{found[1]} ({told})." if told else f"{found[1]}."


def _severity(line: str) -> str:
    """Says how a line is marked: as good, as a warning, or not at all."""
    return "good" if _GOOD.match(line) else "warning" if _BAD.match(line) else ""
