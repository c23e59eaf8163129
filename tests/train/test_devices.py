from __future__ import annotations

import pytest
import torch
from torch import nn

from heedful.errors import OptionError, UnknownName
from heedful.train import Recipe, devices, fit, forecast

GPU = torch.cuda.is_available()


def test_without_a_name_a_gpu_is_taken_where_there_is_one():
    assert devices.choose().type == ("cuda" if GPU else "cpu")
    assert devices.choose("cpu").type == "cpu"


def test_an_unknown_device_is_answered_with_the_known_ones():
    with pytest.raises(UnknownName, match="Unknown device 'gpu'.*cpu, cuda"):
        devices.choose("gpu")


@pytest.mark.skipif(GPU, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(OptionError, match="needs a GPU that PyTorch can use, found none.*Leave the device out"):
        devices.choose("cuda")


def test_bfloat16_is_used_when_it_is_asked_for():
    cpu = torch.device("cpu")
    assert devices.reduced("bfloat16", cpu) is True
    assert devices.reduced("float32", cpu) is False


@pytest.mark.parametrize("tiles", [True, False, None])
@pytest.mark.parametrize("vectors", [True, False, None])
def test_auto_asks_the_processor_for_its_instructions(monkeypatch, tiles, vectors):
    for name, answer in (("_is_amx_tile_supported", tiles), ("_is_avx512_bf16_supported", vectors)):
        if answer is None:  # a PyTorch that does not know the question
            monkeypatch.delattr(torch.cpu, name, raising=False)
        else:
            monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer, raising=False)
    assert devices.reduced("auto", torch.device("cpu")) is bool(tiles or vectors)


@pytest.mark.parametrize("answer", [True, False])
def test_auto_asks_a_gpu_for_instructions_of_its_own(monkeypatch, answer):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **how: asked.append(how) or answer)
    assert devices.reduced("auto", torch.device("cuda")) is answer
    assert asked == [{"including_emulation": False}]


def test_a_model_is_brought_home_in_evaluation_mode():
    model = nn.Linear(2, 3)
    with devices.placed(model, devices.choose()):
        assert model.weight.device.type == devices.choose().type
    assert model.weight.device.type == "cpu"
    assert not model.training


@pytest.mark.skipif(not GPU, reason="needs a GPU")
def test_a_gpu_gives_what_the_processor_gives(everything):
    (train, validation, test), scaler = everything
    recipe, fits = Recipe(epochs=3, batch=16), {}
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(18, 8), nn.Unflatten(1, (4, 2)))
        (one,) = fit([model], train, validation, scaler=scaler, recipe=recipe, seeds=(0,), device=device)
        model.load_state_dict(one.state)
        fits[device] = one.validation_loss, forecast(model, test, scaler, device=device)
        assert next(model.parameters()).device.type == "cpu"
    assert fits["cpu"][0] == pytest.approx(fits["cuda"][0], rel=1e-3)  # float32 sums in another order
    assert torch.allclose(*(torch.from_numpy(fits[d][1]) for d in fits), rtol=1e-2, atol=1e-2)


def test_a_recurrent_network_that_is_at_home_is_not_touched():
    net = nn.GRU(2, 3)
    before = net._flat_weight_refs  # emptied for a moment while a layer is moved, when no thread can run it
    with devices.placed(net, torch.device("cpu")):
        assert net._flat_weight_refs is before
    assert net._flat_weight_refs is before
