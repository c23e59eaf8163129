from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import heedful
from heedful.data.recordings import Recordings
from heedful.data.sets.bearings import Geometry, bearings
from heedful.errors import DataError, OptionError, ShapeError, UnknownName
from heedful.models.signals import SignalShape, get
from heedful.models.signals.order_network import OrderNetwork
from heedful.models.signals.orders import OrderEnvelope
from heedful.signals.bundle import SignalBundle
from heedful.signals.predicting import predict
from heedful.train import Recipe

RATE, WINDOW = 12000.0, 2048
DEFECTS = (1.0, 0.3983, 3.5848, 5.4152, 4.7135, 2.3567)


def impacts(order: float, speed: float, count: int = WINDOW, seed: int = 0) -> np.ndarray:
    """Impacts once every 1 / order of a turn, each of which rings at 3.1 kHz, in a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(200) / RATE
    ring = np.exp(-900 * t) * np.sin(2 * np.pi * 3100 * t)
    x = np.zeros(count + 200)
    for hit in np.arange(0.003, count / RATE, 60 / (speed * order)):
        x[round(hit * RATE) : round(hit * RATE) + 200] += ring
    return x[:count] + 0.02 * rng.standard_normal(count)


def batch(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(x))[None, :, None]


# --- the formula ------------------------------------------------------------------------------------------------


def by_loop(x: np.ndarray, speed: float, rate: float = RATE, defects=DEFECTS) -> tuple[np.ndarray, np.ndarray]:
    """Map and side of one window, band by band in double precision, as first written down."""
    count = len(x)
    x = (x - x.mean()) / x.std()
    f, hann = np.fft.rfftfreq(count, 1 / rate), np.hanning(count)
    orders = np.arange(3, 176) / 10
    lows = [500.0 * k for k in range(11)]
    maps, kurtosis = [], []
    for low, high in [*((low, low + 1000) for low in lows), (500.0, 6000.0)]:
        rise = np.clip((f - low) / 100, 0, 1) if low > 0 else (f > 20).astype(float)
        spectrum = np.zeros(count, complex)
        spectrum[: len(f)] = 2 * np.fft.rfft(x) * rise * np.clip((high - f) / 100, 0, 1)
        e = np.abs(np.fft.ifft(spectrum)) ** 2
        e /= e.mean()
        kurtosis.append(np.log(np.mean(e**2)))
        lines = np.abs(np.fft.rfft((e - 1) * hann, 4 * count)) * 2 / hann.sum()
        maps.append(np.interp(orders * speed / 60, np.fft.rfftfreq(4 * count, 1 / rate), lines))
    power = np.abs(np.fft.rfft(x * hann))[1:] ** 2
    spectrum = np.log(power.reshape(128, 8).mean(1) + 1e-8)
    scores = [np.array([_scores(one, orders, defects) for one in group]) for group in (maps[:11], maps[11:])]
    parts = [part for s in scores for part in (s.mean(0), s.max(0), np.sort(s, 0)[-3:].mean(0))]
    kurtosis = np.array(kurtosis[:11])
    return np.log(np.array(maps[:11]) + 1e-2), np.concatenate([spectrum, *parts, np.sort(kurtosis), [kurtosis.mean()]])


def _scores(line: np.ndarray, orders: np.ndarray, defects) -> list[float]:
    logs = np.log(line + 1e-6)
    around = np.concatenate([logs[:12][::-1], logs, logs[-12:][::-1]])
    beyond = [logs[i] - np.median(around[i : i + 25]) for i in range(len(logs))]
    found = []
    for order in defects:
        at = [int(np.abs(orders - order * h).argmin()) for h in (1, 2, 3)]
        peaks = [max(beyond[max(0, i - 2) : i + 3]) for i in at]
        found += [float(np.mean(peaks)), peaks[0]]
    return found


def test_map_and_side_are_the_formula():
    rng = np.random.default_rng(1)
    for speed, x in ((1797.0, impacts(3.5848, 1797.0)), (1721.5, rng.standard_normal(WINDOW).cumsum() + 5)):
        maps, side = OrderEnvelope(WINDOW, RATE, DEFECTS)(batch(x), None, torch.tensor([speed], dtype=torch.float64))
        expected = by_loop(x, speed)
        np.testing.assert_allclose(maps[0].numpy(), expected[0], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(side[0].numpy(), expected[1], rtol=1e-7, atol=1e-8)


def test_channels_and_windows_do_not_mix():
    front = OrderEnvelope(256, 1000.0, (2.0,))
    x = torch.randn(3, 256, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    speed = torch.tensor([300.0, 400.0, 500.0], dtype=torch.float64)
    maps, side = front(x, None, speed)
    assert maps.shape == (3, 22, front.points)
    assert side.shape == (3, 2 * front.sides)
    for i in range(3):
        for c in range(2):
            own = front(x[i : i + 1, :, c : c + 1], None, speed[i : i + 1])
            torch.testing.assert_close(maps[i : i + 1, 11 * c : 11 * c + 11], own[0])
            torch.testing.assert_close(side[i : i + 1].view(2, -1)[c : c + 1], own[1])


@pytest.mark.parametrize("order", [3.6, 5.4])
def test_impacts_peak_at_their_order_whatever_the_speed(order):
    front = OrderEnvelope(WINDOW, RATE)
    for speed in (1500.0, 1780.0):
        maps, _ = front(batch(impacts(order, speed)), None, torch.tensor([speed], dtype=torch.float64))
        loudest = maps[0].mean(0)[10:]  # from 1.3 orders on
        assert float(front.orders(maps)[10:][loudest.argmax()]) == pytest.approx(order, abs=0.1)


def test_the_speed_changes_the_axis_alone():
    front, x = OrderEnvelope(WINDOW, RATE), batch(impacts(4.0, 1600.0))
    speeds = torch.tensor([1600.0, 800.0], dtype=torch.float64)
    (maps, side), (slow, same) = (front(x, None, speeds[i : i + 1]) for i in range(2))
    assert torch.equal(side, same)
    # Order q at half the speed is the frequency of order q / 2; even points of the slow axis from 0.6 on.
    axis = front.orders(maps).numpy()
    np.testing.assert_allclose(slow[0, :, 3::2].numpy(), maps[0, :, : slow[0, :, 3::2].shape[1]].numpy(), atol=1e-9)
    np.testing.assert_allclose(axis[3::2], 2 * axis[: len(axis[3::2])])


def test_without_a_speed_the_axis_is_frequency():
    front, x = OrderEnvelope(WINDOW, RATE), batch(impacts(4.0, 1600.0))
    nominal = torch.tensor([60 * RATE / 409.6], dtype=torch.float64)
    torch.testing.assert_close(front(x)[0], front(x, None, nominal)[0])


def test_gain_and_offset_change_nothing():
    front, x = OrderEnvelope(WINDOW, RATE, DEFECTS), batch(impacts(3.6, 1700.0))
    speed = torch.tensor([1700.0], dtype=torch.float64)
    for one, other in zip(front(x, None, speed), front(1000 * x - 7, None, speed), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def test_the_spectrum_of_a_shorter_window_has_the_level_of_a_whole_one():
    x = torch.randn(200, WINDOW, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    front = OrderEnvelope(WINDOW)
    whole, half = (front(x[:, :count])[1][:, : front.bins].exp().mean() for count in (WINDOW, WINDOW // 2))
    assert float(half / whole) == pytest.approx(1, rel=0.03)


def test_a_silent_window_has_finite_numbers():
    for part in OrderEnvelope(64)(torch.zeros(2, 64, 1), torch.tensor([64, 0])):
        assert part.isfinite().all()


def test_windows_and_speeds_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="up to 64 samples, got 65"):
        OrderEnvelope(64)(torch.zeros(1, 65, 1))
    with pytest.raises(ShapeError, match="got rate None"):
        OrderEnvelope(64)(torch.zeros(1, 64, 1), None, torch.tensor([1000.0]))
    told, untold = (get("order-envelope").build(SignalShape(1, 2, 64, 1000.0, speed=s)) for s in (True, False))
    with pytest.raises(ShapeError, match="one speed of each window, got none"):
        told(torch.zeros(1, 64, 1))
    with pytest.raises(ShapeError, match="no speed of each window, got one"):
        untold(torch.zeros(1, 64, 1), None, torch.tensor([1000.0]))
    with pytest.raises(OptionError, match="needs a rate where speeds are told"):
        SignalShape(1, 2, 64, speed=True)
    with pytest.raises(OptionError, match="Name the speed, or leave the orders out"):
        SignalShape(1, 2, 64, 1000.0, defects=(3.6,))


# --- the network ------------------------------------------------------------------------------------------------


def network(seed: int = 0, name: str = "order-envelope") -> OrderNetwork:
    model = get(name).build(SignalShape(2, 3, 128, 1000.0, speed=True, defects=(2.5, 4.0)), seed)
    assert isinstance(model, OrderNetwork)
    return model


def given(count: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 128, 2, generator=generator).cumsum(1)
    return x, torch.randint(90, 129, (count,), generator=generator), 300 + 100 * torch.rand(count, generator=generator)


def test_what_is_prepared_stands_in_the_place_of_windows():
    model, inputs = network().eval(), given()
    assert torch.equal(model(model.prepare(*inputs)), model(*inputs))


def test_calibrated_numbers_have_mean_0_and_deviation_1_however_they_are_dealt_out():
    model, (x, lengths, speed) = network(), given()
    maps, side = model._parted(model.prepare(x, lengths, speed).double())
    model.calibrate([(x[:5], lengths[:5], speed[:5]), (x[5:], lengths[5:], speed[5:])])
    np.testing.assert_allclose(model.map_centre, maps.mean((0, 1)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.map_spread, maps.std((0, 1), correction=0) + 1e-3, rtol=1e-4)
    spread = side.std(0, correction=0).view(2, -1)
    bins = model.front.bins
    spread[:, :bins] = spread[:, :bins].mean(1, keepdim=True)
    np.testing.assert_allclose(model.side_centre, side.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.side_spread, spread.flatten() + 1e-3, rtol=1e-3)
    once = network()
    once.calibrate([(model.prepare(x, lengths, speed), None, None)])
    torch.testing.assert_close(once.side_spread, model.side_spread)


def test_training_disturbs_from_the_given_stream_and_evaluation_does_not():
    model, inputs = network(), given()
    model.dropout.p = 0.0
    said = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        said.append(model.train()(*inputs))
    assert torch.equal(said[0], said[1])
    assert not torch.allclose(said[0], said[2])
    assert torch.equal(model.eval()(*inputs), model(*inputs))


@pytest.mark.parametrize(("name", "place"), [("eca", "map"), ("se@map", "map"), ("additive", "bands")])
def test_attention_weighs_bands(name, place):
    model = network(name=f"order-envelope+{name}").eval()
    with heedful.record(model) as maps:
        model(*given())
    [one] = maps.values()
    assert list(maps) == [f"attention.{place}"]
    assert one.weights.shape[1] == 22  # two channels of 11 bands


def test_uneven_classes_keep_the_smoothing_of_the_network():
    assert network().head.smoothing == 0.05
    assert get("order-envelope").recipe == "orders"


# --- on synthetic bearings --------------------------------------------------------------------------------------

SPLIT = {"folds": 2, "window": 2048, "step": 2048, "seeds": 1, "jobs": 1, "sizes": (0.8, 0.0, 0.2)}
TURNS = (1.0, Geometry().cage, Geometry().outer, Geometry().inner, 2 * Geometry().spin, Geometry().spin)


@pytest.fixture(scope="module")
def made() -> Recordings:
    return bearings(seconds=3.0, per_class=4)


@pytest.fixture(scope="module")
def result(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("orders") / "run"
    return heedful.classify(made, models="order-envelope", defects=TURNS, out=out, **SPLIT)


def test_held_out_bearings_are_told_better_than_by_the_baselines(result):
    found = result.summary["macro_f1"]
    assert found["order-envelope"] > max(found["rms_forest"], found["spectrum_linear"]) + 0.1
    assert any("'rpm'" in note for note in result.notes)


def test_a_bundle_remembers_the_fact_that_holds_the_speed(result, made):
    [path] = (result.folder / "models").rglob("bundle.json")
    bundle = SignalBundle.load(path.parent)
    assert bundle.shape.speed
    assert bundle.shape.defects == TURNS
    said = predict(bundle, made)
    assert (said["said"].to_numpy() == [one.label for one in made.items]).mean() > 0.7
    without = replace(made, items=tuple(replace(one, facts={}) for one in made.items))
    with pytest.raises(DataError, match="reads the speed of each recording"):
        predict(bundle, without)
    renamed = replace(made, items=tuple(replace(one, facts={"n": one.facts["rpm"]}) for one in made.items))
    assert predict(bundle, renamed, speed="n").equals(said)


def test_a_speed_that_is_unknown_of_one_recording_is_used_of_none(made):
    some = replace(made, items=(replace(made[0], facts={}), *made.items[1:]))
    found = heedful.classify(some, models="order-envelope", recipe=Recipe(epochs=1, watch="train"), **SPLIT)
    assert any("speed of 1 of 32 recordings is unknown" in note for note in found.notes)


def test_a_speed_that_nothing_reads_or_holds_is_refused(made):
    with pytest.raises(OptionError, match="speed is for models that read"):
        heedful.classify(made, models="wdcnn", speed="rpm", **SPLIT)
    with pytest.raises(OptionError, match="defects is for models that read"):
        heedful.classify(made, models="wdcnn", defects=TURNS, **SPLIT)
    with pytest.raises(UnknownName, match="rpm"):
        heedful.classify(made, models="order-envelope", speed="rpn", **SPLIT)


def test_the_classifier_takes_speeds_beside_samples(made):
    x = [one.values.T[:4096] for one in made.items]
    y, groups = [one.label for one in made.items], [one.group for one in made.items]
    speed = np.array([one.facts["rpm"] for one in made.items])
    model = heedful.Classifier("order-envelope", window=2048, rate=12000.0, validation=0, epochs=2, defects=(3.6, 5.4))
    model.fit(x, y, groups, speed=speed)
    assert model.bundle_.shape.speed
    told = model.predict_proba(x, speed)
    assert not np.allclose(told, model.predict_proba(x, 1.2 * speed))
    with pytest.raises(DataError, match="reads the speed"):
        model.predict(x)
    with pytest.raises(DataError, match="a speed above 0"):
        model.fit(x, y, groups, speed=speed[:3])
