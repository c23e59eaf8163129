"""What is to be explained, read from a bundle and its data: tables and recordings look alike from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from heedful.errors import DataError, OptionError
from heedful.explanation.result import Kind, Shown
from heedful.explanation.subject import Subject

FEWEST = 20
"""Windows below which nothing is said of a map: intervals over fewer say nothing."""
JUDGED = 2000
"""Windows, at most, on which a model is judged before some of them are explained."""
BLOCKS = 20
"""Blocks of time, at most, that windows are grouped by where nothing else groups them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A model, the windows it is asked about, and how they are told to people.

    Args:
        subject: network and windows as tensors.
        kind: what the network gives.
        model, data: names.
        windows: name of every window (n,).
        times: stamps, seconds, or numbers of samples or rows of every window (n, T).
        show: gives one window as people know it, by its number.
        worth: lines that say what the model is worth on these windows.
        predicts: whether that is more than the plainest rule; None where the truth is unknown.
        held_out: whether the windows were kept from training; None where nothing says so.
        build: a network like this one that has learned nothing, drawn from a seed.
        learn: trains such a network again on the train part of the data, from a seed, on shuffled targets if asked;
            the reason where that cannot be.
        like: a network of this kind for windows of other samples and columns, and if it forecasts another horizon;
            None where nothing says how it is built.
        offset: what was taken away from each column, so that 0 stands for nothing in particular: in a scale from 0 to
            1 it is the least value, not the mean.
        rate: samples a second of recordings.
        speed: turns a minute of the shaft, the median over the windows.
        defects: frequencies of a bearing's defects by name, in Hz.
        notes: what people should know.
    """

    subject: Subject
    kind: Kind
    model: str
    data: str
    windows: tuple[str, ...]
    times: np.ndarray
    show: Callable[[int], Shown]
    worth: tuple[str, ...]
    predicts: bool | None
    held_out: bool | None
    build: Callable[[int], nn.Module]
    learn: Learn | str = "nothing says how this network was trained"
    like: Callable[[int, int, int], nn.Module] | None = None
    offset: Tensor | None = None
    rate: float | None = None
    speed: float | None = None
    defects: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()

    def fresh(self, seed: int) -> nn.Module:
        """Builds a network like this one that has learned nothing and reads the subject's windows."""
        return moved(self.build(seed), self.offset)

    def trained(self, net: nn.Module, seed: int, *, shuffled: bool = False) -> nn.Module:
        """Trains a network that was built, on shuffled targets if asked.

        Raises: OptionError where the data holds no train part, with the reason.
        """
        return moved(self.learnable()(net, seed, shuffled), self.offset)

    def learnable(self) -> Learn:
        """Gives what trains such a network.

        Raises: OptionError where nothing can, with the reason.
        """
        if isinstance(self.learn, str):
            raise OptionError(f"--retrain cannot be done: {self.learn}.")
        return self.learn


Learn = Callable[[nn.Module, int, bool], nn.Module]
"""Trains a network in place from a seed; the last says whether targets are shuffled among the train windows."""


def enough(count: int, what: str) -> None:
    """Refuses fewer windows than an explanation needs.

    Raises: DataError.
    """
    if count < FEWEST:
        raise DataError(
            f"explain needs at least {FEWEST} windows to say whether a map is true, got {count} of {what}. Give more "
            "rows or recordings."
        )


def numbered(count: int, at: str | None, window: int | None) -> np.ndarray:
    """Gives the window of a number, none where none is asked for.

    Raises: OptionError for a moment beside the number, or a number that is not there.

    >>> numbered(10, None, -1).tolist(), numbered(10, None, None).tolist()
    ([9], [])
    """
    if window is None:
        return np.empty(0, dtype=np.int64)
    if at is not None:
        raise OptionError("explain takes --at or --window, got both. Give one of them.")
    if not -count <= window < count:
        raise OptionError(f"There are windows 0 to {count - 1:,}, got {window}. Take one of these.")
    return np.array([window % count])


def spread(count: int, most: int) -> np.ndarray:
    """Picks at most so many of `count` windows, evenly, the first and the last among them.

    >>> spread(10, 4).tolist()
    [0, 3, 6, 9]
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def blocks(owners: Sequence[object] | np.ndarray, most: int = BLOCKS) -> np.ndarray:
    """Numbers the groups of windows that stand in the order of time: their owners, cut in time where these are few.

    Args:
        owners: what each window belongs to (n,): a member of a panel, a recording.

    >>> blocks(["a"] * 4 + ["b"] * 4, most=4).tolist()
    [0, 0, 1, 1, 2, 2, 3, 3]
    """
    _, number = np.unique(np.asarray(owners), return_inverse=True)
    kinds = int(number.max()) + 1
    if 2 * kinds > most:
        return number.astype(np.int64)
    found = np.empty(len(number), dtype=np.int64)
    for kind in range(kinds):
        own = np.flatnonzero(number == kind)
        pieces = max(1, min(most // kinds, len(own) // 2))
        found[own] = kind * most + np.arange(len(own)) * pieces // len(own)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def moved(net: nn.Module, offset: Tensor | None) -> nn.Module:
    """Lets a network read windows from which an offset was taken away (F,), as if it had not been."""
    if offset is not None:
        net.register_forward_pre_hook(lambda _, given: (given[0] + offset, *given[1:]))
    return net
