"""Models of signals: networks that read windows of recordings, with exchangeable attention at named places."""

from __future__ import annotations

from heedful.models.signals.catalogue import SignalSpec, get, names
from heedful.models.signals.ensemble import Ensemble
from heedful.models.signals.heads import ClassHead, ValueHead
from heedful.models.signals.shape import SignalShape

__all__ = ["ClassHead", "Ensemble", "SignalShape", "SignalSpec", "ValueHead", "get", "names"]
