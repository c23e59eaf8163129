"""What mechanisms weigh: every mechanism at every place, and numbers that are known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import heedful
from heedful import attention
from heedful.errors import OptionError
from heedful.explanation.looks import Look, looks, mechanism_name
from heedful.explanation.subject import Subject
from heedful.explanation.units import ChannelUnits
from heedful.models import compose
from heedful.models.controls import placebo as placebo_of
from heedful.models.controls import placed, placements
from heedful.models.plan import (
    Attention,
    Convolution,
    EncoderDecoder,
    Flatten,
    Identity,
    Last,
    Parallel,
    Plan,
    Pooled,
    Recurrence,
)
from heedful.models.shape import Shape
from heedful.models.signals import SignalShape, get
from heedful.models.signals.places import PUBLISHED_GATES, kinds_of
from heedful.models.signals.presets import PRESETS

GRU = Recurrence(kind="gru", width=16)
CHANNELS = [
    "circular_eca", "cse", "eca", "ese", "fca", "gated_ct", "gather_excite", "gaussian_ct", "gsop", "lct", "se", "srm",
    "danet_channel", "da_rnn_input", "gate_channel_gru", "gate_channel_lstm", "tpa", "tpa_lstm",
]  # fmt: skip
NOTHING = [
    "auto_correlation", "epsa", "external", "frequency_attention", "frequency_enhanced", "linear", "max", "performer",
    "sk", "split_attention",
]  # fmt: skip
BOTH = [
    "bam", "cbam", "coordinate", "cpca", "ela", "ele_att_gru", "ele_att_lstm", "gam", "height_width", "lska", "mlca",
    "ms_cam", "multi_scale", "nam", "polarized_parallel", "polarized_sequential", "scsa", "scse", "sge", "shuffle",
    "simam", "simple_coordinate", "strip", "triplet",
]  # fmt: skip
NOT_PLACED = ["aff", "attention_gate"]
SPEAKS = {
    name: spoken
    for names, spoken in ((CHANNELS, {"channels"}), (NOTHING, set()), (BOTH, {"time", "channels"}))
    for name in names
}
"""What the weights of a mechanism speak of; of times where it is not listed."""


def forecast(plan: Plan, *, window: int = 12, targets: tuple[int, ...] = (0,), n: int = 4, horizon: int = 7) -> Subject:
    torch.manual_seed(0)
    net = compose(plan, Shape(window, 3, horizon, targets=targets)).eval()
    count = horizon * len(targets)
    return Subject(
        net=net,
        x=torch.randn(n, window, 3),
        beside=(None,),
        truth=torch.zeros(n, count),
        classes=(),
        outputs=tuple(map(str, range(count))),
        columns=("load", "wind", "sun"),
        groups=np.arange(n),
    )


def signals(name: str, *, window: int = 64, lengths: list[int] | None = None, channels: int = 2) -> Subject:
    torch.manual_seed(0)
    net = get(name).build(SignalShape(channels, 3, window, rate=12000.0)).eval()
    x = torch.randn(4, window, channels)
    told = None if lengths is None else torch.tensor(lengths)
    if told is not None:
        x = x * (torch.arange(window) < told[:, None])[..., None]
    return Subject(
        net=net,
        x=x,
        beside=(told,),
        truth=torch.zeros(4, dtype=torch.long),
        classes=("a", "b", "c"),
        outputs=("a", "b", "c"),
        columns=tuple(f"x{i}" for i in range(channels)),
        groups=np.arange(4),
    )


def bare(net: nn.Module, x: Tensor) -> Subject:
    return Subject(
        net=net,
        x=x,
        beside=(),
        truth=torch.zeros(len(x), dtype=torch.long),
        classes=("a", "b"),
        outputs=("a", "b"),
        columns=tuple(f"x{i}" for i in range(x.shape[2])),
        groups=np.arange(len(x)),
    )


def check(found: tuple[Look, ...], wanted: set[str], n: int = 4) -> None:
    assert found
    assert {what for look in found for what in look.speaks} == wanted
    for look in found:
        assert bool(look.speaks) != bool(look.why), look
        for what in look.speaks:
            values = getattr(look, what)
            assert values.shape[0] == n
            assert values.ndim == 2
            assert np.isfinite(values).all()
        if look.time is not None:
            assert look.over_samples().shape == (n, look.window)
            assert look.padding is not None
            assert np.abs(look.padding).max() == 0
        if look.speaks:
            assert look.effective is not None
            assert (look.effective > 0.999).all()
        if look.weights is not None:
            assert look.weights.ndim == len(look.axes)


def in_plans() -> Iterator[tuple[str, str]]:
    for name in attention.names():
        for place in placements(name):
            yield name, place


@pytest.mark.parametrize(("name", "place"), list(in_plans()))
def test_every_mechanism_says_what_it_weighs_at_every_place_of_a_plan(name: str, place: str) -> None:
    base = Plan(stem=Convolution(filters=16), recurrence=GRU)
    check(looks(forecast(placed(base, name, place))), SPEAKS.get(name, {"time"}))


@pytest.mark.parametrize("decoder", [Parallel(segment=3, attention="bahdanau"), EncoderDecoder(), Pooled(segment=3)])
def test_decoders_give_weights_for_each_step_of_the_horizon(decoder: Pooled | Parallel | EncoderDecoder) -> None:
    (look,) = looks(forecast(Plan(recurrence=GRU, decoder=decoder)))
    assert look.steps is not None
    assert look.steps.shape == (4, 7, 12)
    np.testing.assert_allclose(look.steps.sum(2), 1, atol=1e-5)
    if not isinstance(decoder, EncoderDecoder):
        np.testing.assert_array_equal(look.steps[:, 0], look.steps[:, 2])
        assert not np.array_equal(look.steps[:, 2], look.steps[:, 3])


def test_one_pooling_for_each_segment_is_one_look() -> None:
    subject = forecast(Plan(recurrence=GRU, decoder=Pooled(segment=3)))
    (look,) = looks(subject)
    assert (look.name, look.module) == ("decoder.pool", "decoder.pool.0")
    with torch.no_grad(), heedful.record(subject.net) as maps:
        subject.net(subject.x)
    for segment in range(3):
        own = maps[f"decoder.pool.{segment}"].weights.numpy()
        np.testing.assert_allclose(look.steps[:, 3 * segment], own, rtol=1e-6)


def in_signals() -> Iterator[tuple[str, str]]:
    for name in [*attention.names(), *PUBLISHED_GATES]:
        for preset in ("cnn-lstm", "spectrogram-cnn"):
            taken = PRESETS[preset].places.items()
            usual = [place for place, kinds in taken if set(kinds) & set(kinds_of(name))]
            yield from ((preset, f"{name}@{place}") for place in usual[-1:])


@pytest.mark.parametrize(("preset", "arm"), list(in_signals()))
def test_every_mechanism_says_what_it_weighs_in_networks_of_signals(preset: str, arm: str) -> None:
    name = arm.split("@")[0]
    lengths = [64, 40, 64, 25]
    found = looks(signals(f"{preset}+{arm}", lengths=lengths))
    spoken = {what for look in found for what in look.speaks}
    wanted = SPEAKS.get(name, {"time"})
    if preset == "spectrogram-cnn" and "@pool" not in arm:
        assert spoken - {"lines"} == image_speaks(name)
    else:
        assert spoken == wanted
    for look in found:
        if look.time is not None:
            over = look.over_samples()
            assert look.padding is not None
            assert np.abs(look.padding).max() < 1e-6
            assert not over[1, 40:].any()
            assert not over[3, 25:].any()


def image_speaks(name: str) -> set[str]:
    return {
        "published:spatial_attention_2d": {"time", "channels"},
        "published:channel_attention_2d": {"channels"},
    }.get(name, SPEAKS.get(name, {"time"}))


@pytest.mark.parametrize("name", sorted(name for name, preset in PRESETS.items() if preset.ensemble == 1))
def test_every_preset_and_place_is_read(name: str) -> None:
    for place, kinds in PRESETS[name].places.items():
        mechanism = {"map": "cbam", "image": "cbam", "cell": "lstmn", "sequence": "multi_head", "pooling": "additive"}
        for kind in kinds:
            found = looks(signals(f"{name}+{mechanism[kind]}@{place}", lengths=[64, 64, 50, 30]))
            spoken = {what for look in found for what in look.speaks}
            assert spoken & ({"lines"} if name == "order-envelope" else {"time"}), (name, place, kind)


def test_each_member_of_an_ensemble_has_its_look() -> None:
    found = looks(signals("inception-time-5+se@module3"))
    assert [look.name for look in found] == [f"members.{i}.attention.module3" for i in range(5)]


def test_lines_of_a_spectrum_are_no_times() -> None:
    for arm in ("order-envelope+additive@bands", "order-envelope+sse@map", "order-envelope+multi_head@map"):
        (look,) = looks(signals(arm, window=256))
        assert look.speaks[0] == "lines"
        assert look.time is None
        with pytest.raises(OptionError, match="Look at these instead"):
            look.over_samples()


def test_where_the_last_state_is_read_only_the_last_query_counts() -> None:
    subject = forecast(Plan(recurrence=GRU, attention=Attention(name="multi_head"), decoder=Last()))
    (look,) = looks(subject)
    assert look.weights is not None
    assert look.heads is not None
    np.testing.assert_allclose(look.heads, look.weights[:, :, -1], rtol=1e-5)
    np.testing.assert_allclose(look.time, look.weights[:, :, -1].mean(1), rtol=1e-5)
    assert "how much the answer depends" in look.how


def test_where_all_states_are_read_queries_count_as_the_answer_depends_on_them() -> None:
    of = (0, 2, 5)
    subject = replace(forecast(Plan(recurrence=GRU, attention=Attention(name="multi_head"), decoder=Flatten())), of=of)
    (look,) = looks(subject)
    # Each answer is linear in the states.
    weights = subject.net.decoder.output.weight.detach()[list(of)]  # type: ignore[union-attr]
    scaled = weights / subject.undisturbed()[:, list(of)].std(0, correction=0).unsqueeze(1)
    by = torch.unflatten(scaled, 1, (12, 16)).square().sum((0, 2)).sqrt()
    expected = np.einsum("bnqk,q->bk", look.weights, (by / by.sum()).numpy()) / look.weights.shape[1]
    np.testing.assert_allclose(look.time, expected, rtol=1e-4)


class Opposed(nn.Module):
    """Forecasts two targets, of which one is the other turned round, from two pooled vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = attention.create("scaled_dot", 3)
        self.output = nn.Linear(3, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.output(self.pool(x, x[:, 0])), self.output(self.pool(x, x[:, 1]))
        return torch.cat((first + 3 * second, -first - 3 * second), 1)


def test_targets_that_cancel_still_say_which_pass_counts() -> None:
    torch.manual_seed(0)
    subject = replace(bare(Opposed().eval(), torch.randn(4, 5, 3)), classes=(), truth=torch.zeros(4, 2))
    (look,) = looks(subject)
    np.testing.assert_allclose(look.time, (look.weights[:, 0] + 3 * look.weights[:, 1]) / 4, rtol=1e-4)


def test_steps_of_a_decoder_that_are_not_asked_about_do_not_count() -> None:
    subject = forecast(Plan(recurrence=GRU, decoder=Parallel(segment=1, attention="bahdanau")))
    (look,) = looks(replace(subject, of=(2,)))
    np.testing.assert_allclose(look.time, look.steps[:, 2], rtol=1e-5)


def test_steps_of_a_free_running_decoder_count_for_what_comes_of_them() -> None:
    subject = forecast(Plan(recurrence=GRU, decoder=EncoderDecoder()))
    (first,) = looks(replace(subject, of=(0,)))
    np.testing.assert_allclose(first.time, first.steps[:, 0], rtol=1e-5)
    (third,) = looks(replace(subject, of=(2,)))
    shares, *_ = np.linalg.lstsq(third.steps[0].T, third.time[0], rcond=None)
    # The third value is read off the third output, and the two before it are fed back.
    assert shares[2] == max(shares)
    assert abs(third.time - third.steps[:, :3].mean(1)).max() > 1e-5


def test_channels_are_the_mean_over_real_steps() -> None:
    lengths = [64, 40, 64, 25]
    for arm in ("cnn-lstm+simam@conv1", "cnn-lstm+ele_att_gru@lstm"):
        (look,) = looks(signals(arm, lengths=lengths))
        steps = look.weights.swapaxes(1, 2) if look.axes[1] == "channel" else look.weights
        for window in range(4):
            real = steps[window, look.real[window]]
            assert len(real) == -(-lengths[window] // 2)
            np.testing.assert_allclose(look.channels[window], real.mean(0), rtol=1e-4)


def test_targets_forecast_on_their_own_add_up() -> None:
    plan = Plan(recurrence=GRU, attention=Attention(name="additive"), channels="independent")
    (look,) = looks(forecast(plan, targets=(0, 2)))
    assert look.targets is not None
    assert look.targets.shape == (4, 2, 12)
    np.testing.assert_allclose(look.targets.sum(1), look.time, rtol=1e-5)
    assert look.weights.shape == (4, 2, 12)
    assert look.axes == ("batch", "target", "time")


class Twice(nn.Module):
    """Asks one pooling twice."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = attention.create("scaled_dot", 3)
        self.output = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        first = self.pool(x, x[:, 0])
        return self.output(10 * self.pool(x, x[:, 1]) + first)


def test_a_module_that_runs_again_is_joined_to_steps() -> None:
    torch.manual_seed(0)
    subject = bare(Twice().eval(), torch.randn(4, 5, 3))
    (look,) = looks(subject)
    assert look.weights.shape == (4, 2, 5)
    assert look.axes == ("batch", "pass", "time")
    np.testing.assert_allclose(look.steps, look.weights)
    np.testing.assert_allclose(look.time, (look.weights[:, 0] + 10 * look.weights[:, 1]) / 11, rtol=1e-4)


def test_effective_number_of_positions_is_known() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = attention.create("last", 3)
            self.mean = attention.create("mean", 3)
            self.output = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            mask = torch.arange(8) < 6
            return self.output(self.pool(x) + self.mean(x, mask=mask.expand(len(x), -1)))

    last, mean = looks(bare(Fixed().eval(), torch.randn(4, 8, 3)))
    np.testing.assert_allclose(last.effective, 1)
    np.testing.assert_allclose(mean.effective, 6, rtol=1e-6)
    np.testing.assert_array_equal(mean.padding, 0)


class Careless(nn.Module):
    """Takes the mean over all steps of a map, whatever the lengths are, at so many samples a step."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 2 * stride - 1, stride, padding=stride - 1)
        self.gate = attention.create("sse", 4)
        self.pool = attention.create("mean", 4)
        self.output = nn.Linear(4, 2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.output(self.pool(self.gate(self.conv(x.transpose(1, 2))).transpose(1, 2)))


@pytest.mark.parametrize("stride", [1, 4])
def test_a_network_that_ignores_lengths_is_told_to_look_at_padding(stride: int) -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([40, 20, 21, 8])
    subject = replace(bare(Careless(stride).eval(), torch.randn(4, 40, 3)), beside=(lengths,))
    gate, pool = looks(subject)
    steps, real = 40 // stride, -(-lengths.numpy() // stride)
    for look in (gate, pool):
        np.testing.assert_array_equal(look.real.sum(1), real)
    np.testing.assert_allclose(pool.padding, 1 - real / steps, rtol=1e-5)
    np.testing.assert_allclose(pool.effective, real, rtol=1e-5)
    assert (gate.effective <= real + 1e-6).all()
    w = gate.weights[:, 0] * (np.arange(steps) >= real[:, None])
    np.testing.assert_allclose(gate.padding, w.sum(1) / gate.weights[:, 0].sum(1), rtol=1e-5)


def test_channels_of_a_cell_are_means_over_steps_that_are_real_by_the_lengths() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = attention.create("ele_att_gru", 3, hidden=4)
            self.output = nn.Linear(4, 2)

        def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
            return self.output(self.cell(x)[:, -1])

    torch.manual_seed(0)
    lengths = torch.tensor([8, 5, 3, 8])
    (look,) = looks(replace(bare(Net().eval(), torch.randn(4, 8, 3)), beside=(lengths,)))
    for window, length in enumerate(lengths.tolist()):
        np.testing.assert_allclose(look.channels[window], look.weights[window, :length].mean(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("subject", "of"),
    [
        (lambda: forecast(Plan(stem=Identity(), map_attention=Attention(name="se"), recurrence=GRU)), "columns"),
        (lambda: forecast(Plan(recurrence=Recurrence(kind="da_rnn_input"))), "columns"),
        (lambda: signals("cnn-lstm+se@conv1"), "map"),
        (lambda: signals("cnn-lstm+simam@conv1"), "map"),
        (lambda: signals("spectrogram-cnn+se@block1", window=256), "map"),
        (lambda: signals("cnn-lstm+tpa@pool"), "states"),
        (lambda: signals("cnn-lstm+ele_att_gru@lstm"), "inputs"),
        (lambda: signals("cnn-lstm+gate_channel_lstm@lstm"), "units"),
        (lambda: signals("cnn-lstm+tpa_lstm@lstm"), "units"),
        (lambda: signals("cnn-lstm+additive@pool"), ""),
    ],
)
def test_looks_say_what_their_channels_are_channels_of(subject: Callable[[], Subject], of: str) -> None:
    told = subject()
    (look,) = looks(told)
    assert look.channels_of == of
    if of in ("map", "states", "inputs"):
        units = ChannelUnits(told, told.net.get_submodule(look.module))
        assert units.real.shape == look.channels.shape


def test_gates_on_the_input_name_its_columns_and_gates_deep_inside_do_not() -> None:
    on_input = Plan(stem=Identity(), map_attention=Attention(name="se"), recurrence=GRU, centre="revin")
    (look,) = looks(forecast(on_input))
    assert look.on_columns
    assert look.channel_names == ("load", "wind", "sun")
    np.testing.assert_allclose(look.channels, look.weights[:, :, 0])
    (deep,) = looks(forecast(Plan(stem=Convolution(filters=3), map_attention=Attention(name="se"), recurrence=GRU)))
    assert not deep.on_columns
    assert deep.channel_names == ("channel 1", "channel 2", "channel 3")


def test_a_gate_of_channels_on_a_map_of_one_step_speaks_of_no_time() -> None:
    subject = bare(get("published:wdcnn_eca").build(SignalShape(2, 2, 64)).eval(), torch.randn(4, 64, 2))
    (look,) = looks(subject)
    assert look.speaks == ("channels",)


def test_a_cell_on_the_input_names_its_columns_and_weighs_them_at_each_step() -> None:
    (look,) = looks(forecast(Plan(recurrence=Recurrence(kind="da_rnn_input"))))
    assert look.on_columns
    assert look.features.shape == (4, 12, 3)
    assert look.speaks == ("channels",)
    np.testing.assert_allclose(look.channels, look.features.mean(1), rtol=1e-5)


def test_weights_on_an_image_speak_of_time_and_frequency() -> None:
    (look,) = looks(signals("spectrogram-cnn+sse@block1", window=256))
    assert look.image.shape == (4, *look.weights.shape[2:])
    np.testing.assert_allclose(look.time, look.image.mean(1), rtol=1e-5)
    np.testing.assert_allclose(look.lines, look.image.mean(2), rtol=1e-5)


@pytest.mark.parametrize("name", ["non_local", "danet_position", "criss_cross", "axial"])
def test_attention_on_an_image_hands_on_all_of_its_weight(name: str) -> None:
    (*found,) = looks(signals(f"spectrogram-cnn+{name}@block1", window=256))
    for look in found:
        np.testing.assert_allclose(look.image.sum((1, 2)), 1, rtol=1e-4)
        np.testing.assert_allclose(look.time.sum(1), 1, rtol=1e-4)


def test_many_weights_are_folded_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = forecast(Plan(recurrence=GRU, attention=Attention(name="multi_head")))
    (whole,) = looks(subject)
    module = sys.modules[Look.__module__]  # its name in the package is that of the function
    monkeypatch.setattr(module, "KEPT", 100)
    monkeypatch.setattr(module, "_AT_ONCE", 8 * 12 * 12 * 3)
    (folded,) = looks(subject)
    assert whole.weights is not None
    assert folded.weights is None
    np.testing.assert_allclose(folded.time, whole.time, rtol=1e-5)


def test_gates_cost_one_pass_a_window_beside_the_reach() -> None:
    subject = signals("wdcnn+eca")
    looks(subject)
    assert subject.meter.passed == len(subject) + 1


def test_placebos_are_told_by_the_name_of_what_they_stand_for() -> None:
    plan = placebo_of(Plan(recurrence=GRU, attention=Attention(name="additive")), seed=1)
    (look,) = looks(forecast(plan))
    assert look.mechanism == "additive"
    assert mechanism_name(nn.Linear(2, 2)) == "Linear"


def test_a_network_without_attention_is_refused() -> None:
    with pytest.raises(OptionError, match="Explain it by occlusion"):
        looks(forecast(Plan(recurrence=GRU)))


def test_every_mechanism_is_placed_or_known_not_to_be() -> None:
    assert [name for name in attention.names() if not placements(name)] == NOT_PLACED
