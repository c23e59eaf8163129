from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful.data import split, windows
from heedful.errors import DataError, OptionError
from heedful.forecasting.training import versions
from heedful.train import Recipe
from heedful.trial import dask
from heedful.trial.jobs import Arena, Job

distributed = pytest.importorskip("distributed", reason="the extra 'cluster' (dask[distributed]) is not installed")

SHORT = {"window": 6, "models": "attention-gru,attention-lstm", "seeds": 3, "recipe": Recipe(epochs=3, batch=32)}
TRIALS = 3 + 6  # baselines and networks, none of which is trained together with another


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.processes, self.settings = folder, [], settings
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(folder / "at.json"))
        self._wait(lambda: (folder / "at.json").exists() and (folder / "at.json").stat().st_size > 0)
        self.address = json.loads((folder / "at.json").read_text())["address"]

    def _start(self, *words: str) -> subprocess.Popen:
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *words, "--no-dashboard"],
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "OMP_NUM_THREADS": "1", **self.settings},
                )
            )
        return self.processes[-1]

    @staticmethod
    def _wait(ready: Callable[[], bool]) -> None:
        for _ in range(600):
            if ready():
                return
            time.sleep(0.1)
        raise TimeoutError("the cluster did not come up in a minute")

    def worker(self, threads: int = 1) -> subprocess.Popen:
        name = f"worker-{len(self.processes)}"
        words = ("worker", self.address, "--no-nanny", "--nthreads", str(threads), "--name", name)
        process = self._start(*words)
        with distributed.Client(self.address, set_as_default=False) as client:
            self._wait(lambda: name in {one["name"] for one in client.scheduler_info(-1)["workers"].values()})
        return process

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


def table(rows: int = 240) -> pd.DataFrame:
    t = np.arange(rows)
    noise = np.random.default_rng(0).normal(size=rows)
    when = pd.date_range("2024-01-01", periods=rows, freq="h")
    return pd.DataFrame({"when": when, "load": 50 + 10 * np.sin(t / 24 * 2 * np.pi) + noise})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> heedful.Comparison:
    return heedful.compare(table(), "load", jobs=1, out=tmp_path_factory.mktemp("runs") / "alone", **SHORT)


def same_tables(one: heedful.Comparison, other: heedful.Comparison) -> bool:
    names = ("scores.csv", "forecasts.csv")
    return all((one.folder / name).read_bytes() == (other.folder / name).read_bytes() for name in names)


def compare(cluster: Cluster, out: Path, **more: Any) -> heedful.Comparison:
    return heedful.compare(table(), "load", engine="dask", scheduler=cluster.address, out=out, **{**SHORT, **more})


def test_a_killed_worker_costs_no_trial_and_changes_no_number(cluster, tmp_path, alone):
    first, second = cluster.worker(), cluster.worker()
    seen = []

    def kill_in_the_middle(state: Any) -> None:
        seen.append(state.done)
        if state.done == 5:  # three baselines and two of six networks
            first.kill()

    made = compare(cluster, tmp_path / "many", progress=kill_in_the_middle)
    assert first.wait(10) == -signal.SIGKILL
    assert second.poll() is None
    assert seen == list(range(TRIALS + 1))
    told = [(trial.model, trial.seed) for trial in made.trials]
    assert len(set(told)) == len(told) == TRIALS
    assert made.finished
    assert same_tables(made, alone)


def test_windows_come_back_when_every_worker_that_held_them_died(cluster, tmp_path, alone):
    only = cluster.worker()

    def replace_it(state: Any) -> None:
        if state.done == 5:
            only.kill()
            only.wait()
            cluster.worker()

    made = compare(cluster, tmp_path / "many", progress=replace_it)
    assert made.finished
    assert same_tables(made, alone)


def test_what_the_cluster_gives_up_is_said_and_a_rerun_goes_on(tmp_path, alone):
    strict = Cluster(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    try:
        worker = strict.worker()
        with pytest.raises(DataError, match="gave a trial up .KilledWorker.*goes on from there"):
            compare(strict, tmp_path / "run", progress=lambda state: worker.kill() if state.done == 5 else None)
        kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "trials").iterdir()}
        assert len(kept) >= 5
        strict.worker()
        again = compare(strict, tmp_path / "run")
        assert same_tables(again, alone)
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
    finally:
        strict.close()


def test_time_is_up_without_a_worker_and_one_of_two_threads_is_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "_GRACE", 0.5)
    made = compare(cluster, tmp_path / "none", max_minutes=0.03)
    assert not made.finished
    assert {trial.seed for trial in made.trials} == {None}
    cluster.worker(threads=2)
    with pytest.raises(OptionError, match="workers of one thread each, got one of 2.*--nthreads 1"):
        compare(cluster, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_a_scheduler_that_does_not_answer_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "_PATIENCE", "1s")
    with pytest.raises(DataError, match="No Dask scheduler answers at tcp://127.0.0.1:1 .*Start one"):
        heedful.compare(table(), "load", engine="dask", scheduler="tcp://127.0.0.1:1", out=tmp_path / "x", **SHORT)
    with pytest.raises(DataError, match="No Dask scheduler answers at nowhere://x"):
        dask.check_cluster("nowhere://x")
    assert not (tmp_path / "x").exists()


def test_a_worker_checks_versions_and_stops_when_time_is_up(make_series):
    parts = split(make_series(np.arange(100.0)), (0.7, 0.1, 0.2))
    arena = Arena(
        **{part: windows(getattr(parts, part), 4) for part in ("train", "validation", "test")},
        season=None,
        recipe=Recipe(epochs=1_000_000, patience=1_000_000),
    )
    quick, endless = Job(model="persistence", seeds=()), Job(model="attention-gru", seeds=(0,))
    with pytest.raises(DataError, match="other versions .torch: .* there, 0.1 here"):
        dask._on_worker(quick, arena, None, {**versions(), "torch": "0.1"})
    assert dask._on_worker(quick, arena, time.time() - 1, versions()) == []
    assert len(dask._on_worker(quick, arena, time.time() + 60, versions())) == 1
    assert dask._on_worker(endless, arena, time.time() + 0.5, versions()) == []
