"""What all mechanisms share whose weights are changed on their way to the values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from heedful.attention import base
from heedful.attention.base import Weights, axes_of
from heedful.errors import ShapeError

Change = Callable[[str, str, Tensor, tuple[str, ...], Tensor | None], Tensor]
"""Name of the mechanism, part, weights, names of their axes, and where they may stand, give the changed weights."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Steering:
    """Who changes a mechanism's weights, under which name, and the class that it has otherwise."""

    name: str
    change: Change
    real: type[Any]


class Steered(nn.Module):
    """Hands the weights that it formed to whoever steers it, and goes on with those that come back."""

    steering: Steering

    def changed(
        self,
        weights: Weights,
        *,
        time: Tensor | None = None,
        keys: Tensor | None = None,
        near: Tensor | None = None,
    ) -> Any:
        """Gives the changed weights, nothing where none may stand.

        Args:
            weights: as formed.
            time: which steps of the input, and so of its queries, are real (B, T).
            keys: which steps of what is looked at are real (B, K).
            near: which keys (Q, K) a query may see at all.
        """
        parts = weights if isinstance(weights, dict) else {"": weights}
        found = {part: self._one(part, w, time, keys, near) for part, w in parts.items()}
        return found if isinstance(weights, dict) else found[""]

    def _one(self, part: str, w: Tensor, time: Tensor | None, keys: Tensor | None, near: Tensor | None) -> Tensor:
        axes = axes_of(self, part, w.ndim)
        places = where(w, axes, time=time, keys=keys, near=near)
        new = self.steering.change(self.steering.name, part, w, axes, places)
        if new.shape != w.shape:
            raise ShapeError(
                f"steered needs changed weights of the shape that came, {tuple(w.shape)} for "
                f"{self.steering.name or type(self).__name__}, got {tuple(new.shape)}. Change numbers only."
            )
        return new if places is None else new.masked_fill(~places, 0.0)


_KINDS: dict[tuple[type, type], type] = {}


@contextmanager
def turned(module: nn.Module, mixin: type[Steered], name: str, change: Change) -> Iterator[None]:
    """Gives a module the class of a steered one while the block runs."""
    real = type(module)
    if (mixin, real) not in _KINDS:
        _KINDS[mixin, real] = type(f"Steered{real.__name__}", (mixin, real), {"__doc__": mixin.__doc__})
    module.__dict__["steering"] = Steering(name=name, change=change, real=real)
    module.__class__ = _KINDS[mixin, real]
    try:
        yield
    finally:
        module.__class__ = real
        del module.__dict__["steering"]


def where(
    weights: Tensor,
    axes: tuple[str, ...],
    *,
    time: Tensor | None = None,
    keys: Tensor | None = None,
    near: Tensor | None = None,
) -> Tensor | None:
    """Says where weights may stand, in a shape that broadcasts to theirs; None where they may stand anywhere.

    Keys that no mask is for, such as pooled ones, are those that get any weight.
    """
    found: Tensor | None = None

    def meet(places: Tensor, first: int, *rest: int) -> None:
        nonlocal found
        shape = [1] * weights.ndim
        for axis in (first, *rest):
            shape[axis] = weights.shape[axis]
        places = places.reshape(shape)
        found = places if found is None else found & places

    for axis, (name, size) in enumerate(zip(axes, weights.shape, strict=True)):
        if time is not None and name in ("time", "query", "lag") and size == time.shape[1]:
            meet(time, 0, axis)
        if keys is not None and name == "key":
            held = keys
            if size != keys.shape[1]:
                held = (weights.detach() != 0).flatten(1, axis - 1).any(1)
            meet(held, 0, axis)
        if near is not None and name == "key":
            meet(near, axis - 1, axis)
    return found


@contextmanager
def wanted(module: nn.Module) -> Iterator[None]:
    """Lets a mechanism form the weights that it forms for whoever looks at them only."""
    recorder = base.Recorder({id(module): ""})
    base._recorders.append(recorder)
    try:
        yield
    finally:
        base._recorders.remove(recorder)


@contextmanager
def learning_once(module: nn.Module) -> Iterator[Callable[[], None]]:
    """Lets batch norms learn from what the changed weights give, not from the pass that forms the weights as well.

    Gives what is to be called between the two; a norm that the second pass does not reach keeps what the first taught.
    """
    known = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    known = [layer for layer in known if layer.training and layer.track_running_stats]
    before = {id(layer): [buffer.clone() for buffer in layer.buffers()] for layer in known}
    hooks: list[Any] = []

    def restore(layer: nn.Module, given: Any) -> None:  # noqa: ARG001
        for buffer, value in zip(layer.buffers(), before[id(layer)], strict=True):
            # By its data: the pass before may want to go back through the norm.
            buffer.data.copy_(value)

    def formed() -> None:
        hooks.extend(layer.register_forward_pre_hook(restore) for layer in known)

    try:
        yield formed
    finally:
        for hook in hooks:
            hook.remove()
