"""Trains a model on windows; knows nothing of attention and has no argument for test data."""

from heedful.train.evaluate import Errors, forecast, score_scaled
from heedful.train.loop import Fit, TimeUp, fit
from heedful.train.recipe import Recipe

__all__ = ["Errors", "Fit", "Recipe", "TimeUp", "fit", "forecast", "score_scaled"]
