"""Forecasting and classification with the conventions of scikit-learn: fit, predict and score."""

from heedful.estimators.classifier import Classifier
from heedful.estimators.forecaster import Forecaster

__all__ = ["Classifier", "Forecaster"]
