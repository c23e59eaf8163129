"""What an explanation found: maps on real stamps, whether they are used, whether they are true, and what to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from heedful.explanation.agreement import Agreement
    from heedful.explanation.faithfulness import Curves
    from heedful.explanation.looks import Look
    from heedful.explanation.reach import Reach
    from heedful.explanation.sanity import Sanity
    from heedful.explanation.spectrum import Bands
    from heedful.explanation.truth import Truth
    from heedful.explanation.usage import Usage

Kind = Literal["forecast", "classes", "number"]
"""What the network gives: values ahead of a table, classes of recordings, or one number of each window."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """One window as people know it: stamps, original units, what was said of it and what was true.

    Args:
        name: what it is called: its last stamp, or its recording and seconds.
        number: its place among the explained windows.
        times: stamps (T,) as datetime64, or seconds, or numbers of samples or rows.
        unit: "time", "seconds", "samples" or "rows", of `times`.
        values: the columns in original units (T, F), padding NaN.
        said, truth: of a class its name; else values (P, M) in original units, NaN where unknown.
        probability: of the class that was said; None for values.
        ahead: stamps (P,) of the forecast; None for recordings.
    """

    name: str
    number: int
    times: np.ndarray
    unit: str
    values: np.ndarray
    said: str | np.ndarray
    truth: str | np.ndarray | None
    probability: float | None = None
    ahead: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What a trained network looks at in some windows, and how far that may be trusted.

    Args:
        model: name of the model.
        kind: what it gives.
        data: name of the data that was explained.
        columns, outputs, classes: names of what is read and given; no classes for values.
        worth: what the model is worth on the windows: lines for people.
        shown: the windows that figures show.
        windows: name of every explained window (n,).
        times: stamps, seconds, or numbers of samples or rows of every explained window (n, T).
        real: which samples of every window are real, not padding (n, T).
        looks: what each mechanism weighs, in the order in which a window passes them.
        reaches: receptive field and stride behind the weights, by the name of the look.
        maps: maps over samples (n, T) by name: one for each look that weighs time, and those that need no attention.
        chosen: name of the map that figures show: the attention map if it is true, else occlusion.
        column_maps: maps over columns (n, F) by name, the same way.
        usage: whether the weights are used.
        truths: whether each map is true, by its name.
        curves: deletion and insertion of each map, by its name.
        agreements: how alike the maps are, pair by pair.
        sanity: whether maps depend on what was learned.
        bands: what matters in the spectrum, of recordings with a rate: bands of sound, of the envelope, and the lines
            of a bearing's defects.
        defects: frequencies of a bearing's defects by name, in Hz.
        needed: what networks trained anew are worth: loss of each kind ("as it is", "uniform weights") and seed.
        found: AUROC of each map on planted evidence, where the network's kind was tested on it.
        verdict: the lines that say it: used or not, true or not, to be shown or not.
        passes: windows passed through the network, by part of the work.
        notes: what people should know.
        folder: where it was written.
    """

    model: str
    kind: Kind
    data: str
    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...]
    worth: tuple[str, ...]
    shown: tuple[Shown, ...]
    windows: tuple[str, ...]
    times: np.ndarray
    real: np.ndarray
    looks: tuple[Look, ...]
    reaches: Mapping[str, Reach]
    maps: Mapping[str, np.ndarray]
    chosen: str
    usage: Usage | None = None
    column_maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    truths: Mapping[str, Truth] = field(default_factory=dict)
    curves: Mapping[str, Curves] = field(default_factory=dict)
    agreements: tuple[Agreement, ...] = ()
    sanity: tuple[Sanity, ...] = ()
    bands: tuple[Bands, ...] = ()
    defects: tuple[tuple[str, float], ...] = ()
    needed: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    found: Mapping[str, float] = field(default_factory=dict)
    verdict: tuple[str, ...] = ()
    passes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    def __repr__(self) -> str:
        return "\n".join([f"Explanation({self.model} on {self.data}, {len(self.windows)} windows)", *self.verdict])
