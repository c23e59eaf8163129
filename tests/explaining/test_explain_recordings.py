"""heedful explain of recordings: which windows are taken, how they are told, and what cannot be explained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import heedful
from heedful.data.recordings import Augment, Recording, Recordings, read_recordings
from heedful.data.sets.bearings import Geometry
from heedful.errors import DataError, OptionError, UnknownName
from heedful.explaining import recordings as front
from heedful.explaining.run import explain
from heedful.explanation.spectrum import defect_frequencies
from heedful.signals.bundle import SignalBundle
from heedful.signals.training import train
from heedful.train import Recipe

TONES = {"fast": 0.31, "slow": 0.05}
RATE, WINDOW = 100.0, 40
RECIPE = Recipe(epochs=4, batch=16, learning_rate=1e-2)


def tones(seed: int = 0, groups: int = 6, length: int = 200, ragged: int = 0, channels: int = 2) -> Recordings:
    """Classes differ in the frequency of the first channel; the others are noise."""
    rng, items = np.random.default_rng(seed), []
    for label, frequency in TONES.items():
        for group in range(groups):
            samples = length - ragged * group
            values = rng.normal(0, 0.3, (channels, samples))
            values[0] += np.sin(2 * np.pi * frequency * np.arange(samples) + rng.uniform(0, 6))
            items.append(
                Recording(
                    name=f"{label}-{seed}-{group}",
                    values=values,
                    rate=RATE,
                    label=label,
                    group=f"{label}-{seed}-{group}",
                    channels=tuple("abc"[:channels]),
                    target=100 * frequency,
                )
            )
    return Recordings(items=tuple(sorted(items, key=lambda one: one.name)), name="tones")


@pytest.fixture(scope="module")
def learned() -> Recordings:
    return tones(groups=8, length=400)


@pytest.fixture(scope="module")
def folder(learned, tmp_path_factory):
    out = tmp_path_factory.mktemp("tones") / "run"
    words = {"models": "wdcnn+cbam", "window": WINDOW, "seeds": 1, "folds": 1, "jobs": 1}
    heedful.classify(learned, recipe=RECIPE, keep="all", out=out, **words)
    return next(out.glob("models/wdcnn+cbam/**/bundle.json")).parent


@pytest.fixture(scope="module")
def bundle(folder) -> SignalBundle:
    return SignalBundle.load(folder)


@pytest.fixture(scope="module")
def new() -> Recordings:
    return tones(seed=1)


@pytest.fixture(scope="module")
def found(bundle, new):
    return explain(bundle, new, windows=24, at="slow-1-3:0.7")


def names_of(found) -> set[str]:
    return {window.partition(",")[0] for window in found.windows}


# --- which windows ------------------------------------------------------------------------------------------------


def test_of_the_data_of_the_training_the_test_part_alone_is_explained(folder, bundle, learned):
    case, _ = front.read(bundle, learned, most=100)
    told = {window.partition(",")[0] for window in case.windows}
    tested = {name for name, *_ in bundle.facts["parts"]["test"]}
    assert told == tested
    assert not told & {name for part in ("train", "validation") for name, *_ in bundle.facts["parts"][part]}
    assert case.held_out
    assert "Explained: the test part of the training." in case.notes


def test_recordings_of_new_names_are_all_explained(found, bundle, new):
    assert names_of(found) == {one.name for one in new.items}
    case, _ = front.read(bundle, new, most=10**6)
    assert len(case.windows) == 12 * 200 // WINDOW
    assert case.held_out
    assert not any("saw" in note for note in case.notes)


def test_recordings_that_training_saw_are_left_out_or_told(bundle, learned, new):
    seen = Recordings(items=tuple(one for one in learned.items if one.name in bundle.scaler.recordings))
    case, _ = front.read(bundle, seen, most=10**6)
    assert case.held_out is False
    assert any(note.startswith("Training saw these recordings") for note in case.notes)
    both = Recordings(items=tuple(sorted((*seen.items, *new.items), key=lambda one: one.name)))
    case, _ = front.read(bundle, both, most=10**6)
    assert {window.partition(",")[0] for window in case.windows} == {one.name for one in new.items}
    assert f"{len(seen)} recordings of names that training saw are left out." in case.notes
    assert explain(bundle, seen, windows=20, anyway=True).verdict[0].startswith("The windows were trained on")


def test_numbers_of_arrays_are_no_names(learned, new):
    arrays = [one.values for one in learned.items]
    labels = [one.label for one in learned.items]
    made = train(read_recordings(arrays, label=labels), "wdcnn+eca", window=WINDOW, recipe=RECIPE)
    case, _ = front.read(made, [one.values for one in new.items], most=30)
    assert case.held_out is None
    assert any("Arrays have no names" in note for note in case.notes)


# --- how they are told --------------------------------------------------------------------------------------------


def test_windows_are_named_by_recording_and_second_and_stamped_in_seconds(found, bundle, new):
    shown = found.shown[0]
    assert shown.name == "slow-1-3, 0.4 s"  # of the windows every 0.4 s, the one that holds 0.7
    assert found.windows[shown.number] == shown.name
    np.testing.assert_allclose(shown.times, 0.4 + np.arange(WINDOW) / RATE)
    np.testing.assert_allclose(found.times[shown.number], shown.times)
    [own] = [one for one in new.items if one.name == "slow-1-3"]
    np.testing.assert_allclose(shown.values, own.values[:, 40 : 40 + WINDOW].T, rtol=1e-6)
    assert (shown.unit, shown.truth) == ("seconds", "slow")
    assert shown.said in TONES
    assert 0.5 <= shown.probability <= 1


def test_the_probability_shown_is_that_of_predict(found, bundle, new):
    table = heedful.predict(bundle, new, windows=True)
    shown = found.shown[0]
    [row] = table[(table["recording"] == "slow-1-3") & (table["seconds"] == 0.4)].to_dict("records")
    assert row["said"] == shown.said
    assert row[f"p_{shown.said}"] == pytest.approx(shown.probability, abs=1e-5)


def test_padding_gets_nothing_anywhere():
    ragged = tones(groups=12, length=64, ragged=3)
    made = train(ragged, "wdcnn+additive", recipe=Recipe(epochs=2, batch=8))
    found = explain(made, tones(seed=1, groups=12, length=64, ragged=3), windows=24, anyway=True)
    assert (~found.real).any()
    assert found.real.sum(1).min() == 64 - 3 * 11
    for name, one in found.maps.items():
        assert (one[~found.real] == 0).all(), name
    for look in found.looks:
        if look.padding is not None:
            assert look.padding.max() == 0
    short = next(shown for shown in found.shown if not found.real[shown.number].all())
    assert np.isnan(short.values[~found.real[short.number]]).all()


def test_the_windows_of_one_class_are_explained_and_its_probability_is_what_is_left(bundle, new):
    found = explain(bundle, new, windows=24, of_class="slow", anyway=True)
    assert all(window.startswith("slow-") for window in found.windows)
    curve = found.curves["occlusion"]
    case, _ = front.read(bundle, new, most=24, chosen="slow")
    # Temperature is a matter of telling, not of looking: the network's own probability is what falls.
    p = case.subject.undisturbed().softmax(1)[:, 1]
    np.testing.assert_allclose(curve.gone[0][:, 0], p, atol=1e-5)
    with pytest.raises(UnknownName, match="IR"):
        explain(bundle, new, windows=24, of_class="IR")


def test_recordings_without_labels_are_explained_and_it_is_said(bundle, new):
    nameless = Recordings(items=tuple(replace(one, label=None) for one in new.items))
    found = explain(bundle, nameless, windows=24)
    assert "nothing says whether these answers are right" in found.worth[0]
    assert not any("does not predict" in line for line in found.verdict)
    assert {shown.truth for shown in found.shown} == {None}
    # A class is then explained in all windows.
    case, _ = front.read(bundle, nameless, most=24, chosen="slow")
    assert len({window.partition(",")[0] for window in case.windows}) == len(new)


def test_labels_that_the_model_does_not_know_are_told(bundle, new):
    other = Recordings(items=tuple(replace(one, label=f"{one.label}-new") for one in new.items))
    case, _ = front.read(bundle, other, most=24)
    assert case.predicts is None
    assert any("knows no class fast-new, slow-new" in note for note in case.notes)


def test_lines_that_do_not_fit_a_short_window_are_left_out_and_those_that_do_are_tested():
    sizes, rpm = Geometry(balls=9, ball=7.94, pitch=39.04), 600.0
    lines = defect_frequencies(rpm, sizes)
    turning = Recordings(items=tuple(replace(one, speed=rpm) for one in tones(length=768).items))
    for window, some in ((32, False), (256, True)):
        made = train(turning, "wdcnn+eca", window=window, recipe=Recipe(epochs=1, batch=16))
        case, _ = front.read(made, turning, most=20)
        assert case.speed == rpm
        found = explain(made, turning, windows=20, bearing=sizes, anyway=True)
        assert dict(found.defects) == pytest.approx(lines)
        assert bool(found.bands) is some
    assert len(found.bands) == 3


def test_a_number_is_explained_in_its_own_unit(learned, new):
    made = train(
        learned, "wdcnn+additive", window=WINDOW, classes=0, recipe=Recipe(epochs=8, batch=16, learning_rate=1e-2)
    )
    found = explain(made, new, windows=24, anyway=True)
    assert found.kind == "number"
    assert found.classes == ()
    assert found.worth[0].startswith("R2 on these windows")
    assert {float(shown.truth[0, 0]) for shown in found.shown} <= {31.0, 5.0}
    table = heedful.predict(made, new, windows=True)
    shown = found.shown[0]
    assert float(shown.said[0, 0]) == pytest.approx(float(table["said"].iloc[0]), rel=1e-5)
    with pytest.raises(OptionError, match="gives a number"):
        explain(made, new, windows=24, of_class="slow")


# --- what can be explained ----------------------------------------------------------------------------------------


def test_an_estimator_is_explained_by_the_names_of_its_classes(learned, new):
    from heedful.estimators import Classifier

    x, y = (np.stack([one.values.T for one in learned.items]), [one.label for one in learned.items])
    made = Classifier("wdcnn+eca", window=WINDOW, epochs=4).fit(x, y)
    asked = np.stack([one.values.T for one in new.items])
    found = explain(made, asked, windows=24, anyway=True, label=[one.label for one in new.items])
    assert found.classes == ("fast", "slow")
    assert {shown.truth for shown in found.shown} == set(TONES)


def test_networks_are_trained_again_on_the_train_part_of_the_recordings_of_the_training_alone(bundle, learned, new):
    case, _ = front.read(bundle, learned, most=20)
    rows = torch.arange(len(case.windows))

    def loss(net):
        one = replace(case.subject, net=net)
        return float(one.loss(one.undisturbed(), rows).mean())

    assert loss(case.trained(case.build(3), 3)) < 0.5 * loss(case.fresh(3))
    with pytest.raises(OptionError, match="not the recordings that the model was trained on"):
        explain(bundle, new, windows=20, retrain=1, anyway=True)


def test_probabilities_are_those_of_the_temperature_that_the_bundle_predicts_with(bundle, new):
    warm, plain = (
        front.read(replace(bundle, temperature=heat), new, most=24)[0].subject.undisturbed() for heat in (4.0, 1.0)
    )
    torch.testing.assert_close(4 * warm, plain)


@pytest.mark.parametrize("imbalance", ["focal", "oversample"])
def test_networks_are_trained_again_by_the_recipe_of_the_first(imbalance):
    data = Recordings(items=tones(groups=8, length=400).items[:12], name="uneven")
    asked = {"recipe": replace(RECIPE, epochs=2), "augment": Augment(jitter=0.1), "imbalance": imbalance}
    made = train(data, "wdcnn+cbam", window=WINDOW, validation=0.0, seeds=[5], **asked)
    case, _ = front.read(made, data, most=20)
    again = case.trained(case.build(5), 5).state_dict()
    assert all(torch.equal(again[name], value) for name, value in made.state.items())
    other = replace(made, facts={**made.facts, "augment": None})
    different, _ = front.read(other, data, most=20)
    again = different.trained(different.build(5), 5).state_dict()
    assert not all(torch.equal(again[name], value) for name, value in made.state.items())


def test_windows_that_were_dealt_out_at_random_are_not_taken_for_held_out(learned, tmp_path):
    words = {"models": "wdcnn+cbam", "window": WINDOW, "seeds": 1, "split": "random-windows", "jobs": 1}
    heedful.classify(learned, recipe=replace(RECIPE, epochs=1), keep="all", out=tmp_path / "leaky", **words)
    made = SignalBundle.load(next(tmp_path.glob("leaky/models/**/bundle.json")).parent)
    case, _ = front.read(made, learned, most=20)
    assert case.held_out is False
    with pytest.raises(OptionError, match="cannot be done"):
        case.learnable()


def test_a_model_without_attention_is_refused(learned, new):
    made = train(learned, "wdcnn", window=WINDOW, recipe=Recipe(epochs=1, batch=16))
    with pytest.raises(OptionError, match="attention"):
        explain(made, new, windows=24, anyway=True)


def test_other_channels_are_refused_and_another_rate_is_brought_to_that_of_the_training(bundle, new):
    with pytest.raises(DataError, match="reads 2 channels"):
        explain(bundle, tones(seed=1, channels=1), windows=24)
    turned = [replace(one, values=one.values[::-1], channels=("b", "a")) for one in new.items]
    own, same = (front.read(bundle, data, most=24)[0] for data in (Recordings(items=tuple(turned)), new))
    np.testing.assert_array_equal(own.subject.x, same.subject.x)
    faster = Recordings(
        items=tuple(replace(one, values=np.repeat(one.values, 2, 1), rate=2 * RATE) for one in new.items)
    )
    case, _ = front.read(bundle, faster, most=24)
    assert case.rate == RATE
    assert case.times[0, 1] - case.times[0, 0] == pytest.approx(1 / RATE)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"at": "nobody:1"}, UnknownName, "nobody"),
        ({"at": "slow-1-3:noon"}, OptionError, "RECORDING:SECONDS"),
        ({"window": 10**6}, OptionError, "There are windows"),
        ({"window": 0, "at": "slow-1-3"}, OptionError, "got both"),
        ({"time": "stamp"}, OptionError, "about tables"),
        ({"speed": "rpm"}, UnknownName, "rpm"),
    ],
)
def test_wrong_words_are_answered(bundle, new, change, error, said):
    with pytest.raises(error, match=said):
        explain(bundle, new, **({"windows": 24} | change))


# --- presets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "speaks"),
    [
        ("cnn-lstm+multi_head", "time"),
        ("cnn-lstm+gate_channel_lstm", "channels"),
        ("wdcnn+sk", ""),
        ("spectrogram-cnn+coordinate", "lines"),
        ("order-envelope+additive", "lines"),
        ("published:wdcnn_eca", "channels"),
    ],
)
def test_mechanisms_of_every_kind_are_explained_or_say_why_not(model, speaks):
    data = tones(groups=10, length=128)
    made = train(data, model, window=128, recipe=Recipe(epochs=1, batch=16))
    found = explain(made, tones(seed=1, groups=10, length=128), windows=20, anyway=True)
    spoken = {what for look in found.looks for what in look.speaks}
    assert speaks in spoken if speaks else all(look.why for look in found.looks)
    assert all(np.isfinite(one).all() for one in found.maps.values())
    assert found.verdict[-1].startswith("Show the attention map to a customer")
