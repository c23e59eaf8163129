"""What a bundle says of new recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.data.recordings import Cuts, Part, Piece, Recordings, cut, read_recordings, with_speed
from heedful.data.recordings.parts import LEAKY
from heedful.data.recordings.speed import OBVIOUS
from heedful.errors import DataError
from heedful.signals import baselines
from heedful.signals.bundle import SignalBundle
from heedful.signals.scores import softmax, vote
from heedful.train import logits
from heedful.train.feed import reads_speed

UNLIKE = 4.0
"""Deviations of the log level from that of the train windows beyond which a window is unlike all of them."""


def predict(
    bundle: SignalBundle | str | Path,
    data: Any,
    *,
    windows: bool = False,
    speed: str | Sequence[str] | None = None,
    **reading: Any,
) -> pd.DataFrame:
    """Says of new recordings which class they are, or which number they stand for.

    Args:
        bundle: what `heedful.classify` left, or its folder.
        data: files or arrays as `heedful.data.recordings.read_recordings` takes them; the rate of the bundle is
            brought about where theirs is known. Channels are brought to the order of training by their names.
        windows: one row a window in place of one a recording.
        speed: fact that holds the speed of the shaft, for a model that reads it; that of its training by default.
        reading: further words of `read_recordings`; recordings without a label are read too.

    Returns: of each recording its windows, the class said, its probability, the share of windows that say so by
        themselves, and the share that is far louder or quieter than any that was trained on ("unlike"); of a
        regression the mean and its spread over windows. Notes stand in `attrs["notes"]`.

    Raises: DataError for recordings of other channels, shorter ones than can be read, or without a speed that is read.
    """
    made = bundle if isinstance(bundle, SignalBundle) else SignalBundle.load(bundle)
    reading = {"rate": made.shape.rate, "unlabelled": "keep", **reading}
    found, named = in_order(read_recordings(data, **reading), data, made, reading)
    found = spoken(found, made, speed)
    cuts = laid_whole(found, made)
    raw = logits(made.ready, cuts, made.scaler)
    table = _of_windows(cuts, made, raw) if windows else _of_recordings(cuts, made, raw)
    leaky = [note for note in made.notes if note == LEAKY]
    table.attrs["notes"] = [*leaky, *named, *found.notes, *map(str, found.problems), *cuts.notes]
    return table


def in_order(
    found: Recordings, data: Any, made: SignalBundle, reading: dict[str, Any]
) -> tuple[Recordings, tuple[str, ...]]:
    """Brings channels to the order of those that were trained on, by their names; where names differ, a note says so.

    Raises: DataError for another number of channels.
    """
    if found.channels == made.channels:
        return found, ()
    if set(made.channels) == set(found.channels) or (
        "channels" not in reading and set(made.channels) < set(found.channels)
    ):
        if isinstance(data, (str, Path)):
            found = read_recordings(data, **{**reading, "channels": made.channels})
        places = [found.channels.index(name) for name in made.channels]
        items = [replace(one, values=one.values[places], channels=made.channels) for one in found.items]
        return replace(found, items=tuple(items)), ()
    if len(found.channels) != made.shape.channels:
        raise DataError(
            f"{made.model} reads {made.shape.channels} channels ({', '.join(made.channels)}), got "
            f"{len(found.channels)} ({', '.join(found.channels)}). Name those to read."
        )
    pairs = ", ".join(f"'{new}' as '{old}'" for new, old in zip(found.channels, made.channels, strict=True))
    return found, (f"Channels of other names than those of training are taken in their order: {pairs}.",)


def spoken(found: Recordings, made: SignalBundle, speed: str | Sequence[str] | None) -> Recordings:
    """Gives recordings the speeds that the model reads, if it does.

    Raises: DataError where one is unknown.
    """
    if not reads_speed(made.ready):
        return found
    names = made.facts.get("speed") or OBVIOUS
    known = {name for one in found.items for name in one.facts}
    told = with_speed(found, speed if speed is not None else [name for name in names if name in known])
    if any(one.speed is None for one in told.items):
        raise DataError(
            f"{made.model} reads the speed of each recording in turns a minute, which is unknown of some of "
            f"'{found.name}'. It was trained on the facts {', '.join(names)}: give them, or speed='the fact'."
        )
    return told


def laid_whole(found: Recordings, made: SignalBundle) -> Cuts:
    pieces = tuple(Piece(number, 0, len(one)) for number, one in enumerate(found.items))
    longest = max(len(one) for one in found.items)
    if made.whole and longest > made.shape.window:
        raise DataError(
            f"{made.model} reads whole recordings of up to {made.shape.window:,} samples, got one of {longest:,}. Cut "
            "it, or train on windows."
        )
    return cut(Part(recordings=found, pieces=pieces, name="test"), made.shape.window, made.shape.window)


def unlike(cuts: Cuts, made: SignalBundle) -> np.ndarray:
    """Says of each window whether a channel is far louder or quieter than the train windows.

    Shape: (n,) booleans.
    """
    if not made.levels:
        return np.zeros(len(cuts), bool)
    logs = np.log(np.maximum(baselines.rms(cuts, np.arange(len(cuts))), 1e-12))
    centre, spread = np.array(made.levels).T
    far: np.ndarray = (np.abs(logs - centre) > UNLIKE * np.maximum(spread, 0.05)).any(1)
    return far


def _where(cuts: Cuts) -> pd.DataFrame:
    numbers, first = cuts.starts.T
    items = cuts.recordings.items
    rates = np.array([one.rate or np.nan for one in items])
    names = np.array([one.name for one in items])
    return pd.DataFrame({"recording": names[numbers], "first": first, "seconds": (first / rates[numbers]).round(6)})


def _of_windows(cuts: Cuts, made: SignalBundle, raw: np.ndarray) -> pd.DataFrame:
    table = _where(cuts)
    if made.classes:
        p = softmax(raw, made.temperature)
        table["said"] = np.array(made.classes)[p.argmax(1)]
        for code, name in enumerate(made.classes):
            table[f"p_{name}"] = p[:, code].round(6)
    else:
        table["said"] = raw[:, 0]
    table["unlike"] = unlike(cuts, made)
    return table


def _of_recordings(cuts: Cuts, made: SignalBundle, raw: np.ndarray) -> pd.DataFrame:
    numbers, counts = np.unique(cuts.starts[:, 0], return_counts=True)
    table = pd.DataFrame({"recording": [cuts.recordings[n].name for n in numbers], "windows": counts})
    place = np.searchsorted(numbers, cuts.starts[:, 0])
    if made.classes:
        _, together, share = vote(softmax(raw, made.temperature), cuts.starts[:, 0])
        table["said"] = np.array(made.classes)[together.argmax(1)]
        table["p"], table["share"] = together.max(1).round(6), share.round(4)
    else:
        mean = np.bincount(place, weights=raw[:, 0]) / counts
        square = np.bincount(place, weights=(raw[:, 0] - mean[place]) ** 2) / counts
        table["said"], table["spread"] = mean, np.sqrt(square)
    table["unlike"] = (np.bincount(place, weights=unlike(cuts, made)) / counts).round(4)
    return table
