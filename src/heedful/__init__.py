"""Attention for CNN, LSTM and GRU models of time series and signals: faithful, compared, visible.

Names load on first use, so `import heedful` costs nothing and loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heedful import attention, data, models
    from heedful.bundle import Bundle
    from heedful.estimators import Classifier, Forecaster
    from heedful.explaining.run import explain
    from heedful.explanation.record import record
    from heedful.explanation.result import Explanation
    from heedful.forecasting.backtesting import Backtest, backtest
    from heedful.forecasting.fitting import fit
    from heedful.predicting import predict
    from heedful.signals.detection.result import Detection
    from heedful.signals.detection.run import detect
    from heedful.signals.result import Classification
    from heedful.signals.run import classify
    from heedful.trial.across import across
    from heedful.trial.audit import Audit, audit
    from heedful.trial.result import Comparison
    from heedful.trial.run import compare
    from heedful.tuning import Study, tune

try:
    __version__ = version("heedful")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

_HOMES = {
    "across": "heedful.trial.across",
    "audit": "heedful.trial.audit",
    "Audit": "heedful.trial.audit",
    "classify": "heedful.signals.run",
    "Classification": "heedful.signals.result",
    "compare": "heedful.trial.run",
    "Comparison": "heedful.trial.result",
    "detect": "heedful.signals.detection.run",
    "Detection": "heedful.signals.detection.result",
    "explain": "heedful.explaining.run",
    "Explanation": "heedful.explanation.result",
    "fit": "heedful.forecasting.fitting",
    "predict": "heedful.predicting",
    "backtest": "heedful.forecasting.backtesting",
    "Backtest": "heedful.forecasting.backtesting",
    "Classifier": "heedful.estimators",
    "Forecaster": "heedful.estimators",
    "Bundle": "heedful.bundle",
    "record": "heedful.explanation.record",
    "tune": "heedful.tuning",
    "Study": "heedful.tuning",
}
_ROOMS = ("attention", "data", "models")

__all__ = [
    "Audit",
    "Backtest",
    "Bundle",
    "Classification",
    "Classifier",
    "Comparison",
    "Detection",
    "Explanation",
    "Forecaster",
    "Study",
    "__version__",
    "across",
    "attention",
    "audit",
    "backtest",
    "classify",
    "compare",
    "data",
    "detect",
    "explain",
    "fit",
    "models",
    "predict",
    "record",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _ROOMS:
        value = import_module(f"heedful.{name}")
    else:
        raise AttributeError(f"module 'heedful' has no attribute '{name}'. Known: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
