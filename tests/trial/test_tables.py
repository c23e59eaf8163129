from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heedful.data import Series, split, windows
from heedful.trial import tables
from heedful.trial.result import Comparison, ModelNote, Trial


@pytest.fixture
def made(wave: Series) -> Callable[..., Comparison]:
    def make(shifts: dict[str, list[float]], horizon: int = 1) -> Comparison:
        """Networks whose test forecast is the truth plus a shift, one number per seed; beside them persistence."""
        parts = split(wave)
        validation, test = windows(parts.validation, 6, horizon), windows(parts.test, 6, horizon)
        trials = []
        for name, by_seed in {"persistence": [None], **shifts}.items():
            for seed, shift in enumerate(by_seed):
                both = []
                for laid in (validation, test):
                    last = wave.values[laid.origins, wave.target_index]
                    repeated = np.repeat(last[:, None], horizon, axis=1)
                    both.append(repeated if shift is None else tables.truth(laid) + shift)
                trials.append(Trial(model=name, seed=None if shift is None else seed, validation=both[0], test=both[1]))
        models = {n: ModelNote(name=n, kind="preset", summary="") for n in shifts}
        models["persistence"] = ModelNote(name="persistence", kind="baseline", summary="")
        return Comparison(
            series=wave, split=parts, validation=validation, test=test, season=24, trials=tuple(trials), models=models
        )

    return make


def test_summary_is_sorted_by_rmse_and_spreads_over_seeds(made):
    table = made({"far": [3.0, 5.0], "near": [0.1, 0.1]}).summary
    assert list(table.index) == ["near", "persistence", "far"]
    assert table.loc["far", "rmse"] == pytest.approx(4.0)
    assert table.loc["far", "rmse_std"] == pytest.approx(np.sqrt(2))
    assert table.loc["near", "rmse_std"] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(table.loc["persistence", "rmse_std"])
    assert table.loc["far", "seeds"] == 2


def test_steps_are_scored_one_by_one_on_the_test_part(made):
    scores = made({"net": [0.5]}, horizon=3).scores
    one = scores.query("model == 'net' and metric == 'mae' and split == 'test'")
    assert one["step"].dropna().tolist() == [1, 2, 3]
    assert np.allclose(one["value"], 0.5)
    assert "directional" not in set(scores["metric"])


def test_forecasts_have_the_stamp_of_their_target(made):
    comparison = made({"net": [0.0]}, horizon=2)
    frame = comparison.forecasts
    truth = dict(zip(comparison.series.times, comparison.series.truth, strict=True))
    assert all(truth[t] == v for t, v in zip(frame["time"], frame["true"], strict=True))
    assert len(frame) == 2 * 2 * len(comparison.test)


def test_findings_count_who_beats_persistence_and_by_how_much(made):
    found = made({"good": [0.1, 0.1], "shaky": [0.05, 0.75], "poor": [9.0, 9.0]}).findings
    assert found[0].text == (
        "2 of 3 networks beat repeating the last value on the test part, 1 of them by more than the spread over seeds."
    )
    assert found[0].severity == "good"
    worse = next(f for f in found if f.text.startswith("No better"))
    assert [name for name, _ in worse.models] == ["poor"]
    assert worse.severity == "warning"
    assert str(worse).endswith(f"poor ({worse.models[0][1]}).")


def test_with_one_seed_no_spread_is_claimed(made):
    assert made({"good": [0.1]}).findings[0].text.endswith("(one seed: no spread known).")


def test_a_lagged_copy_at_some_steps_does_not_deny_the_rest(made):
    base = made({"net": [0.1]}, horizon=3)
    last = np.repeat(base.series.values[base.test.origins, 1][:, None], 3, axis=1)
    mixed = np.concatenate([last[:, :1] + 9, tables.truth(base.test)[:, 1:]], axis=1)
    trials = tuple(Trial(**{**t.__dict__, "test": mixed}) if t.model == "net" else t for t in base.trials)
    copied = Comparison(**{**base.__dict__, "trials": trials})
    (finding,) = [f for f in copied.findings if "lagged copy" in f.text]
    assert finding.models == (("net", "1 of 3 steps"),)
    assert finding.severity == "plain"


def test_baselines_without_skill_are_named_too(made):
    base = made({})
    poor = Trial(model="ridge", seed=None, validation=base.trials[0].validation + 5, test=base.trials[0].test + 5)
    models = {**base.models, "ridge": ModelNote(name="ridge", kind="baseline", summary="")}
    found = Comparison(**{**base.__dict__, "trials": (*base.trials, poor), "models": models}).findings
    assert [name for name, _ in found[0].models] == ["ridge"]


def test_findings_are_silent_where_there_is_nothing_to_say(made):
    assert made({}).findings == ()


def test_a_note_shared_by_models_is_said_once(made):
    base = made({"a": [0.1], "b": [0.1]})
    noted = tuple(
        Trial(**{**t.__dict__, "notes": ("the last layer was widened",)}) if t.seed is not None else t
        for t in base.trials
    )
    found = Comparison(
        series=base.series,
        split=base.split,
        validation=base.validation,
        test=base.test,
        season=24,
        trials=noted,
        models=base.models,
    ).findings
    assert [f.models for f in found if f.text == "The last layer was widened:"] == [(("a", ""), ("b", ""))]
