from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from heedful.errors import OptionError, UnknownName
from heedful.train import Recipe


@pytest.mark.parametrize(
    ("name", "values", "need"),
    [
        ("epochs", (0, -1, 1.5, True, None), "a whole number from 1 up"),
        ("patience", (0, "3", None), "a whole number from 1 up"),
        ("batch", (0, 2.0), "a whole number from 1 up"),
        ("windows_per_epoch", (0, 0.5), "a whole number from 1 up"),
        ("learning_rate", (0.0, -1e-3, float("nan"), float("inf"), "1e-3"), "above 0"),
        ("weight_decay", (-1e-9, float("inf")), "0 or more"),
        ("warmup", (-0.1, 1.0, None), "a share from 0 to below 1"),
        ("clip", (0.0, float("nan")), "above 0, or None"),
        ("average", (0.0, 1.0), "between 0 and 1, or None"),
    ],
)
def test_a_value_that_cannot_train_is_refused(name, values, need):
    for value in values:
        with pytest.raises(OptionError, match=rf"needs {name} to be {need}, got .*Recipe\(\) and Recipe.article"):
            Recipe(**{name: value})


@pytest.mark.parametrize(
    ("name", "given", "nearest"),
    [
        ("optimiser", "adamW", "adamw"),
        ("schedule", "cos", "constant, cosine, plateau"),
        ("loss", "msee", "mse"),
        ("precision", "bf16", "bfloat16"),
        ("watch", "test", "train, validation"),
    ],
)
def test_an_unknown_choice_is_answered_with_the_known_ones(name, given, nearest):
    with pytest.raises(UnknownName, match=f"Unknown {name} '{given}'.*{nearest}"):
        Recipe(**{name: given})


def test_the_articles_recipe_is_plain_adam():
    article = Recipe.article()
    assert (article.optimiser, article.learning_rate, article.schedule) == ("adam", 1e-3, "constant")
    assert (article.weight_decay, article.clip, article.warmup, article.average) == (0.0, None, 0.0, None)


def test_a_recipe_is_frozen_and_equal_when_equal():
    recipe = Recipe(epochs=3)
    with pytest.raises(FrozenInstanceError):
        recipe.epochs = 4
    assert recipe == replace(Recipe(), epochs=3) != Recipe()
    assert "epochs=3" in repr(recipe)


def test_a_capped_epoch_uses_no_more_windows_than_there_are():
    assert [Recipe(windows_per_epoch=50).windows_for(n) for n in (40, 60)] == [40, 50]
    assert Recipe().windows_for(60) == 60


@pytest.mark.parametrize("count", [1, 2, 30, 67, 100, 270, 5000])
def test_small_archives_get_about_as_many_steps_whatever_their_size(count):
    recipe = Recipe.archive(count)
    steps = recipe.epochs * -(-count // recipe.batch)
    assert steps >= 1400
    assert steps <= 1600 or recipe.epochs == 30
    assert (recipe.watch, recipe.patience) == ("train", recipe.epochs)


def test_recordings_get_batches_by_their_windows():
    assert [Recipe.signals(n).batch for n in (100, 1000, 7000, 10**6)] == [8, 50, 128, 128]
    assert Recipe.signals(7000).watch == "validation"
