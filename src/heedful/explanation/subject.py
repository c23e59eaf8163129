"""What is explained: a trained network, the windows that it is asked about, and which of its answers is meant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from heedful.errors import OptionError

NUMBERS = 1 << 19
"""Numbers that are passed through a network at once."""
SIGNS = 4
"""Values up to which each is differentiated for itself; of more as many sums with random signs are."""
_DRAWS = 64
_STILL = 1e-6  # a deviation below which a value is the same for all windows


@dataclass(eq=False)
class Meter:
    """Counts what an explanation costs: windows passed forward, a pass back counting for two of them."""

    passed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A trained network and the windows it is asked about, as tensors; tables and recordings look alike from here.

    Args:
        net: the network, in eval mode.
        x: the windows as the network reads them, scaled, so that 0 is the mean of the train rows (n, T, F).
        beside: what the network reads of each window besides, each (n, ...) or None: known columns ahead of a table;
            lengths, and a speed where one is read, of recordings.
        truth: class of each window (n,), -1 where unknown, or its values as the network scales them (n, K), NaN where
            unknown.
        classes: names of the classes; empty for a network that gives values.
        outputs: names of the K numbers that the network gives: its classes, or the steps and targets of a forecast.
        columns: names of the F columns or channels.
        groups: the group of each window (n,), whole numbers: a recording, or a block of time. Windows of one group are
            never taken for independent.
        picked: which of the K numbers is meant (n,); by default the class that the network says. Empty for values:
            then all of `of` are meant.
        of: which of the K values are meant; all of them if empty.
        point: takes from what the network gives what it means: of a distribution its middle, of classes the scores that
            a temperature was found for.
        deviation: of each of the K values over the windows (K,), by which its change is measured; `settled` fills it
            in. Empty for classes.
        meter: counts the passes.

    Shape: `answers` (B, K); `scores` (B, R); `score`, `left` and `loss` (B,).
    """

    net: nn.Module
    x: Tensor
    beside: tuple[Tensor | None, ...]
    truth: Tensor
    classes: tuple[str, ...]
    outputs: tuple[str, ...]
    columns: tuple[str, ...]
    groups: np.ndarray
    picked: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    of: tuple[int, ...] = ()
    point: Callable[[Tensor], Tensor] = lambda raw: raw
    deviation: Tensor = field(default_factory=lambda: torch.empty(0))
    meter: Meter = field(default_factory=Meter)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def window(self) -> int:
        """T, samples or rows of a window."""
        return self.x.shape[1]

    @property
    def lengths(self) -> Tensor:
        """Real samples of each window (n,), counted from its start."""
        told = self.beside[0] if self.beside else None
        if told is not None and told.ndim == 1 and not told.is_floating_point():
            return told
        return torch.full((len(self.x),), self.window, dtype=torch.long, device=self.x.device)

    @property
    def real(self) -> Tensor:
        """Which samples of each window are real (n, T)."""
        return torch.arange(self.window, device=self.x.device) < self.lengths.to(self.x.device)[:, None]

    @property
    def batch(self) -> int:
        """Windows that are passed at once."""
        return max(1, NUMBERS // (self.window * self.x.shape[2]))

    def chunks(self, count: int) -> Iterator[slice]:
        """Cuts so many windows into batches."""
        for start in range(0, count, self.batch):
            yield slice(start, min(start + self.batch, count))

    def only(self, rows: Tensor | np.ndarray) -> Subject:
        """Gives the subject with some of its windows, by their numbers (m,)."""
        at = torch.as_tensor(rows, dtype=torch.long)
        return replace(
            self,
            x=self.x[at],
            beside=tuple(None if one is None else one[at] for one in self.beside),
            truth=self.truth[at],
            groups=self.groups[at.numpy()],
            picked=self.picked[at] if len(self.picked) else self.picked,
        )

    # --- asking -------------------------------------------------------------------------------------------------

    def answers(self, x: Tensor, rows: Tensor) -> Tensor:
        """Asks the network: scores of the classes, or values, of changed windows.

        Args:
            x: windows (B, T, F) in place of those of the numbers `rows` (B,), which give what stands beside.
        """
        self.meter.passed += len(x) * (3 if torch.is_grad_enabled() and x.requires_grad else 1)
        beside = [None if one is None else one[rows] for one in self.beside]
        while beside and beside[-1] is None:
            beside.pop()
        raw = self.net(x, *beside)
        return self.point(raw) if self.classes else self.point(raw).flatten(1)

    def undisturbed(self) -> Tensor:
        """What the network gives for the windows as they are (n, K), without gradient."""
        with torch.no_grad():
            rows = torch.arange(len(self), device=self.x.device)
            return torch.cat([self.answers(self.x[some], rows[some]) for some in self.chunks(len(self))])

    def settled(self) -> Subject:
        """Gives the subject with what its scores need, where it lacks it.

        That is `picked`, the class that the network says, or `deviation`, how much each value varies over the windows.
        """
        if len(self.picked if self.classes else self.deviation):
            return self
        given = self.undisturbed()
        return replace(self, picked=given.argmax(1)) if self.classes else replace(self, deviation=_deviation(given))

    @property
    def scored(self) -> int:
        """R, how many numbers are explained: 1 of a class, one of each value that is meant, but `SIGNS` at most."""
        return 1 if self.classes else min(len(self.of) or len(self.deviation), SIGNS)

    def score(self, x: Tensor, rows: Tensor) -> Tensor:
        """Gives the one number that is explained (B,), with its gradient: `scores` of a class or of one value.

        Raises: OptionError where several values are meant.
        """
        if self.scored > 1:
            raise OptionError(
                f"score needs one value that is meant, got {len(self.of) or len(self.deviation)}. Take "
                "subject.scores(), or name one by `of`."
            )
        return self.scores(x, rows).squeeze(1)

    def scores(self, x: Tensor, rows: Tensor) -> Tensor:
        r"""Gives the numbers that are explained, with their gradients.

        Of a class its log odds, s_k - \log \sum_{j \ne k} e^{s_j}. Of values each that is meant, in deviations over the
        windows, y_k / d_k; of more than `SIGNS` the sums \sum_k r_k y_k / (d_k \sqrt{R}) with random signs r, others in
        each of `_DRAWS` windows. Squares of gradients are to be added over the R numbers, so that no value cancels
        another: the mean over draws of that sum is the sum over the values (Hutchinson 1990).

        Args:
            x: windows (B, T, F) in place of those of the numbers `rows` (B,).
            rows: numbers of the windows.

        Shape:  (B, R).

        Raises: OptionError for a subject that is not settled.
        """
        if not len(self.picked if self.classes else self.deviation):
            what = "classes that are meant" if self.classes else "deviation of its values"
            raise OptionError(f"Subject needs the {what}, got none. Take subject.settled().")
        raw = self.answers(x, rows)
        if self.classes:
            own = self.picked[rows].unsqueeze(1)
            others = raw.scatter(1, own, -torch.inf)
            return raw.gather(1, own) - others.logsumexp(1, keepdim=True)
        values = self._meant(raw / self.deviation.to(raw))
        count = values.shape[1]
        if count <= SIGNS:
            return values
        draw = torch.Generator().manual_seed(0)
        signs = (2 * torch.randint(2, (_DRAWS, SIGNS, count), generator=draw) - 1).to(values)
        return torch.einsum("bk,brk->br", values, signs[rows.to(signs.device) % _DRAWS]) / math.sqrt(SIGNS)

    def slopes(self, scores: Tensor, leaves: Sequence[Tensor]) -> Iterator[tuple[Tensor, ...]]:
        """Gives the gradients of each column of the scores (B, R) by some tensors, zeros where nothing depends on one.

        All share one pass forward; each further pass back counts for two.
        """
        for number in range(scores.shape[1]):
            self.meter.passed += 2 * len(scores) * (number > 0)
            last = number + 1 == scores.shape[1]
            yield torch.autograd.grad(
                scores[:, number].sum(), leaves, retain_graph=not last, allow_unused=True, materialize_grads=True
            )

    def left(self, raw: Tensor, rows: Tensor, before: Tensor) -> Tensor:
        r"""Says how much of an answer is left when a window was changed: 1 where it is as before.

        Of a class its probability; of values 1 - mean |y' - y| / deviation of y over all windows.

        Args:
            raw: the answers to changed windows (B, K).
            rows: numbers of the windows (B,).
            before: the answers to the windows as they are (n, K).
        """
        if self.classes:
            return raw.softmax(1).gather(1, self.picked[rows].unsqueeze(1)).squeeze(1)
        own, old = self._meant(raw), self._meant(before)
        spread = _deviation(old)
        return 1 - ((own - old[rows]).abs() / spread).mean(1)

    def loss(self, raw: Tensor, rows: Tensor) -> Tensor:
        """Gives what an answer costs, NaN where the truth is unknown: cross entropy, or mean absolute scaled error."""
        truth = self.truth[rows]
        if self.classes:
            cost = nn.functional.cross_entropy(raw, truth.clamp_min(0), reduction="none")
            return cost.masked_fill(truth < 0, torch.nan)
        return self._meant(raw - truth).abs().nanmean(1)

    def _meant(self, values: Tensor) -> Tensor:
        return values[:, list(self.of)] if self.of else values


def _deviation(values: Tensor) -> Tensor:
    """Gives the deviation of each of (n, K) over the windows; 1, that of the train rows, where all are the same."""
    spread = values.std(0, correction=0)
    return torch.where(spread > _STILL, spread, 1.0)


@contextmanager
def differentiable(net: nn.Module) -> Iterator[None]:
    """Lets recurrences in eval mode be differentiated on a GPU, whose fused kernels refuse it; weights stay fixed."""
    asked = [one for one in net.parameters() if one.requires_grad]
    for one in asked:
        one.requires_grad_(False)
    try:
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        for one in asked:
            one.requires_grad_(True)
