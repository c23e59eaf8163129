"""Runs jobs one by one, in parallel processes of one thread each, or on a cluster; the results are the same."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from heedful.errors import DataError, OptionError, unknown
from heedful.train import TimeUp
from heedful.trial.dask import check_cluster, run_on_cluster
from heedful.trial.ground import Ground, J, T

ENGINES = ("local", "dask")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_engine(engine: str, scheduler: str | None) -> None:
    """Makes sure that an engine can be used, before anything is written.

    Raises: UnknownName for another engine, OptionError or DataError if its cluster cannot be used.

    >>> check_engine("local", None)
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if engine == "local":
        if scheduler is not None:
            raise OptionError(f"--scheduler {scheduler} is for --engine dask, got --engine local. Give both or none.")
    elif scheduler is None:
        raise OptionError(
            "--engine dask needs the address of a running scheduler. Add it, such as --scheduler tcp://10.0.0.1:8786."
        )
    else:
        check_cluster(scheduler)


def run_jobs(
    jobs: Sequence[J],
    arena: Ground[J, T],
    *,
    processes: int,
    deadline: float | None = None,
    tick: Callable[[J, int], None] | None = None,
    scheduler: str | None = None,
) -> Iterator[list[T]]:
    """Yields the trials of each job as it finishes; stops quietly at the deadline.

    Args:
        scheduler: address of the Dask cluster that runs the jobs, whatever `processes` says.
        tick: called after each epoch, only when the jobs run in this process.
    """
    quick = [job for job in jobs if not job.seeds]
    for job in quick:  # a table without its baselines says nothing, so no deadline stops them
        yield arena.run(job)
    jobs = [job for job in jobs if job.seeds]
    if scheduler is not None:
        if jobs:
            yield from run_on_cluster(jobs, arena, scheduler, deadline)
    elif processes <= 1 or len(jobs) <= 1:
        yield from _one_by_one(jobs, arena, deadline, tick)
    elif deadline is None or time.monotonic() < deadline:
        yield from _side_by_side(jobs, arena, processes, deadline)


def _one_by_one(
    jobs: Sequence[J], arena: Ground[J, T], deadline: float | None, tick: Callable[[J, int], None] | None
) -> Iterator[list[T]]:
    for job in jobs:
        if deadline is not None and time.monotonic() > deadline:
            return
        try:
            yield arena.run(job, deadline, partial(tick, job) if tick else None)
        except TimeUp:
            return


def _side_by_side(jobs: Sequence[J], arena: Ground[J, T], processes: int, deadline: float | None) -> Iterator[list[T]]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(n_jobs=min(processes, len(jobs)), return_as="generator_unordered", batch_size=1)
    with _deaf_children():
        finished = parallel(delayed(_or_nothing)(job, arena, deadline, os.getpid()) for job in jobs)
    try:
        yield from (trained for trained in finished if trained)
    except TerminatedWorkerError:
        raise DataError(
            f"One of {processes} processes was ended from outside, most often because memory ran out. What is finished "
            "is kept: the same command goes on from there, with fewer --jobs if memory is short."
        ) from None


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started inside do not hear Ctrl-C: it is for this one, which keeps what is finished and ends them.

    They inherit a blocked signal; here it waits until the block is over, so none is lost.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from joblib.externals.loky.backend import resource_tracker

    resource_tracker.ensure_running()  # it would unblock the signal again if it were started inside
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _or_nothing(job: J, arena: Ground[J, T], deadline: float | None, parent: int) -> list[T]:
    """Runs a job in a worker; gives nothing when time is up. The monotonic clock is one for all processes."""
    if deadline is not None and time.monotonic() > deadline:
        return []

    def leave_if_orphaned(_: int) -> None:
        if os.getppid() != parent:
            os._exit(1)

    try:
        return arena.run(job, deadline, leave_if_orphaned)
    except TimeUp:
        return []
