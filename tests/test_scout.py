from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from heedful.data import Scaler, split, windows
from heedful.data.build import build_series
from heedful.data.table import read
from heedful.errors import DataError, OptionError
from heedful.models import Shape
from heedful.models.compose import compose
from heedful.models.plan import LinearSkip, Plan, Recurrence
from heedful.scout import scout, start_line


@pytest.fixture
def parts(wave):
    return split(wave)


def panel(sizes=(0.7, 0.1, 0.2), **members):
    """Cuts a daily panel; each member is given by its values and the day of its first one."""
    days = pd.date_range("2020-01-01", periods=2000)
    frames = [
        pd.DataFrame({"day": days[first : first + len(y)], "id": name, "y": y}) for name, (y, first) in members.items()
    ]
    return split(build_series(read(pd.concat(frames)), "y", time="day", series="id"), sizes)


def sine(rows, seed=0):
    return np.sin(np.arange(rows) / 3) + 0.1 * np.random.default_rng(seed).normal(size=rows)


def started(parts, centre, line=None):
    shape = Shape(window=36, features=2, horizon=3, targets=(1,), known=(), flags=())
    torch.manual_seed(0)
    net = compose(Plan(centre=centre, recurrence=Recurrence(kind="gru", width=4), skip=LinearSkip()), shape)
    start_line(net, windows(parts.train, 36, 3), windows(parts.validation, 36, 3), Scaler.fit(parts.train), line)
    return [value.clone() for value in net.skip.state_dict().values()]


def test_the_look_back_with_the_smallest_validation_error_is_kept(parts):
    made = scout(parts, Scaler.fit(parts.train), 3, windows=(2, 30, 36))
    assert made.window == min(made.errors, key=made.errors.__getitem__) > 2
    assert made.linear.error == made.errors[made.window]
    assert (set(made.errors), made.tried) == ({2, 30, 36}, 18)


def test_the_map_that_was_solved_already_starts_the_network_as_one_solved_anew(parts):
    line = scout(parts, Scaler.fit(parts.train), 3, windows=(36,)).linear
    for given, anew in zip(started(parts, line.centre, line), started(parts, line.centre), strict=True):
        assert torch.equal(given, anew)
    other = "mean" if line.centre == "last" else "last"
    for given, anew in zip(started(parts, other, line), started(parts, other), strict=True):
        assert torch.equal(given, anew)


def test_look_backs_that_do_not_fit_are_refused(parts):
    with pytest.raises(OptionError, match="look-backs of at least one row"):
        scout(parts, Scaler.fit(parts.train), 3, windows=())
    with pytest.raises(DataError, match=r"needs 5 times as many train rows.*280 rows for look-backs of 100"):
        scout(parts, Scaler.fit(parts.train), 3, windows=(100,))


def test_one_long_member_does_not_choose_a_look_back_that_the_others_are_too_short_for():
    rng = np.random.default_rng(0)
    short = {f"s{i}": (rng.normal(size=300).cumsum(), 10 * i + 900) for i in range(8)}
    parts = panel(long=(sine(2000), 0), **short)
    assert set(scout(parts, Scaler.fit(parts.train), 5).errors) == {36}


def test_look_backs_are_judged_on_the_same_windows():
    noise = 20 * np.random.default_rng(3).normal(size=60)
    parts = panel(a=(sine(400), 0), b=(sine(400, 1), 0), c=(sine(400, 2), 0), late=(noise, 270))
    assert [len(windows(parts.train, w, 3).runs) for w in (5, 40)] == [4, 3]
    made = scout(parts, Scaler.fit(parts.train), 3, windows=(5, 40))
    alone = panel(a=(sine(400), 0), b=(sine(400, 1), 0), c=(sine(400, 2), 0))
    clean = scout(alone, Scaler.fit(alone.train), 3, windows=(5, 40))
    assert made.errors[5] < 3 * clean.errors[5]  # noise that only the shorter could be judged on would be 50 times


def test_a_look_back_that_cannot_be_laid_is_left_out():
    long = {name: (sine(400, seed), 0) for seed, name in enumerate("abc")}
    parts = panel((0.96, 0.02, 0.02), **long, new=(sine(60), 399))
    with pytest.raises(DataError, match="Shorten the window"):
        windows(parts.validation, 70, 3)
    assert set(scout(parts, Scaler.fit(parts.train), 3, windows=(5, 70)).errors) == {5}
