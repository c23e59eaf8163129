"""What each mechanism of a network weighs, window by window: times, heads, steps ahead, channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heedful.attention.base import CONTRACTS, Cell, MapAttention
from heedful.attention.catalogue import MECHANISMS
from heedful.attention.cells.decoder import Decoder
from heedful.errors import OptionError
from heedful.explanation.parts import Part, folded, parts_of
from heedful.explanation.reach import Reach, reach
from heedful.explanation.readings import WITHOUT
from heedful.explanation.subject import Subject
from heedful.explanation.watching import Watched, watch

KEPT = 200_000_000
"""Numbers of weights above which a look keeps what was made of them only."""
_AT_ONCE = 1 << 23
_GRADIENTS = 8  # a pass back keeps the map of every layer, so its batches are smaller by this
_BOTH = "mean over channels, and for channels mean over steps"
_GATES = "effective number of weights normalised to sum to one"


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What one mechanism, or one part of it, weighs in each window; what it does not speak of is None.

    Which steps are real is told by the lengths of the windows, not by what the mechanism makes of them, so that one
    that looks at padding is found out.

    Args:
        name: the mechanism's place in the network, and its part where it forms several weights.
        module: path of the module.
        mechanism: its name in the catalogue.
        axes: names of the axes of the weights.
        weights: as formed; None for mechanisms that form none, and where there are more than `KEPT` numbers.
        speaks: what the weights are weights of: "time", "lines" (of a spectrum, bands), "channels", or nothing.
        why: why they speak of nothing, where it is so.
        how: how axes that are not shown were folded away, and what was normalised; empty where nothing was.
        time: of the T' steps that the mechanism reads; `over_samples` brings them to samples.
        heads: of each head.
        steps: for each step of the horizon.
        targets: of each target, where each is forecast on its own, in shares that add up to `time`.
        lines: of the rows of an image from frequency 0 to half the rate, or of steps that are no times.
        image: of each place of an image over frequency and time.
        channels: of channels, groups of them, or numbers of a state.
        channels_of: what these are channels of: "columns" of the input; "map" or "states" that the mechanism reads,
            "inputs" that a cell reads at each step, all of which can be taken away where they are read; "groups" of
            channels; or "units" that the mechanism itself holds. Empty where there are none.
        features: of each input or unit at each step.
        channel_names: of `channels`: of columns where the mechanism stands on the input itself, else numbered.
        on_columns: whether its channels are the columns.
        real: which steps are real, by the lengths of the windows; None where nothing depends on it.
        sums: whether the weights over time (or lines) sum to one.
        effective: effective number of places exp(-sum p ln p), of weights normalised to sum to one where they do not;
            of channels where there is no time.
        padding: share of the weight over time on steps that are not real, which must be 0.
        reach: what stands behind each step, None without steps.
        lengths: real samples of each window.
        window: samples of a window.

    Shape: weights (n, ...); time (n, T'); heads (n, N, T'); steps (n, P, T'); targets (n, M, T'); lines (n, H); image
           (n, H, T'); channels (n, C); features (n, T', F); real (n, T'); effective, padding and lengths (n,).
    """

    name: str
    module: str
    mechanism: str
    axes: tuple[str, ...] = ()
    weights: np.ndarray | None = None
    speaks: tuple[str, ...] = ()
    why: str = ""
    how: str = ""
    time: np.ndarray | None = None
    heads: np.ndarray | None = None
    steps: np.ndarray | None = None
    targets: np.ndarray | None = None
    lines: np.ndarray | None = None
    image: np.ndarray | None = None
    channels: np.ndarray | None = None
    features: np.ndarray | None = None
    channels_of: str = ""
    channel_names: tuple[str, ...] = ()
    on_columns: bool = False
    real: np.ndarray | None = None
    sums: bool = False
    effective: np.ndarray | None = None
    padding: np.ndarray | None = None
    reach: Reach | None = None
    lengths: np.ndarray | None = None
    window: int = 0

    def over_samples(self, behind: Reach | None = None) -> np.ndarray:
        """Brings the weights over steps to the samples: each to the middle of what it sees, straight lines between.

        Args:
            behind: what stands behind each step; by default the look's own reach.

        Shape:  (n, T), 0 in padding.
        Raises: OptionError for weights that speak of no times.
        """
        behind = self.reach if behind is None else behind
        if self.time is None or behind is None or self.real is None or self.lengths is None:
            raise OptionError(
                f"over_samples needs weights over time, got {self.name} with "
                f"{' and '.join(self.speaks) or 'none: ' + self.why}. Look at these instead."
            )
        return behind.over_samples(self.time, self.real, self.lengths, self.window)

    def __repr__(self) -> str:
        what = " and ".join(self.speaks) or f"nothing: {self.why}"
        return f"Look({self.name}: {self.mechanism} weighs {what})"


def looks(subject: Subject) -> tuple[Look, ...]:
    """Shows what every mechanism of a network weighs in every window, in the order in which a window passes them.

    One pass forward, and one back where several ask (queries, hops, targets), so that each counts as the answer depends
    on it. The weights of a module that runs several times, or of one for each segment of a horizon, are joined.

    Args:
        subject: the network and the windows.

    Raises: OptionError for a network without mechanisms of `heedful.attention`.

    >>> import numpy as np
    >>> pool = nn.Sequential(MECHANISMS["additive"](3), nn.Linear(3, 2)).eval()
    >>> x, y = torch.zeros(4, 5, 3), torch.zeros(4, dtype=torch.long)
    >>> a, b, c = "abc"
    >>> told = dict(beside=(), truth=y, classes=(a, b), outputs=(a, b), columns=(a, b, c), groups=np.arange(4))
    >>> looks(Subject(net=pool, x=x, **told))
    (Look(0: additive weighs time),)
    """
    if not any(isinstance(one, CONTRACTS) for one in subject.net.modules()):
        raise OptionError(
            f"looks needs a network with attention of heedful.attention in it, got {type(subject.net).__name__} "
            "without any. Explain it by occlusion or gradients, which need none."
        )
    first = watch(subject, torch.arange(1), slopes=False)
    parts = parts_of(first, 1)
    slopes = any(part.copies > 1 or len(part.passes) > 1 or part.first.asking for part in parts)
    subject = subject.settled() if slopes else subject
    behind = {path: reach(subject, path) for path in dict.fromkeys(part.path for part in parts if part.placed)}
    real = {path: torch.from_numpy(one.real(subject.lengths.cpu().numpy())) for path, one in behind.items()}
    numbers = sum(one.weights.numel() for one in first.maps.values())
    batch = max(1, min(subject.batch // (_GRADIENTS if slopes else 1), _AT_ONCE // max(numbers, 1)))
    keep = numbers * len(subject) <= KEPT
    collected: list[list[dict[str, Tensor]]] = []
    for start in range(0, len(subject), batch):
        rows = torch.arange(start, min(start + batch, len(subject)))
        pass_ = watch(subject, rows, slopes=slopes)
        some = parts_of(pass_, len(rows), {path: one[rows] for path, one in real.items()})
        collected.append([folded(part, keep=keep) for part in some])
    found = [_look(subject, part, behind.get(part.path), [one[i] for one in collected]) for i, part in enumerate(parts)]
    return (*found, *_silent(subject.net, first))


# --- the look -----------------------------------------------------------------------------------------------


def _look(subject: Subject, part: Part, behind: Reach | None, chunks: list[dict[str, Tensor]]) -> Look:
    told: dict[str, Any] = {what: torch.cat([chunk[what] for chunk in chunks]).numpy() for what in chunks[0]}
    one = part.first
    behind = behind if "time" in told else None
    if behind is not None:
        if isinstance(part.module, Cell) and "key" in one.axes and not isinstance(part.module, Decoder):
            behind = replace(behind, whole_past=True, through=behind.through or "its own recurrence")
        if not behind.local:
            told["lines"] = told.pop("time")
            told.pop("targets", None)
    names, on_columns = _channel_names(subject, part, told.get("channels"))
    both = "channels" in told and bool({"time", "lines"} & told.keys())
    axes = one.axes[:1] + ("pass",) * (len(part.passes) > 1) + one.axes[1:]
    found = Look(
        name=part.name,
        module=part.path,
        mechanism=mechanism_name(part.module),
        axes=axes if part.copies == 1 else (axes[0], "target", *axes[1:]),
        speaks=tuple(what for what in ("time", "lines", "channels") if what in told),
        why=one.silent,
        how="; ".join(said for said in (one.how, _BOTH if both else "") if said),
        channel_names=names,
        channels_of=_channels_of(part, told.get("channels"), on_columns=on_columns),
        on_columns=on_columns,
        reach=behind,
        lengths=subject.lengths.cpu().numpy(),
        window=subject.window,
        **told,
    )
    return _counted(found)


def _counted(look: Look) -> Look:
    """Adds the effective number of places and the share of the weight on padding."""
    told = next((one for one in (look.time, look.lines, look.channels) if one is not None), None)
    if told is None:
        return look
    sizes = np.abs(told).astype(np.float64)
    over_steps = told is look.time
    real = look.real if over_steps and look.real is not None else np.ones(sizes.shape, bool)
    kept, total = (sizes * real).sum(1, keepdims=True), sizes.sum(1)
    p = sizes * real / np.where(kept > 0, kept, 1)
    sums = told is not look.channels and np.allclose(told.sum(1)[real.any(1)], 1, atol=1e-3)
    return replace(
        look,
        sums=bool(sums),
        how=look.how if sums else "; ".join(said for said in (look.how, _GATES) if said),
        effective=np.exp(-(p * np.log(np.where(p > 0, p, 1))).sum(1)),
        padding=(sizes * ~real).sum(1) / np.where(total > 0, total, 1) if over_steps else None,
    )


def mechanism_name(module: nn.Module) -> str:
    """Gives the catalogue's name of a mechanism, also of its placebo; else the name of its class.

    >>> mechanism_name(MECHANISMS["eca"](8))
    'eca'
    """
    inner = getattr(module, "attention", None)
    kind = getattr(type(module), "real", type(module))
    known = next((name for name, one in MECHANISMS.items() if one is kind), "")
    if not known and isinstance(inner, CONTRACTS):
        return mechanism_name(inner)
    return known or str(getattr(module, "name", kind.__name__))


def _channel_names(subject: Subject, part: Part, channels: np.ndarray | None) -> tuple[tuple[str, ...], bool]:
    if channels is None:
        return (), False
    axes, count = part.first.axes, channels.shape[1]
    inner = "channel" in axes and not isinstance(part.module, MapAttention)
    if not inner and "group" not in axes and part.seen is not None and part.seen.reads:
        columns = _columns(subject, part)
        if len(columns) == count and all(one for one in columns):
            return tuple(columns), True
    word = "unit" if inner else next((a for a in ("group", "state", "feature") if a in axes), "channel")
    return tuple(f"{word} {number + 1}" for number in range(count)), False


def _channels_of(part: Part, channels: np.ndarray | None, *, on_columns: bool) -> str:
    """Says what channels are channels of."""
    if channels is None:
        return ""
    if on_columns:
        return "columns"
    if isinstance(part.module, Cell):
        kind = "inputs" if "feature" in part.first.axes else "units"
    else:
        kind = "map" if isinstance(part.module, MapAttention) else "states"
    if kind == "units" or part.seen is None or not part.seen.reads:
        return "units"
    read = part.seen.reads[0].shape[1 if part.seen.on_map else -1]
    return kind if read == channels.shape[1] else "groups"


def _columns(subject: Subject, part: Part) -> list[str]:
    """Names the column that each channel is but for level and scale; nothing for those that are none."""
    seen = part.seen
    if seen is None or len(seen.steps) > 1 or seen.steps[0] != subject.window:
        return []
    read = seen.reads[0].detach()
    z = torch.unflatten(_standard(read.transpose(1, 2) if seen.on_map else read), 0, (part.batch, -1))
    x = _standard(subject.x[: part.batch].detach())
    alike = torch.einsum("bmtc,btf->bmcf", z, x.to(z)) / subject.window
    best = alike.amin(0).max(-1)  # (copies, C)
    found = []
    for close, at in zip((best.values > 0.999).unbind(1), best.indices.unbind(1), strict=True):
        same = bool((at == at[0]).all())
        found.append("" if not bool(close.all()) else subject.columns[int(at[0])] if same else "own past")
    return found


def _standard(x: Tensor) -> Tensor:
    """Takes level and scale off each column of (B, T, F)."""
    centred = x - x.mean(1, keepdim=True)
    return centred / centred.square().mean(1, keepdim=True).sqrt().clamp_min(1e-9)


def _silent(net: nn.Module, pass_: Watched) -> Iterator[Look]:
    modules = dict(net.named_modules())
    for path in pass_.maps.without_weights:
        module = modules["" if path == "model" else path]
        kind = getattr(type(module), "real", type(module))
        why = next((WITHOUT[one.__name__] for one in kind.__mro__ if one.__name__ in WITHOUT), "")
        yield Look(
            name=path, module=path, mechanism=mechanism_name(module), why=f"it forms no weights: {why or 'by design'}"
        )
