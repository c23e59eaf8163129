"""Which frequencies an answer rests on: bands of the spectrum or of the envelope's, lines of a bearing's defects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from heedful.data.sets.bearings import Geometry
from heedful.explanation.attribution import fallen, standing
from heedful.explanation.bands import HARMONICS, BandUnits, LineUnits
from heedful.explanation.subject import Subject

__all__ = ["BandUnits", "Bands", "LineUnits", "band_occlusion", "defect_frequencies", "line_occlusion"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bands:
    """How much each band of frequencies did for the answer.

    Args:
        name: what was taken away, and how.
        values: as those of `Attribution`, for frequencies.
        names: of each band.
        low, high, centres: its ends and its middle (U,); of a defect those of its first harmonic.
        envelope: whether the frequencies are those of the envelope.
        signed: whether a number below 0 speaks against the answer.
        passes_per_window: what it cost, in forward passes.

    Shape: values (n, U).
    Unit:  Hz.
    """

    name: str
    values: Tensor
    names: tuple[str, ...]
    low: Tensor
    high: Tensor
    centres: Tensor
    envelope: bool
    signed: bool
    passes_per_window: float


def band_occlusion(
    subject: Subject,
    rate: float,
    *,
    bands: int = 64,
    spacing: Literal["linear", "log"] = "linear",
    envelope: bool = False,
    highest: float | None = None,
    filling: Literal["zero", "noise"] = "zero",
) -> Bands:
    """Takes away one band of frequencies after the other and sees what that does to the answer, as `occlusion` does.

    Args, Raises: as `BandUnits`, and UnknownName for another filling.
    """
    begun = subject.meter.passed
    units = BandUnits(subject, rate, bands=bands, spacing=spacing, envelope=envelope, highest=highest)
    return _occluded(units, filling, begun)


def line_occlusion(
    subject: Subject,
    rate: float,
    lines: Mapping[str, float],
    *,
    harmonics: int = HARMONICS,
    envelope: bool = True,
    filling: Literal["zero", "noise"] = "zero",
) -> Bands:
    """Takes away one line with its harmonics after the other and sees what that does to the answer.

    Args, Raises: as `LineUnits`, and UnknownName for another filling.
    """
    begun = subject.meter.passed
    return _occluded(LineUnits(subject, rate, lines, harmonics=harmonics, envelope=envelope), filling, begun)


def defect_frequencies(speed: float, geometry: Geometry | None = None) -> dict[str, float]:
    """Gives the frequencies at which the parts of a bearing meet a defect, by their usual names.

    Args:
        speed: of the shaft.
        geometry: sizes of the bearing; those of an SKF 6205 by default.

    Unit: speed in turns a minute; frequencies in Hz.

    >>> {name: round(hertz, 1) for name, hertz in defect_frequencies(1797.0).items()}
    {'BPFO': 107.4, 'BPFI': 162.2, '2 BSF': 141.2, 'FTF': 11.9}
    """
    of = Geometry() if geometry is None else geometry
    orders = {"BPFO": of.outer, "BPFI": of.inner, "2 BSF": 2 * of.spin, "FTF": of.cage}
    return {name: order * speed / 60 for name, order in orders.items()}


@torch.no_grad()
def _occluded(units: BandUnits, filling: str, begun: int) -> Bands:
    subject, count = units.subject, len(units.members)
    device = subject.x.device
    before, found = standing(subject), []
    for some in subject.chunks(len(subject) * count):
        pairs = torch.arange(some.start, some.stop, device=device)
        rows, keep = pairs // count, torch.arange(count, device=device) != (pairs % count)[:, None]
        found.append(fallen(subject, units.filled(keep, rows, filling), rows, before))
    return Bands(
        name=f"{'envelope' if units.envelope else 'spectrum'} by {filling}",
        values=torch.cat(found).view(len(subject), count).float(),
        names=units.names,
        low=units.low,
        high=units.high,
        centres=units.centres,
        envelope=units.envelope,
        signed=bool(subject.classes),
        passes_per_window=(subject.meter.passed - begun) / max(1, len(subject)),
    )
