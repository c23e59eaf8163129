"""Second opinions are those of the tests they name, and say when they cannot be had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from heedful.data import Series, Step, split, windows
from heedful.trial.effects import losses, trained
from heedful.trial.family import questions
from heedful.trial.result import Comparison, ModelNote, Trial
from heedful.trial.second import BETTER, NEITHER, opinions
from heedful.trial.statistics import diebold_mariano, model_confidence_set, sign_flips, spa

ASKED = questions("eca,additive", "cnn-lstm")
ARMS = tuple(dict.fromkeys(arm for question in ASKED for arm in question.arms))


def made(
    scale: dict[str, float],
    *,
    rows: int = 3000,
    seeds: int = 3,
    own: float = 0.05,
    calm: int = 0,
    hole: tuple[int, int] = (0, 0),
) -> Comparison:
    """A trial whose arms have errors of a size, most of them shared.

    The target climbs slowly and fast, for `calm` rows each, and nobody saw it in the `hole`.
    """
    rng = np.random.default_rng(0)
    y = (5.0 ** (np.arange(rows) // calm % 2) if calm else rng.normal(size=rows)).cumsum()
    observed = np.ones((rows, 1), dtype=bool)
    observed[slice(*hole)] = False
    series = Series(
        name="made",
        columns=("y",),
        target="y",
        values=y[:, None],
        observed=observed,
        times=pd.date_range("2020-01-01", periods=rows, freq="h"),
        step=Step(kind="fixed", frequency="h"),
        fingerprint="made",
    )
    parts = split(series)
    laid = {"validation": windows(parts.validation, 8, 2), "test": windows(parts.test, 8, 2)}
    truth = {part: np.nan_to_num(one.targets(np.arange(len(one)))) for part, one in laid.items()}
    shared = {part: rng.normal(size=one.shape) for part, one in truth.items()}
    last = {part: y[one.origins][:, None].repeat(2, 1) for part, one in laid.items()}
    trials = [Trial(model="persistence", seed=None, **last)]
    for arm in ARMS:
        for seed in range(seeds):
            size = scale.get(arm, 1.0)
            f = {p: t + size * (shared[p] + own * rng.normal(size=t.shape)) for p, t in truth.items()}
            trials.append(Trial(model=arm, seed=seed, **f))
    return Comparison(
        series=series,
        split=parts,
        season=None,
        trials=tuple(trials),
        models={trial.model: ModelNote(name=trial.model, kind="preset", summary="") for trial in trials},
        asked=ASKED,
        **laid,
    )


def test_each_attention_is_tested_against_its_hardest_control_and_its_placebo():
    comparison = made({"cnn-lstm+eca": 0.9})
    found = comparison.opinions
    assert found is comparison.opinions
    assert [(one.arm, one.called) for one in found.each] == [
        ("cnn-lstm+eca", "none"),
        ("cnn-lstm+eca", "placebo"),
        ("cnn-lstm+additive", comparison.answers[1].called),
        ("cnn-lstm+additive", "placebo"),
    ]
    first, done = found.each[0], trained(comparison.trials)
    own, none = (losses(done[name], comparison.test, [0, 1, 2]) for name in ("cnn-lstm+eca", "cnn-lstm"))
    assert first.nets == diebold_mariano(own, none, 2)
    assert first.flips == sign_flips(np.array(comparison.answers[0].against_none.block_means))
    assert (first.better, first.worse, first.by_nets, first.by_blocks, first.agrees) == (3, 0, BETTER, BETTER, True)


def test_nets_and_blocks_that_differ_are_named():
    one = made({}).opinions.each[0]
    shifted = tuple(replace(test, p=0.001, statistic=-4.0) for test in one.nets)
    other = replace(one, nets=shifted, blocks=replace(one.blocks, p=0.4))
    assert (other.by_nets, other.by_blocks, other.agrees) == (BETTER, NEITHER, False)
    assert replace(other, nets=shifted[:1] + one.nets[1:]).by_nets == NEITHER  # most of them decide
    assert replace(other, nets=()).agrees


def test_the_best_of_all_networks_is_asked_of_the_set_and_of_hansens_test():
    comparison = made({"cnn-lstm+eca": 0.6})
    best = comparison.opinions.best
    done = trained(comparison.trials)
    table = np.stack([losses(done[name], comparison.test, [0, 1, 2]).mean(0) for name in best.networks])
    assert best.networks == ARMS
    assert best.kept == ("cnn-lstm+eca",)
    assert best.chosen == model_confidence_set(table, block=best.block)
    persistence, none = best.beaten
    assert (persistence.benchmark, none.benchmark) == ("persistence", "cnn-lstm")
    assert none.models == ("cnn-lstm+eca", "cnn-lstm+additive")
    rows = dict(zip(best.networks, table, strict=True))
    assert none.test == spa(rows["cnn-lstm"], np.stack([rows[name] for name in none.models]), block=none.block)
    assert none.best == "cnn-lstm+eca"
    assert best.block >= 2


def test_hansens_test_takes_blocks_as_long_as_the_differences_from_its_benchmark_last():
    best = made({}, calm=200).opinions.best
    persistence, none = best.beaten
    assert none.block < 5
    assert best.block < 5
    assert 30 < persistence.block < 100


def test_a_benchmark_whose_differences_last_too_long_for_six_blocks_is_said():
    found = made({}, calm=2700, hole=(2500, 2900)).opinions
    assert found.best is None
    assert found.reason.startswith("Hansen's test against persistence needs a test span of 6 blocks of ")


def test_a_network_that_misses_a_seed_is_left_out_and_named():
    comparison = made({})
    left = tuple(t for t in comparison.trials if (t.model, t.seed) != ("cnn-lstm+eca+wide", 1))
    best = opinions(replace(comparison, trials=left)).best
    assert best.left_out == ("cnn-lstm+eca+wide",)
    assert best.seeds == 3


def test_what_cannot_be_computed_says_why():
    short = made({}, rows=60).opinions
    assert short.best is None
    assert "needs a test span of 6 blocks" in short.reason
    comparison = made({})
    alone = replace(comparison, trials=tuple(t for t in comparison.trials if t.model in ("persistence", "cnn-lstm")))
    assert opinions(alone).each == ()
    assert "2 to 100 networks" in opinions(alone).reason
    without = replace(comparison, trials=comparison.trials[1:])
    assert "persistence" in opinions(without).reason


def test_the_frame_of_effects_names_the_control_that_counts():
    comparison = made({})
    frame = comparison.effects
    counted = frame[frame["hardest"]].set_index("attention")["called"]
    assert counted["cnn-lstm+eca"] == "none"
    assert counted["cnn-lstm+additive"] in ("last state", "mean of all states")
    assert set(frame["called"]) == {"none", "last state", "mean of all states", "placebo", "wide"}
    [eca, _] = comparison.answers
    row = frame[(frame["attention"] == "cnn-lstm+eca") & (frame["called"] == "placebo")].iloc[0]
    assert row["effect"] == eca.against_placebo.effect
    assert row["detectable"] == pytest.approx(eca.verdict.detectable)


def test_a_wide_control_of_another_size_is_a_finding():
    comparison = made({})
    asked = (replace(ASKED[0], size="90 parameters where 100 were wanted"), ASKED[1])
    told = [str(one) for one in replace(comparison, asked=asked).findings]
    assert any("no control of equal size: cnn-lstm+eca+wide (90 parameters" in line for line in told)
    assert not any("equal size" in str(one) for one in comparison.findings)
