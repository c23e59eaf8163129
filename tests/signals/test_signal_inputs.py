"""What the caller of a classification meant, and what is refused of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heedful
from heedful.data.recordings import Recordings
from heedful.errors import DataError, OptionError
from heedful.signals.inputs import SIZES, Cutting

QUICK = {"window": 60, "models": "wdcnn", "seeds": 1, "epochs": 1, "jobs": 1}


@pytest.mark.parametrize("words", [{"split": "group"}, {"split": "time"}, {"folds": 3}, {"hold_out": "take"}])
def test_a_test_source_is_never_dealt_out_to_train(few_tones: Recordings, words: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=f"got {next(iter(words))}=.* too. Give one"):
        heedful.classify(few_tones, test=few_tones, **words, **QUICK)


def test_sizes_that_were_given_make_one_split(few_tones: Recordings) -> None:
    assert len(Cutting(window=60).parts(few_tones)) == 3
    [one] = Cutting(window=60, sizes=(0.5, 0.25, 0.25)).parts(few_tones)
    assert len(one.train.groups) == 6
    assert len(Cutting(window=60, sizes=(0.5, 0.25, 0.25), folds=2).parts(few_tones)) == 2
    assert SIZES == (0.6, 0.2, 0.2)


def test_sizes_without_train_are_refused(few_tones: Recordings) -> None:
    with pytest.raises(OptionError, match="three shares"):
        Cutting(window=60, sizes=(0.0, 0.0, 1.0)).parts(few_tones)


def test_a_train_part_of_one_class_is_refused_before_anything_is_trained(few_tones: Recordings) -> None:
    items = [replace(one, part="train" if one.label == "fast" else "test") for one in few_tones.items]
    with pytest.raises(DataError, match=r"got 'fast' alone .* Split by group"):
        heedful.classify(Recordings(items=tuple(items)), **QUICK)


def test_what_is_about_classes_is_refused_of_a_number(few_tones: Recordings) -> None:
    for how in ("focal", "weights", "oversample"):
        with pytest.raises(OptionError, match=f"got '{how}' and a target"):
            heedful.classify(few_tones, target=True, imbalance=how, **QUICK)


def test_values_may_be_numbers_of_numpy(few_tones: Recordings, tmp_path) -> None:
    found = heedful.classify(few_tones, hold_out="take", values=np.array([0, 1]), out=tmp_path / "out", **QUICK)
    assert [fold.name for fold in found.folds] == ["take = 0", "take = 1"]
