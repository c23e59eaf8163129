from __future__ import annotations

import numpy as np
import pytest

import heedful
from heedful.errors import DataError, OptionError
from heedful.train import Recipe

SMALL = {"window": 6, "horizon": 2, "models": "cnn-lstm", "seeds": 1, "recipe": Recipe(epochs=1), "jobs": 1}


def test_each_block_is_forecast_by_what_was_trained_on_all_rows_before_it(wave_frame):
    rolled = heedful.compare(wave_frame, "load", split=(140, 40, 60), origins=2, **SMALL)
    first = heedful.compare(wave_frame, "load", split=(140, 40, 31), **SMALL)
    second = heedful.compare(wave_frame, "load", split=(170, 40, 30), **SMALL)
    for name in ("cnn-lstm", "ridge", "persistence"):
        [own], [one], [two] = ([t for t in run.trials if t.model == name] for run in (rolled, first, second))
        assert np.array_equal(own.test, np.concatenate([one.test, two.test]))
    assert len(rolled.test) == 60 - 1


def test_no_row_is_trained_on_before_it_is_forecast(wave_frame):
    told = heedful.compare(wave_frame, "load", split=(140, 40, 60), origins=3, gap=4, **SMALL)
    spoilt = wave_frame.copy()
    spoilt.loc[len(spoilt) - 20 :, "load"] = 1e6  # the newest of three blocks
    other = heedful.compare(spoilt, "load", split=(140, 40, 60), origins=3, gap=4, **SMALL)
    [a], [b] = ([t for t in run.trials if t.model == "cnn-lstm"] for run in (told, other))
    older = 220 - 183  # forecasts that look back on no spoilt row: their origins are rows 183 to 219
    assert np.array_equal(a.test[:older], b.test[:older])


def test_what_cannot_roll_is_refused(wave_frame, shops):
    with pytest.raises(OptionError, match="row numbers, which stand for other dates"):
        heedful.compare(shops, "sales", series="shop", origins=2, **SMALL)
    with pytest.raises(DataError, match="fewer origins"):
        heedful.compare(wave_frame, "load", split=(140, 40, 5), origins=3, **SMALL)


def test_a_run_of_several_origins_is_audited_as_clean(wave_frame, tmp_path):
    table = tmp_path / "wave.csv"
    wave_frame.to_csv(table, index=False)
    heedful.compare(table, "load", split=(140, 40, 60), origins=2, out=tmp_path / "run", **SMALL)
    told = heedful.audit(tmp_path / "run")
    assert told.clean, str(told)
