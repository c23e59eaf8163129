from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import heedful
from heedful.errors import ShapeError
from heedful.models.signals import Ensemble, SignalShape, get, names
from heedful.models.signals.presets import PRESETS

SINGLE = [name for name, preset in PRESETS.items() if preset.ensemble == 1]


def windows(shape: SignalShape, batch: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(batch, shape.window, shape.channels, generator=torch.Generator().manual_seed(seed))


def settled(model: nn.Module) -> nn.Module:
    """Gives a model in evaluation whose norms have statistics and shifts of their own, so that padding could show."""
    generator = torch.Generator().manual_seed(7)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            for value, low in ((layer.running_mean, -0.5), (layer.bias.data, -0.5), (layer.running_var, 0.5)):
                value.copy_(low + torch.rand(value.shape, generator=generator))
    return model.double().eval()


@pytest.mark.parametrize("window", [24, 150, 2048])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PRESETS)
def test_every_parameter_of_a_preset_learns_at_any_window_and_width(name, channels, window):
    shape = SignalShape(channels, 3, window)
    model = get(name).build(shape)
    raw = model(windows(shape))
    assert raw.shape == (4, 3)
    model.head.loss(raw, torch.tensor([0, 1, 2, 1])).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PRESETS)
def test_the_seed_alone_decides_the_start_and_a_state_dict_carries_it(name, channels):
    shape = SignalShape(channels, 2, 24)
    x = windows(shape)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    one = get(name).build(shape, 3).eval()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    again, other = get(name).build(shape, 3).eval(), get(name).build(shape, 4).eval()
    assert torch.equal(one(x), again(x))
    assert not torch.equal(one(x), other(x))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x))


@pytest.mark.parametrize("window", [24, 150])
@pytest.mark.parametrize("name", [*PRESETS, "wdcnn+se@block1", "cnn-lstm+ele_att_lstm", "resnet1d+multi_head"])
def test_padding_changes_nothing(name, window):
    shape = SignalShape(2, 3, window)
    model, x = settled(get(name).build(shape)), windows(shape).double()
    lengths = torch.tensor([window, window // 2, 5, 1])
    given = model(x, lengths)
    dirty = torch.cat((x.clone(), torch.full((4, 7, 2), float("nan"))), 1)
    for i, n in enumerate(lengths.tolist()):
        dirty[i, n:] = float("nan")
        torch.testing.assert_close(model(x[i : i + 1, :n]), given[i : i + 1], rtol=1e-9, atol=1e-11)
    assert torch.equal(model(dirty[:, :window], lengths), given)
    torch.testing.assert_close(model(dirty, lengths), given, rtol=1e-9, atol=1e-11)
    assert not torch.allclose(model(x), given)


@pytest.mark.parametrize("name", SINGLE)
def test_training_on_padded_windows_stays_finite_even_where_nothing_is_real(name):
    shape = SignalShape(2, 3, 24)
    model = get(name).build(shape)
    raw = model(windows(shape), torch.tensor([24, 9, 1, 0]))
    model.head.loss(raw, torch.tensor([0, 1, 2, 1])).sum().backward()
    assert raw.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", SINGLE)
def test_a_preset_tells_one_real_number(name):
    shape = SignalShape(1, 0, 24)
    model = get(name).build(shape)
    raw = model(windows(shape))
    assert raw.shape == (4, 1)
    assert model.head.loss(raw, torch.zeros(4)).shape == (4,)


# torch.nn.LSTM keeps its weights in a list too, which the exporter takes for a change of the model.
@pytest.mark.filterwarnings("ignore:The tensor attributes")
@pytest.mark.parametrize("name", SINGLE)
def test_a_preset_exports_with_a_free_batch(name):
    shape = SignalShape(2, 3, 24)
    model = settled(get(name).build(shape)).float()
    free = {"x": {0: torch.export.Dim("batch", min=1)}}
    exported = torch.export.export(model, (windows(shape),), dynamic_shapes=free).module()
    other = windows(shape, batch=6, seed=1)
    torch.testing.assert_close(exported(other), model(other))


# The exporter warns about its own parts while it takes torch.nn.LSTM apart.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["wdcnn+eca", "attention-bilstm", "inception-time", "spectrogram-cnn", "mlstm-fcn"])
def test_onnxruntime_gives_the_same_scores(name):
    import onnxruntime

    shape = SignalShape(2, 3, 24)
    model = settled(get(name).build(shape)).float()
    free = {"x": {0: torch.export.Dim.AUTO}}
    program = torch.onnx.export(
        model, (windows(shape),), dynamo=True, dynamic_shapes=free, verbose=False, optimize=False
    )
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level, settings.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    other = windows(shape, batch=6, seed=1)
    (output,) = session.run(None, {session.get_inputs()[0].name: other.numpy()})
    torch.testing.assert_close(torch.from_numpy(output), model(other), rtol=1e-4, atol=1e-5)


# --- against the papers -------------------------------------------------------------------------------------


def count(name: str, channels: int = 1, classes: int = 2, window: int = 150) -> int:
    model = get(name).build(SignalShape(channels, classes, window))
    return sum(p.numel() for p in model.parameters())


def test_resnet_has_the_half_million_parameters_of_its_paper():
    # Convolutions with biases, two numbers a channel for each batch norm, a 1x1 shortcut where the width changes.
    expected = 0
    for before, width, changes in ((1, 64, True), (64, 128, True), (128, 128, False)):
        expected += sum(a * width * k + width for a, k in ((before, 8), (width, 5), (width, 3))) + 8 * width
        expected += before * width + width if changes else 0
    assert count("resnet1d") == expected + 2 * 128 + 2 == 504258


def test_inception_time_has_the_parameters_of_its_paper():
    module = lambda read, past: 32 * read * 70 + 32 * past + 256 + (32 * past if past > 32 else 0)  # noqa: E731
    shortcuts = (128 + 256) + (128 * 128 + 256)
    expected = module(1, 1) + 5 * module(32, 128) + shortcuts + 2 * 128 + 2
    assert count("inception-time") == expected == 420450
    assert count("inception-time-5") == 5 * expected


def test_lstm_fcn_holds_the_fully_convolutional_network_of_its_paper():
    convolutions = (8 * 128 + 128) + (128 * 5 * 256 + 256) + (256 * 3 * 128 + 128) + 2 * (128 + 256 + 128)
    lstm = 4 * 64 * (3 + 64) + 8 * 64  # 150 samples are 50 steps of 3
    assert convolutions + 128 * 2 + 2 == 264962
    assert count("lstm-fcn") == convolutions + lstm + (128 + 64) * 2 + 2


def test_inception_votes_as_the_mean_of_five_from_starts_of_their_own():
    shape = SignalShape(1, 3, 24)
    model, x = get("inception-time-5").build(shape, 2).eval(), windows(shape)
    assert isinstance(model, Ensemble)
    expected = torch.stack([member(x).softmax(-1) for member in model.members]).mean(0)
    torch.testing.assert_close(model.head.probabilities(model(x)), expected)
    assert torch.equal(get("inception-time").build(shape, 11).eval()(x), model.members[1](x))
    values = get("inception-time-5").build(SignalShape(1, 0, 24)).eval()
    torch.testing.assert_close(values(x), torch.stack([member(x) for member in values.members]).mean(0))


def test_the_lstm_of_lstm_fcn_reads_time():
    shape = SignalShape(1, 2, 48)
    model, x = get("lstm-fcn").build(shape).eval(), windows(shape)
    model.convs = nn.ModuleList()  # leaves the LSTM alone beside the plain mean
    model.output = nn.Linear(65, 2)
    assert not torch.allclose(model(x), model(x.flip(1)), atol=1e-6)


def test_an_lstm_in_both_directions_is_read_at_both_ends():
    shape = SignalShape(1, 2, 24)
    model = get("attention-bilstm+none").build(shape).eval()
    x, lengths = windows(shape), torch.tensor([24, 10, 3, 24])
    z = model.convs[1](model.convs[0](x.transpose(1, 2))[0])[0].transpose(1, 2)
    _, (last, _) = model.recurrence.layer(z)
    expected = model.output(torch.cat((last[0], last[1]), -1))
    torch.testing.assert_close(model(x), expected)
    torch.testing.assert_close(model(x, lengths)[1], model(x[1:2, :10])[0])


@pytest.mark.parametrize("name", ["mlstm-fcn", "alstm-fcn", "attention-bilstm"])
def test_what_a_preset_looks_at_is_recorded_at_its_places(name):
    shape = SignalShape(2, 3, 24)
    model = get(name).build(shape).eval()
    with heedful.record(model) as maps:
        model(windows(shape), torch.tensor([24, 9, 24, 24]))
    assert list(maps) == [f"attention.{place}" for place in PRESETS[name].held]
    for one in maps.values():
        assert one.axes[0] == "batch"
        assert {"time", "channel"} & set(one.axes)


def test_windows_that_do_not_fit_are_refused():
    model = get("wdcnn").build(SignalShape(2, 3, 24))
    with pytest.raises(ShapeError, match="channels last"):
        model(torch.zeros(4, 24, 3))
    with pytest.raises(ShapeError, match="channels last"):
        model(torch.zeros(24, 2))
    with pytest.raises(ShapeError, match="floating-point"):
        model(torch.zeros(4, 24, 2, dtype=torch.long))
    with pytest.raises(ShapeError, match="real samples of each window"):
        model(torch.zeros(4, 24, 2), torch.tensor([24.0] * 4))
    with pytest.raises(ShapeError, match="real samples of each window"):
        model(torch.zeros(4, 24, 2), torch.tensor([24] * 3))


def test_every_name_says_what_it_is_and_how_it_is_trained():
    for name in names():
        spec = get(name)
        assert spec.name == name
        assert spec.summary.endswith(".")
        assert spec.recipe in ("signals", "archive", "orders", "article")
        assert spec.scaling == "standard"
    assert get("inception-time-5").ensemble == 5
