"""Recordings: many arrays of samples, each with its rate, label and group, as they were measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from heedful.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """One measurement: samples of one or more channels, and what is known of them.

    Args:
        name: says which one it is, as a rule its file; each name stands once among `Recordings`.
        values: samples as they are stored, an array or a memory map of any real type; NaN is missing.
        scale: what a stored number is multiplied by, one for all channels.
        rate: samples a second; None if unknown.
        label: its class; None if unknown.
        target: the number that a regression tells of it; None if there is none, or one for each sample.
        targets: that number of each sample (N,), where it changes within the recording, such as the life that is left;
            NaN where it is unknown. A window's is that of its last sample.
        group: what must not be split: machine, patient, bearing. A recording without one is a group of its own.
        channels: names of the channels.
        part: "train", "validation" or "test" where an archive fixes it.
        facts: what else is known, such as the speed or the load.
        speed: that of the shaft, in turns a minute, where a model is to read it; see `with_speed`.
        source: the file that it was read from.

    Shape:  values (C, N).
    Unit:   that of the stored numbers times `scale`.
    Raises: DataError for values that are no (C, N) with as many channels as names, or for none; for targets of another
        number than samples, or beside a target.

    >>> one = Recording(name="a", values=np.arange(6.0).reshape(1, 6), rate=2.0)
    >>> len(one), one.seconds, one.group_name, one.read(1, 3).tolist()
    (6, 3.0, 'a', [[1.0], [2.0]])
    """

    name: str
    values: np.ndarray
    scale: float = 1.0
    rate: float | None = None
    label: str | None = None
    target: float | None = None
    targets: np.ndarray | None = None
    group: str | None = None
    channels: tuple[str, ...] = ("signal",)
    part: str | None = None
    facts: Mapping[str, str | float] = field(default_factory=dict)
    speed: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.channels) or not self.values.size:
            raise DataError(
                f"The recording '{self.name}' needs samples (channels, N) of the channels {', '.join(self.channels)}, "
                f"got {self.values.shape}. Leave it out, or read it with other channels."
            )
        if self.targets is not None and (self.targets.shape != (len(self),) or self.target is not None):
            beside = "" if self.target is None else f" beside the target {self.target:g}"
            raise DataError(
                f"The recording '{self.name}' needs one target, or one for each of its {len(self):,} samples, got "
                f"targets {self.targets.shape}{beside}. Give one of them."
            )

    def __len__(self) -> int:
        return int(self.values.shape[1])

    @property
    def seconds(self) -> float | None:
        """How long it is; None if the rate is unknown."""
        return len(self) / self.rate if self.rate else None

    @property
    def group_name(self) -> str:
        """The group, or its own name if it has none."""
        return self.group if self.group is not None else self.name

    @property
    def has_target(self) -> bool:
        """Whether a number is known of it, or of some of its samples."""
        known = self.target if self.targets is None else self.targets
        return known is not None and bool(np.isfinite(known).any())

    def target_at(self, samples: np.ndarray) -> np.ndarray:
        """Gives the target at each of the samples (n,), 64 bits; NaN where there is none."""
        if self.targets is not None:
            return np.asarray(self.targets[samples], dtype=float)
        return np.full(len(samples), np.nan if self.target is None else self.target)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Gives the samples [start, stop) in the recording's unit.

        Shape: (stop - start, C), 32 bits.
        """
        return np.ascontiguousarray(self.values[:, start:stop].T, dtype=np.float32) * np.float32(self.scale)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A file that could not be used, and why."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Recordings:
    """Many recordings of the same channels.

    Args:
        items: the recordings, in the order of their names.
        name: what they are called together, as a rule their folder.
        notes: what was decided while they were read.
        problems: files that could not be used.

    Raises: DataError for none, for a name twice, or for recordings of other channels than the first.
    """

    items: tuple[Recording, ...]
    name: str = "recordings"
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        if not self.items:
            raise DataError(f"'{self.name}' holds no recording that can be used. Give files with samples.")
        names = [one.name for one in self.items]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise DataError(f"Recordings need a name each, got twice: {', '.join(twice[:4])}. Rename them.")
        first = self.items[0]
        other = next((one for one in self.items if one.channels != first.channels), None)
        if other is not None:
            raise DataError(
                f"Recordings need the same channels, got {', '.join(first.channels)} in '{first.name}' and "
                f"{', '.join(other.channels)} in '{other.name}'. Name the channels to read, or leave one out."
            )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Recording:
        return self.items[index]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self.items[0].channels

    @property
    def rate(self) -> float | None:
        """The rate in samples a second that all of them share; None if there is none."""
        rates = {one.rate for one in self.items}
        return rates.pop() if len(rates) == 1 else None

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The labels, in alphabetical order; whole numbers by size."""
        labels = {one.label for one in self.items if one.label is not None}
        whole = all(label.lstrip("-").isdigit() for label in labels)
        return tuple(sorted(labels, key=(lambda text: (int(text), text)) if whole else str))

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups, in alphabetical order."""
        return tuple(sorted({one.group_name for one in self.items}))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all samples and what is known of them, the same wherever the files lie."""
        found = hashlib.sha256()
        for one in self.items:
            known = (one.name, one.scale, one.rate, one.label, one.target, one.group, one.channels, one.part)
            found.update(repr((*known, one.values.shape, str(one.values.dtype))).encode())
            if one.speed is not None:
                found.update(repr(one.speed).encode())
            if one.targets is not None:
                found.update(np.ascontiguousarray(one.targets, dtype=float).tobytes())
            step = max(1, (1 << 22) // len(one.channels))
            for start in range(0, len(one), step):
                found.update(np.ascontiguousarray(one.values[:, start : start + step]).tobytes())
        return found.hexdigest()[:16]
