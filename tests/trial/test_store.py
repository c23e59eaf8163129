from __future__ import annotations

import numpy as np
import pytest

from heedful.errors import DataError
from heedful.trial.result import Epoch, RecordedMap, Trial
from heedful.trial.store import Store, open_store

TRIAL = Trial(
    model="net",
    seed=3,
    validation=np.arange(6.0).reshape(3, 2),
    test=np.arange(8.0).reshape(4, 2) / 3,
    history=(Epoch(train=0.5, validation=0.25, rate=1e-3, seconds=0.5),),
    best_epoch=1,
    parameters=12,
    seconds=1.5,
    milliseconds=0.7,
    milliseconds_batched=0.02,
    maps=(RecordedMap(name="attention", axes=("batch", "time"), weights=np.full((4, 5), 0.2, np.float32), first=2),),
    notes=("a note",),
)


def test_a_trial_comes_back_as_it_was_written(tmp_path):
    store = Store(folder=tmp_path, key="k")
    store.write(TRIAL)
    back = store.read("net", 3)
    assert back is not None
    assert np.array_equal(back.test, TRIAL.test)
    assert np.array_equal(back.validation, TRIAL.validation)
    assert back.test.dtype == np.float64
    for name in ("model", "seed", "history", "best_epoch", "parameters", "seconds", "notes"):
        assert getattr(back, name) == getattr(TRIAL, name)
    assert (back.milliseconds, back.milliseconds_batched) == (0.7, 0.02)
    assert back.maps[0].axes == ("batch", "time")
    assert np.array_equal(back.maps[0].weights, TRIAL.maps[0].weights)


def test_a_trial_of_another_run_or_a_damaged_one_is_not_taken_over(tmp_path):
    Store(folder=tmp_path, key="k").write(TRIAL)
    path = next(tmp_path.glob("trials/*"))
    assert Store(folder=tmp_path, key="other").read("net", 3) is None
    assert Store(folder=tmp_path, key="k").read("net", 4) is None
    path.write_bytes(path.read_bytes()[:-9])
    assert Store(folder=tmp_path, key="k").read("net", 3) is None


def test_a_file_where_a_folder_is_needed_is_refused(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(DataError, match="needs a folder, got the file"):
        open_store(tmp_path / "out", {}, "k", overwrite=True)
