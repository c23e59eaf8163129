"""What repeats in the envelope of a vibration, band by band, over the turns of the shaft in place of time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.errors import ShapeError

FIRST, LAST = 0.3, 17.5
"""The orders that are read, in turns of the shaft: from above the cage's turn to beyond three passes of a race."""
TURN = 409.6
"""Samples of one turn where no speed is known: 29.3 Hz at 12 kHz, so that the same orders are frequencies."""
_POINTS = 172 / 2048
_BANDS, _WIDTH, _RAMP, _LOWEST = 11, 1 / 12, 1 / 120, 1 / 600  # frequencies in shares of the rate
_BINS = 128
_HARMONICS = 3
_MEDIAN, _NEAR = 1.2, 0.2  # in orders
_FLOOR = 1e-2
_TINY = 1e-12


class OrderEnvelope(nn.Module):
    r"""Gives the spectrum of the squared envelope in each of 11 bands, over orders, and what goes with it.

        x' = (x - mean(x)) / deviation(x),  a_b = analytic(x' in band b),  e_b = |a_b|^2 / mean(|a_b|^2)
        A_b(f) = 2 |\sum_n (e_{bn} - 1) h_n exp(-2 \pi i f n)| / \sum_n h_n,  map_{bq} = ln(A_b(q v / 60) + 0.01)

    A defect of a bearing hits once a pass of a ball: the envelope repeats at an order q that the geometry tells, in
    whichever band the structure answers. h is the Hann window, v the speed in turns a minute; A is read by straight
    lines between the lines of a transform of four times the length. Neither the gain nor the level of a band is left.

    Bands are a twelfth of the rate wide, one begins every 24th up to Nyquist, with edges of a 120th inside them: 1000,
    500 and 100 Hz at 12 kHz. There are 173 orders for windows of 2048 samples, from 0.3 to 17.5, and in proportion for
    others. Without a speed a turn is taken to last 409.6 samples: the map then stands over frequency.

    Beside the map: the logarithm of the power spectrum in 128 bins; of each order of a defect how far the map stands
    out (mean of three harmonics, and the first, each the highest within 0.2 orders, over the running median of 2.5
    orders; of all bands the mean, the highest, and the mean of the three highest, and once of the whole band above a
    24th of the rate); the sorted logarithms of the bands' kurtosis mean(e^2), and their mean.

    Paper:   squared envelope spectrum: Randall, Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical
             Systems and Signal Processing 25(2), 2011, section 3.
    Differs: bands are fixed, and all of them are kept, where the tutorial chooses one by its kurtosis.

    Args:
        window: W, samples of a whole window.
        rate: samples a second, needed where speeds are told.
        defects: orders of the defects, in turns of the shaft; none leaves their scores out.

    Shape:   (B, T, C) with T up to W, lengths (B,) and speeds (B,) -> maps (B, C * 11, orders), side (B, C * sides).
    Unit:    speeds in turns a minute.
    Raises:  ShapeError for longer windows, and for speeds of another shape.

    >>> front = OrderEnvelope(2048, 12000.0, (3.585, 5.415))
    >>> maps, side = front(torch.randn(2, 2048, 1), None, torch.tensor([1750.0, 1797.0]))
    >>> maps.shape, side.shape, (front.bands, front.points, front.sides)
    (torch.Size([2, 11, 173]), torch.Size([2, 164]), (11, 173, 164))
    """

    def __init__(self, window: int, rate: float | None = None, defects: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.window = window
        self.rate = rate
        self.defects = defects
        self.points = 1 + max(2, round(_POINTS * window))
        self.step = (LAST - FIRST) / (self.points - 1)
        self.bins = max(1, min(_BINS, window // 2))
        self.bands = _BANDS
        self.sides = self.bins + 12 * len(defects) + _BANDS + 1

    def orders(self, like: Tensor) -> Tensor:
        """Gives the orders of the map (orders,)."""
        return FIRST + self.step * torch.arange(self.points, dtype=like.dtype, device=like.device)

    def forward(self, x: Tensor, lengths: Tensor | None = None, speed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z, real, count = self._whole(x, lengths)
        hann = self._hann(real, count)
        z = z * real
        z = (z - z.sum(-1, keepdim=True) / count) * real
        z = z / (z.square().sum(-1, keepdim=True) / count).sqrt().clamp_min(_TINY)
        envelope = self._envelope(z, real.unsqueeze(2), count.unsqueeze(2))
        taper = hann.unsqueeze(2)
        flat = (envelope - 1) * taper
        lines = torch.fft.rfft(flat, 4 * self.window).abs() * 2 / taper.sum(-1, keepdim=True).clamp_min(_TINY)
        maps = self._over_orders(lines, speed)
        kurtosis = ((envelope.square() * real.unsqueeze(2)).sum(-1) / count).log()[..., :_BANDS]
        parts = [self._spectrum(z * hann, count), *self._scores(maps)]
        parts += [kurtosis.sort(-1).values, kurtosis.mean(-1, keepdim=True)]
        return (maps[:, :, :_BANDS] + _FLOOR).log().flatten(1, 2), torch.cat(parts, -1).flatten(1)

    def _whole(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Gives windows (B, C, W), which of their samples are real (B or 1, 1, W), and how many (B or 1, 1, 1)."""
        if x.shape[1] > self.window and (lengths is None or bool((lengths > self.window).any())):
            raise ShapeError(
                f"OrderEnvelope was built for windows of up to {self.window} samples, got {x.shape[1]}. Cut them, or "
                "build it for longer ones."
            )
        z = functional.pad(x.transpose(1, 2)[..., : self.window], (0, max(0, self.window - x.shape[1])))
        known = x.new_full((1,), float(x.shape[1])) if lengths is None else lengths.to(x.dtype).clamp_min(1)
        count = known.view(-1, 1, 1)
        real = torch.arange(self.window, device=x.device) < count
        # What is not real may be anything, NaN too.
        return z.masked_fill(~real, 0.0), real.to(x.dtype), count

    def _hann(self, real: Tensor, count: Tensor) -> Tensor:
        """Gives the Hann window over the real samples (B or 1, 1, W), zero at both ends."""
        places = torch.arange(self.window, dtype=real.dtype, device=real.device)
        return (0.5 - 0.5 * (2 * math.pi * places / (count - 1).clamp_min(1)).cos()) * real

    def _masks(self, like: Tensor) -> Tensor:
        """Gives what each band lets through (bands, W // 2 + 1), and last the whole band where defects are scored."""
        f = torch.arange(self.window // 2 + 1, dtype=like.dtype, device=like.device) / self.window
        edges = [(k * _WIDTH / 2, (k / 2 + 1) * _WIDTH) for k in range(_BANDS)]
        edges += [(_WIDTH / 2, 0.5)] if self.defects else []
        ramps = [
            (((f - low) / _RAMP).clamp(0, 1) if low > 0 else (f > _LOWEST).to(f.dtype))
            * ((high - f) / _RAMP).clamp(0, 1)
            for low, high in edges
        ]
        return torch.stack(ramps)

    def _envelope(self, z: Tensor, real: Tensor, count: Tensor) -> Tensor:
        """Gives the squared envelope of each band (B, C, bands, W), brought to mean 1; a silent band has a flat one."""
        spectrum = torch.fft.rfft(z).unsqueeze(2) * (2 * self._masks(z))
        power = torch.fft.ifft(functional.pad(spectrum, (0, self.window - spectrum.shape[-1]))).abs().square()
        mean = (power * real).sum(-1, keepdim=True) / count
        flat: Tensor = (power + _TINY) / (mean + _TINY)
        return flat

    def _over_orders(self, lines: Tensor, speed: Tensor | None) -> Tensor:
        """Reads lines (B, C, bands, 2 W + 1) at the orders, by straight lines between them."""
        if speed is None:
            turn = lines.new_full((lines.shape[0],), 1 / TURN)
        else:
            if self.rate is None or speed.shape != lines.shape[:1]:
                raise ShapeError(
                    f"OrderEnvelope needs a rate and one speed for each of {lines.shape[0]} windows, got rate "
                    f"{self.rate} and speeds {tuple(speed.shape)}. Give both, or no speed."
                )
            turn = speed.to(lines.dtype) / (60 * self.rate)
        place = (turn.unsqueeze(-1) * self.orders(lines) * (4 * self.window)).clamp(max=lines.shape[-1] - 2)
        low = place.floor().long()
        share = (place - low)[:, None, None]
        index = low[:, None, None].expand(-1, *lines.shape[1:3], -1)
        return lines.gather(-1, index) * (1 - share) + lines.gather(-1, index + 1) * share

    def _spectrum(self, z: Tensor, count: Tensor) -> Tensor:
        """Gives the logarithm of the mean power in each bin (B, C, bins), at the level of a whole window."""
        power = torch.fft.rfft(z).abs().square()[..., 1:] * (self.window / count)
        width = power.shape[-1] // self.bins
        binned: Tensor = torch.unflatten(power[..., : width * self.bins], -1, (self.bins, width)).mean(-1)
        return (binned + 1e-8).log()

    def _scores(self, maps: Tensor) -> list[Tensor]:
        """Scores the orders of defects; of all bands together 6 numbers each (B, C, 6), of the whole band as many."""
        if not self.defects:
            return []
        found = self._standing_out(maps)
        bands, whole = found[:, :, :_BANDS], found[:, :, _BANDS:]
        return [
            torch.cat([one.mean(2), one.amax(2), one.sort(2).values[:, :, -3:].mean(2)], -1) for one in (bands, whole)
        ]

    def _standing_out(self, maps: Tensor) -> Tensor:
        """Gives how far each defect stands out in each band (B, C, bands, 2 * defects)."""
        logs = (maps + 1e-6).log()
        half = min(round(_MEDIAN / self.step), self.points)
        around = torch.cat([logs[..., :half].flip(-1), logs, logs[..., self.points - half :].flip(-1)], -1)
        beyond = logs - around.unfold(-1, 2 * half + 1, 1).median(-1).values
        near, found = round(_NEAR / self.step), []
        for order in self.defects:
            peaks = []
            for harmonic in range(1, _HARMONICS + 1):
                at = min(max(round((order * harmonic - FIRST) / self.step), 0), self.points - 1)
                peaks.append(beyond[..., max(0, at - near) : at + near + 1].amax(-1))
            found += [torch.stack(peaks).mean(0), peaks[0]]
        return torch.stack(found, -1)
