from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heedful.data import Series, Step, split, windows
from heedful.data.series import Member
from heedful.trial.effects import answers, headline, losses
from heedful.trial.family import questions
from heedful.trial.result import Trial

ASKED = questions("eca,se", "cnn-lstm")
ARMS = tuple(dict.fromkeys(arm for question in ASKED for arm in question.arms))


def laid(rows: int = 3000, horizon: int = 2):
    y = np.random.default_rng(0).normal(size=rows)
    series = Series(
        name="made",
        columns=("y",),
        target="y",
        values=y[:, None],
        observed=np.ones((rows, 1), dtype=bool),
        times=pd.date_range("2020-01-01", periods=rows, freq="h"),
        step=Step(kind="fixed", frequency="h"),
        fingerprint="made",
    )
    parts = split(series)
    return windows(parts.validation, 8, horizon), windows(parts.test, 8, horizon)


def made(scale: dict[str, float], seeds: int = 4):
    """Trials whose errors are noise of a size by arm; all arms of a seed share most of it, as trained networks do."""
    validation, test = laid()
    trials = []
    for seed in range(seeds):
        for number, arm in enumerate(ARMS):
            forecasts = []
            for part, laid_out in enumerate((validation, test)):
                truth = laid_out.targets(np.arange(len(laid_out)))
                shared = np.random.default_rng([part, 1]).normal(size=truth.shape)
                own = np.random.default_rng([part, 2 + seed, 1 + number]).normal(size=truth.shape)
                forecasts.append(truth + scale.get(arm, 1.0) * (shared + 0.05 * own))
            trials.append(Trial(model=arm, seed=seed, validation=forecasts[0], test=forecasts[1]))
    return answers(ASKED, trials, test, validation, season=None), trials, test


def test_a_planted_gain_helps_and_the_rest_does_not():
    found, _, _ = made({"cnn-lstm+eca": 0.9})
    assert {one.question.attention: one.outcome for one in found} == {"eca": "helps", "se": "no difference found"}
    assert found[0].against_none.effect == pytest.approx(0.81 - 1, abs=0.01)
    assert "attention helps: cnn-lstm+eca" in headline(found)


def test_what_its_placebo_does_too_does_not_help():
    found, _, _ = made({"cnn-lstm+eca": 0.9, "cnn-lstm+eca+placebo": 0.9})
    assert found[0].outcome == "no difference found"
    assert "no attention beat both" in headline(found)


def test_what_is_worse_than_none_hurts():
    found, _, _ = made({"cnn-lstm+eca": 1.2})
    assert found[0].outcome == "hurts"
    assert "hurting: cnn-lstm+eca" in headline(found)


def test_validation_that_disagrees_is_said():
    _, trials, test = made({"cnn-lstm+eca": 0.9})
    validation, _ = laid()
    turned = [
        Trial(
            model=t.model, seed=t.seed, validation=t.validation + (5 if t.model == "cnn-lstm+eca" else 0), test=t.test
        )
        for t in trials
    ]
    [first, _] = answers(ASKED, turned, test, validation, season=None)
    assert "validation" in first.verdict.causes


def test_an_unfinished_question_waits():
    _, trials, test = made({})
    validation, _ = laid()
    left = [t for t in trials if t.model != "cnn-lstm+se+placebo"]
    assert [one.question.attention for one in answers(ASKED, left, test, validation, season=None)] == ["eca"]


def test_losses_are_means_over_horizon_and_over_series_of_one_stamp():
    rows = 12
    values = np.zeros((2 * rows, 1))
    series = Series(
        name="two",
        columns=("y",),
        target="y",
        values=values,
        observed=np.ones_like(values, dtype=bool),
        times=pd.DatetimeIndex(np.tile(pd.date_range("2020-01-01", periods=rows, freq="D"), 2)),
        step=Step(kind="fixed", frequency="D"),
        fingerprint="two",
        members=(Member(name="a", start=0, stop=rows), Member(name="b", start=rows, stop=2 * rows)),
    )
    test = windows(split(series, (0.5, 0.25, 0.25)).test, 2, 2)
    forecast = np.arange(2.0 * len(test)).reshape(len(test), 2)
    trials = {0: Trial(model="m", seed=0, validation=forecast, test=forecast)}
    count = len(test) // 2
    by_window = (forecast**2).mean(1)
    assert np.allclose(losses(trials, test, [0]), (by_window[:count] + by_window[count:])[None] / 2)


def test_a_seed_that_did_not_train_is_left_out_of_all_arms():
    _, trials, test = made({})
    validation, _ = laid()
    lost = [
        Trial(model=t.model, seed=t.seed, validation=t.validation, test=np.full_like(t.test, np.nan))
        if (t.model, t.seed) == ("cnn-lstm+eca", 0)
        else t
        for t in trials
    ]
    [eca, se] = answers(ASKED, lost, test, validation, season=None)
    assert eca.against_none.seeds == 3
    assert se.against_none.seeds == 4
    assert abs(eca.against_none.effect) < 0.02
    none = [t for t in trials if t.model != "cnn-lstm+eca" or t.seed > 9]
    assert [one.question.attention for one in answers(ASKED, none, test, validation, season=None)] == ["se"]


def test_what_is_not_finished_counts_in_the_correction():
    _, trials, test = made({"cnn-lstm+eca": 0.97})
    validation, _ = laid()
    whole = answers(ASKED, trials, test, validation, season=None)
    left = [t for t in trials if t.model != "cnn-lstm+se+placebo"]
    part = answers(ASKED, left, test, validation, season=None)
    assert part[0].verdict.p_helps == whole[0].verdict.p_helps


def test_to_hurt_is_to_be_worse_than_every_control_without_attention():
    asked = questions("additive", "cnn-lstm")
    validation, test = laid()
    scale = {"cnn-lstm": 1.2, "cnn-lstm+mean": 0.9}
    trials = []
    for seed in range(4):
        for number, arm in enumerate(asked[0].arms):
            forecasts = []
            for part, laid_out in enumerate((validation, test)):
                truth = laid_out.targets(np.arange(len(laid_out)))
                noise = np.random.default_rng([part, 1]).normal(size=truth.shape)
                own = np.random.default_rng([part, 2 + seed, 1 + number]).normal(size=truth.shape)
                forecasts.append(truth + scale.get(arm, 1.0) * (noise + 0.05 * own))
            trials.append(Trial(model=arm, seed=seed, validation=forecasts[0], test=forecasts[1]))
    [answer] = answers(asked, trials, test, validation, season=None)
    assert answer.none == "cnn-lstm+mean"
    assert answer.called == "mean of all states"
    assert "against none (mean of all states)" in headline([answer])
    assert set(answer.verdict.nones) == {"last state", "mean of all states"}
    assert answer.outcome != "hurts"


def test_several_training_sets_reach_the_claim():
    _, trials, test = made({})
    validation, _ = laid()
    [eca, _] = answers(ASKED, trials, test, validation, season=None, trainings=4)
    assert "claim of several" in eca.verdict.causes
