"""Trains all seeds of one small model at once: every layer carries the weights of S models.

At a window of 5 and 16 units a training step spends its time on starting operations, not on arithmetic, so
ten models in one step cost little more than one. `stack` swaps a model's leaf layers for twins that work on
(S, B, ...); the model's own forward runs unchanged, provided that it names axes from the end only (-1 is the
last) and that layers hold all its weights.

Adam and AdamW act on each number alone, so the sum of the S losses trains S models that know nothing of each
other: each equals its separate run. Dropout draws over the whole of (S, B, ...), a mask for each seed.

Letters in shapes: S seeds, B batch, T time, F features, P horizon.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from heedful.errors import HeedfulError, OptionError
from heedful.train.twins import PASSING, TWINS, Twin

# A stacked recurrence is stepped through in Python; an ordinary one runs in one fused kernel. At 16 units and 12
# steps ten seeds stacked are two to three times as fast as one by one, little more than two processes give.
LONGEST_RECURRENCE = 12


def stackable(model: nn.Module, *, window: int, features: int) -> bool:
    """Says whether training several seeds of this model stacked is possible, exact and worth it.

    True if every layer has a twin, no recurrence sees more than 12 steps, and copies with different weights
    give stacked what each gives alone.

    Args:
        window: T, length of the windows the model will read.
        features: F, their number of variables.
    """
    if _misfit(model) is not None:
        return False
    sizes = iter(n for n in range(2, 6) if n not in (window, features))
    seeds, batch = next(sizes), next(sizes)  # sizes that differ from T and F show an axis taken for another
    models = [copy.deepcopy(model).eval() for _ in range(seeds)]
    reference = next(model.parameters(), torch.empty(0))
    drawn = torch.randn(seeds, batch, window, features, generator=torch.Generator().manual_seed(0))
    x = drawn.to(reference)
    steps: list[int] = []
    for layer in models[0].modules():
        if isinstance(layer, nn.RNNBase):
            layer.register_forward_pre_hook(lambda _, inputs: steps.append(inputs[0].shape[-2]))
    with torch.no_grad():
        for parameter in (p for m in models[1:] for p in m.parameters()):
            parameter.mul_(-0.9)
        try:
            alone = [_tensors(m(x[i])) for i, m in enumerate(models)]
            if max(steps, default=0) > LONGEST_RECURRENCE:
                return False
            together = _tensors(stack(models)(x))
        except (HeedfulError, ValueError, TypeError, IndexError, RuntimeError):
            return False
    return all(
        b.shape == (seeds, *a.shape) and torch.allclose(a, b[i], rtol=1e-3, atol=1e-4)
        for i, one in enumerate(alone)
        for a, b in zip(one, together, strict=True)
    )


def stack(models: Sequence[nn.Module]) -> nn.Module:
    """Builds one model that computes what all these models compute, on a leading seed axis.

    The models are left as they are. Every parameter and buffer of the result starts with the seed axis, so
    gradients can be clipped, and weights copied, seed by seed.

    Args:
        models: models of one build, differing in their weights only.

    Shape:  if a model maps (B, T, F) to (B, P), the result maps (S, B, T, F) to (S, B, P).
    Raises: OptionError if there is no model, if they differ in build, or if a layer has no twin.

    >>> models = [nn.Linear(3, 2) for _ in range(5)]
    >>> x = torch.rand(5, 7, 3)
    >>> together = stack(models)(x)
    >>> together.shape, torch.allclose(together[4], models[4](x[4]), atol=1e-6)
    (torch.Size([5, 7, 2]), True)
    """
    if not models:
        raise OptionError("stack needs at least one model, got none. Give one freshly built model per seed.")
    first = models[0]
    for i, other in enumerate(models):
        if _build(other) != _build(first):
            raise OptionError(
                f"stack needs models of one build, got at {i} a {type(other).__name__} with other layers or "
                f"weights than the first, a {type(first).__name__}. Build all with the same options."
            )
    misfit = _misfit(first)
    if misfit is not None:
        raise OptionError(f"stack has no twin for {misfit}. Train these models one after the other.")
    result = copy.deepcopy(first)
    twins: dict[int, Twin] = {}
    for name, layer in first.named_modules(remove_duplicate=False):
        kind = TWINS.get(type(layer))
        if kind is None:
            continue
        if id(layer) not in twins:
            twins[id(layer)] = kind([m.get_submodule(name) for m in models]).train(layer.training)
        if not name:
            return twins[id(layer)]
        owner, _, last = name.rpartition(".")
        setattr(result.get_submodule(owner), last, twins[id(layer)])
    return result


def unstack(stacked: nn.Module, index: int) -> dict[str, Tensor]:
    """Gives the ordinary state dict of one of the stacked models: the originals' names and shapes.

    The tensors may share memory with the stacked model; clone them to keep them while training goes on.

    Args:
        stacked: what `stack` built.
        index: which of the models, counted as they were given.

    >>> models = [nn.Linear(3, 2) for _ in range(5)]
    >>> unstack(stack(models), 4)["weight"].equal(models[4].weight)
    True
    """
    return {
        f"{prefix}.{name}" if prefix else name: value.detach()
        for prefix, module in stacked.named_modules(remove_duplicate=False)
        if isinstance(module, Twin)
        for name, value in module.state_of(index).items()
    }


def clip_gradients(net: nn.Module, largest: float, lanes: int) -> None:
    """Clips the norm of the gradient, seed by seed where a net has several as lanes."""
    if lanes == 1:
        torch.nn.utils.clip_grad_norm_(net.parameters(), largest)
        return
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    norm = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
    scale = (largest / (norm + 1e-6)).clamp_max(1.0)
    for g in gradients:
        g.mul_(scale.view(-1, *[1] * (g.ndim - 1)))


def _misfit(model: nn.Module) -> str | None:
    """Names what cannot carry a seed axis, as far as the layers' kinds and options show."""
    for name, module in model.named_modules():
        kind = TWINS.get(type(module))
        if kind is not None:
            fits = kind.serves(module) and len({p.requires_grad for p in module.parameters()}) <= 1
        else:
            owns = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
            foreign = type(module).__module__.startswith("torch.nn.") and not isinstance(module, PASSING)
            fits = not owns and not foreign
        if not fits:
            return f"{name or 'the model'} = {module}"
    owned = [id(p) for module in model.modules() for p in module.parameters(recurse=False)]
    return None if len(owned) == len(set(owned)) else "a weight that two layers share"


def _build(model: nn.Module) -> list[tuple[str, object]]:
    """What models must have in common to be stacked."""
    kinds = [(name, type(module)) for name, module in model.named_modules(remove_duplicate=False)]
    return [*kinds, *((name, value.shape) for name, value in model.state_dict().items())]


def _tensors(output: Any) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else [t for t in output if isinstance(t, Tensor)]
