"""Learning rates and averages against their formulas, written out."""

from __future__ import annotations

import math

import pytest
import torch

from heedful.train import Recipe
from heedful.train.schedule import Average, halvings, rate

NAN = float("nan")


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
def test_the_rate_rises_over_the_warm_up_by_equal_parts(schedule):
    recipe = Recipe(learning_rate=0.5, warmup=0.1, schedule=schedule)
    assert [rate(recipe, step, 40) for step in range(5)] == [0.125, 0.25, 0.375, 0.5, 0.5]


def test_cosine_falls_to_nothing_at_the_planned_end():
    recipe = Recipe(learning_rate=2.0, warmup=0.0)
    got = [rate(recipe, step, 20) for step in range(21)]
    assert got == pytest.approx([1 + math.cos(math.pi * step / 20) for step in range(21)])
    assert got[20] == 0


def test_without_warm_up_a_constant_rate_is_constant():
    assert {rate(Recipe.article(), step, 7) for step in range(7)} == {1e-3}


@pytest.mark.parametrize(
    ("losses", "count"),
    [
        ((), 0),
        ((3.0, 2.0, 1.0), 0),
        ((1.0, 1.0), 0),
        ((1.0, 2.0, 2.0), 1),
        ((1.0, 2.0, 0.5, 2.0), 0),
        ((1.0, 2.0, 2.0, 2.0, 2.0), 2),
        ((NAN, NAN), 1),
    ],
)
def test_plateau_halves_after_two_epochs_that_are_no_better(losses, count):
    assert halvings(losses) == count
    assert rate(Recipe(schedule="plateau", warmup=0.0), 5, 9, losses) == 1e-3 * 0.5**count


def test_the_average_follows_its_formula_and_is_shown_only_for_a_while():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    average, mean = Average([weight], 0.5), torch.tensor([1.0, -2.0])
    for step in range(12):
        with torch.no_grad():
            weight += step
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * weight.detach()
    raw = weight.detach().clone()
    with average.shown():
        assert torch.allclose(weight, mean, rtol=1e-6)  # float32
        assert not torch.allclose(weight, raw)
    assert torch.equal(weight, raw)
