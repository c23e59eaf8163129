"""Says in words what an explanation amounts to: used or not, needed or not, true or not, to be shown or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from heedful.explaining.truths import PLAIN
from heedful.explanation.controls import OTHER
from heedful.explanation.faithfulness import interval
from heedful.explanation.result import Explanation
from heedful.explanation.truth import Truth

LEVEL = 0.9
"""Coverage of the interval of what uniform weights cost."""
SMALL = 0.05
"""Share of the loss below which a difference counts as none."""
UNKNOWN = "whether the network uses these weights cannot be told"
_RULES = {"recency": "that the newest rows count", "magnitude": "that large values count"}


def verdict(found: Explanation, *, predicts: bool | None, held_out: bool | None) -> tuple[str, ...]:
    """Gives the lines of the verdict.

    Args:
        found: all that was measured.
        predicts: whether the network predicts these windows; None where the truth is unknown.
        held_out: whether the windows were kept from training; None where nothing says so.
    """
    lines = []
    if predicts is False:
        lines.append("The network does not predict these windows: nothing it looks at explains anything.")
    if held_out is False:
        lines.append("The windows were trained on: on new ones all of this may be otherwise.")
    return (*lines, *_used(found), *_needed(found), *_true(found), *_sane(found), _shown(found, predicts))


def _used(found: Explanation) -> Iterator[str]:
    use = found.usage
    if use is None:
        yield "Used: cannot be told, for the weights of its mechanisms cannot be replaced."
        return
    row = use.row("uniform")
    word = {True: "yes", False: "no", None: "cannot be told"}[use.used]
    if row is None:
        yield f"Used: {word}."
        return
    what = "probability moves" if found.classes else "of the forecasts' deviation move"
    loss = "" if np.isnan(row.loss) else f" and the loss changes by {row.loss:+.3g} (from {use.loss:.3g})"
    share = f"{100 * row.moved:.1f} % {what}"
    yield f"Used: {word}. With uniform weights {share}{loss}."
    if use.fixed:
        yield "Fixed: yes. The mean of all maps does as well as each window's own: it looks at every window alike."


def _needed(found: Explanation) -> Iterator[str]:
    if not found.needed:
        yield "Needed: not asked. --retrain 5 trains networks with uniform weights beside others like this one."
        return
    plain, uniform = (np.array(found.needed[name]) for name in ("as it is", "uniform weights"))
    _, low, high, _ = interval(uniform - plain, np.arange(len(plain)), LEVEL)
    told = f"loss {plain.mean():.4g} as it is, {uniform.mean():.4g} with uniform weights throughout training"
    few = f"{len(plain)} {'network' if len(plain) == 1 else 'networks'} each"
    if np.isnan(low):
        yield f"Needed: cannot be told of fewer than five networks ({told}; {few})."
        return
    word = "yes" if low > 0 else "no" if high < SMALL * plain.mean() else "cannot be told"
    yield f"Needed: {word} ({told}; {few}; difference {low:+.3g} to {high:+.3g})."


def _true(found: Explanation) -> Iterator[str]:
    word = {True: "yes", False: "no", None: "cannot be told"}
    own = {name: truth for name, truth in found.truths.items() if name not in PLAIN}
    for name, truth in own.items():
        yield f"True: {word[truth.true]}, {name}: {truth.why}."
        if truth.true and (weak := _weak(truth)):
            yield f"  Not shown to say more than {' or '.join(weak)}, which needs no network."
    if not own:
        silent = "; ".join(dict.fromkeys(f"{look.name}: {look.why}" for look in found.looks if look.why))
        yield f"True: not asked, for no weights stand over samples or channels ({silent})."


def _weak(truth: Truth) -> list[str]:
    """Names the rules without a model that a map is not shown to be better than."""
    return [word for name, word in _RULES.items() if truth.beats.get(name) is False]


def _sane(found: Explanation) -> Iterator[str]:
    for one in found.sanity:
        yield f"Learned: {one.line}."


def _shown(found: Explanation, predicts: bool | None) -> str:
    if predicts is False:
        return "Show the attention map to a customer: no."
    truth = found.truths.get(found.chosen)
    if found.chosen != "occlusion":
        general = truth is not None and truth.beats.get(OTHER) is False
        what = ", as what counts in general: that it tells one window from another is not shown" if general else ""
        return f"Show the attention map to a customer: yes, {found.chosen}{what}."
    why = _reason(found)
    known = "is true" if truth is not None and truth.true else "is not shown to be true either"
    if truth is not None and truth.true and (weak := _weak(truth)):
        known += f", though not shown to say more than {' or '.join(weak)}"
    return f"Show the attention map to a customer: no.{why} Occlusion is shown in its place, which {known}."


def _reason(found: Explanation) -> str:
    """Says why no attention map is shown, where that is not plain from the lines before."""
    over_time = {look.name for look in found.looks if look.time is not None}
    if any(truth.true for name, truth in found.truths.items() if name in over_time):
        used = None if found.usage is None else found.usage.used
        return f" It is true, but {'the network does not use these weights' if used is False else UNKNOWN}."
    return "" if over_time else " Its weights stand over no samples."
