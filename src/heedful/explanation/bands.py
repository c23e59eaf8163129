"""What can be taken away of a window's frequencies: bands of its spectrum or its envelope's, and single lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from heedful.errors import OptionError, unknown
from heedful.explanation.subject import Subject

CARRIERS = 8
"""Bands of the signal whose envelopes are changed on their own, so that none is given the modulation of another."""
TILINGS = (0.0, 0.5)
"""Ways to cut the signal into carriers, one after the other, so that what is on an edge once is not the other time."""
SLOWEST = 1 / 16
"""Highest frequency of an envelope that is looked at, in shares of the rate: the width of a carrier."""
SPACINGS = ("linear", "log")
HARMONICS = 3
_SHARED = 1 / 4  # of its width that a carrier shares with the next
_LINE, _SLIP = 2, 0.02  # lines of the transform on either side of a frequency, or this share of it, for balls slip
_AROUND = 8  # lines on either side that tell how loud noise is, of few lines an eighth of them
_TINY = 1e-12


class BandUnits:
    r"""The U bands of frequencies of a window, each in all its columns.

        X = rfft(x - mean(x)),  x' = x + irfft(filling - X in what is taken away)

    "zero" silences a band. That leaves a hole in the spectrum and less level. "noise" therefore puts noise as loud as
    usual around each frequency (the median over the windows, then over 8 lines on either side, so that no line of
    another window comes in) with random phases: neither a hole stays nor what the window has of its own, its timing.
    Filling from the window's neighbouring bands would keep a resonance wider than a band, and there is nothing to fill
    from once most bands are gone.

    With `envelope` the bands are those of the modulation: the signal is cut into 8 carriers a_c of equal width, and the
    squared envelope |a_c|^2 of each is filtered instead, what it carries staying as it is; then once more, with other
    edges of the carriers:

        x' = \sum_c Re(a_c) \sqrt{e'_c / |a_c|^2},  e'_c = \max(0, |a_c|^2 + irfft(filling - E_c in what is taken away))

    The constant part of an envelope stays. Impacts of a defect repeat in the envelope of what they make ring, so their
    evidence is at a low frequency there and anywhere in the spectrum.

    The mean of a window is in the first band; what is above the highest one stays. Padding is neither filled nor read.

    Paper:   squared envelope spectrum: Randall, Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical
             Systems and Signal Processing 25(2), 2011, section 3.
    Differs: the squared envelope is filtered and put back, where the tutorial reads it.

    Args:
        subject: what is explained.
        rate: samples a second.
        bands: number of bands at most; there are never more than lines of the transform.
        spacing: "linear" makes bands of equal width, "log" of equal ratio.
        envelope: take away modulation in place of sound.
        highest: where the last band ends; by default half the rate, and a 16th of it for envelopes.
        seed: of the phases of the noise.

    Shape:   units (n, U).
    Unit:    Hz.
    Raises:  OptionError for a rate, bands or a highest frequency that leave no band; UnknownName for another spacing.
    """

    fillings = ("zero", "noise")
    axis = "frequency"

    def __init__(
        self,
        subject: Subject,
        rate: float,
        *,
        bands: int = 64,
        spacing: Literal["linear", "log"] = "linear",
        envelope: bool = False,
        highest: float | None = None,
        seed: int = 0,
    ) -> None:
        if spacing not in SPACINGS:
            raise unknown("spacing", spacing, SPACINGS)
        top = highest if highest is not None else rate * (SLOWEST if envelope else 0.5)
        count = math.floor(min(top, rate / 2) * subject.window / rate + 1e-9) + 1 if rate > 0 else 0
        first = 1 if envelope else 0
        if bands < 1 or count - first < 2:
            raise OptionError(
                f"BandUnits needs a band and two frequencies at least, got {bands} bands up to {top:g} Hz at {rate:g} "
                f"samples a second in windows of {subject.window}. Take longer windows, or a higher frequency."
            )
        edges = _edges(first, count, bands, spacing)
        step = rate / subject.window
        self.low, self.high = ((edges[:-1] - 0.5) * step).clamp_min(0), ((edges[1:] - 0.5) * step).clamp_max(rate / 2)
        lines = torch.arange(subject.window // 2 + 1)
        members = (lines >= edges[:-1, None]) & (lines < edges[1:, None])
        self._take(subject, rate, members, envelope, seed)
        self.names = tuple(f"{a:.4g}-{b:.4g} Hz" for a, b in zip(self.low.tolist(), self.high.tolist(), strict=True))

    def _take(self, subject: Subject, rate: float, members: Tensor, envelope: bool, seed: int) -> None:
        self.subject = subject.settled()
        self.rate = rate
        self.members = members
        self.envelope = envelope
        self.seed = seed
        self.real = torch.ones(len(subject), len(members), dtype=torch.bool)

    @property
    def centres(self) -> Tensor:
        """Middle of each band in Hz (U,)."""
        return (self.low + self.high) / 2

    # --- changed windows ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def filled(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Gives windows (B, T, F) in which the bands that do not stay (B, U) are filled.

        Raises: UnknownName for an unknown filling.
        """
        if filling not in self.fillings:
            raise unknown("filling", filling, self.fillings)
        x = self.subject.x[rows]
        lines = ((~keep).to(x) @ self.members.to(x)) > 0
        gone = lines[:, : self._lines].unsqueeze(2)
        z, mean, inside = self._centred(rows)
        noise = self._phases[rows] * inside.sum(1, keepdim=True).sqrt() if filling == "noise" else None
        if self.envelope:
            for number in range(len(TILINGS)):
                z = self._demodulated(z, inside, gone, noise, number)
        else:
            put = 0 if noise is None else noise * self._usual[0]
            z = z + torch.fft.irfft((put - self._spectrum(z)) * gone, self.subject.window, dim=1)
            mean = mean.masked_fill(gone[:, :1], 0.0)
        return torch.where(inside, mean + z, x)

    def left(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Says how much of the answers is left when the bands that do not stay are filled."""
        found = []
        for some in self.subject.chunks(len(rows)):
            with torch.no_grad():
                raw = self.subject.answers(self.filled(keep[some], rows[some], filling), rows[some])
            found.append(self.subject.left(raw, rows[some], self._before))
        return torch.cat(found)

    @torch.no_grad()
    def magnitude(self) -> Tensor:
        """How large the input is in each band: the root of its mean power over lines and columns (n, U)."""
        found = []
        for some in self.subject.chunks(len(self.subject)):
            z, _, inside = self._centred(torch.arange(some.start, some.stop))
            spectra = self._envelopes(z, inside, TILINGS[0])[2].sum(1) if self.envelope else self._spectrum(z)
            found.append(spectra.abs().square().mean(2))
        members = self.members[:, : self._lines].to(self.subject.x)
        return (torch.cat(found) @ members.T / members.sum(1)).sqrt()

    @cached_property
    def _before(self) -> Tensor:
        return self.subject.undisturbed()

    @property
    def _lines(self) -> int:
        """Lines of the transform up to the last one of a band."""
        return int(self.members.any(0).nonzero().max()) + 1

    def _centred(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gives windows without their mean, 0 in padding (B, T, F), the mean (B, 1, F), what is real (B, T, 1)."""
        x = self.subject.x
        inside = self.subject.real.to(x.device)[rows].unsqueeze(2)
        known = x[rows].masked_fill(~inside, 0.0)
        mean = known.sum(1, keepdim=True) / inside.sum(1, keepdim=True).clamp_min(1)
        return (known - mean) * inside, mean, inside

    def _spectrum(self, z: Tensor) -> Tensor:
        found: Tensor = torch.fft.rfft(z, dim=-2)[..., : self._lines, :]
        return found

    def _demodulated(self, z: Tensor, inside: Tensor, gone: Tensor, noise: Tensor | None, number: int) -> Tensor:
        carried, power, spectra, mean = self._envelopes(z, inside, TILINGS[number])
        put = 0 if noise is None else noise.unsqueeze(1) * self._usual[number] * mean
        change = torch.fft.irfft((put - spectra) * gone.unsqueeze(1), self.subject.window, dim=2)
        gain: Tensor = ((power + change).clamp_min(0) / (power + _TINY)).sqrt()
        return (carried * gain).sum(1) * inside

    def _envelopes(self, z: Tensor, inside: Tensor, shift: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Gives the carriers (B, N, T, F), their squared envelopes, the spectra of these, and their means."""
        spectrum = torch.fft.rfft(z, dim=1).unsqueeze(1) * _carriers(self.subject.window, shift).to(z)[..., None]
        analytic = torch.fft.ifft(spectrum, self.subject.window, dim=2)
        power, real = analytic.abs().square(), inside.unsqueeze(1)
        mean = (power * real).sum(2, keepdim=True) / real.sum(2, keepdim=True).clamp_min(1)
        return analytic.real, power, self._spectrum((power - mean) * real), mean

    # --- noise --------------------------------------------------------------------------------------------------

    @cached_property
    def _phases(self) -> Tensor:
        x = self.subject.x
        drawn = torch.rand(len(x), self._lines, x.shape[2], generator=torch.Generator().manual_seed(self.seed))
        angle = (2 * math.pi * drawn).to(x)
        return torch.polar(torch.ones_like(angle), angle)

    @cached_property
    def _usual(self) -> list[Tensor]:
        """Gives the usual amplitude of each line, for one sample (lines, F).

        Of envelopes it is that of each carrier where its mean is 1 (N, lines, F), one after the other cut.
        """
        found: list[list[Tensor]] = [[] for _ in (TILINGS if self.envelope else TILINGS[:1])]
        for some in self.subject.chunks(len(self.subject)):
            z, _, inside = self._centred(torch.arange(some.start, some.stop))
            root = inside.sum(1, keepdim=True).clamp_min(1).sqrt()
            for shift, each in zip(TILINGS, found, strict=False):
                if self.envelope:
                    _, _, spectra, mean = self._envelopes(z, inside, shift)
                    each.append(spectra.abs() / (mean + _TINY) / root.unsqueeze(1))
                else:
                    each.append(self._spectrum(z).abs() / root)
        return [_background(torch.cat(each).median(0).values) for each in found]


class LineUnits(BandUnits):
    """Lines at which something is expected and their harmonics, such as those of a bearing's defects; one unit each.

    A line takes two lines of the transform on either side, or 2 % of its frequency where that is more, for balls slip.

    Args:
        subject: what is explained.
        rate: samples a second.
        lines: frequencies by name; see `defect_frequencies`.
        harmonics: how many multiples of a frequency go with it, itself the first.
        envelope: look for them in the envelope, as for defects.
        seed: of the phases of the noise.

    Shape:   units (n, U).
    Unit:    Hz.
    Raises:  OptionError for a line outside the spectrum, or no lines or harmonics.
    """

    def __init__(
        self,
        subject: Subject,
        rate: float,
        lines: Mapping[str, float],
        *,
        harmonics: int = HARMONICS,
        envelope: bool = True,
        seed: int = 0,
    ) -> None:
        step = rate / subject.window
        at = torch.tensor(list(lines.values()), dtype=torch.float64)
        if harmonics < 1 or not len(at) or at.min() < step or at.max() > rate / 2:
            raise OptionError(
                f"LineUnits needs lines from {step:g} to {rate / 2:g} Hz and a harmonic at least, got {dict(lines)} "
                f"with {harmonics} harmonics. Leave the others out, or take longer windows."
            )
        half = (_SLIP * at).clamp_min(_LINE * step)
        self.low, self.high = ((at + way * half).float() for way in (-1, 1))
        multiples = at[:, None] * torch.arange(1, harmonics + 1)
        wide = (_SLIP * multiples).clamp_min(_LINE * step)
        places = step * torch.arange(1, subject.window // 2 + 1)
        near = ((places - multiples[..., None]).abs() <= wide[..., None]).any(1)
        self._take(subject, rate, functional.pad(near, (1, 0)), envelope, seed)
        self.names = tuple(lines)


def _background(usual: Tensor) -> Tensor:
    """Takes single lines out of spectra (..., lines, F) by a running median; no constant part is left."""
    lines = usual.transpose(-1, -2)
    around = max(1, min(_AROUND, lines.shape[-1] // 8))
    first, last = lines[..., 1:2], lines[..., -1:]
    wide = torch.cat((first.expand_as(lines)[..., :around], lines[..., 1:], last.expand_as(lines)[..., :around]), -1)
    smooth = wide.unfold(-1, 2 * around + 1, 1).median(-1).values
    return functional.pad(smooth, (1, 0)).transpose(-1, -2)


def _edges(first: int, count: int, bands: int, spacing: str) -> Tensor:
    """Gives the first line of each band and the one behind the last (U + 1,)."""
    bands = min(bands, count - first)
    if spacing == "linear":
        return torch.linspace(first, count, bands + 1, dtype=torch.float64).round().long()
    steps = torch.logspace(0, math.log10(count), bands + 1, dtype=torch.float64).round().long()
    edges: Tensor = torch.cat((torch.tensor([first]), steps[1:])).unique()  # type: ignore[no-untyped-call]
    return edges


def _carriers(window: int, shift: float) -> Tensor:
    """Gives what each carrier lets through (N, T // 2 + 1); they add up to 2, and to 1 where a line has no twin.

    Args:
        shift: of the edges, in widths of a carrier; there is one carrier more where it is not 0.
    """
    place = torch.arange(window // 2 + 1, dtype=torch.float64) / (window / 2) * CARRIERS
    edges = torch.arange(0 if shift else 1, CARRIERS, dtype=torch.float64)[:, None] + shift
    above = torch.sin(math.pi / 2 * ((place - edges) / _SHARED + 0.5).clamp(0, 1)).square()
    ones = torch.ones_like(place)[None]
    parts = 2 * (torch.cat((ones, above)) - torch.cat((above, torch.zeros_like(ones))))
    if window % 2 == 0:
        parts[:, -1] /= 2
    return parts
