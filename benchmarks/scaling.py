"""What one trial costs beside its training: the scheduler's time, what is sent and what is stored.

The jobs that a real local cluster runs here are baselines, whose own work is next to nothing but whose results are as
large as a network's. `docs/scaling.md` plans many trials from these numbers.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

import heedful
from heedful.data import Series, Step, split, windows
from heedful.forecasting.training import versions
from heedful.train import Recipe
from heedful.trial.dask import run_on_cluster
from heedful.trial.described import makings
from heedful.trial.jobs import Arena, Job, run_job
from heedful.trial.result import Trial
from heedful.trial.store import Store

ROWS, FEATURES, WINDOW, HORIZON = 17_420, 7, 48, 24  # the size of ETTh1
MODEL = "cnn-lstm+eca"
JOBS = 400
MANY = 50


def arena() -> Arena:
    values = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).cumsum(0)
    series = Series(
        name="walk",
        columns=tuple(f"x{i}" for i in range(FEATURES)),
        target="x0",
        values=values,
        observed=np.ones(values.shape, dtype=bool),
        times=pd.date_range("2016-07-01", periods=ROWS, freq="h"),
        step=Step(kind="fixed", frequency="h"),
        fingerprint="walk",
    )
    parts = split(series, (0.7, 0.1, 0.2))
    return Arena(
        train=windows(parts.train, WINDOW, HORIZON),
        validation=windows(parts.validation, WINDOW, HORIZON),
        test=windows(parts.test, WINDOW, HORIZON),
        season=24,
        recipe=Recipe(epochs=1, batch=256),
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def started(stack: ExitStack, *words: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words, "--no-dashboard"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def used(process: psutil.Process) -> tuple[float, float]:
    """Gives processor seconds and resident MiB of a process."""
    times = process.cpu_times()
    return times.user + times.system, process.memory_info().rss / 2**20


def through_a_cluster(here: Arena) -> list[tuple[str, float, str]]:
    """Runs tiny jobs on a scheduler with two workers."""
    from distributed import Client

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        at = folder / "at.json"
        boss = started(stack, "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(at))
        while not (at.exists() and at.stat().st_size):
            time.sleep(0.1)
        address = json.loads(at.read_text())["address"]
        for _ in range(2):
            started(stack, "worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2)
        tiny = Job(model="persistence", seeds=())
        first, _ = timed(lambda: [None for _ in run_on_cluster([tiny] * 8, here, address)])
        process, mine = psutil.Process(boss.pid), time.process_time()
        before, memory = used(process)
        wall, _ = timed(lambda: [None for _ in run_on_cluster([tiny] * JOBS, here, address)])
        mine = time.process_time() - mine
        after, later = used(process)
    return [
        ("tiny jobs a second through a scheduler and two workers on this machine", JOBS / wall, ""),
        ("a job: milliseconds of the scheduler's processor", 1e3 * (after - before) / JOBS, ""),
        ("a job: milliseconds of the main process's processor", 1e3 * mine / JOBS, ""),
        ("memory of the scheduler before, MiB", memory, ""),
        (f"memory that {JOBS} jobs left in the scheduler, MiB", later - memory, ""),
        ("seconds until the first 8 jobs were back, imports on the workers included", first, ""),
    ]


def through_files(trial: Trial, folder: Path) -> list[tuple[str, float, str]]:
    """Writes and reads records of a real trial."""
    jobs = [Job(model=MODEL, seeds=(seed,)) for seed in range(MANY)]
    store = Store(folder=folder, key="k", made=makings(jobs, arena()))
    store.read(trial.model, 0)
    seeds = [replace(trial, seed=seed) for seed in range(MANY)]
    writing, _ = timed(lambda: [store.write(one) for one in seeds])
    reading, _ = timed(lambda: [store.read(trial.model, seed) for seed in range(MANY)])
    record = sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / MANY
    return [
        ("a record on disk, KiB", record / 2**10, ""),
        ("of which forecasts, KiB", (trial.test.nbytes + trial.validation.nbytes) / 2**10, ""),
        ("of which attention maps, KiB", sum(one.weights.nbytes for one in trial.maps) / 2**10, ""),
        ("writing a record, milliseconds", 1e3 * writing / MANY, ""),
        ("reading a record when a run goes on, milliseconds", 1e3 * reading / MANY, ""),
    ]


def in_the_end(here: Arena, trial: Trial, folder: Path) -> list[tuple[str, float, str]]:
    """Makes the final tables of many trials, and one bundle."""
    series = here.train.span.series
    frame = pd.DataFrame(series.values, columns=series.columns).assign(when=series.times)
    options: dict[str, Any] = {"window": WINDOW, "horizon": HORIZON, "recipe": here.recipe, "jobs": 1, "keep": "all"}
    made = heedful.compare(frame, "x0", models=MODEL, seeds=1, out=folder / "run", **options)
    [bundle] = (folder / "run" / "models" / MODEL).iterdir()
    again = heedful.Bundle.load(bundle)
    saving, _ = timed(lambda: [again.save(folder / f"bundle{i}") for i in range(5)])
    many = replace(made, trials=tuple(replace(trial, seed=seed) for seed in range(MANY)))
    scoring, _ = timed(lambda: many.scores)
    tables, frame = timed(lambda: many.forecasts)
    size = sum(path.stat().st_size for path in bundle.iterdir())
    return [
        ("a bundle on disk, KiB", size / 2**10, ""),
        ("writing a bundle, milliseconds", 1e3 * saving / 5, ""),
        ("a trial in the scores, milliseconds", 1e3 * scoring / MANY, ""),
        ("a trial in the table of forecasts, milliseconds", 1e3 * tables / MANY, ""),
        ("a trial in the table of forecasts, MiB of memory", frame.memory_usage(deep=True).sum() / MANY / 2**20, ""),
    ]


def main() -> list[tuple[str, float, str]]:
    here = arena()
    network, [trained] = timed(lambda: run_job(Job(model=MODEL, seeds=(0,)), here))
    job = len(pickle.dumps((Job(model=MODEL, seeds=(0,)), None, versions())))
    with tempfile.TemporaryDirectory() as name:
        return [
            (f"one epoch of {MODEL} and its forecasts, seconds", network, ""),
            ("the windows, sent once to each worker, MiB", len(pickle.dumps(here, protocol=5)) / 2**20, ""),
            ("a job as it is sent, KiB", job / 2**10, ""),
            ("a finished trial as it comes back, KiB", len(pickle.dumps(trained, protocol=5)) / 2**10, ""),
            *through_files(trained.trial, Path(name)),
            *in_the_end(here, trained.trial, Path(name)),
            *through_a_cluster(here),
        ]


if __name__ == "__main__":
    for row, value, _ in main():
        print(f"{row}: {value:.2f}")
