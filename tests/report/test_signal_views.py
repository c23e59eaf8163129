"""What the page of a classification draws: strips, examples, confidence, votes and maps, against what they are of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from heedful.report.language import language
from heedful.report.signals.confidence import confidence
from heedful.report.signals.examples import CHANNELS, examples, spectrum
from heedful.report.signals.figures import preview
from heedful.report.signals.figures.examples import envelope, peaks
from heedful.report.signals.looks import WINDOWS, looks
from heedful.report.signals.strips import fold_views
from heedful.report.signals.tables import VOTES, votes
from heedful.report.signals.view import page_data
from heedful.signals.result import Classification

Make = Callable[..., Classification]


@pytest.fixture
def make(classification: Make) -> Make:
    """Maker of classifications."""
    return classification


def test_strips_cover_what_windows_cover_and_nothing_else(make: Make) -> None:
    result = make(split="time", window=10)
    [view] = fold_views(result, language("en"))
    strip = view.bands[0].strips[0]
    assert [part for part, *_ in strip.pieces] == [0, 1, 2]
    [fold] = result.folds
    for (part, start, width), cuts in zip(strip.pieces, (fold.train, fold.validation, fold.test), strict=True):
        assert cuts is not None
        mine = cuts.starts[cuts.starts[:, 0] == 0, 1]
        assert start == pytest.approx(100 * mine.min() / 120), part
        assert start + width == pytest.approx(100 * (mine.max() + 10) / 120), part


def test_an_example_is_what_was_measured_without_its_padding(make: Make) -> None:
    result = make(window=None, uneven=True, channels=5)
    for one in examples(result):
        recording = next(r for r in result.recordings.items if r.name == one.recording)
        np.testing.assert_allclose(one.x, recording.read(0, len(recording)), rtol=1e-6)
    assert len(preview(language("en"), examples(result)[0], result.recordings.channels).data) == 2 * CHANNELS


def test_axes_are_in_seconds_and_hertz_only_where_the_rate_is_known(make: Make) -> None:
    for rate, titles in (
        (100.0, ["seconds in the recording", "Hz"]),
        (None, ["sample of the recording", "cycles a sample"]),
    ):
        figure = preview(language("en"), examples(make(rate=rate))[0], ("channel 0",))
        assert [figure.layout.xaxis.title.text, figure.layout.xaxis2.title.text] == titles


def test_a_tone_stands_at_its_own_frequency_with_its_own_amplitude(make: Make) -> None:
    one = examples(make(length=400, window=200, rate=1000.0))[0]
    tone = 3 * np.sin(2 * np.pi * 50 * np.arange(200) / 1000)[:, None] + 7
    lines, amplitudes = spectrum(replace(one, x=tone))
    assert lines[amplitudes[:, 0].argmax()] == pytest.approx(50)
    assert amplitudes.max() == pytest.approx(3, rel=1e-3)


def test_thinned_curves_keep_their_extremes() -> None:
    values = np.zeros(10_000)
    values[1234], values[777] = 5, -4
    place, kept = envelope(values, 100)
    assert len(kept) <= 200
    assert kept[place == 1234] == [5]
    assert kept[place == 777] == [-4]
    assert peaks(np.arange(10_000.0), values, 50)[1].max() == 5


def test_confidence_is_counted_before_and_after_the_temperature(make: Make) -> None:
    result = make(nets={"wdcnn": 0.6})
    page = page_data(result)
    assert page.network is not None
    found = confidence(result, page.network)
    assert found is not None
    assert found.after.ece == pytest.approx(result.summary.loc["wdcnn", "ece"])
    assert found.before.share.sum() == pytest.approx(1)
    assert found.before.confidence.max() > found.after.confidence.max()


def test_wrong_recordings_stand_first_in_a_list_that_ends(make: Make) -> None:
    result = make(classes=3, groups=30, nets={"wdcnn": 0.4})
    rows, every, wrong = votes(page_data(result))
    assert len(rows) == min(VOTES, every)
    assert [row.right for row in rows] == sorted(row.right for row in rows)
    frame = result.votes[result.votes["model"] == "wdcnn"]
    assert every == frame["recording"].nunique()
    assert wrong == frame[frame["said"] != frame["true"]]["recording"].nunique()


def test_maps_show_windows_with_weights_of_their_real_samples(make: Make) -> None:
    result = make(window=None, uneven=True, nets={"wdcnn+eca": 0.9})
    (over_time, other), left_out = looks(result)
    assert (over_time.axis, other.axis, left_out) == ("time", "channel", 0)
    assert over_time.stride == pytest.approx(120 / 10)
    assert len(over_time.windows) <= WINDOWS
    assert len({one.window.label for one in over_time.windows}) == 3
    for one in over_time.windows:
        assert len(one.weights) == -(-len(one.window.x) * 10 // 120)


def test_placebos_are_not_looked_at(answered: Classification) -> None:
    assert {look.model for look in page_data(answered).looks} == {"wdcnn+eca"}
