"""What an engine must know of the work: jobs with seeds, and a ground on which any of them can be run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar


class Planned(Protocol):
    """A job; one without seeds is a baseline, which is quick."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that are trained together."""


J = TypeVar("J", bound=Planned)
J_contra = TypeVar("J_contra", bound=Planned, contravariant=True)
T = TypeVar("T")


class Ground(Protocol[J_contra, T]):
    """What all jobs of a run share: data, parts and recipes; it can be sent to another process."""

    def run(self, job: J_contra, deadline: float | None = None, tick: Callable[[int], None] | None = None) -> list[T]:
        """Runs one job; the same job gives the same in whatever process it runs.

        Raises: TimeUp when the deadline (time.monotonic()) passes.
        """
