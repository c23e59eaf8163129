"""Pictures of a comparison: functions from what was measured to figures, without side effects.

Every trace of an interactive figure says in its `meta` which model and which step of the horizon it shows, so
that the page can switch it on and off.
"""

from heedful.report.figures.curves import curves
from heedful.report.figures.effects import cost, forest
from heedful.report.figures.errors import (
    residual_bins,
    residual_histogram,
    residual_spread,
    residuals_over_time,
    step_errors,
)
from heedful.report.figures.learning import EPOCHS, learning
from heedful.report.figures.maps import heat_map, profile
from heedful.report.figures.overview import overview_png
from heedful.report.figures.style import label, shortened, wrapped

__all__ = [
    "EPOCHS",
    "cost",
    "curves",
    "forest",
    "heat_map",
    "label",
    "learning",
    "overview_png",
    "profile",
    "residual_bins",
    "residual_histogram",
    "residual_spread",
    "residuals_over_time",
    "shortened",
    "step_errors",
    "wrapped",
]
