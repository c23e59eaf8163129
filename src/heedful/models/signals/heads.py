"""Heads: what the numbers mean that a model of signals gives, and what they cost where they are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from heedful.errors import OptionError, ShapeError
from heedful.models.signals.shape import SignalShape


@dataclass(frozen=True)
class ClassHead:
    r"""Takes the numbers as scores of classes.

        p = softmax(raw),  q'_k = (1 - s) a_k q_k + s / K \sum_j a_j q_j,  loss = - \sum_k q'_k (1 - p_k)^g ln p_k

    q is one at the class of a label, or the soft target itself; without weights a, smoothing s and focal g it is
    cross entropy. A window weighs as its own class does, also in what smoothing spreads over the others: else a rare
    class of large weight would be called for windows of any. Weights multiply the loss of each class and are not
    divided out again, so that a loss of one window depends on no other; give weights whose mean over the training
    windows is 1.

    Paper:   focal loss: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, arXiv:1708.02002v2, equation 5;
             label smoothing: Szegedy et al., CVPR 2016, arXiv:1512.00567v3, section 7.
    Differs: the focal loss is the paper's for one of K classes in place of one of two; with smoothing or soft targets
             every class has its own term.

    Args:
        classes: K, number of classes.
        weights: one for each class.
        focal: g, how much less what is known well counts; None or 0 for cross entropy.
        smoothing: s, share of each target that is spread over all classes.

    Shape:   raw (..., K); labels (...) or soft targets (..., K) -> loss (...), one for each window.
    Raises:  OptionError for weights that are not K numbers above 0, a negative focal, or a smoothing outside [0, 1).

    >>> head = ClassHead(3)
    >>> head.loss(torch.zeros(2, 3), torch.tensor([0, 2])).tolist()
    [1.0986123085021973, 1.0986123085021973]
    """

    classes: int
    weights: tuple[float, ...] | None = None
    focal: float | None = None
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.weights is not None:
            object.__setattr__(self, "weights", tuple(float(weight) for weight in self.weights))
            if len(self.weights) != self.classes or min(self.weights) <= 0:
                raise OptionError(
                    f"ClassHead needs {self.classes} weights above 0, one for each class, got {self.weights}. Give "
                    "each class one, in the order of the classes."
                )
        if self.focal is not None and self.focal < 0:
            raise OptionError(f"ClassHead needs a focal of at least 0, got {self.focal}. Give 2, as its paper does.")
        if not 0 <= self.smoothing < 1:
            raise OptionError(f"ClassHead needs smoothing from 0 to below 1, got {self.smoothing}. Give a share.")

    @property
    def outputs(self) -> int:
        """K."""
        return self.classes

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Gives the loss of every window; labels are whole numbers, soft targets shares of the classes.

        Raises: ShapeError for scores of another width, and for targets that are neither.
        """
        raw, soft = _exact(raw), y.ndim == raw.ndim
        if raw.shape[-1] != self.classes or y.shape != (raw.shape if soft else raw.shape[:-1]):
            raise ShapeError(
                f"ClassHead needs scores (..., {self.classes}) and for each window a label, or {self.classes} shares, "
                f"got {tuple(raw.shape)} and {tuple(y.shape)}. Give one target a window."
            )
        if soft != y.is_floating_point():
            raise ShapeError(
                f"ClassHead needs whole numbers as labels (B,) or shares as soft targets (B, K), got {y.dtype} of "
                f"shape {tuple(y.shape)}. Convert labels with .long(), shares with .float()."
            )
        logs = functional.log_softmax(raw, -1)
        if not (soft or self.weights or self.focal or self.smoothing):
            return -logs.gather(-1, y.unsqueeze(-1)).squeeze(-1)
        targets = y.to(logs) if soft else functional.one_hot(y.long(), self.classes).to(logs)
        if self.weights is not None:
            targets = targets * logs.new_tensor(self.weights)
        targets = (1 - self.smoothing) * targets + self.smoothing * targets.mean(-1, keepdim=True)
        terms = -targets * logs
        if self.focal:
            # A power below one has no finite slope at zero, where a window is told with certainty.
            terms = terms * (1 - logs.exp()).clamp_min(torch.finfo(logs.dtype).tiny).pow(self.focal)
        return terms.sum(-1)

    def probabilities(self, raw: Tensor) -> Tensor:
        """Gives the probability of every class (..., K)."""
        return _exact(raw).softmax(-1)

    def point(self, raw: Tensor) -> Tensor:
        """Gives the likeliest class, as a whole number (...)."""
        return raw.argmax(-1)


@dataclass(frozen=True)
class ValueHead:
    """Takes the number as the value itself, with the squared error as its loss.

    Shape:   raw (..., 1), values (...) -> loss (...).

    >>> ValueHead().loss(torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, 1.0])).tolist()
    [0.0, 4.0]
    """

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Gives the squared error of every window.

        Raises: ShapeError for values that are not one a window: (B, 1) against (B,) would broadcast to (B, B).
        """
        if raw.shape != (*y.shape, 1):
            raise ShapeError(
                f"ValueHead needs one value for each number (..., 1), got {tuple(raw.shape)} and {tuple(y.shape)}. "
                "Give values (B,)."
            )
        return (raw.squeeze(-1) - y).square()

    def probabilities(self, raw: Tensor) -> Tensor:
        """Refuses: a number has no classes.

        Raises: OptionError, always.
        """
        raise OptionError(
            f"Probabilities are those of classes, got a model of one number {tuple(raw.shape)}. Ask for its point, or "
            "build it with classes."
        )

    def point(self, raw: Tensor) -> Tensor:
        """Gives the value (...)."""
        return raw.squeeze(-1)


SignalHead = ClassHead | ValueHead


def build(shape: SignalShape) -> SignalHead:
    """Builds the head for a shape: classes, or one number.

    >>> build(SignalShape(1, 0, 24))
    ValueHead()
    """
    return ClassHead(shape.classes) if shape.classes else ValueHead()


def _exact(raw: Tensor) -> Tensor:
    """Gives at least single precision: logarithms of half-precision numbers are too coarse to learn from."""
    return raw.to(torch.promote_types(raw.dtype, torch.float32))
