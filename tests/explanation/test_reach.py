"""Receptive fields and strides against geometries that are known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heedful import attention
from heedful.errors import OptionError
from heedful.explanation.looks import looks
from heedful.explanation.reach import Reach, reach
from heedful.explanation.subject import Subject
from heedful.models import compose
from heedful.models.plan import (
    Attention,
    Convolution,
    EncoderDecoder,
    Flatten,
    Identity,
    MultiScale,
    Plan,
    Pooled,
    Recurrence,
    Segments,
    Stem,
)
from heedful.models.shape import Shape
from heedful.models.signals import SignalShape, get
from heedful.models.signals.spectrogram import segment

NONE = Recurrence(kind="none")
ON_MAP = "encoder.map_attention"


def forecast(plan: Plan, window: int = 24) -> Subject:
    torch.manual_seed(0)
    return Subject(
        net=compose(plan, Shape(window, 3, 7)).eval(),
        x=torch.randn(4, window, 3),
        beside=(None,),
        truth=torch.zeros(4, 7),
        classes=(),
        outputs=tuple("1234567"),
        columns=("a", "b", "c"),
        groups=np.arange(4),
    )


def signals(name: str, window: int, lengths: list[int] | None = None) -> Subject:
    torch.manual_seed(0)
    return Subject(
        net=get(name).build(SignalShape(1, 2, window, rate=12000.0)).eval(),
        x=torch.randn(4, window, 1),
        beside=(None if lengths is None else torch.tensor(lengths),),
        truth=torch.zeros(4, dtype=torch.long),
        classes=("a", "b"),
        outputs=("a", "b"),
        columns=("x",),
        groups=np.arange(4),
    )


def of_signals(name: str, window: int, **options: list[int]) -> Reach:
    return reach(signals(name, window, **options), f"attention.{name.split('@')[1]}")


@pytest.mark.parametrize(
    ("stem", "field", "stride", "first"),
    [
        (Identity(), 1, 1, 0),
        (Convolution(kernel=3), 3, 1, 0),
        (Convolution(kernel=5, causal=True), 5, 1, -2),
        (Convolution(kernel=3, layers=3), 7, 1, 0),
        (Convolution(kernel=3, layers=9), 19, 1, 0),
        (Convolution(kernel=3, pool=2), 4, 2, 0.5),
        (Convolution(kernel=3, layers=2, pool=4), 8, 4, 1.5),
        (MultiScale(kernels=(3, 7)), 7, 1, 0),
        (Segments(length=6), 6, 6, 2.5),
        (Segments(length=7), 7, 7, -1),  # the first row stands four times before the window
    ],
)
@pytest.mark.parametrize("centre", ["none", "last", "mean", "revin"])
def test_fields_of_stems_are_known(stem: Stem, field: int, stride: float, first: float, centre: str) -> None:
    subject = forecast(
        Plan(centre=centre, stem=stem, map_attention=Attention(name="sse"), recurrence=NONE, decoder=Flatten())  # type: ignore[arg-type]
    )
    found = reach(subject, ON_MAP)
    assert (found.field, found.stride, found.first) == (field, stride, first)
    assert found.local
    assert not found.whole_past
    assert not found.whole_window
    assert found.through == ""


def test_a_field_wider_than_a_window_of_fixed_length_still_has_its_place() -> None:
    stem = Convolution(kernel=9, layers=7)  # 57 of 24
    plan = Plan(centre="none", stem=stem, map_attention=Attention(name="sse"), recurrence=NONE, decoder=Flatten())
    found = reach(forecast(plan), ON_MAP)
    assert (found.local, found.field, found.stride, found.first) == (True, 24, 1, 0)


def expected(layers: list[tuple[int, int]]) -> tuple[int, int]:
    field, stride = 1, 1
    for kernel, step in layers:
        field, stride = field + (kernel - 1) * stride, stride * step
    return field, stride


WDCNN = [(64, 16), (2, 2), *itertools.chain(*([(3, 1), (2, 2)] for _ in range(4)))]


@pytest.mark.parametrize("block", [1, 2, 3])
def test_fields_of_the_network_with_wide_first_filters_are_known(block: int) -> None:
    found = of_signals(f"wdcnn+sse@block{block}", 2048)
    assert (found.field, found.stride) == expected(WDCNN[: 2 * block])
    assert found.steps == 2048 // found.stride


@pytest.mark.parametrize("block", [1, 2, 3])
def test_fields_of_the_residual_network_are_known(block: int) -> None:
    found = of_signals(f"resnet1d+sse@block{block}", 96)
    assert (found.field, found.stride) == (1 + 13 * block, 1)


@pytest.mark.parametrize(("window", "module", "field"), [(512, 6, 235), (160, 6, 160), (160, 3, 118), (96, 6, 96)])
def test_fields_of_inception_modules_are_known_even_where_they_are_wider_than_a_window(
    window: int, module: int, field: int
) -> None:
    found = of_signals(f"inception-time+sse@module{module}", window)
    assert found.local
    assert (found.field, found.stride) == (field, 1)
    assert abs(found.first - 0.5 * module) < 1e-9  # an even kernel sees one more on the right
    np.testing.assert_allclose(found.centres[3:-3], np.arange(window)[3:-3] + found.first)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_frames_of_a_spectrogram_are_known(block: int) -> None:
    window = 2048
    size = segment(window)
    hop = (window - size) / 60
    found = of_signals(f"spectrogram-cnn+sse@block{block}", window)
    assert found.stride == pytest.approx(hop * 2**block, rel=0.01)
    frames = expected([(3, 1), (2, 2)] * block)[0]
    # The Hann window begins with a zero, and starts are rounded.
    assert found.field == pytest.approx(size - 1 + (frames - 1) * hop, abs=2)


def test_frames_are_spread_over_what_is_real_of_a_window() -> None:
    lengths = [2048, 2048, 1024, 700]
    found = of_signals("spectrogram-cnn+additive@pool", 2048, lengths=lengths)
    weights = np.tile(np.arange(found.steps, dtype=np.float32), (4, 1))
    over = found.over_samples(weights, np.ones_like(weights, bool), np.array(lengths), 2048)
    for row, length in enumerate(lengths):
        assert not over[row, length:].any()
        inner = np.arange(length // 5, length - length // 5)
        hop = (length - 128) / 60  # of 61 frames of 128 samples, of which each step holds eight
        np.testing.assert_allclose(over[row, inner], ((inner - 63.5) / hop - 3.5) / 8, atol=0.1)


def test_middles_move_with_the_length_where_steps_are_spread_over_what_is_real() -> None:
    lengths = np.array([2048, 2048, 1024, 700])
    found = of_signals("spectrogram-cnn+additive@pool", 2048, lengths=lengths.tolist())
    middles = found.middles(lengths)
    for row, length in enumerate(lengths):
        hop = (length - 128) / 60  # of 61 frames of 128 samples, of which each step holds eight
        expected = np.clip(63.5 + hop * (8 * np.arange(found.steps) + 3.5), 0, length - 1)
        np.testing.assert_allclose(middles[row], expected, atol=length / 100)
    np.testing.assert_allclose(middles[0], found.centres)
    assert found.real(lengths).all()


@pytest.mark.parametrize("arm", ["wdcnn+sse@block2", "resnet1d+sse@block2", "inception-time+sse@module3"])
@pytest.mark.parametrize("window", [96, 101])
def test_steps_that_stand_for_real_samples_are_those_that_networks_leave_unmasked(arm: str, window: int) -> None:
    lengths = [window, 1, 31, 32, 33, 64, 65, window - 1]
    subject = signals(arm, window, lengths=lengths[:4])
    subject = replace(
        subject,
        x=torch.randn(8, window, 1),
        beside=(torch.tensor(lengths),),
        truth=torch.zeros(8, dtype=torch.long),
        groups=np.arange(8),
    )
    module = f"attention.{arm.split('@')[1]}"
    told: list[Tensor] = []
    gate = subject.net.get_submodule(module)
    hook = gate.register_forward_pre_hook(lambda _, args, named: told.append(named["mask"]), with_kwargs=True)
    subject.undisturbed()
    hook.remove()
    np.testing.assert_array_equal(reach(subject, module).real(np.array(lengths)), told[0].numpy())


def test_lines_of_a_spectrum_are_all_real_and_have_no_middles() -> None:
    found = of_signals("order-envelope+sse@map", 256)
    assert found.real(np.array([256, 100])).all()
    with pytest.raises(OptionError, match="Look at the lines"):
        found.middles(np.array([256]))


def test_a_shorter_window_has_fewer_steps_of_the_same_stride() -> None:
    found = of_signals("wdcnn+additive@pool", 512, lengths=[512, 512, 380, 200])
    assert found.drift == (0.0, 0.0)
    weights = np.zeros((4, found.steps), dtype=np.float32)
    real = np.arange(found.steps) < np.array([4, 4, 3, 2])[:, None]
    weights[2, 1:3] = 1
    over = found.over_samples(weights, real, np.array([512, 512, 380, 200]), 512)
    # The last real step holds up to the end: padding takes nothing from it.
    assert over[2, 379] == 1
    assert not over[2, 380:].any()


@pytest.mark.parametrize(("kind", "whole"), [("lstm", False), ("gru", False), ("bilstm", True), ("bigru", True)])
@pytest.mark.parametrize("centre", ["none", "last"])
def test_recurrences_are_told_apart_from_what_stands_before_them(kind: str, whole: bool, centre: str) -> None:
    plan = Plan(centre=centre, stem=Convolution(kernel=3, pool=2), recurrence=Recurrence(kind=kind), decoder=Pooled())  # type: ignore[arg-type]
    found = reach(forecast(plan), "decoder.pool.0")
    assert (found.field, found.stride) == (4, 2)
    assert found.whole_past
    assert found.whole_window == whole
    assert found.through == "a recurrence"
    assert ("whole window" if whole else "all before") in repr(found)


def test_a_cell_reads_its_inputs_and_a_decoder_its_memory() -> None:
    found = reach(forecast(Plan(recurrence=Recurrence(kind="ele_att_gru"))), "encoder.recurrence.cell")
    assert found.field == 1
    assert not found.whole_past
    memory = reach(forecast(Plan(stem=Segments(length=6), decoder=EncoderDecoder())), "decoder.decoder")
    assert (memory.steps, memory.field, memory.stride, memory.whole_past) == (4, 6, 6, True)


def test_weights_of_a_cell_on_its_own_states_hold_its_past() -> None:
    (look,) = looks(forecast(Plan(recurrence=Recurrence(kind="lstmn"))))
    assert look.reach is not None
    assert look.reach.whole_past
    assert look.reach.through == "its own recurrence"


def test_packed_recurrences_of_unequal_windows_are_measured() -> None:
    found = of_signals("attention-bilstm+additive@pool", 64, lengths=[64, 64, 40, 30])
    assert (found.field, found.stride) == expected([(8, 1), (2, 2), (3, 1)])
    assert found.whole_window
    assert found.through == "a recurrence"


def test_attention_in_front_sees_the_whole_window() -> None:
    found = of_signals("mlstm-fcn+sse@conv2", 96)
    assert (found.field, found.stride) == (8 + 4, 1)
    assert found.whole_window
    assert found.through == "other attention"


@pytest.mark.parametrize("arm", ["order-envelope+sse@map", "order-envelope+additive@bands"])
def test_lines_of_a_spectrum_have_no_place_in_time(arm: str) -> None:
    found = of_signals(arm, 256)
    assert not found.local
    assert found.whole_window
    with pytest.raises(OptionError, match="Look at the lines"):
        found.over_samples(np.ones((1, found.steps)), np.ones((1, found.steps), bool), np.array([256]), 256)


class Dead(nn.Module):
    """A convolution of five whose outer taps speak only where the input is large."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 5, padding=2)
        self.gate = attention.create("sse", 1)
        self.output = nn.Linear(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.relu(self.conv(x.transpose(1, 2)))
        return self.output(self.gate(z).mean(2))


def test_dead_units_do_not_hide_the_field() -> None:
    torch.manual_seed(0)
    net = Dead().eval()
    with torch.no_grad():
        net.conv.bias.fill_(-0.3)
    subject = Subject(
        net=net,
        x=torch.zeros(3, 40, 1),  # where every unit is dead
        beside=(),
        truth=torch.zeros(3, dtype=torch.long),
        classes=("a", "b"),
        outputs=("a", "b"),
        columns=("x",),
        groups=np.arange(3),
    )
    found = reach(subject, "gate")
    assert (found.field, found.stride, found.first) == (5, 1, 0)


def test_weights_are_brought_to_the_middle_of_what_they_see() -> None:
    behind = Reach(steps=3, window=12, local=True, field=4, stride=4, first=1.5, whole_past=False, whole_window=False)
    np.testing.assert_allclose(behind.centres, [1.5, 5.5, 9.5])
    over = behind.over_samples(np.array([[0.0, 8.0, 0.0]]), np.ones((1, 3), bool), np.array([12]), 12)
    np.testing.assert_allclose(over, [[0, 0, 1, 3, 5, 7, 7, 5, 3, 1, 0, 0]])


def test_the_network_is_left_as_it_was_and_passes_are_counted() -> None:
    subject = signals("wdcnn+sse@block2", 256)
    before = {name: value.clone() for name, value in subject.net.state_dict().items()}
    reach(subject, "attention.block2")
    assert all(torch.equal(before[name], value) for name, value in subject.net.state_dict().items())
    assert not subject.net.attention["block2"]._forward_hooks
    assert not subject.net.attention["block2"]._forward_pre_hooks
    assert 0 < subject.meter.passed <= 200


def test_a_path_without_a_mechanism_is_refused() -> None:
    with pytest.raises(OptionError, match="Take look.module"):
        reach(signals("wdcnn+sse@block2", 256), "blocks")


def test_a_mechanism_that_is_never_called_is_refused() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = attention.create("sse", 1)
            self.output = nn.Linear(1, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.output(x.mean(1))

    subject = Subject(
        net=Idle().eval(),
        x=torch.zeros(3, 40, 1),
        beside=(),
        truth=torch.zeros(3, dtype=torch.long),
        classes=("a", "b"),
        outputs=("a", "b"),
        columns=("x",),
        groups=np.arange(3),
    )
    with pytest.raises(OptionError, match="not called"):
        reach(subject, "gate")
