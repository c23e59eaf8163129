"""The default preset cuts a window into seasons where the season is known."""

from __future__ import annotations

import pytest

from heedful.models import Shape
from heedful.models.plan import Segments
from heedful.models.presets import heedful


@pytest.mark.parametrize(("window", "season", "length"), [(720, 24, 24), (336, 24, 24), (672, 96, 96), (104, 26, 26)])
def test_a_segment_is_a_season(window: int, season: int, length: int) -> None:
    stem = heedful(Shape(window, 7, 96, season=season)).stem
    assert isinstance(stem, Segments)
    assert stem.length == length


@pytest.mark.parametrize(("window", "season"), [(336, None), (336, 7), (336, 100)])
def test_a_window_without_a_fitting_season_is_cut_by_its_length(window: int, season: int | None) -> None:
    stem = heedful(Shape(window, 7, 96, season=season)).stem
    assert isinstance(stem, Segments)
    assert stem.length == 24
