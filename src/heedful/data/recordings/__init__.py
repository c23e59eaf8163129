"""Recordings: read, split before they are cut, cut into windows that are never copied."""

from heedful.data.recordings.augment import Augment
from heedful.data.recordings.checks import Check, check_parts
from heedful.data.recordings.cuts import Cuts, cut
from heedful.data.recordings.folds import folds
from heedful.data.recordings.noun import Problem, Recording, Recordings
from heedful.data.recordings.parts import split_recordings
from heedful.data.recordings.pieces import Draw, Part, Parts, Piece
from heedful.data.recordings.read import read_recordings
from heedful.data.recordings.resample import detrend, resample
from heedful.data.recordings.scale import SignalScaler
from heedful.data.recordings.speed import with_speed

__all__ = [
    "Augment",
    "Check",
    "Cuts",
    "Draw",
    "Part",
    "Parts",
    "Piece",
    "Problem",
    "Recording",
    "Recordings",
    "SignalScaler",
    "check_parts",
    "cut",
    "detrend",
    "folds",
    "read_recordings",
    "resample",
    "split_recordings",
    "with_speed",
]
