"""From a file to windows: tables, series, splits, scalers. Knows time and what may be seen when; no torch."""

from heedful.data.build import build_series
from heedful.data.future import ahead, take_future
from heedful.data.scale import Batch, Scaler
from heedful.data.seasons import find_season
from heedful.data.series import Member, Series
from heedful.data.sets import Sample, sample, samples
from heedful.data.split import Span, Split, split
from heedful.data.step import Step, continue_times, find_step
from heedful.data.table import Table, read
from heedful.data.windows import Windows, windows

__all__ = [
    "Batch",
    "Member",
    "Sample",
    "Scaler",
    "Series",
    "Span",
    "Split",
    "Step",
    "Table",
    "Windows",
    "ahead",
    "build_series",
    "continue_times",
    "find_season",
    "find_step",
    "read",
    "sample",
    "samples",
    "split",
    "take_future",
    "windows",
]
