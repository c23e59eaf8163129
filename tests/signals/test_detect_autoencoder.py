"""Networks that detect: padding changes nothing, the code is narrow, what is hidden is not seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from heedful.errors import OptionError, ShapeError, UnknownName
from heedful.models.signals import SignalShape
from heedful.signals.detection.autoencoder import DETECTORS, HIDDEN, ErrorHead, build, summary
from heedful.signals.detection.recordings import names_of

NAMES = [*DETECTORS, "conv-autoencoder+eca", "conv-autoencoder+multi_head@code", "lstm-autoencoder+se@block3+placebo"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("time", "channels"), [(600, 1), (48, 3), (29, 12), (5, 2)])
def test_padding_never_changes_an_error(name, time, channels):
    net = build(name, SignalShape(channels, 0, time)).double().eval()
    x = torch.randn(4, time, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(time))
    lengths = torch.tensor([time, max(1, time - 3), max(1, time // 2), 1])
    x[1, lengths[1] :] = 7.0  # what lies behind the last real sample must not matter
    whole = net(x, lengths)
    for i, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(net(x[i : i + 1, :length])[0], whole[i], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_error_is_the_mean_square_of_what_is_judged(name):
    net = build(name, SignalShape(2, 0, 64)).eval()
    x, lengths = torch.randn(3, 64, 2), torch.tensor([64, 50, 20])
    away = (x - net.rebuild(x, lengths)).square().mean(-1).detach().numpy()
    for i, length in enumerate(lengths.tolist()):
        first = length - max(1, length // HIDDEN) if name.startswith("next") else 0
        np.testing.assert_allclose(net(x, lengths)[i].item(), away[i, first:length].mean(), rtol=1e-5)


def test_a_forecast_never_sees_what_it_is_judged_on():
    net = build("next-samples", SignalShape(1, 0, 64)).eval()
    x = torch.randn(2, 64, 1)
    other = x.clone()
    other[:, -64 // HIDDEN :] = 100.0
    torch.testing.assert_close(net.rebuild(x), net.rebuild(other))
    assert (net(other) > net(x)).all()


@pytest.mark.parametrize(("time", "channels"), [(2048, 1), (256, 3), (96, 1)])
def test_the_code_has_an_eighth_of_the_numbers_of_a_window(time, channels):
    net = build("conv-autoencoder", SignalShape(channels, 0, time)).eval()
    code = net.encode(torch.zeros(1, channels, time), None)
    assert code.numel() <= 1.1 * time * channels / 8


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name):
    net = build(name, SignalShape(2, 0, 128))
    net(torch.randn(5, 128, 2)).mean().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_a_network_learns_to_rebuild_what_is_usual():
    torch.manual_seed(0)
    net = build("conv-autoencoder", SignalShape(1, 0, 64))
    phase = torch.rand(256, 1) * 6.28
    waves = torch.sin(torch.arange(64) * 0.3 + phase)[..., None]
    steps = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(150):
        steps.zero_grad()
        net(waves).mean().backward()
        steps.step()
    net.eval()
    strange = torch.sin(torch.arange(64) * 1.1 + phase[:20])[..., None]
    assert net(waves).mean() < 0.2 * net(strange).mean()


def test_the_same_seed_gives_the_same_network_and_another_another():
    x = torch.randn(2, 40, 1)
    one, same, other = (build("conv-autoencoder+eca", SignalShape(1, 0, 40), seed).eval()(x) for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_what_cannot_be_built_says_so():
    with pytest.raises(UnknownName, match="conv-autoencoder"):
        names_of(["conv-autoencoderr"], "auto")
    with pytest.raises(UnknownName, match="block1"):
        names_of(["conv-autoencoder+eca@pool"], "auto")
    with pytest.raises(OptionError, match="learns no classes"):
        build("conv-autoencoder", SignalShape(1, 3, 40))
    with pytest.raises(OptionError, match="detects by forecast, asked for by reconstruction"):
        names_of(["next-samples"], "reconstruction")
    with pytest.raises(ShapeError, match="one error a window"):
        ErrorHead().loss(torch.zeros(3), torch.zeros(3))


def test_names_of_methods_and_what_they_are():
    assert names_of(None, "forecast") == ("next-samples",)
    assert names_of(None, "reconstruction") == ("conv-autoencoder",)
    assert "eca at block2" in summary("conv-autoencoder+eca")
