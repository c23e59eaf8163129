"""Gated recurrent units whose update gate is steered by a score per step, made elsewhere."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from heedful.attention.base import Axes, Cell, Weights, check_floating
from heedful.attention.cells.steps import GatedUnit, State, check_hidden, walk
from heedful.errors import ShapeError, unknown

_VARIANTS = ("paper", "code")


class _Scored(Cell):
    axes: ClassVar[Axes] = "B T"
    needs_context: ClassVar[bool] = True
    gates: ClassVar[int]

    def __init__(self, width: int, *, hidden: int | None = None) -> None:
        super().__init__(width, hidden)
        check_hidden(type(self).__name__, "hidden", hidden)
        self.unit = GatedUnit(width, self.output_width, gates=self.gates)

    def scores_of(self, x: Tensor, context: Tensor | None, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Checks the scores (B, T)."""
        if context is None or context.shape != x.shape[:2]:
            came = "none" if context is None else str(tuple(context.shape))
            raise ShapeError(
                f"{type(self).__name__} needs one score per step {tuple(x.shape[:2])} as its context, got {came}. "
                "Give the weights of an attention over these steps."
            )
        check_floating(self, context, "context")
        return context


class AGRU(_Scored):
    r"""Replaces the update gate of a GRU by an attention score.

        r = \sigma(W [x_t, h_{t-1}] + b),  c = tanh(W_c [x_t, r h_{t-1}] + b_c)
        h_t = (1 - a_t) h_{t-1} + a_t c

    The scores a (B, T) come from an attention elsewhere and are this cell's context; a step with score 0
    leaves the state as it is.

    Paper:   Zhou et al., "Deep Interest Evolution Network for Click-Through Rate Prediction", AAAI 2019,
             arXiv:1809.03672v5, equation 14; the unit is that of Xiong et al., arXiv:1603.01417v1.
    Differs: nothing in the numbers. The authors' code keeps the weights of the update gate, which no result
             depends on; they are left out here.

    Args:
        width: F, width of the inputs.
        hidden: D, width of the states; by default F.

    Shape:   (B, T, F) and scores (B, T) -> (B, T, D); weights (B, T), the scores.
    Raises:  OptionError if hidden is below 1; ShapeError for scores of another shape.

    >>> import torch
    >>> AGRU(4, hidden=6)(torch.zeros(2, 9, 4), torch.full((2, 9), 1 / 9)).shape
    torch.Size([2, 9, 6])
    """

    gates: ClassVar[int] = 1

    def unroll(
        self, x: Tensor, mask: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Weights | None]:
        """Gives the states and the scores."""
        scores = self.scores_of(x, context, mask)
        zeros = x.new_zeros(x.shape[0], self.output_width)

        def step(state: State, now: State) -> tuple[State, State]:
            (h,), (gates, candidate, a) = state, now
            r = self.unit.gate(gates, h)
            h = (1 - a) * h + a * self.unit.propose(candidate, r * h)
            return (h,), (h,)

        (states,) = walk(
            step, (zeros,), (*self.unit.read(x), scores.unsqueeze(-1).expand(*x.shape[:2], self.output_width)), mask
        )
        return states, scores


class AUGRU(_Scored):
    r"""Scales the update gate of a GRU by an attention score.

        [r, u] = \sigma(W [x_t, h_{t-1}] + b),  c = tanh(W_c [x_t, r h_{t-1}] + b_c)
        paper:  u' = a_t u,        h_t = (1 - u') h_{t-1} + u' c
        code:   u' = (1 - a_t) u,  h_t = u' h_{t-1} + (1 - u') c

    The scores a (B, T) come from an attention elsewhere and are this cell's context.

    Paper:   Zhou et al., "Deep Interest Evolution Network for Click-Through Rate Prediction", AAAI 2019,
             arXiv:1809.03672v5, equations 15 and 16.
    Differs: nothing with variant "paper". The authors' released code is variant "code", and no choice of
             parameters makes the two equal: in the paper a step with score 0 leaves the state as it is, in
             the code it is an ordinary step of a GRU.

    Args:
        width: F, width of the inputs.
        hidden: D, width of the states; by default F.
        variant: "paper" or "code", which of the two equations holds.

    Shape:   (B, T, F) and scores (B, T) -> (B, T, D); weights (B, T), the scores.
    Raises:  OptionError if hidden is below 1; UnknownName for an unknown variant; ShapeError for scores of
             another shape.

    >>> import torch
    >>> AUGRU(4, hidden=6)(torch.zeros(2, 9, 4), torch.full((2, 9), 1 / 9)).shape
    torch.Size([2, 9, 6])
    """

    gates: ClassVar[int] = 2

    def __init__(self, width: int, *, hidden: int | None = None, variant: str = "paper") -> None:
        super().__init__(width, hidden=hidden)
        self.variant = variant
        if variant not in _VARIANTS:
            raise unknown("variant", variant, _VARIANTS)

    def unroll(
        self, x: Tensor, mask: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Weights | None]:
        """Gives the states and the scores."""
        scores = self.scores_of(x, context, mask)
        zeros = x.new_zeros(x.shape[0], self.output_width)

        def step(state: State, now: State) -> tuple[State, State]:
            (h,), (gates, candidate, a) = state, now
            r, u = self.unit.gate(gates, h).chunk(2, -1)
            kept = 1 - a * u if self.variant == "paper" else (1 - a) * u
            h = kept * h + (1 - kept) * self.unit.propose(candidate, r * h)
            return (h,), (h,)

        (states,) = walk(
            step, (zeros,), (*self.unit.read(x), scores.unsqueeze(-1).expand(*x.shape[:2], self.output_width)), mask
        )
        return states, scores
