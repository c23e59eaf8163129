from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heedful.data.sets.bearings import Geometry, bearings
from heedful.errors import OptionError, UnknownName
from heedful.explanation.spectrum import BandUnits, LineUnits, band_occlusion, defect_frequencies, line_occlusion
from heedful.explanation.subject import Subject
from heedful.models.signals.orders import FIRST, TURN, OrderEnvelope

RATE, WINDOW, SPEED = 12000.0, 2048, 1797.0


class Keeper(nn.Module):
    """Says which of two halves of the spectrum is louder."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        power = torch.fft.rfft(x.nan_to_num(), dim=1).abs().square().sum(2)
        middle = power.shape[1] // 2
        return torch.stack((power[:, :middle].sum(1), power[:, middle:].sum(1)), 1).log1p()


def subject_of(x: Tensor, net: nn.Module | None = None, *, lengths: list[int] | None = None) -> Subject:
    return Subject(
        net=(Keeper() if net is None else net).eval(),
        x=x,
        beside=() if lengths is None else (torch.tensor(lengths),),
        truth=torch.zeros(len(x), dtype=torch.long),
        classes=("low", "high"),
        outputs=("low", "high"),
        columns=tuple(f"x{k}" for k in range(x.shape[2])),
        groups=np.arange(len(x)),
    )


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def amplitudes(x: Tensor) -> Tensor:
    return torch.fft.rfft(x, dim=1).abs()


# --- bands ----------------------------------------------------------------------------------------------------


def test_bands_divide_the_spectrum_without_gaps() -> None:
    one = subject_of(drawn(2, 96, 1))
    for spacing in ("linear", "log"):
        units = BandUnits(one, 48.0, bands=10, spacing=spacing)  # type: ignore[arg-type]
        assert units.members.sum(0).eq(1).all()
        assert torch.equal(units.low[1:], units.high[:-1])
        assert (float(units.low[0]), float(units.high[-1])) == (0.0, 24.0)
        assert units.real.shape == (2, len(units.members))
    widths = units.high - units.low
    assert (widths[2:] >= widths[1:-1]).all()
    assert len(BandUnits(one, 48.0, bands=1000).members) == 49


def test_a_band_is_where_its_frequencies_say() -> None:
    time = torch.arange(200, dtype=torch.float64) / 100.0
    units = BandUnits(subject_of(torch.sin(2 * math.pi * 13.0 * time).view(1, 200, 1)), 100.0, bands=25)
    held = int(units.magnitude()[0].argmax())
    assert units.low[held] <= 13.0 <= units.high[held]
    assert units.centres[held] == pytest.approx(13.0, abs=1.0)


@pytest.mark.parametrize("window", [96, 97])
@pytest.mark.parametrize("envelope", [False, True])
def test_what_stays_whole_is_not_changed(envelope: bool, window: int) -> None:
    x = 1 + drawn(4, window, 2)
    units = BandUnits(subject_of(x, lengths=[window, window, 60, 3]), 100.0, bands=7, envelope=envelope, highest=40.0)
    for filling in units.fillings:
        kept = units.filled(torch.ones(4, 7, dtype=torch.bool), torch.arange(4), filling)
        torch.testing.assert_close(kept, x, rtol=1e-6, atol=1e-7)


def test_silence_takes_a_band_away_and_leaves_the_others() -> None:
    x = drawn(3, 96, 2)
    units = BandUnits(subject_of(x), 96.0, bands=8)
    keep = torch.ones(3, 8, dtype=torch.bool)
    keep[:, 5] = False
    before, after = amplitudes(x), amplitudes(units.filled(keep, torch.arange(3), "zero"))
    gone = units.members[5]
    assert after[:, gone].max() < 1e-10
    torch.testing.assert_close(after[:, ~gone], before[:, ~gone])


def test_the_mean_of_a_window_is_in_the_first_band() -> None:
    x = 5 + drawn(3, 96, 2)
    units = BandUnits(subject_of(x), 96.0, bands=8)
    keep = torch.ones(3, 8, dtype=torch.bool)
    keep[:, 0] = False
    for filling in units.fillings:
        assert units.filled(keep, torch.arange(3), filling).mean(1).abs().max() < 1e-10
    keep[:, :2] = torch.tensor([True, False])
    torch.testing.assert_close(units.filled(keep, torch.arange(3), "zero").mean(1), x.mean(1))


def test_noise_is_as_loud_as_usual_and_has_other_phases() -> None:
    x = drawn(9, 96, 1)
    x[4] *= 50  # one loud window
    units = BandUnits(subject_of(x), 96.0, bands=8, seed=3)
    rows, none = torch.arange(9), torch.zeros(9, 8, dtype=torch.bool)
    made = units.filled(none, rows, "noise")
    loud = amplitudes(made)[:, 1:-1, 0]
    torch.testing.assert_close(loud, loud[:1].expand(9, -1))
    usual = amplitudes(x)[:, 1:-1, 0].median(0).values
    assert usual.min() <= loud.min() <= usual.median() <= loud.max() <= usual.max()
    phases = torch.fft.rfft(made, dim=1).angle()[:, 1:-1, 0]
    assert torch.corrcoef(phases.cos()).fill_diagonal_(0).abs().max() < 0.6  # 47 phases of each of nine windows
    again = BandUnits(subject_of(x), 96.0, bands=8, seed=3).filled(none[4:6], rows[4:6], "noise")
    torch.testing.assert_close(again, made[4:6])
    other = BandUnits(subject_of(x), 96.0, bands=8, seed=4).filled(none, rows, "noise")
    assert (other - made).abs().max() > 0.5


def test_a_line_that_most_windows_have_is_not_in_the_noise() -> None:
    x = drawn(9, 96, 1) + 3 * torch.sin(2 * math.pi * 20 * torch.arange(96) / 96).view(1, 96, 1)
    made = BandUnits(subject_of(x), 96.0, bands=8).filled(torch.zeros(9, 8, dtype=torch.bool), torch.arange(9), "noise")
    assert amplitudes(x)[:, 20].min() > 100
    assert amplitudes(made)[:, 20].max() < 15  # noise of deviation 1 has about 10 there


@pytest.mark.parametrize("envelope", [False, True])
def test_padding_is_neither_filled_nor_read(envelope: bool) -> None:
    x = drawn(3, 128, 2)
    x[1, 90:], x[2, 50:] = 7.0, torch.nan
    other = torch.where(torch.isnan(x), 3.0, x)
    other[1, 90:] = -2.0
    keep = torch.rand(3, 6, generator=torch.Generator().manual_seed(1)) < 0.5
    rows = torch.arange(3)
    for filling in ("zero", "noise"):
        told = []
        for one in (x, other):
            units = BandUnits(subject_of(one, lengths=[128, 90, 50]), 128.0, bands=6, envelope=envelope, highest=50.0)
            told.append(units.filled(keep, rows, filling))
        assert torch.equal(told[0][1, :90], told[1][1, :90])
        assert torch.equal(told[0][2, :50], told[1][2, :50])
        assert told[0][1, 90:].eq(7).all()
        assert told[0][2, 50:].isnan().all()
        assert (told[0][1, :90] - x[1, :90]).abs().max() > 0.1


def test_an_answer_rests_on_the_band_of_its_evidence() -> None:
    time = torch.arange(256, dtype=torch.float64) / 256
    low, high = (torch.sin(2 * math.pi * at * time) for at in (20, 90))
    x = torch.stack((2 * low + high, low + 2 * high)).unsqueeze(2) + 0.01 * drawn(2, 256, 1)
    for filling in ("zero", "noise"):
        found = band_occlusion(subject_of(x), 256.0, bands=16, filling=filling)  # type: ignore[arg-type]
        first, second = found.values.argmax(1).tolist()
        assert found.low[first] <= 20 <= found.high[first]
        assert found.low[second] <= 90 <= found.high[second]
        assert found.values[0, second] < 0 < found.values[0, first]
        assert found.signed
    # One pass tells the class, one its score, 16 the bands.
    assert found.passes_per_window == 18


def test_left_says_what_remains_of_the_answer_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    x = drawn(5, 96, 1)
    one = subject_of(x).settled()
    units = BandUnits(one, 96.0, bands=4)
    keep = torch.tensor([[True] * 4, [False] * 4, [True, True, False, False]]).repeat(2, 1)
    rows = torch.tensor([0, 1, 2, 3, 4, 0])
    expected = one.left(one.answers(units.filled(keep, rows, "zero"), rows), rows, one.undisturbed())
    torch.testing.assert_close(units.left(keep, rows, "zero"), expected)
    monkeypatch.setattr("heedful.explanation.subject.NUMBERS", 96 * 2)  # two windows at once
    torch.testing.assert_close(units.left(keep, rows, "zero"), expected)
    before = one.undisturbed().softmax(1).gather(1, one.picked[:1, None])[0, 0]
    torch.testing.assert_close(units.left(keep, rows, "zero")[0], before)


def test_bands_that_cannot_be_are_refused() -> None:
    one = subject_of(drawn(2, 96, 1))
    with pytest.raises(OptionError, match="got 0 bands up to 24 Hz at 48 samples a second in windows of 96"):
        BandUnits(one, 48.0, bands=0)
    with pytest.raises(OptionError, match="Take longer windows, or a higher frequency"):
        BandUnits(one, 48.0, highest=0.3)
    with pytest.raises(OptionError, match="at -1 samples a second"):
        BandUnits(one, -1.0)
    with pytest.raises(UnknownName, match="Did you mean 'log'"):
        BandUnits(one, 48.0, spacing="logs")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="Unknown filling 'line'"):
        band_occlusion(one, 48.0, filling="line")  # type: ignore[arg-type]


# --- modulation -----------------------------------------------------------------------------------------------


HUM = 137  # lines of the transform


def modulated(swings: dict[float, float], *, carrier: float = 3000.0, count: int = 4, seed: int = 0) -> Tensor:
    """A resonance whose level swings at some frequencies, above a louder hum that does not."""
    time = torch.arange(WINDOW, dtype=torch.float64) / RATE
    start = 2 * math.pi * torch.rand(count, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    level = 1 + sum(size * torch.cos(2 * math.pi * hertz * time + start) for hertz, size in swings.items())
    hum = 3 * torch.sin(2 * math.pi * HUM * RATE / WINDOW * time)
    return (level * torch.sin(2 * math.pi * carrier * time) + hum + 0.3 * drawn(count, WINDOW, seed=seed)).unsqueeze(2)


class Defects(nn.Module):
    """Says at which of two orders the envelope repeats in any band: that of the outer race or that of the inner one."""

    def __init__(self, harmonics: int = 1) -> None:
        super().__init__()
        self.front, self.harmonics = OrderEnvelope(WINDOW), harmonics
        self.orders = (Geometry().outer, Geometry().inner)

    def forward(self, x: Tensor) -> Tensor:
        maps, near = self.front(x)[0], 2
        turn = SPEED / 60 / RATE * TURN
        scores = []
        for order in self.orders:
            each = []
            for harmonic in range(1, self.harmonics + 1):
                at = round((order * turn * harmonic - FIRST) / self.front.step)
                each.append(maps[:, :, at - near : at + near + 1].amax((1, 2)))
            scores.append(torch.stack(each).mean(0))
        return 4 * torch.stack(scores, 1)


@pytest.mark.parametrize("carrier", [3000.0, 3400.0])  # on an edge between two carriers, and within one
@pytest.mark.parametrize("filling", ["zero", "noise"])
def test_the_envelope_band_of_the_defect_turns_a_right_answer_and_no_other_does(filling: str, carrier: float) -> None:
    outer, inner = (defect_frequencies(SPEED)[name] for name in ("BPFO", "BPFI"))
    # Windows of both classes, so that what is usual at BPFO is not the defect.
    of_outer = modulated({outer: 0.6, inner: 0.25}, carrier=carrier, count=2)
    x = torch.cat((of_outer, modulated({inner: 0.6}, carrier=carrier, count=3, seed=1)))
    one = subject_of(x, Defects()).settled()
    assert one.picked.tolist() == [0] * 2 + [1] * 3
    units = BandUnits(one, RATE, bands=16, envelope=True, highest=400.0)
    held = int(((units.low <= outer) & (outer < units.high)).nonzero()[0, 0])
    rows = torch.arange(2).repeat_interleave(16)
    left = units.left(~torch.eye(16, dtype=torch.bool).repeat(2, 1), rows, filling).view(2, 16)
    assert (left[:, held] < 0.5).all()
    # The network reads a line together with its surroundings, so that noise next to it may count too.
    assert (left[:, [band for band in range(16) if abs(band - held) > 1]] > 0.8).all()
    found = band_occlusion(one, RATE, bands=16, envelope=True, highest=400.0, filling=filling)  # type: ignore[arg-type]
    assert (found.values[:2].argmax(1) == held).all()
    assert found.envelope


@pytest.mark.parametrize("carrier", [3000.0, 3400.0])
def test_modulation_is_taken_from_what_has_it_and_given_to_nothing_else(carrier: float) -> None:
    x = modulated({107.4: 0.6}, carrier=carrier)
    units = BandUnits(subject_of(x), RATE, bands=32, envelope=True)
    none = torch.zeros(4, 32, dtype=torch.bool)
    before, after = amplitudes(x), amplitudes(units.filled(none, torch.arange(4), "zero"))
    held, away = round(carrier * WINDOW / RATE), round(107.4 * WINDOW / RATE)
    sides = [held - away, held + away]
    assert after[:, sides].mean() < 0.15 * before[:, sides].mean()
    assert after[:, held].mean() > 0.9 * before[:, held].mean()
    assert after[:, [HUM - away, HUM + away]].max() < 0.02 * before[:, HUM].mean()
    assert after[:, HUM].mean() > 0.95 * before[:, HUM].mean()


def test_lines_take_their_harmonics_along() -> None:
    units = LineUnits(subject_of(drawn(2, 1000, 1)), 1000.0, {"a": 50.0, "b": 200.0}, harmonics=3)
    taken = [units.members[k].nonzero()[:, 0].tolist() for k in (0, 1)]
    assert taken[0] == [*range(48, 53), *range(98, 103), *range(147, 154)]  # 2 lines a side, or 2 %
    assert taken[1] == [*range(196, 205), *range(392, 409)]  # what lies above half the rate falls away
    assert units.names == ("a", "b")
    assert units.centres.tolist() == [50.0, 200.0]


def test_lines_outside_the_spectrum_are_refused() -> None:
    one = subject_of(drawn(2, 100, 1))
    for lines, harmonics in (({"a": 600.0}, 3), ({"a": 5.0}, 3), ({}, 3), ({"a": 50.0}, 0)):
        with pytest.raises(OptionError, match="lines from 10 to 500 Hz and a harmonic at least"):
            LineUnits(one, 1000.0, lines, harmonics=harmonics)


@pytest.mark.parametrize("filling", ["zero", "noise"])
def test_synthetic_bearings_are_told_by_the_lines_of_their_own_defect(filling: str) -> None:
    made = bearings(seconds=0.5, per_class=5, seed=2)
    told = {"outer": 0, "inner": 1}
    chosen = [(one, told[str(one.label)]) for one in made if one.label in told]
    cut = [one.values[0, at : at + WINDOW] for one, _ in chosen for at in (0, WINDOW)]
    truth = torch.tensor([label for _, label in chosen for _ in range(2)])
    x = torch.from_numpy(np.stack(cut)).unsqueeze(2)
    one = subject_of(x / x.std(1, keepdim=True), Defects(harmonics=2)).settled()
    right = one.picked == truth
    assert right.float().mean() > 0.8
    one, truth = one.only(right.nonzero()[:, 0]), truth[right]
    lines = defect_frequencies(SPEED - 20)
    # A third harmonic of BPFO would lie on the second of BPFI.
    found = line_occlusion(
        one, RATE, {name: lines[name] for name in ("BPFO", "BPFI", "2 BSF")}, harmonics=2, filling=filling
    )  # type: ignore[arg-type]
    fell = torch.stack([found.values[truth == label].mean(0) for label in (0, 1)])
    assert fell.argmax(1).tolist() == [0, 1]
    assert fell.diagonal().min() > 1.0
    assert fell[0, 1] < 0
    assert fell[1, 0] < 0
    assert (fell[:, 2].abs() < 0.3 * fell.diagonal()).all()
    assert found.passes_per_window == 4


def test_defects_of_a_bearing_follow_the_shaft_and_the_geometry() -> None:
    # SKF 6205 at 1797 turns a minute, as the bearing data center of Case Western Reserve University gives its orders:
    # inner 5.4152, outer 3.5848, cage 0.39828, rolling element 4.7135.
    found = defect_frequencies(1797.0)
    shaft = 1797 / 60
    for name, order in (("BPFI", 5.4152), ("BPFO", 3.5848), ("FTF", 0.39828), ("2 BSF", 4.7135)):
        assert found[name] == pytest.approx(order * shaft, rel=1e-3)
    wide = defect_frequencies(600.0, Geometry(balls=12, ball=10.0, pitch=50.0))
    assert wide["BPFO"] == pytest.approx(12 / 2 * (1 - 0.2) * 10)
