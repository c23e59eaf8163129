"""Rows become positions and words by the stamps that people read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from heedful.report.clock import clock
from heedful.report.language import language


def test_a_clock_shows_the_wall_time_of_its_zone() -> None:
    stamps = pd.date_range("2024-07-01", periods=5, freq="h", tz="Europe/Berlin")
    shown = clock(stamps, language("en"))
    assert shown.at(np.array([2]))[0] == pd.Timestamp("2024-07-01 02:00").value / 1e6
    assert "Europe/Berlin" in shown.title
    assert shown.text(2) == "2024-07-01 02:00"


def test_days_are_written_without_a_time_of_day() -> None:
    assert clock(pd.bdate_range("2024-07-01", periods=5), language("en")).text(1) == "2024-07-02"
