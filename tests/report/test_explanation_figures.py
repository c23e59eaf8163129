"""Pictures of an explanation show the numbers that were found, and can be read in grey and in both languages."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import StepPatch

from heedful.errors import OptionError, UnknownName
from heedful.explanation.truth import judge
from heedful.report.explanation import drawings, figures, view
from heedful.report.explanation.figures import style
from heedful.report.language import language
from report.made_explanations import CONTROLS, forecast, gains, signals

MADE = {"forecast": forecast(windows=12), "signals": signals(windows=8, length=2048)}
EVERY = [(kind, name) for kind, made in MADE.items() for name in drawings(made)]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_picture_is_drawn_without_a_warning(kind: str, name: str) -> None:
    figure = drawings(MADE[kind])[name](language="en")
    assert figure.axes
    assert all(axes.get_title(loc="left") or axes.get_xlabel() or axes.lines for axes in figure.axes[:1])


def heights(axes: Any) -> np.ndarray:
    """The numbers of a filled line of steps."""
    patch = next(one for one in axes.patches if isinstance(one, StepPatch))
    return np.asarray(patch.get_data().values)


def test_a_window_shows_its_own_map_under_its_own_times() -> None:
    made = MADE["forecast"]
    shown = made.shown[1]
    figure = figures.window(made, 1, maps=["occlusion"])
    *signals_, map_ = figure.axes
    np.testing.assert_allclose(heights(map_), made.maps["occlusion"][shown.number])
    line = signals_[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), shown.values[:, 0])
    days = (shown.times - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    np.testing.assert_allclose(line.get_xdata(), days)


def test_the_forecast_and_its_truth_stand_after_the_window_on_the_panel_of_their_target() -> None:
    figure = figures.window(MADE["forecast"], 0, maps=["occlusion"])
    with_answers = [axes for axes in figure.axes if len(axes.lines) > 2]
    assert [axes.get_ylabel() for axes in with_answers] == ["load"]
    past, truth, answer = with_answers[0].lines[:3]
    assert truth.get_xdata()[0] > past.get_xdata()[-1]
    np.testing.assert_allclose(answer.get_ydata() - truth.get_ydata(), 1.5)


def test_attention_that_is_not_true_stands_beside_occlusion_and_true_attention_alone() -> None:
    untrue, true = figures.window(forecast(windows=12)), figures.window(forecast(windows=12, true=True))
    titles = [[t for axes in figure.axes if (t := axes.get_title(loc="left"))] for figure in (untrue, true)]
    assert titles[0] == ["bahdanau attention: not true", "occlusion: true"]
    assert titles[1] == ["bahdanau attention: true"]


def test_dark_behind_the_line_is_where_the_map_is_high() -> None:
    made = MADE["forecast"]
    mesh = figures.window(made, 0, maps=["occlusion"]).axes[0].collections[0]
    drawn = np.asarray(mesh.get_array()).ravel()
    own = made.maps["occlusion"][made.shown[0].number].clip(0)
    np.testing.assert_allclose(drawn, own / own.max())


def test_a_long_signal_keeps_its_extremes_in_few_points() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=100_000)
    y[777], y[50_001] = 99, -99
    x, kept = style.envelope(np.arange(y.size, dtype=float), y)
    assert len(kept) == 2 * style.STRETCHES
    assert (kept.max(), kept.min()) == (99, -99)
    assert (np.diff(x) > 0).all()
    np.testing.assert_array_equal(y[x.astype(int)], kept)


def test_a_long_signal_with_gaps_keeps_them() -> None:
    y = np.arange(10_000.0)
    y[:5_000] = np.nan
    _, kept = style.envelope(np.arange(10_000.0), y, most=100)
    assert np.isnan(kept[:100]).all()
    assert np.isfinite(kept[100:]).all()


def test_marks_of_dates_are_few_and_do_not_overlap() -> None:
    for hours in (1, 24, 24 * 31):
        made = forecast(windows=12)
        shown = made.shown[0]
        start = shown.times[0]
        wide = replace(
            shown,
            times=start + (shown.times - start) * hours,
            ahead=start + (shown.ahead - start) * hours,  # type: ignore[operator]
        )
        figure = figures.window(replace(made, shown=(wide,)), 0, maps=["occlusion"])
        marks = [one for one in figure.axes[-1].get_xticklabels() if one.get_text()]
        boxes = [one.get_window_extent() for one in marks]
        low, high = figure.axes[-1].get_window_extent().intervalx
        boxes = [box for box in boxes if low <= (box.x0 + box.x1) / 2 <= high]
        assert 2 <= len(boxes) <= 8, hours
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes)), hours


def test_names_of_months_are_in_no_language() -> None:
    figure = figures.window(MADE["forecast"], 0)
    texts = [one.get_text() for axes in figure.axes for one in axes.get_xticklabels()]
    assert any(texts)
    assert not any(char.isalpha() for char in "".join(texts))


def test_order_of_weights_survives_grey_printing() -> None:
    grey = [float(np.dot(style.SHADES(at)[:3], (0.299, 0.587, 0.114))) for at in np.linspace(0, 1, 33)]
    assert (np.diff(grey) < 0).all()
    deepest = float(np.dot(style.SHADES(1 / 1.8)[:3], (0.299, 0.587, 0.114)))
    ink = float(np.dot(to_rgb("#111827"), (0.299, 0.587, 0.114)))
    assert deepest - ink > 0.3  # a black line can be read on the darkest shading


def test_lines_are_told_apart_without_colour() -> None:
    figure = figures.curves(MADE["forecast"])
    looks = [(line.get_linestyle(), line.get_marker(), line.get_linewidth()) for line in figure.axes[0].lines]
    assert len(set(looks)) == len(looks) == len(CONTROLS) + 1


def test_curves_are_the_means_of_what_is_left() -> None:
    made = MADE["forecast"]
    axes = figures.curves(made, "occlusion").axes[0]
    own = max(axes.lines, key=lambda line: line.get_linewidth())
    np.testing.assert_allclose(own.get_ydata(), made.curves["occlusion"].gone[0].mean(0))


def test_gains_stand_where_they_were_measured_with_both_fillings_and_their_intervals() -> None:
    made = MADE["forecast"]
    axes = figures.gains(made, "occlusion").axes[0]
    rows = [row for row in made.truths["occlusion"].rows if row.metric == "deletion"]
    drawn = np.sort(np.concatenate([line.get_xdata() for line in axes.lines if line.get_marker() in "os"]))
    np.testing.assert_allclose(drawn, np.sort([row.mean for row in rows]))
    ends = np.concatenate([np.array(one.get_segments())[:, :, 0] for one in axes.collections])
    np.testing.assert_allclose(np.sort(ends[:, 0]), np.sort([row.low for row in rows]))
    assert next(one.get_text() for one in axes.get_yticklabels()) == "smooth random map"


def test_gains_of_too_few_groups_are_drawn_without_intervals() -> None:
    made = replace(MADE["forecast"], truths={"occlusion": judge(gains(0.2, groups=3))})
    axes = figures.gains(made, "occlusion").axes[0]
    ends = np.concatenate([np.array(one.get_segments())[:, :, 0] for one in axes.collections])
    means = np.sort([row.mean for row in made.truths["occlusion"].rows if row.metric == "deletion"])
    np.testing.assert_allclose(np.sort(ends, axis=0), np.stack([means, means], 1))


def test_each_step_ahead_has_a_row_whose_cells_lie_at_what_the_weights_see() -> None:
    made = MADE["forecast"]
    look = made.looks[1]
    mesh = figures.horizon(made, look.name, 2).axes[0].collections[0]
    assert look.steps is not None
    np.testing.assert_allclose(np.asarray(mesh.get_array()), look.steps[made.shown[2].number])
    # A stride of 2 hours: inner cells are 2 hours wide, middles lie at 1, 3, ... hours.
    ends = mesh.get_coordinates()[0, :, 0]
    start = (made.shown[2].times[0] - np.datetime64("1970-01-01")) / np.timedelta64(1, "h")
    np.testing.assert_allclose(24 * ends[1:-1] - start, np.arange(2, 47, 2), atol=1e-6)


def test_heads_have_a_row_each_and_their_mean_below() -> None:
    made = MADE["forecast"]
    look = made.looks[1]
    axes = figures.heads(made, look.name, 0).axes[0]
    values = np.asarray(axes.collections[0].get_array())
    assert look.heads is not None
    np.testing.assert_allclose(values[:-1], look.heads[0])
    np.testing.assert_allclose(values[-1], look.heads[0].mean(0))
    assert [one.get_text() for one in axes.get_yticklabels()] == ["head 1", "head 2", "head 3", "mean"]


def test_queries_look_across_at_keys() -> None:
    made = MADE["signals"]
    weights = np.random.default_rng(0).random((8, 2, 5, 7))
    look = replace(made.looks[0], axes=("batch", "head", "query", "key"), weights=weights, time=None)
    field = np.asarray(figures.queries(replace(made, looks=(look,)), "pool", 1).axes[0].collections[0].get_array())
    np.testing.assert_allclose(field, weights[made.shown[1].number].mean(0))


def test_columns_are_named_and_sorted_by_what_they_weigh() -> None:
    made = MADE["forecast"]
    axes = figures.columns(made).axes[0]
    mean = made.column_maps["occlusion"].mean(0)
    order = np.argsort(-mean)
    assert [one.get_text().replace("\\", "") for one in axes.get_yticklabels()] == [made.columns[i] for i in order]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], mean[order])


def test_of_many_columns_the_largest_are_drawn_and_the_others_counted() -> None:
    made = MADE["forecast"]
    many = replace(
        made,
        columns=tuple(f"c{i}" for i in range(50)),
        column_maps={"occlusion": np.random.default_rng(0).random((12, 50))},
    )
    axes = figures.columns(many).axes[0]
    assert len(axes.patches) == 20
    assert "30 smaller ones" in axes.get_xlabel()


def test_defects_are_marked_where_they_lie_in_the_spectrum() -> None:
    made = MADE["signals"]
    axes = figures.spectrum(made, 1).axes[0]
    marked = sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() != "-")
    np.testing.assert_allclose(marked, sorted(hertz for _, hertz in made.defects))
    assert {text.get_text() for text in axes.texts} == {name for name, _ in made.defects}


def test_names_of_defects_that_lie_near_each_other_do_not_overlap() -> None:
    made = MADE["signals"]
    wide = replace(made.bands[1], low=4 * made.bands[1].low, high=4 * made.bands[1].high)
    for bands in (made.bands[1], wide):
        texts = figures.spectrum(replace(made, bands=(bands,))).axes[0].texts
        boxes = [text.get_window_extent() for text in texts]
        assert len(boxes) == len(made.defects)
        for number, one in enumerate(boxes):
            assert not any(one.overlaps(other) for other in boxes[number + 1 :])


def test_lines_of_defects_are_bars_with_their_frequencies() -> None:
    axes = figures.spectrum(MADE["signals"], 2).axes[0]
    assert axes.get_yticklabels()[0].get_text() == "BPFO, 107.4 Hz"


def test_other_networks_are_dots_around_how_alike_they_are() -> None:
    made = MADE["forecast"]
    axes = figures.sanity(made).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    np.testing.assert_allclose(dots[0].get_xdata(), made.sanity[0].each)
    assert axes.get_xlim() == (-1.02, 1.02)


def test_lines_of_a_spectrum_are_drawn_by_their_mean() -> None:
    made = MADE["signals"]
    lines = np.random.default_rng(0).random((8, 33))
    look = replace(made.looks[0], time=None, lines=lines, reach=None)
    figure = drawings(replace(made, looks=(look,), reaches={}))["lines-pool"]()
    steps = [np.asarray(one.get_data().values) for one in figure.axes[0].patches if isinstance(one, StepPatch)]
    np.testing.assert_allclose(steps[-1], lines.mean(0))


def test_an_even_map_is_no_dark_one() -> None:
    np.testing.assert_allclose(style.share(np.full(8, 0.125)), 0.5)
    np.testing.assert_allclose(style.share(np.array([-1.0, 0.0, 0.0, 0.5])), [0, 0, 0, 0.5])
    np.testing.assert_array_equal(style.share(np.zeros(3)), 0)


def test_weights_of_one_mechanism_are_replaced_once() -> None:
    labels = [one.get_text() for one in figures.usage(MADE["forecast"]).axes[0].get_yticklabels()]
    assert labels == ["uniform weights", "permuted weights", "weights of another window", "mean weights"]


def test_windows_over_time_have_a_row_each() -> None:
    made = MADE["forecast"]
    figure = figures.over_windows(made, "occlusion")
    np.testing.assert_allclose(np.asarray(figure.axes[0].collections[0].get_array()), made.maps["occlusion"])
    assert figure.axes[0].get_yticklabels()[0].get_text() == made.windows[0]


def test_one_extreme_window_does_not_make_all_others_pale() -> None:
    made = MADE["signals"]
    values = np.random.default_rng(0).random((200, 50))
    values[7, 3], values[8, 4] = 1000.0, -1000.0
    wild = replace(
        made, maps={"occlusion": values}, real=np.ones(values.shape, bool), windows=tuple(map(str, range(200)))
    )
    wild = replace(wild, times=np.arange(10_000.0).reshape(200, 50), shown=())
    figure = figures.over_windows(wild, "occlusion")
    low, high = figure.axes[0].collections[0].get_clim()
    np.testing.assert_allclose((low, high), (0, max(np.quantile(values, 0.99), 2 * values.clip(0).mean())))
    assert high < 2
    assert figure.axes[0].collections[0].colorbar.extend == "both"
    calm = replace(wild, maps={"occlusion": np.full(values.shape, 0.02)})
    mesh = figures.over_windows(calm, "occlusion").axes[0].collections[0]
    np.testing.assert_allclose(mesh.get_clim(), (0, 0.04))  # an even map is no dark one
    assert mesh.colorbar.extend == "neither"


def test_padding_has_no_part_in_the_colours_of_all_windows() -> None:
    made = MADE["forecast"]
    real = np.arange(48) >= 46
    values = np.where(real, np.linspace(1, 2, 48), 0.0)[None].repeat(12, 0)
    padded = replace(made, maps={"occlusion": values}, real=real[None].repeat(12, 0))
    low, high = figures.over_windows(padded, "occlusion").axes[0].collections[0].get_clim()
    np.testing.assert_allclose((low, high), (0, 2 * values[:, 46:].mean()))


def extended(made: Any, **parts: Any) -> Any:
    """An explanation whose first look over time has more parts."""
    look = next(one for one in made.looks if one.time is not None)
    return replace(made, looks=(replace(look, **parts),))


def test_weights_of_an_image_stand_over_frequency_in_hertz_and_time() -> None:
    made = MADE["signals"]
    image = np.random.default_rng(1).random((8, 9, 128))
    mesh = drawings(extended(made, image=image))["image-pool"]().axes[0].collections[0]
    np.testing.assert_allclose(np.asarray(mesh.get_array()), image[made.shown[0].number])
    up = mesh.get_coordinates()[:, 0, 1]
    np.testing.assert_allclose(up, np.linspace(0, 6000, 10), rtol=1e-6)  # half the rate of 12 kHz
    samples = replace(made.shown[0], unit="samples", times=np.arange(2048.0))
    axes = drawings(replace(extended(made, image=image), shown=(samples,)))["image-pool"]().axes[0]
    assert axes.get_ylabel() == "line of the spectrum, from frequency 0 on"


def test_weights_of_an_image_that_has_no_time_are_not_drawn() -> None:
    made = extended(MADE["signals"], image=np.ones((8, 9, 128)), time=None)
    assert "image-pool" not in drawings(made)


def test_inputs_have_a_row_each_over_time_by_their_names() -> None:
    made = MADE["forecast"]
    weights = np.random.default_rng(2).random((12, 24, 5))
    more = extended(made, features=weights, channel_names=made.columns, on_columns=True)
    axes = drawings(more)["features-decoder-attention"]().axes[0]
    np.testing.assert_allclose(np.asarray(axes.collections[0].get_array()), weights[made.shown[0].number].T)
    assert [one.get_text().replace("\\", "") for one in axes.get_yticklabels()] == list(made.columns)


def test_of_many_inputs_all_are_drawn_and_some_named() -> None:
    made = MADE["forecast"]
    weights = np.random.default_rng(2).random((12, 24, 100))
    more = extended(made, features=weights, channel_names=tuple(f"unit {n + 1}" for n in range(100)))
    axes = drawings(more)["features-decoder-attention"](language="zh").axes[0]
    assert np.asarray(axes.collections[0].get_array()).shape == (100, 24)
    names = [one.get_text() for one in axes.get_yticklabels()]
    assert len(names) <= 24
    assert names[:2] == ["单元1", "单元6"]


def test_targets_have_a_row_each_in_shares_of_the_whole() -> None:
    made = replace(MADE["forecast"], outputs=("load +1", "wind +1", "load +2", "wind +2"))
    weights = np.random.default_rng(2).random((12, 2, 24))
    axes = drawings(extended(made, targets=weights))["targets-decoder-attention"]().axes[0]
    np.testing.assert_allclose(np.asarray(axes.collections[0].get_array()), weights[made.shown[0].number])
    assert [one.get_text() for one in axes.get_yticklabels()] == ["load", "wind"]
    say = language("en")
    assert view.target_names(made, 5, say) == list(made.columns)
    assert view.target_names(made, 3, say) == ["target 1", "target 2", "target 3"]


def test_channels_inside_a_network_are_told_from_columns_below_the_bars() -> None:
    made = extended(MADE["signals"], channels=np.ones((8, 2)), channel_names=("channel 1", "channel 2"))
    axes = drawings(made)["channels-pool"]().axes[0]
    assert axes.get_xlabel().endswith("\nchannels inside the network, not columns of the data")
    assert "inside" not in axes.get_title(loc="left")


def test_defects_are_not_marked_where_bands_are_too_wide_to_tell_them_apart() -> None:
    assert not figures.spectrum(MADE["signals"], 0).axes[0].texts


def test_one_band_of_extremes_does_not_make_the_spectrum_flat() -> None:
    made = MADE["signals"]
    values = np.array(made.bands[0].values)
    calm = figures.spectrum(made, 0).axes[0]
    assert not calm.texts
    values[:, 0] = np.linspace(-9, 14, len(values))
    mean = float(values[:, 0].mean())
    axes = figures.spectrum(replace(made, bands=(replace(made.bands[0], values=values),))).axes[0]
    low, high = axes.get_ylim()
    assert mean < high < 4  # every mean can be seen
    assert low > -1
    least, most = np.quantile(values[:, 0], (0.05, 0.95))
    assert {one.get_text() for one in axes.texts} == {f"▲ {most:.3g}", f"▼ −{-least:.3g}"}


def test_a_picture_does_not_depend_on_what_was_set_elsewhere() -> None:
    def size() -> Any:
        axes = figures.agreement(MADE["forecast"]).axes[0]
        return (
            axes.xaxis.label.get_fontsize(),
            axes.get_yticklabels()[0].get_fontsize(),
            axes.spines["top"].get_visible(),
        )

    before = size()
    with mpl.rc_context({"axes.labelsize": 30, "ytick.labelsize": 30, "axes.spines.top": True}):
        assert size() == before
    assert mpl.rcParams["axes.labelsize"] != 9


def test_chinese_labels_are_written_where_the_machine_has_a_font() -> None:
    if len(style.fonts()) == 1:
        pytest.skip("no font with Chinese letters here")
    figure = figures.agreement(MADE["forecast"], language="zh")  # a missing letter is a warning, and that an error
    assert "秩相关" in figure.axes[0].get_xlabel()
    named = replace(MADE["forecast"], columns=("负荷", "温度", "价格", "湿度", "风"))
    assert figures.columns(named).axes[0].get_yticklabels()[0].get_text() == "负荷"


def test_stamps_with_a_zone_stand_in_its_wall_clock() -> None:
    pandas = pytest.importorskip("pandas")
    made = MADE["forecast"]
    shown = made.shown[0]
    zoned = pandas.DatetimeIndex(shown.times).tz_localize("Europe/Berlin")
    ahead = pandas.DatetimeIndex(shown.ahead).tz_localize("Europe/Berlin")
    other = replace(shown, times=np.asarray(zoned.astype(object)), ahead=np.asarray(ahead.astype(object)))
    say = language("en")
    np.testing.assert_allclose(view.clock(other, say).x, view.clock(shown, say).x)
    np.testing.assert_allclose(view.clock(other, say).ahead, view.clock(shown, say).ahead)


def test_rows_that_are_named_count_from_nothing() -> None:
    shown = MADE["forecast"].shown[0]
    other = replace(shown, times=np.array([f"r{i}" for i in range(48)]), ahead=np.array(list("abcdef")), unit="rows")
    clock = view.clock(other, language("en"))
    np.testing.assert_array_equal(clock.x, np.arange(48))
    np.testing.assert_array_equal(clock.ahead, np.arange(48, 54))
    assert figures.window(replace(MADE["forecast"], shown=(other,)), 0).axes


def test_dollars_and_long_names_are_drawn_as_they_are() -> None:
    assert style.plain("price_in_$") == r"price_in_\$"
    assert len(style.plain("x" * 100)) == 34
    assert style.in_two("outside temperature of the hall") == "outside\ntemperature of…"


BARE = replace(
    MADE["forecast"],
    maps={},
    column_maps={},
    truths={},
    curves={},
    agreements=(),
    sanity=(),
    usage=None,
    looks=(replace(MADE["forecast"].looks[1], heads=None, steps=None, channels=None),),
)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: figures.window(BARE), "needs a map over time"),
        (lambda: figures.over_windows(BARE), "needs a map over time"),
        (lambda: figures.columns(BARE), "needs a map over columns"),
        (lambda: figures.channels(BARE, "decoder.attention"), "needs a look with weights of channels"),
        (lambda: figures.heads(BARE, "decoder.attention"), "needs a look with heads"),
        (lambda: figures.horizon(BARE, "decoder.attention"), "weights for each step ahead"),
        (lambda: figures.queries(BARE, "decoder.attention"), "queries and keys"),
        (lambda: figures.targets(BARE, "decoder.attention"), "weights for each target"),
        (lambda: figures.features(BARE, "decoder.attention"), "weights of inputs at each step"),
        (lambda: figures.image(BARE, "decoder.attention"), "over frequency and time"),
        (lambda: figures.curves(BARE), "tested for truth"),
        (lambda: figures.gains(BARE), "tested for truth"),
        (lambda: figures.gains_by_part(MADE["forecast"]), "gains of classes or other parts"),
        (lambda: figures.agreement(BARE), "maps that were compared"),
        (lambda: figures.sanity(BARE), "maps of other networks"),
        (lambda: figures.spectrum(BARE), "bands of frequencies"),
        (lambda: figures.usage(BARE), "weights that were replaced"),
    ],
)
def test_a_picture_of_what_is_not_there_is_refused(draw: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        draw()


@pytest.mark.parametrize(
    "draw",
    [
        lambda made: figures.window(made, maps=["occlusin"]),
        lambda made: figures.over_windows(made, "occlusin"),
        lambda made: figures.columns(made, "occlusin"),
        lambda made: figures.gains(made, "occlusin"),
        lambda made: figures.gains(made, of="classes"),
        lambda made: figures.heads(made, "decoder"),
    ],
)
def test_an_unknown_name_is_answered_with_those_known(draw: Any) -> None:
    with pytest.raises(UnknownName, match="Known: "):
        draw(MADE["forecast"])


def test_nothing_is_drawn_of_what_is_not_there() -> None:
    assert drawings(BARE) == {}
