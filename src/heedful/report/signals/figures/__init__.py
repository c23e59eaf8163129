"""Pictures of a classification: functions from what was measured to figures, without side effects."""

from heedful.report.signals.figures.confidence import reliability
from heedful.report.signals.figures.examples import preview
from heedful.report.signals.figures.looks import positions, window
from heedful.report.signals.figures.mistakes import confusion, scatter

__all__ = ["confusion", "positions", "preview", "reliability", "scatter", "window"]
