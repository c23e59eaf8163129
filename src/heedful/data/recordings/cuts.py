"""The waist of the signals rooms: pieces of recordings and where their windows begin, never a materialised copy."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from heedful.data.recordings.noun import Recordings
from heedful.data.recordings.pieces import Draw, Part, Piece
from heedful.errors import DataError, OptionError

BALANCES = ("undersample", "oversample")
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """Windows of a part.

    Args:
        window: T, samples of a window.
        step: samples from one window to the next.
        starts: recording and first sample of each window (n, 2).
        lengths: real samples of each window (n,); the rest of T is padding.
        holes: whether a window has missing samples, which are filled as it is read (n,).
        notes: what was decided, for people to read.
        balance: how windows were taken or repeated for even classes, if they were.
        seed: decided which.

    Shape: windows (B, T, C).
    Unit:  that of the recordings.
    """

    part: Part
    window: int
    step: int
    starts: np.ndarray
    lengths: np.ndarray
    holes: np.ndarray
    notes: tuple[str, ...] = ()
    balance: str | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def recordings(self) -> Recordings:
        """What the windows are cut from."""
        return self.part.recordings

    @property
    def channels(self) -> int:
        """C, number of channels."""
        return len(self.recordings.channels)

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes of the recordings, whether they have windows here or not."""
        return self.recordings.classes

    @property
    def complete(self) -> bool:
        """True when no window is padded."""
        return bool((self.lengths == self.window).all())

    @cached_property
    def labels(self) -> np.ndarray:
        """Number of each window's class in `classes` (n,), 64-bit whole numbers; -1 without a label."""
        code = {label: number for number, label in enumerate(self.classes)}
        return self._of_recordings([-1 if r.label is None else code[r.label] for r in self.recordings.items], np.int64)

    @cached_property
    def targets(self) -> np.ndarray:
        """Each window's target (n,), 64 bits: its recording's, or that of its last real sample; NaN without one."""
        found, last = np.empty(len(self)), self.starts[:, 1] + self.lengths - 1
        order = np.argsort(self.starts[:, 0], kind="stable")
        for own in (order[same] for same in _same(self.starts[order, 0])):
            found[own] = self.recordings[int(self.starts[own[0], 0])].target_at(last[own])
        return found

    @cached_property
    def speeds(self) -> np.ndarray:
        """Speed of each window's recording (n,), 64 bits, in turns a minute; NaN where it is unknown."""
        return self._of_recordings([one.speed for one in self.recordings.items], np.float64)

    @cached_property
    def groups(self) -> np.ndarray:
        """Each window's group (n,)."""
        return self._of_recordings([one.group_name for one in self.recordings.items], np.str_)

    def read(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives the windows `index`, padded at the end with zeros, and how many samples of each are real.

        Missing samples are filled by straight lines between their neighbours, at the ends by the nearest one.

        Shape: (B, T, C), 32 bits; (B,), 64-bit whole numbers.
        """
        index = np.asarray(index)
        starts, lengths = self.starts[index], self.lengths[index]
        x = np.empty((len(index), self.window, self.channels), dtype=np.float32)
        # By recording and place: what lies together on the disk is read together.
        for place in np.lexsort((starts[:, 1], starts[:, 0])).tolist():
            number, start = starts[place].tolist()
            stop = int(lengths[place])
            values, scale = self._stored[number]
            np.multiply(values[:, start : start + stop].T, scale, out=x[place, :stop], casting="same_kind")
            x[place, stop:] = 0.0
        for place in np.flatnonzero(self.holes[index]):
            _fill(x[place, : lengths[place]])
        return x, lengths

    def take(self, index: np.ndarray) -> Cuts:
        """Gives the windows `index` alone."""
        return replace(self, starts=self.starts[index], lengths=self.lengths[index], holes=self.holes[index])

    def intervals(self) -> Iterator[Piece]:
        """Yields the stretches that the windows cover, by recording and start; samples of several windows once."""
        order = np.lexsort((self.starts[:, 1], self.starts[:, 0]))
        starts, stops = self.starts[order], self.starts[order, 1] + self.lengths[order]
        for own in _same(starts[:, 0]):
            first, reach = starts[own, 1], stops[own]
            begins = np.flatnonzero(np.r_[True, first[1:] > reach[:-1]])
            ends = np.r_[begins[1:], len(reach)] - 1
            for a, b in zip(first[begins].tolist(), reach[ends].tolist(), strict=True):
                yield Piece(int(starts[own, 0][0]), a, b)

    @cached_property
    def _stored(self) -> list[tuple[np.ndarray, np.float32]]:
        """The stored numbers as plain arrays, for slices of a memory map cost several times those of an array."""
        return [(np.asarray(one.values), np.float32(one.scale)) for one in self.recordings.items]

    def __getstate__(self) -> dict[str, object]:
        """Leaves the plain arrays out: samples of a memory map go to another process as their file."""
        return {name: value for name, value in self.__dict__.items() if name != "_stored"}

    def _of_recordings(self, known: list[object], kind: type) -> np.ndarray:
        values: np.ndarray = np.array(known, dtype=kind)[self.starts[:, 0]]
        return values

    def __repr__(self) -> str:
        size = f"{self.window:,} samples" if self.complete else f"up to {self.window:,} samples"
        channels = f"{self.channels} channel{'' if self.channels == 1 else 's'}"
        return f"Cuts({self.part.name}: {len(self):,} windows of {size} x {channels}, step {self.step:,})"


def cut(
    part: Part,
    window: int | None = None,
    step: int | None = None,
    *,
    missing: float = 0.1,
    balance: str | None = None,
    seed: int = 0,
) -> Cuts:
    """Lays windows over the pieces of a part; none crosses the border of a piece.

    Samples behind the last whole window of a piece are left out. A whole recording that is shorter than the window
    gives one window, padded; a shorter piece that a split left gives none.

    Args:
        window: T; None takes every piece whole, T is then the length of the longest recording.
        step: samples from one window to the next: half a window for train, a whole one for other parts by default, so
            that each sample is scored once. Parts dealt out at random need the same step.
        missing: share of missing samples in a channel up to which a window is kept, its gaps filled.
        balance: "undersample" takes from each class as many train windows as the smallest has, "oversample" repeats
            windows up to the largest. Train only.
        seed: decides which windows are taken or repeated.

    Raises: OptionError for numbers that cannot be used or a balance of another part than train; DataError if no
            window is left.

    >>> from heedful.data.recordings import Recording, split_recordings
    >>> one = Recording(name="a", values=np.arange(20.0).reshape(1, 20))
    >>> cuts = cut(split_recordings(Recordings(items=(one,)), "time", sizes=(0.5, 0.0, 0.5), window=4).train, 4)
    >>> cuts, cuts.starts.tolist(), cuts.read([1])[0][0, :, 0].tolist()
    (Cuts(train: 2 windows of 4 samples x 1 channel, step 2), [[0, 0], [0, 2]], [2.0, 3.0, 4.0, 5.0])
    """
    if (window is not None and window < 1) or (step is not None and step < 1) or not 0 <= missing <= 1:
        raise OptionError(
            f"cut needs a window and a step of at least 1 and a share of missing samples from 0 to 1, got {window}, "
            f"{step} and {missing}."
        )
    if balance is not None and (balance not in BALANCES or part.name != "train"):
        raise OptionError(
            f"cut balances the classes of the train part by {' or '.join(BALANCES)}, got '{balance}' for the "
            f"{part.name} part. Scores need the classes as they are."
        )
    if window is None:
        window, whole = max(len(one) for one in part.recordings.items), True
        step = window
    else:
        whole = False
        step = step or (max(1, window // 2) if part.name == "train" else window)
    starts, lengths, notes = _lay(part, window, step, whole=whole)
    if part.draw is not None:
        drawn = _drawn(part.recordings, starts, part.draw)
        starts, lengths = starts[drawn], lengths[drawn]
    share = _share_missing(part.recordings, starts, lengths)
    kept = (share <= missing) & (share < 1)
    cuts = Cuts(
        part=part,
        window=window,
        step=step,
        starts=starts[kept],
        lengths=lengths[kept],
        holes=share[kept] > 0,
        notes=(*notes, *_told_missing(share, kept, missing)),
    )
    if not len(cuts):
        raise DataError(
            f"The {part.name} part has no window of {window:,} samples: its longest piece has "
            f"{max((piece.samples for piece in part.pieces), default=0):,}, and {np.count_nonzero(~kept):,} windows "
            "have too many missing samples. Give a shorter window or more recordings."
        )
    return cuts if balance is None else replace(_balanced(cuts, balance, seed), balance=balance, seed=seed)


def _lay(part: Part, window: int, step: int, *, whole: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Gives starts (n, 2) and lengths (n,) of all windows, and what had to be left out."""
    starts, lengths, fragments, padded = [], [], 0, 0
    for number, start, stop in part.pieces:
        size = stop - start
        if whole or size < window:
            if not whole and size < len(part.recordings[number]):
                fragments += 1
                continue
            padded += size < window and not whole
            first = np.array([start])
        else:
            first = np.arange(start, stop - window + 1, step)
        starts.append(np.stack([np.full(len(first), number), first], axis=1))
        lengths.append(np.full(len(first), min(size, window)))
    notes = [f"{fragments:,} pieces of {part.name} are shorter than a window: left out"] if fragments else []
    notes += [f"{padded:,} recordings of {part.name} are shorter than a window: padded at the end"] if padded else []
    if not starts:
        return np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64), notes
    return np.concatenate(starts).astype(np.int64), np.concatenate(lengths).astype(np.int64), notes


def _same(numbers: np.ndarray) -> Iterator[slice]:
    """Yields the runs of equal numbers of a sorted array."""
    borders = np.flatnonzero(np.diff(numbers)) + 1
    for start, stop in zip([0, *borders.tolist()], [*borders.tolist(), len(numbers)], strict=True):
        if stop > start:
            yield slice(start, stop)


# --- windows dealt out at random ------------------------------------------------------------------


def _drawn(recordings: Recordings, starts: np.ndarray, draw: Draw) -> np.ndarray:
    """Tells which windows a part takes: those whose rank among all windows of their class lies in its share."""
    rank = _shuffled(recordings, starts, draw.seed)
    labels = np.array([one.label or "" for one in recordings.items])[starts[:, 0]]
    taken = np.zeros(len(starts), dtype=bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        place = (np.arange(len(own)) + 0.5) / len(own) + draw.turn
        place -= np.floor(place)
        taken[own[np.argsort(rank[own])]] = (place >= draw.low) & (place < draw.high)
    return taken


def _shuffled(recordings: Recordings, starts: np.ndarray, seed: int) -> np.ndarray:
    """Gives each window a random number by its recording's name and its start, whatever the order of the files."""
    names = np.array([zlib.crc32(one.name.encode()) for one in recordings.items], dtype=np.uint64)
    x = (names[starts[:, 0]] << np.uint64(32)) + starts[:, 1].astype(np.uint64)
    x ^= np.uint64(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    # The last steps of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input changes every bit of the output.
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


# --- missing samples ------------------------------------------------------------------------------


def _share_missing(recordings: Recordings, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Gives for each window the share of missing samples in its worst channel (n,)."""
    share = np.zeros(len(starts))
    order = np.argsort(starts[:, 0], kind="stable")
    for own in (order[same] for same in _same(starts[order, 0])):
        values = recordings[int(starts[own[0], 0])].values
        if values.dtype.kind != "f":
            continue
        low, high = starts[own, 1], starts[own, 1] + lengths[own]
        for channel in values:
            gone = _missing_in(channel, int(low.min()), int(high.max()))
            if len(gone):
                count = np.searchsorted(gone, high) - np.searchsorted(gone, low)
                share[own] = np.maximum(share[own], count / lengths[own])
    return share


def _missing_in(channel: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Gives the places of missing samples, block by block so that a long recording is never copied whole."""
    found = [
        np.flatnonzero(~np.isfinite(channel[at : min(stop, at + _BLOCK)])) + at for at in range(start, stop, _BLOCK)
    ]
    return np.concatenate(found)


def _told_missing(share: np.ndarray, kept: np.ndarray, missing: float) -> list[str]:
    told = []
    if not kept.all():
        told.append(
            f"{np.count_nonzero(~kept):,} of {len(kept):,} windows left out: more than {100 * missing:g} % of a "
            "channel is missing"
        )
    filled = np.count_nonzero(share[kept])
    return [*told, f"{filled:,} windows have gaps, filled by straight lines"] if filled else told


def _fill(x: np.ndarray) -> None:
    """Fills what is missing in one window (T, C), in place."""
    steps = np.arange(len(x))
    for channel in x.T:
        real = np.isfinite(channel)
        if not real.all():
            channel[~real] = np.interp(steps[~real], steps[real], channel[real])


# --- balance --------------------------------------------------------------------------------------


def _balanced(cuts: Cuts, balance: str, seed: int) -> Cuts:
    """Gives every class that has windows the same number of them."""
    rng = np.random.default_rng(seed)
    labels, counts = np.unique(cuts.labels, return_counts=True)
    size = counts.min() if balance == "undersample" else counts.max()
    chosen = []
    for label in labels:
        own = np.flatnonzero(cuts.labels == label)
        if balance == "undersample":
            chosen.append(rng.permutation(own)[:size])
        else:
            chosen.append(np.concatenate([np.tile(own, size // len(own)), rng.permutation(own)[: size % len(own)]]))
    taken = cuts.take(np.sort(np.concatenate(chosen)))
    how = "taken from" if balance == "undersample" else "given to"
    note = f"{balance}: {size:,} windows {how} each of {len(labels)} classes, {len(cuts):,} before, {len(taken):,} now"
    return replace(taken, notes=(*cuts.notes, note))
