"""Tables read off a classification, where a network diverged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heedful
from heedful.data.recordings import Recordings
from heedful.signals.result import Classification

QUICK = {"window": 60, "models": "wdcnn,resnet1d", "seeds": 1, "epochs": 1, "jobs": 1, "folds": 2}


def lost(result: Classification, *folds: str) -> Classification:
    """The same run, had wdcnn diverged on some folds."""
    trials = [
        replace(one, test=np.full_like(one.test, np.nan)) if one.model == "wdcnn" and one.fold in folds else one
        for one in result.trials
    ]
    return replace(result, trials=tuple(trials))


@pytest.fixture(scope="module")
def whole(few_tones: Recordings) -> Classification:
    return heedful.classify(few_tones, **QUICK)


def test_a_network_that_diverged_once_is_not_ranked_by_its_other_folds(whole: Classification) -> None:
    first, second = (fold.name for fold in whole.folds)
    found = lost(whole, first)
    assert found.summary.index[-1] == "wdcnn"
    assert found.summary.loc["wdcnn", ["macro_f1", "accuracy", "vote_accuracy", "macro_f1_std"]].isna().all()
    assert found.summary.drop("wdcnn")["macro_f1"].notna().all()
    assert np.isnan(found.by_fold.loc["wdcnn", first])
    assert found.by_fold.loc["wdcnn", second] == whole.by_fold.loc["wdcnn", second]
    [told] = [one for one in found.findings if "diverged" in one.text]
    assert told.text.startswith("wdcnn diverged in 1 of 2 trainings")
    assert not [one for one in whole.findings if "diverged" in one.text]


def test_a_network_that_says_what_the_best_baseline_says_does_not_beat_it(whole: Classification) -> None:
    best = next(name for name in whole.summary.index if whole.models[name].kind == "baseline")
    said = {one.fold: one.test for one in whole.trials if one.model == best}
    trials = [one if one.seed is None else replace(one, test=said[one.fold]) for one in whole.trials]
    found = replace(whole, trials=tuple(trials))
    [told] = [one.text for one in found.findings if best in one.text]
    assert told.startswith(f"No network beats the baseline {best}")


def test_what_was_never_said_counts_as_no_class(whole: Classification) -> None:
    first, second = whole.folds
    found = lost(whole, first.name)
    assert found.confusion("wdcnn").to_numpy().sum() == len(second.test)
    assert found.per_class("wdcnn")["samples"].sum() == len(second.test)
    for table in (found.predictions, found.votes):
        own = table[table["model"] == "wdcnn"]
        assert (own.loc[own["fold"] == first.name, "said"] == "").all()
        assert own.loc[own["fold"] == second.name, "said"].isin(found.classes).all()
    never = lost(whole, first.name, second.name)
    assert never.confusion("wdcnn").shape == (3, 3)
    assert never.confusion("wdcnn").to_numpy().sum() == 0
    assert never.per_class("wdcnn")["f1"].isna().all()


def test_an_undefined_auroc_is_left_out_of_the_mean(few_tones: Recordings) -> None:
    site = {"fast-0": "a", "fast-1": "b", "mid-0": "b", "slow-0": "b"}
    items = [replace(one, facts={"site": site.get(one.group_name, "c")}) for one in few_tones.items]
    made = Recordings(items=tuple(items))
    found = heedful.classify(
        made, hold_out="site", values=("a", "b"), models="wdcnn", seeds=1, epochs=1, jobs=1, window=60
    )
    own = found.scores.query("metric == 'auroc' and split == 'test' and model == 'wdcnn'")["value"].to_numpy()
    assert np.isnan(own).tolist() == [True, False]
    assert found.summary.loc["wdcnn", "auroc"] == own[1]
