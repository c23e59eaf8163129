"""Whether a network predicts the windows that it is to be explained on: more than any rule that looks at nothing.

Told by intervals over groups, for a rule that knows nothing is better than another one by chance in half of all cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from heedful.explanation.faithfulness import interval

LEVEL = 0.9
"""Coverage of the intervals, both sides: a network that knows nothing passes in about one case of twenty."""


class Worth(NamedTuple):
    """What a network is worth: lines for people, and whether it predicts; None where the truth is unknown."""

    lines: tuple[str, ...]
    predicts: bool | None


def of_forecasts(
    said: np.ndarray, truth: np.ndarray, newest: np.ndarray, groups: np.ndarray, targets: Sequence[str]
) -> Worth:
    """Compares forecasts with the newest value carried on, and with the mean of what came.

    A target that never changes in these windows is left out.

    Shape: said and truth (n, P, M), newest (n, 1, M), groups (n,).
    """
    spread = np.array(
        [np.nanstd(truth[..., m]) if np.isfinite(truth[..., m]).any() else 0.0 for m in range(len(targets))]
    )
    known = spread > 1e-9 * np.maximum(1.0, np.abs(np.nan_to_num(newest)).max((0, 1)))
    if not known.any():
        return Worth(("The table holds no values that change, to compare these forecasts with.",), None)
    unit = spread[known]
    own, carried, mean = (
        _per_window(((guess - truth) / np.where(spread > 0, spread, 1.0))[..., known])
        for guess in (said, newest, _mean_of(truth))
    )
    seen = np.isfinite(own)
    skill, share = (1 - np.sqrt(own[seen].mean() / plain[seen].mean()) for plain in (carried, mean))
    low = min(interval((plain - own)[seen], groups[seen], LEVEL)[1] for plain in (carried, mean))
    better = min((plain - own)[seen].mean() for plain in (carried, mean)) > 0 if np.isnan(low) else low > 0
    left = [name for name, kept in zip(targets, known, strict=True) if not kept]
    told = (
        f"; RMSE {np.sqrt(own[seen].mean()) * unit[0]:.4g} of {targets[int(np.argmax(known))]}"
        if len(unit) == 1
        else ""
    )
    line = f"Skill on these windows {skill:+.3f} over persistence, {share:+.3f} over the mean{told}."
    lines = [line, *([f"Left out, for it does not change here: {', '.join(left)}."] if left else [])]
    return Worth((*lines, *_unsure(better, skill > 0 and share > 0)), bool(better))


def of_classes(said: np.ndarray, truth: np.ndarray, groups: np.ndarray, classes: Sequence[str]) -> Worth:
    r"""Compares what is said with what holds by how much more often a class is said of its own windows than of others.

        J_c = P(c said | c) - P(c said | not c)

    It is 0 for whatever does not look at the window, however uneven the classes are.

    Args:
        said, truth: class of each window (n,), truth -1 where it is unknown.
        groups: the group of each window (n,).
        classes: their names.
    """
    known = truth >= 0
    if not known.any():
        return Worth(("No window has a known class, so nothing says whether these answers are right.",), None)
    said, truth, groups = said[known], truth[known], groups[known]
    right = said == truth
    counts = np.bincount(truth, minlength=len(classes))
    present = np.flatnonzero(counts)
    line = f"Accuracy on these windows {right.mean():.1%}, where the largest class has {counts.max() / len(truth):.1%}."
    if len(present) < 2:
        return Worth(
            (line, "They are all of one class, so this says nothing of what the network can tell apart."), None
        )
    told = right.astype(float)
    for code in present:
        told[truth == code] -= (said[truth != code] == code).mean()
    mean, low, _, _ = interval(told, groups, LEVEL)
    better = mean > 0 if np.isnan(low) else low > 0
    recall = float(np.mean([right[truth == code].mean() for code in present]))
    return Worth(
        (f"{line[:-1]}; mean recall of {len(present)} classes {recall:.1%}.", *_unsure(better, mean > 0)), bool(better)
    )


def of_numbers(said: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> Worth:
    """Compares numbers (n,) with the mean of those that hold."""
    known = np.isfinite(truth)
    if known.sum() < 2 or truth[known].std() == 0:
        return Worth(("The recordings have no targets that change, to compare these answers with.",), None)
    said, truth, groups = said[known], truth[known], groups[known]
    own, plain = (said - truth) ** 2 / truth.var(), (truth - truth.mean()) ** 2 / truth.var()
    mean, low, _, _ = interval(plain - own, groups, LEVEL)
    better = mean > 0 if np.isnan(low) else low > 0
    return Worth((f"R2 on these windows: {1 - own.mean():.3f}.", *_unsure(better, mean > 0)), bool(better))


def _unsure(better: bool, seems: bool) -> list[str]:
    return ["That may be chance: the interval over groups holds 0."] if seems and not better else []


def _mean_of(truth: np.ndarray) -> np.ndarray:
    mean = np.array(
        [[np.nanmean(truth[..., m]) if np.isfinite(truth[..., m]).any() else np.nan for m in range(truth.shape[2])]]
    )
    return mean[None]


def _per_window(error: np.ndarray) -> np.ndarray:
    """Mean square over what is known of each window (n,), NaN where nothing is."""
    square, seen = np.nan_to_num(error) ** 2, np.isfinite(error)
    count = seen.sum((1, 2))
    found: np.ndarray = np.divide(
        np.where(seen, square, 0).sum((1, 2)), count, out=np.full(len(error), np.nan), where=count > 0
    )
    return found
