"""Words and numbers of the page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from heedful.report import words
from heedful.report.clock import clock
from heedful.report.language import language
from heedful.trial.result import Comparison

Make = Callable[..., Comparison]
ENGLISH = language("en")


def column(key: str, better: int) -> words.Column:
    return words.Column(key=key, title=key, unit="", better=better, meaning="")


@pytest.mark.parametrize(("better", "best"), [(-1, [True, False, False]), (1, [False, True, False]), (0, [False] * 3)])
def test_the_best_of_a_column_follows_its_direction(better: int, best: list[bool]) -> None:
    table = pd.DataFrame({"mae": [1.0, 2.0, np.nan], "mae_std": [np.nan, 0.1, np.nan]})
    cells = words.cells(table, column("mae", better))
    assert [c.best for c in cells] == best
    assert [(c.text, c.spread) for c in cells] == [("1.000", ""), ("2.000", "0.100"), ("–", "")]
    assert cells[2].value is None


def test_a_column_without_numbers_is_left_out(make: Make) -> None:
    assert "directional" in {c.key for c in words.columns(make(), ENGLISH)}
    assert "directional" not in {c.key for c in words.columns(make(horizon=2), ENGLISH)}


def test_the_split_is_told_in_rows_and_stamps(make: Make) -> None:
    comparison = make()
    train, _, test = words.parts(comparison, clock(comparison.series.times, ENGLISH), ENGLISH)
    assert (train.rows, train.count) == ("rows 0 to 279", "280")
    assert test.times == "2021-03-14 08:00 to 2021-03-17 15:00"
    assert train.share + test.share == pytest.approx(90)


def test_nested_run_values_are_written_without_brackets() -> None:
    command, rest = words.repeat(
        {
            "command": ["heedful", "compare"],
            "max_minutes": None,
            "split": {"train": [0, 70]},
            "options": {"seeds": [0, 1], "recipe": {"learning_rate": 0.001, "clip": None}},
            "finished": True,
        },
        ENGLISH,
    )
    assert command == "heedful compare"
    assert rest == [("seeds", "0, 1"), ("recipe", "learning rate 0.001"), ("finished", "yes")]
