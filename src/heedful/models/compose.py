"""Composes a model from a plan; the only place where axes are transposed.

Letters in shapes: B batch, T window, F inputs, K known columns, C channels, D states, P horizon, M targets, Q numbers
of the head for each value, E width of the channel embedding, N batch of the encoder: B, or B M where each target is
forecast on its own.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from heedful.attention.base import check_floating
from heedful.errors import OptionError, ShapeError
from heedful.models import decoders, heads, places, plan, recurrent, stems
from heedful.models.centre import Centre
from heedful.models.shape import Shape

Array = np.ndarray[Any, Any]

_KNOWN_WIDTH = 32


def compose(plan: plan.Plan, shape: Shape) -> Composed:
    """Builds the model that a plan describes.

    Args:
        plan: the parts.
        shape: what the model reads and gives.

    Raises: OptionError for parts that do not fit each other, with what fits; UnknownName for unknown mechanisms.

    >>> from heedful.models.plan import Plan, Parallel, Recurrence, Segments
    >>> parts = Plan(stem=Segments(length=12), recurrence=Recurrence(kind="gru"), decoder=Parallel(segment=12))
    >>> compose(parts, Shape(96, 7, 24, targets=(0, 6)))(torch.zeros(5, 96, 7)).shape
    torch.Size([5, 24, 2])
    """
    return Composed(plan, shape)


class Encoder(nn.Module):
    """Turns windows into states: stem, map attention, recurrence, attention.

    `width` is D, `steps` how many states there are, `pooled` the width of the vector that a pooling gives beside
    them, None without one.

    Shape:   (N, T, F) and the past of the targets (N, T, M) -> states (N, T', D), pooled (N, D_out) or None.
    """

    def __init__(self, plan: plan.Plan, *, features: int, targets: int, window: int) -> None:
        super().__init__()
        self.beside = plan.recurrence.beside
        self.stem = stems.build(plan.stem, features)
        self.steps, self.width = self.stem.steps(window), self.stem.channels
        self.map_attention = None
        if plan.map_attention is not None:
            self.map_attention = places.on_map(plan.map_attention, self.width, self.steps)
            self.width = self.map_attention.output_channels
        self.recurrence = recurrent.build(plan.recurrence, features if self.beside else self.width, self.steps)
        if self.recurrence is not None:
            self.width = cast("int", self.recurrence.width) + (self.width if self.beside else 0)
        self.attention = None
        self.pooled: int | None = None
        if plan.attention is not None:
            self.attention = places.on_states(plan.attention, self.width, self.steps, targets, window=window)
            if isinstance(self.attention, places.Pooling):
                self.pooled = self.attention.width
            else:
                self.width = self.attention.width
            if isinstance(self.attention, places.Decoding):
                self.steps = window

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor | None]:
        z = self.stem(x.transpose(-1, -2))
        if self.map_attention is not None:
            z = self.map_attention(z)
        states = z.transpose(-1, -2)
        if self.recurrence is not None:
            read = self.recurrence(x if self.beside else states)
            states = torch.cat((states, read), -1) if self.beside else read
        if self.attention is None:
            return states, None
        found = self.attention(states, past)
        return (found, None) if self.pooled is None else (states, found)


class Composed(nn.Module):
    """Forecasts from windows as its plan says; `compose` builds it.

    `head` says what the numbers mean that come out; the linear skip and the centre are already within them.

    Shape:   x (B, T, F) and, if there are known columns, future (B, P, K) -> (B, P) for one target, (B, P, M) for
             several; with the head of a distribution (B, P, Q) or (B, P, M, Q).
    Raises:  ShapeError for windows or a future of another shape.
    """

    columns: Tensor | None
    targets: Tensor | None
    share: Tensor | None

    def __init__(self, plan: plan.Plan, shape: Shape) -> None:
        super().__init__()
        _check_parts(plan)
        self.plan = plan
        self.shape = shape
        self.head = heads.build(plan.head)
        self.centre = Centre(plan.centre, shape.features, (*shape.known, *shape.flags))
        targets, independent = len(shape.targets), plan.channels == "independent"
        # A model without numbers outside its layers can be trained for many seeds at once.
        columns = _columns_of_each(shape) if independent else None
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("targets", torch.tensor(shape.targets) if shape.multiple else None, persistent=False)
        features, values = (shape.features, targets) if columns is None else (columns.shape[1], 1)
        self.encoder = Encoder(plan, features=features, targets=values, window=shape.window)
        self.embedding = nn.Embedding(targets, plan.embedding) if plan.embedding else None
        self.decoder = decoders.build(
            plan.decoder,
            states=self.encoder.width,
            steps=self.encoder.steps,
            horizon=shape.horizon,
            outputs=values * self.head.outputs,
            pooled=self.encoder.pooled,
            embedding=plan.embedding,
            known=len(shape.known),
            dropout=plan.dropout,
        )
        self.known = _known(len(shape.known), values * self.head.outputs)
        self.skip = None if plan.skip is None else _skip(plan.skip, shape, cast("nn.Linear", self.decoder.output))
        self.register_buffer("share", torch.ones(()) if self.blends else None)

    def forward(self, x: Tensor, future: Tensor | None = None) -> Tensor:
        self._check(x, future)
        centred, offset, factor = self.centre(x)
        raw = self._forecast(centred, future)
        if offset is not None:
            offset = self._own(offset)
        if factor is not None:
            factor = self._own(factor)
        if self.blends:
            raw = self._mixed(raw, centred)
        elif self.skip is not None:
            line = self._line(centred)
            line = line if factor is None else line * factor
            offset = line if offset is None else offset + line
        return raw if offset is None else self.head.shift(raw, offset, factor)

    @property
    def blends(self) -> bool:
        """Whether the linear map is mixed with the network's forecast by `share`, which is settled after training."""
        return isinstance(self.plan.skip, plan.Blend)

    def start_skip(self, weight: Tensor | Array, bias: Tensor | Array) -> None:
        """Starts the linear skip from weights found elsewhere, such as a ridge regression in closed form.

        Args:
            weight: from the centred window of a target to its horizon, both as the plan's centre measures them.
            bias: one for each step of the horizon.

        Shape:  weight (P, T), bias (P,).
        Raises: OptionError without a skip; ShapeError for weights of another shape.
        """
        if self.skip is None:
            raise OptionError(
                "start_skip needs a plan with a linear skip, got none. Give it skip=LinearSkip() or Blend()."
            )
        weight, bias = torch.as_tensor(weight), torch.as_tensor(bias)
        if weight.shape != self.skip.weight.shape or bias.shape != self.skip.bias.shape:
            raise ShapeError(
                f"start_skip needs a weight {tuple(self.skip.weight.shape)} and a bias {tuple(self.skip.bias.shape)}, "
                f"got {tuple(weight.shape)} and {tuple(bias.shape)}. Give one row for each step of the horizon."
            )
        with torch.no_grad():
            self.skip.weight.copy_(weight)
            self.skip.bias.copy_(bias)

    def _forecast(self, x: Tensor, future: Tensor | None) -> Tensor:
        """Gives what the head reads, as if the centre were all there is."""
        targets, channel, seen = len(self.shape.targets), None, future
        if self.columns is None:
            target = self.shape.target
            past = x[..., target : target + 1] if self.targets is None else self._own(x)
        else:
            batch = x.shape[0]
            x = x[..., self.columns].transpose(1, 2).flatten(0, 1)
            past = x[..., :1]
            if future is not None:
                seen = future.unsqueeze(1).expand(-1, targets, -1, -1).flatten(0, 1)
            if self.embedding is not None:
                channel = self.embedding.weight.expand(batch, -1, -1).flatten(0, 1)
        states, pooled = self.encoder(x, past)
        raw: Tensor = self.decoder(states, pooled, seen, channel)
        if self.columns is not None:
            raw = torch.unflatten(raw, 0, (-1, targets)).transpose(1, 2).flatten(2)
        if self.known is not None:
            of_known = self.known(future)
            raw = raw + (of_known if self.columns is None else of_known.repeat(1, 1, targets))
        if self.shape.multiple:
            raw = torch.unflatten(raw, -1, (targets, self.head.outputs))
        return raw.squeeze(-1) if isinstance(self.plan.head, plan.Point) else raw

    def _mixed(self, raw: Tensor, x: Tensor) -> Tensor:
        """Moves the network's forecast towards the line, but in training, where it learns alone."""
        if self.training:
            return raw
        share = cast("Tensor", self.share)
        return self.head.shift(raw, (1 - share) * (self._line(x) - self.head.point(raw)))

    def _own(self, x: Tensor) -> Tensor:
        """Takes the columns of the targets: (B, T, F) -> (B, T) for one, (B, T, M) for several."""
        return x[..., self.shape.target] if self.targets is None else x.index_select(-1, self.targets)

    def _line(self, x: Tensor) -> Tensor:
        """Gives the linear skip, (B, P) or (B, P, M)."""
        skip, own = cast("nn.Linear", self.skip), self._own(x)
        line: Tensor = skip(own) if self.targets is None else skip(own.transpose(-1, -2)).transpose(-1, -2)
        return line

    def _check(self, x: Tensor, future: Tensor | None) -> None:
        shape = self.shape
        fixed = self.skip is not None or isinstance(self.plan.decoder, plan.Flatten)
        if x.ndim < 3 or x.shape[-1] != shape.features or (fixed and x.shape[-2] != shape.window):
            raise ShapeError(
                f"This model was built for windows (B, {shape.window if fixed else 'T'}, {shape.features}), got "
                f"{tuple(x.shape)}. Build it for the windows as they come, batch first."
            )
        check_floating(self, x, "window")
        wanted = (x.shape[0], shape.horizon, len(shape.known))
        if (future is None) == bool(shape.known) or (future is not None and future.shape != wanted):
            came = "none" if future is None else str(tuple(future.shape))
            needs = f"a future {wanted}" if shape.known else "no future"
            raise ShapeError(
                f"This model was built with {len(shape.known)} known columns and needs {needs}, got {came}. Give the "
                "values of the known columns over the horizon, or build it with other known columns."
            )
        if future is not None:
            check_floating(self, future, "future")


def _check_parts(parts: plan.Plan) -> None:
    if parts.embedding and parts.channels != "independent":
        raise OptionError(
            f"A channel embedding tells targets apart that are forecast on their own, got embedding={parts.embedding} "
            "with mixed channels. Take channels='independent', or embedding=0."
        )
    if parts.recurrence.beside and (parts.recurrence.kind == "none" or isinstance(parts.stem, plan.Segments)):
        raise OptionError(
            "A recurrence beside the stem needs a kind and as many steps as the stem gives, got "
            f"kind='{parts.recurrence.kind}' beside {type(parts.stem).__name__}. Take another stem, or beside=False."
        )


def _columns_of_each(shape: Shape) -> Tensor:
    """Gives the columns (M, F') that each target is forecast from: its own first, then those that are no target."""
    others = [column for column in range(shape.features) if column not in shape.targets]
    return torch.tensor([[target, *others] for target in shape.targets])


def _known(columns: int, outputs: int) -> nn.Sequential | None:
    """Builds what the known columns of a step add to its forecast: nothing at first."""
    if not columns:
        return None
    last = nn.Linear(_KNOWN_WIDTH, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(columns, _KNOWN_WIDTH), nn.ReLU(), last)


def _skip(part: plan.Skip, shape: Shape, output: nn.Linear) -> nn.Linear:
    """Builds the linear skip, at zero; a deep branch that is added to it starts at zero too."""
    skip = nn.Linear(shape.window, shape.horizon)
    blends = isinstance(part, plan.Blend)
    for layer in (skip,) if blends else (skip, output):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return skip.requires_grad_(not (isinstance(part, plan.Blend) or part.frozen))
