"""Trains a model on windows; knows nothing of attention and has no argument for test data."""

from heedful.train.evaluate import Errors, forecast, logits, score_scaled
from heedful.train.fitted import Epoch, Fit, TimeUp
from heedful.train.loop import fit
from heedful.train.recipe import Recipe

__all__ = ["Epoch", "Errors", "Fit", "Recipe", "TimeUp", "fit", "forecast", "logits", "score_scaled"]
