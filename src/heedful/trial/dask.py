"""Runs jobs on the workers of an existing Dask cluster, through joblib; a worker that dies loses no trial."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from heedful.errors import DataError, OptionError
from heedful.forecasting.training import versions
from heedful.train import TimeUp
from heedful.trial.ground import Ground, J, T

_PATIENCE = "10s"
_GRACE = 10.0  # seconds after the deadline that workers have to stop by themselves
_TURN = threading.Lock()


def check_cluster(scheduler: str) -> None:
    """Makes sure that a cluster can be used, before anything is written.

    Raises: OptionError without the extra `cluster`, or if a worker runs several threads; DataError if no scheduler
        answers.
    """
    with _joined(scheduler) as client:
        most = max(client.nthreads().values(), default=1)
    if most > 1:
        raise OptionError(
            f"--engine dask needs workers of one thread each, got one of {most}, which would train one network at a "
            "time. Start them with 'dask worker ADDRESS --nworkers NUMBER --nthreads 1'."
        )


def run_on_cluster(
    jobs: Sequence[J], arena: Ground[J, T], scheduler: str, deadline: float | None = None
) -> Iterator[list[T]]:
    """Yields the trials of each job as it finishes; stops quietly at the deadline.

    A job whose worker dies is run again by another one, with the same result. Workers may come and go; while there is
    none, the jobs wait.

    Raises: DataError if the cluster gives a job up, or has other versions than this process.
    """
    with _joined(scheduler) as client:
        from joblib import Parallel, delayed

        # The windows are a task and no scattered data: if all workers that hold them die, they are made again.
        shared = client.submit(_as_it_is, arena, key=f"heedful-arena-{uuid4().hex}")
        until = None if deadline is None else time.time() + deadline - time.monotonic()
        parallel = Parallel(backend=_backend(client), return_as="generator_unordered", batch_size=1, pre_dispatch="all")
        finished = parallel(delayed(_on_worker)(job, shared, until, versions()) for job in jobs)
        with _stopped_at(deadline, client, shared):
            try:
                yield from (trained for trained in finished if trained)
            except DataError:
                if deadline is None or time.monotonic() < deadline:
                    raise


@contextmanager
def _joined(scheduler: str) -> Iterator[Any]:
    try:
        import dask
        import distributed
    except ImportError:
        raise OptionError(
            "--engine dask needs dask and distributed, which are not installed. Get them with the extra 'cluster': "
            "pip install 'heedful[cluster]'."
        ) from None
    join: Any = distributed.Client
    try:
        client = join(scheduler, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"No Dask scheduler answers at {scheduler} ({error}). Start one with 'dask scheduler' and give the address "
            "that it prints."
        ) from None
    # The windows are sent once, on purpose, so their size is no reason to warn.
    with client, dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
        yield client


@contextmanager
def _stopped_at(deadline: float | None, client: Any, shared: Any) -> Iterator[None]:
    """Gives up, some seconds after the deadline, what no worker is there to stop."""
    if deadline is None:
        yield
        return
    left = deadline + _GRACE - time.monotonic()
    timer = threading.Timer(max(0.0, left), client.cancel, [[shared]], {"force": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _backend(client: Any) -> Any:
    """Gives joblib's own backend, which hangs if the cluster gives a task up: that is an error here."""
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]
        def effective_n_jobs(self, n_jobs: int) -> int:  # noqa: ARG002
            return 2  # with one, joblib would run the jobs in this process; how many wait does not depend on it

        def submit(self, func: Any, callback: Any = None) -> Any:
            def pass_on(done: Future[Any]) -> None:
                if callback is not None and (error := done.exception()) is not None:
                    callback(error)

            future = super().submit(func, callback)
            future.add_done_callback(pass_on)
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, BaseException):
                raise DataError(
                    f"The Dask cluster gave a trial up ({type(out).__name__}: {out}). What is finished is kept: the "
                    "same command goes on from there."
                ) from out
            return super().retrieve_result_callback(out)

    return Backend(client=client)


def _as_it_is(arena: T) -> T:
    return arena


def _on_worker(job: J, arena: Ground[J, T], until: float | None, wanted: dict[str, str]) -> list[T]:
    """Runs a job on a worker; gives nothing when time is up. Clocks of two machines agree only on the time of day."""
    if (found := versions()) != wanted:
        told = [f"{name}: {found[name]} there, {wanted[name]} here" for name in wanted if found[name] != wanted[name]]
        raise DataError(f"A Dask worker has other versions ({'; '.join(told)}). Install the same on all machines.")
    if until is not None and time.time() > until:
        return []
    deadline = None if until is None else time.monotonic() + until - time.time()
    with _TURN, suppress(TimeUp):  # random numbers are drawn for the process, so one job at a time
        return arena.run(job, deadline)
    return []
