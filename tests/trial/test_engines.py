from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from joblib.externals.loky import reusable_executor

from heedful.data import split, windows
from heedful.errors import DataError, OptionError, UnknownName
from heedful.train import Recipe
from heedful.trial import engines
from heedful.trial.engines import check_engine, run_jobs
from heedful.trial.jobs import Arena, Job, plan_jobs

MODELS = ("attention-gru", "attention-lstm")


def arena_of(series, epochs: int = 2) -> Arena:
    parts = split(series, (0.7, 0.1, 0.2))
    return Arena(
        **{part: windows(getattr(parts, part), 6) for part in ("train", "validation", "test")},
        season=None,
        recipe=Recipe(epochs=epochs, patience=epochs, batch=64),
    )


@pytest.fixture
def arena(wave) -> Arena:
    return arena_of(wave)


def numbers(found) -> dict:
    trials = [one.trial for trained in found for one in trained]
    assert len({(t.model, t.seed) for t in trials}) == len(trials)
    curves = {(t.model, t.seed): [(e.train, e.validation, e.rate) for e in t.history] for t in trials}
    return {(t.model, t.seed): (t.test.tobytes(), t.validation.tobytes(), curves[t.model, t.seed]) for t in trials}


def test_one_and_two_processes_give_the_same_bits(arena):
    jobs = plan_jobs(MODELS, (0, 1), arena)
    assert numbers(run_jobs(jobs, arena, processes=2)) == numbers(run_jobs(jobs, arena, processes=1))


def test_a_process_that_is_ended_from_outside_is_said(wave):
    endless = arena_of(wave, 1_000_000)
    jobs = [Job(model=name, seeds=(0,)) for name in MODELS]

    def kill_one() -> None:
        for _ in range(600):
            if (pool := reusable_executor._executor) is not None and len(pool._processes) == 2:
                os.kill(min(pool._processes), signal.SIGKILL)
                return
            time.sleep(0.1)

    killer = threading.Thread(target=kill_one)
    killer.start()
    with pytest.raises(DataError, match="One of 2 processes was ended.*goes on from there.*fewer --jobs"):
        list(run_jobs(jobs, endless, processes=2))
    killer.join()


def test_baselines_run_even_when_no_time_is_left(arena):
    for processes in (1, 2):
        found = numbers(run_jobs(plan_jobs(MODELS, (0,), arena), arena, processes=processes, deadline=time.monotonic()))
        assert {seed for _, seed in found} == {None}


@pytest.mark.parametrize(
    ("engine", "scheduler", "error", "advice"),
    [
        ("dusk", None, UnknownName, "Did you mean 'dask'. Known: dask, local"),
        ("dask", None, OptionError, "needs the address of a running scheduler. Add it"),
        ("local", "tcp://10.0.0.1:8786", OptionError, "is for --engine dask, got --engine local"),
    ],
)
def test_engines_that_cannot_be_used_are_refused_with_advice(engine, scheduler, error, advice):
    with pytest.raises(error, match=advice):
        check_engine(engine, scheduler)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OptionError, match="pip install 'heedful.cluster.'"):
        check_engine("dask", "tcp://127.0.0.1:1")


def test_processors_are_those_this_process_may_use():
    assert 1 <= engines.cores() <= (os.cpu_count() or 1)
    assert np.isfinite(engines.cores())
