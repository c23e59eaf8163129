"""Which samples of a window an answer rests on: integrated gradients, gradient x input and occlusion."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from heedful.errors import OptionError, unknown
from heedful.explanation.subject import Subject, differentiable

PLACES = 96
"""Places, or places times columns, at which occlusion takes something away of a window where no stride is told."""
FILLINGS = ("line", "zero")
BASELINES = ("zero", "mean")
COLUMNS = ("together", "each")
_SHORTEST = 5  # samples of a stretch
_GRADIENTS = 8  # a pass back keeps the map of every layer, so its batches are smaller by this


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """How much each sample of each window did for the answer, by one method.

    Of a class the values tell for it (above 0) or against it, and so do the maps: what falls when samples are taken
    away is what spoke for it. Where it was read at all shows in `values.abs()`.

    Args:
        name: the method.
        values: 0 in padding.
        signed: whether a number below 0 speaks against the answer, as with classes; otherwise only sizes count.
        passes_per_window: what it cost, in forward passes; a pass back counts for two.
        together: whether all columns were taken away at once, so that nothing is known of each.
        gap: of each window how far the sum of its values is from what it should be (n,), where a method promises one.

    Shape: values (n, T, F), or (n, T, 1) where all columns were taken away at once.
    """

    name: str
    values: Tensor
    signed: bool
    passes_per_window: float
    together: bool = False
    gap: Tensor | None = None

    def over_time(self) -> Tensor:
        """Gives the map over time (n, T), larger = more important."""
        return self._sizes().sum(2)

    def over_columns(self) -> Tensor:
        """Gives the map over columns (n, F), larger = more important.

        Raises: OptionError if all columns were taken away at once.
        """
        if self.together:
            raise OptionError(
                f"over_columns needs values of each column, got {self.name} of all columns together. Take "
                "occlusion(subject, columns='each')."
            )
        return self._sizes().sum(1)

    def _sizes(self) -> Tensor:
        return self.values if self.signed else self.values.abs()


# --- by gradients -----------------------------------------------------------------------------------------------


def integrated_gradients(
    subject: Subject, *, steps: int = 32, baseline: Literal["zero", "mean"] = "zero"
) -> Attribution:
    r"""Sums the gradient of the score along the straight line from a baseline to the window.

        a_i = (x_i - x'_i) \int_0^1 \partial score(x' + \alpha (x - x')) / \partial x_i d\alpha

    The integral is a Gauss-Legendre sum. The values of a window add up to score(x) - score(x') up to its error, which
    `gap` gives; it stays large where the network jumps on the way, as one that brings each window to the same level
    does at 0. Samples of padding stay as they are. Where several values are meant, a_i is the root of the sum of
    squares over what `Subject.scores` gives, so that none cancels another, `gap` likewise, and nothing adds up.

    Paper:   Sundararajan et al., "Axiomatic Attribution for Deep Networks", ICML 2017, arXiv:1703.01365v2, sections 3
             and 5.
    Differs: Gauss-Legendre nodes in place of equal steps.

    Args:
        subject: what is explained.
        steps: nodes of the sum, each of 3 passes; fewer where R numbers are explained, each of 1 + 2 R passes, so that
            the cost is the same.
        baseline: "zero" is the mean of the train rows, "mean" that of the window itself, column by column.

    Shape:   values (n, T, F), gap (n,).
    Raises:  OptionError for fewer than one step; UnknownName for another baseline.
    """
    if steps < 1:
        raise OptionError(f"integrated_gradients needs a step at least, got {steps}. Take 32.")
    begun, subject = subject.meter.passed, subject.settled()
    x, start = subject.x, _baseline(subject, baseline)
    steps = max(1, 3 * steps // (1 + 2 * subject.scored))
    nodes, weights = (torch.from_numpy(one / 2).to(x) for one in np.polynomial.legendre.leggauss(steps))
    total = x.new_zeros(len(x), subject.scored, *x.shape[1:])
    for some in _pieces(subject, len(x) * steps):
        pairs = torch.arange(some.start, some.stop, device=x.device)
        rows, step = pairs // steps, pairs % steps
        point = start[rows].lerp(x[rows], (0.5 + nodes[step])[:, None, None])
        total.index_add_(0, rows, _gradients(subject, point, rows) * weights[step][:, None, None, None])
    values = _within(subject, total * (x - start).unsqueeze(1))
    gap = values.sum((2, 3)) - (_scores(subject, x) - _scores(subject, start))
    return _found(subject, "integrated gradients", _joined(values), begun, gap=gap.norm(dim=1).float())


def gradient_input(subject: Subject) -> Attribution:
    r"""Multiplies the gradient of the score by the input: what each sample does if the network were linear.

        a_i = x_i \partial score(x) / \partial x_i

    Where several values are meant it is the root of the sum of squares over what `Subject.scores` gives.

    Paper:   Shrikumar et al., "Not Just a Black Box", arXiv:1605.01713v3, section 3.
    Differs: nothing.

    Args:
        subject: what is explained.

    Shape:   values (n, T, F).
    """
    begun, subject = subject.meter.passed, subject.settled()
    found = []
    for some in _pieces(subject, len(subject)):
        rows = torch.arange(some.start, some.stop, device=subject.x.device)
        slopes = _gradients(subject, subject.x[rows], rows)
        found.append(_joined(_within(subject, subject.x[rows].unsqueeze(1) * slopes, rows)))
    return _found(subject, "gradient x input", torch.cat(found), begun)


def _gradients(subject: Subject, x: Tensor, rows: Tensor) -> Tensor:
    """Gives the gradient of each number that is explained (B, R, T, F)."""
    with differentiable(subject.net):
        leaf = x.detach().requires_grad_()
        found = [one for (one,) in subject.slopes(subject.scores(leaf, rows), [leaf])]
    return torch.stack(found, 1)


def _joined(values: Tensor) -> Tensor:
    """Joins what each number says (n, R, T, F) to one value of each place; that of a single number keeps its sign."""
    return values.squeeze(1) if values.shape[1] == 1 else values.norm(dim=1)


def _baseline(subject: Subject, name: str) -> Tensor:
    """Gives where the line begins (n, T, F): in padding, as the window is."""
    if name not in BASELINES:
        raise unknown("baseline", name, BASELINES)
    inside = _real(subject).unsqueeze(-1)
    known = subject.x.masked_fill(~inside, 0.0)
    if name == "zero":
        return subject.x - known
    mean = known.sum(1, keepdim=True) / inside.sum(1, keepdim=True).clamp_min(1)
    return torch.where(inside, mean, subject.x)


def _pieces(subject: Subject, count: int) -> Iterator[slice]:
    size = max(1, subject.batch // _GRADIENTS)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


# --- by taking away ---------------------------------------------------------------------------------------------


def occlusion(
    subject: Subject,
    *,
    width: int | None = None,
    stride: int | None = None,
    filling: Literal["line", "zero"] = "line",
    columns: Literal["together", "each"] = "together",
) -> Attribution:
    """Takes away one stretch of samples after the other and sees what that does to the answer.

    Of a class it is the fall of its log odds; of values their mean absolute change, in deviations over the windows. A
    sample has the mean over the stretches that it lies in. The last stretch of a window ends with its last real sample,
    and padding is never taken away nor filled from.

    Paper:   Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, arXiv:1311.2901v3,
             section 4.2.
    Differs: log odds in place of the probability, which hardly moves where it is near 1.

    Args:
        subject: what is explained.
        width: samples of a stretch; by default two strides, 5 at least.
        stride: samples from one stretch to the next; by default as few as make about 96 passes of a window.
        filling: "line" draws a straight line between the samples on either side, and carries the one on where a stretch
            lies at an end; "zero" puts the mean of the train rows.
        columns: "together" takes all columns away at once, "each" one after the other.

    Shape:   values (n, T, 1), or (n, T, F) of each column.
    Raises:  OptionError for a width or stride that leaves samples out; UnknownName for another filling.
    """
    _check(filling, columns)
    begun, subject = subject.meter.passed, subject.settled() if subject.classes else subject
    x, slots = subject.x, subject.x.shape[2] if columns == "each" else 1
    width, stride = _sizes_of(subject.window, slots, width, stride)
    lengths = subject.lengths.to(x.device)
    where, first = _places(lengths, subject.window, width, stride)
    last = (first + width).minimum(lengths[where])
    before = standing(subject)
    total, count = x.new_zeros(2, len(x) * slots, subject.window)
    times = torch.arange(subject.window, device=x.device)
    for some in subject.chunks(len(where) * slots):
        pairs = torch.arange(some.start, some.stop, device=x.device)
        place, slot = pairs // slots, pairs % slots
        rows, low, high = where[place], first[place], last[place]
        inside = (times >= low[:, None]) & (times < high[:, None])
        gone = inside.unsqueeze(2).expand(-1, -1, x.shape[2])
        if slots > 1:
            gone = gone & (torch.arange(slots, device=x.device) == slot[:, None])[:, None]
        changed = _filled(x[rows], gone, low, high, lengths[rows], filling)
        did = fallen(subject, changed, rows, before).unsqueeze(1)
        total.index_add_(0, rows * slots + slot, did * inside)
        count.index_add_(0, rows * slots + slot, inside.to(x.dtype))
    values = (total / count.clamp_min(1)).unflatten(0, (len(x), slots)).transpose(1, 2)
    return _found(subject, f"occlusion by {filling}", values, begun, together=slots < x.shape[2])


def standing(subject: Subject) -> Tensor:
    """Gives what `fallen` compares with: the score of each class that is meant (n,), or all values (n, K)."""
    return _scores(subject, subject.x).squeeze(1) if subject.classes else subject.undisturbed()


@torch.no_grad()
def fallen(subject: Subject, x: Tensor, rows: Tensor, before: Tensor) -> Tensor:
    """Says what a change did: how far the log odds of a class fell, or how far the values moved, in deviations.

    Args:
        x: changed windows (B, T, F).
        rows: their numbers (B,).
        before: what `standing` gave.

    Shape: (B,).
    """
    if subject.classes:
        return before[rows] - subject.score(x, rows)
    return 1 - subject.left(subject.answers(x, rows), rows, before)


@torch.no_grad()
def _scores(subject: Subject, x: Tensor) -> Tensor:
    rows = torch.arange(len(subject), device=x.device)
    return torch.cat([subject.scores(x[some], rows[some]) for some in subject.chunks(len(subject))])


def _check(filling: str, columns: str) -> None:
    for kind, name, known in (("filling", filling, FILLINGS), ("choice of columns", columns, COLUMNS)):
        if name not in known:
            raise unknown(kind, name, known)


def _sizes_of(window: int, slots: int, width: int | None, stride: int | None) -> tuple[int, int]:
    if stride is None:
        stride = math.ceil(window * slots / PLACES)
        stride = stride if width is None else max(1, min(stride, width))
    if width is None:
        width = min(window, max(_SHORTEST, 2 * stride))
    if not 1 <= stride <= width <= window:
        raise OptionError(
            f"occlusion needs 1 <= stride <= width <= {window}, got stride {stride} and width {width}. Leave them out, "
            "or give a stride that leaves no sample out and a width within the window."
        )
    return width, stride


def _places(lengths: Tensor, window: int, width: int, stride: int) -> tuple[Tensor, Tensor]:
    """Gives the window and the first sample of each stretch; the last one of a window ends where that ends."""
    count = math.ceil((window - width) / stride) + 1
    first = stride * torch.arange(count, device=lengths.device)
    end = (lengths - width).clamp_min(0).unsqueeze(1)
    needed = (first == 0) | (first - stride < end)
    return needed.nonzero()[:, 0], first.minimum(end)[needed]


def _filled(x: Tensor, gone: Tensor, first: Tensor, last: Tensor, lengths: Tensor, filling: str) -> Tensor:
    """Fills what is gone (B, T, F) of windows, which reaches from a first sample to before a last one (B,)."""
    if filling == "zero":
        return x.masked_fill(gone, 0.0)
    rows = torch.arange(len(x), device=x.device)
    open_left, open_right = ((first == 0)[:, None], (last >= lengths)[:, None])
    left, right = x[rows, (first - 1).clamp_min(0)], x[rows, last.clamp_max(x.shape[1] - 1)]
    ends = torch.where(open_left, right, left), torch.where(open_right, left, right)
    low, high = (one.masked_fill(open_left & open_right, 0.0).unsqueeze(1) for one in ends)
    times = torch.arange(x.shape[1], dtype=x.dtype, device=x.device)
    share = (times - (first - 1)[:, None]) / (last - first + 1)[:, None]
    return torch.where(gone, low.lerp(high, share.unsqueeze(2)), x)


def _real(subject: Subject) -> Tensor:
    return subject.real.to(subject.x.device)


def _within(subject: Subject, values: Tensor, rows: Tensor | None = None) -> Tensor:
    """Puts 0 on padding of (B, R, T, F)."""
    real = _real(subject) if rows is None else _real(subject)[rows]
    return values.masked_fill(~real[:, None, :, None], 0.0)


def _found(
    subject: Subject, name: str, values: Tensor, begun: int, *, together: bool = False, gap: Tensor | None = None
) -> Attribution:
    return Attribution(
        name=name,
        values=values.float(),
        signed=bool(subject.classes),
        passes_per_window=(subject.meter.passed - begun) / max(1, len(subject)),
        together=together,
        gap=gap,
    )
