"""Still pictures of an explanation: functions from what was found to matplotlib figures, without side effects."""

from heedful.report.explanation.figures.bars import channels, columns
from heedful.report.explanation.figures.heat import features, heads, horizon, image, over_windows, queries, targets
from heedful.report.explanation.figures.likeness import agreement, sanity
from heedful.report.explanation.figures.spectrum import frequencies, spectrum
from heedful.report.explanation.figures.truth import curves, gains, gains_by_part
from heedful.report.explanation.figures.use import usage
from heedful.report.explanation.figures.windows import window

__all__ = [
    "agreement",
    "channels",
    "columns",
    "curves",
    "features",
    "frequencies",
    "gains",
    "gains_by_part",
    "heads",
    "horizon",
    "image",
    "over_windows",
    "queries",
    "sanity",
    "spectrum",
    "targets",
    "usage",
    "window",
]
