"""What weights on states mean for the samples behind them: pushed through the Jacobian, and by the size of values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from heedful.attention.base import Cell, MapAttention, SequenceAttention, StateAttention
from heedful.attention.cells.decoder import Decoder
from heedful.attention.cells.lstmn import LSTMN
from heedful.attention.states.pma import PMA
from heedful.errors import OptionError
from heedful.explanation.looks import Look
from heedful.explanation.readings import shares
from heedful.explanation.subject import Subject, differentiable
from heedful.explanation.watching import Seen, states_of, watch, watched

_FORWARD = 16
_GRADIENTS = 8
_NUMBERS = 1 << 22


def pushed(subject: Subject, look: Look, *, probes: int = 40, seed: int = 0) -> np.ndarray:
    r"""Pushes weights on states to the samples that the states are made of, through the Jacobian.

        m_t = \sum_j |w_j| |J_{jt}|^2 / N_j,   J_{jt} = dh_j / dx_t,   N_j = \sum_t |J_{jt}|^2

    |J| is the Frobenius norm, over the numbers of a state and the columns. Each state hands on exactly its weight, in
    shares of how much it changes with each sample, squared: a state of a recurrence holds its whole past, and this says
    which part of it. Squares are taken because they need no Jacobian of each state by itself: for signs r and s,

        N_j = E_s |\sum_t J_{jt} s_t|^2,   m_t = E_r |\sum_j J_{jt}^T r_j \sqrt{|w_j| / N_j}|^2.

    The first mean is over forward passes of windows that are moved by a little, the second over passes back, all
    through one graph, so that the cost does not grow with the number of states: about 17 + 2 `probes` passes a window.
    Both are unbiased (Hutchinson 1990); a single value has a relative deviation of up to sqrt(2 / probes), 0.22 at 40,
    less where a window has several columns. The shares are scaled so that each window hands on all of its weight.

    Args:
        subject: the network and windows that the look is of.
        look: a look that speaks of time.
        probes: passes back.
        seed: draws the signs.

    Shape:  (n, T), 0 in padding.
    Raises: OptionError for a look that speaks of no times, or no probes.
    """
    if look.time is None or look.reach is None or probes < 1:
        raise OptionError(
            f"pushed needs weights over time and at least 1 probe, got {look.name}, which weighs "
            f"{' and '.join(look.speaks) or 'nothing'}, and {probes}. Take a look with `time`."
        )
    generator = torch.Generator().manual_seed(seed)
    weights = torch.from_numpy(np.abs(look.time[:, None] if look.targets is None else look.targets))
    found = []
    for rows in _batches(subject, look):
        found.append(_push(subject, look.module, rows, weights[rows.numpy()].flatten(0, 1), probes, generator))
    return torch.cat(found).numpy()


def _batches(subject: Subject, look: Look) -> Iterator[Tensor]:
    steps = 1 if look.real is None else look.real.shape[1]
    batch = max(1, min(subject.batch // _GRADIENTS, _NUMBERS // (steps * subject.window)))
    return iter(torch.split(torch.arange(len(subject)), batch))


def _push(
    subject: Subject, module: str, rows: Tensor, weights: Tensor, probes: int, generator: torch.Generator
) -> Tensor:
    x, real = subject.x[rows], subject.real[rows].to(subject.x.device).unsqueeze(-1)
    total = torch.zeros(x.shape[:2], dtype=x.dtype, device=x.device)
    with differentiable(subject.net):
        given = x.clone().requires_grad_()
        with watched(subject.net) as seen:
            subject.answers(given, rows)
        states = states_of(seen[module]).flatten(2)
        spread = _norms(subject, module, rows, states.detach(), generator)
        weights = weights.to(states)
        scale = torch.where(spread > 0, weights / spread.clamp_min(torch.finfo(spread.dtype).tiny), 0.0).sqrt()
        for probe in range(probes):
            cotangent = scale.unsqueeze(-1) * _signs(states.shape, generator, states)
            (slope,) = torch.autograd.grad(states, given, cotangent, retain_graph=probe + 1 < probes)
            total += slope.square().sum(2)
    subject.meter.passed += 2 * len(rows) * (probes - 1)
    total = total * real.squeeze(-1)
    handed = torch.unflatten(weights, 0, (len(rows), -1)).sum((1, 2)).unsqueeze(1)
    return (total / total.sum(1, keepdim=True).clamp_min(torch.finfo(total.dtype).tiny) * handed).cpu().float()


def _norms(subject: Subject, module: str, rows: Tensor, states: Tensor, generator: torch.Generator) -> Tensor:
    """Estimates the squared size of each state's Jacobian (B, T'), by moving all samples a little one way or other."""
    x, real = subject.x[rows], subject.real[rows].to(subject.x.device).unsqueeze(-1)
    little = torch.finfo(x.dtype).eps ** (1 / 3)
    total = torch.zeros(states.shape[:2], dtype=states.dtype, device=states.device)
    for _ in range(_FORWARD):
        moved = x + little * _signs(x.shape, generator, x) * real
        with torch.no_grad(), watched(subject.net) as seen:
            subject.answers(moved, rows)
        total += ((states_of(seen[module]).flatten(2) - states) / little).square().sum(2)
    return total / _FORWARD


def _signs(shape: torch.Size, generator: torch.Generator, like: Tensor) -> Tensor:
    return (torch.randint(2, shape, generator=generator) * 2 - 1).to(like)


# --- by the size of values ----------------------------------------------------------------------------------


def value_norms(subject: Subject, look: Look) -> np.ndarray | None:
    r"""Weighs each step by its weight and by how large what it hands on is.

        m_j = |w_j v_j|;   over heads |\sum_h w_{hj} W_h v_{hj}|, the mean over queries as `look.time` takes it

    A large weight on a small value hands on little. Of a pooling the values are the states, of a gate the map, of a
    decoder its memory, of self-attention what the layers of values and output make of each step.

    Paper: Kobayashi et al., "Attention is Not Only a Weight", EMNLP 2020, arXiv:2004.10102, equation 3.

    Args:
        subject: the network and windows that the look is of.
        look: a look that speaks of time.

    Shape: (n, T'); None where the mechanism mixes no values by these weights, or none that can be told apart.
    """
    module = dict(subject.net.named_modules())[look.module]
    if look.time is None or not _has_values(module, look):
        return None
    sequence = isinstance(module, SequenceAttention)
    subject, found = subject.settled() if sequence else subject, []
    for rows in _batches(subject, look):
        if sequence:
            found.append(_mixed(subject, look.module, rows))
            continue
        pass_ = watch(subject, rows, slopes=False)
        values = _values(pass_.seen[look.module])
        values = torch.unflatten(values, 0, (len(rows), -1))  # copies of each window
        told = torch.from_numpy(look.time[:, None] if look.targets is None else look.targets)[rows]
        found.append((told.abs().to(values.device) * values).sum(1).cpu())
    return torch.cat(found).numpy().astype(np.float32)


def _has_values(module: nn.Module, look: Look) -> bool:
    if isinstance(module, SequenceAttention):
        return isinstance(getattr(module, "value", None), nn.Linear) and "key" in look.axes
    if isinstance(module, MapAttention):
        return not {"query", "key", "offset", "cross"} & set(look.axes)
    return isinstance(module, StateAttention | Decoder | LSTMN) and not isinstance(module, PMA)


def _values(seen: Seen) -> Tensor:
    """Gives the size of each step's value (B, T')."""
    held = seen.gives[0] if isinstance(seen.module, Cell) and not isinstance(seen.module, Decoder) else states_of(seen)
    sizes: Tensor = held.flatten(2).norm(dim=2)
    return sizes


def _mixed(subject: Subject, path: str, rows: Tensor) -> Tensor:
    """Gives the size of what each step hands on over all heads, the mean over queries (B, K)."""
    pass_ = watch(subject, rows, slopes=True)
    weights, slope, seen = pass_.maps[path].weights, pass_.slopes[path][0], pass_.seen[path]
    weights = weights if weights.ndim == 4 else weights.unsqueeze(1)
    with torch.no_grad():
        handed = _handed(seen.module, seen.reads[0].detach(), weights.shape[1])
        alike = torch.einsum("bnke,bmke->bknm", handed, handed)
        sizes = torch.einsum("bnqk,bknm,bmqk->bqk", weights, alike, weights).clamp_min(0).sqrt()
        by_query = torch.einsum("bqk,bq->bk", sizes, shares(slope.norm(dim=2)))
        by_copy = shares(torch.unflatten(slope.flatten(1).norm(dim=1), 0, (len(rows), -1)))
        found: Tensor = torch.einsum("bmk,bm->bk", torch.unflatten(by_query, 0, (len(rows), -1)), by_copy)
        return found.cpu()


def _handed(module: nn.Module, context: Tensor, heads: int) -> Tensor:
    """Gives what the last layer makes of each step's value, head by head (B, N, K, D)."""
    value, output = module.get_submodule("value"), module.get_submodule("output")
    values = torch.unflatten(value(context), -1, (-1, _width(module, heads))).transpose(1, 2)
    values = values.repeat_interleave(heads // values.shape[1], 1)
    layer = torch.unflatten(output.get_parameter("weight"), 1, (heads, -1))
    return torch.einsum("bnke,dne->bnkd", values, layer)


def _width(module: nn.Module, heads: int) -> int:
    """Gives the width of a head's value."""
    return int(module.get_submodule("output").get_parameter("weight").shape[1]) // heads
