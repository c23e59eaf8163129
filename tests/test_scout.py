from __future__ import annotations

import pytest
import torch

from heedful.data import Scaler, split, windows
from heedful.errors import DataError, OptionError
from heedful.models import Shape
from heedful.models.compose import compose
from heedful.models.plan import LinearSkip, Plan, Recurrence
from heedful.scout import scout, start_line


@pytest.fixture
def parts(wave):
    return split(wave)


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
