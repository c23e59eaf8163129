"""Searches settings of a model on validation rows, and scores the best of them once on test rows."""

from heedful.tuning.space import Choices, Range
from heedful.tuning.study import Best, Study
from heedful.tuning.verb import tune

__all__ = ["Best", "Choices", "Range", "Study", "tune"]
