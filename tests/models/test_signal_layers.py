from __future__ import annotations

import pytest
import torch

from heedful.models.signals.layers import Convolution, Norm, hide, largest, largest_around, thin
from heedful.models.signals.spectrogram import LogSpectrogram, segment

LENGTHS = torch.tensor([20, 7, 1])
MASK = torch.arange(20) < LENGTHS.unsqueeze(1)


def drawn(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (8, 1), (40, 1), (8, 4), (64, 16)])
def test_a_sample_is_convolved_in_a_padded_batch_as_alone(kernel, stride):
    layer, z = Convolution(2, 5, kernel, stride=stride).double(), hide(drawn(3, 2, 20), MASK)
    together = layer(z)
    assert together.shape[-1] == -(-20 // stride)
    for i, n in enumerate(LENGTHS.tolist()):
        alone = layer(z[i : i + 1, :, :n])[0]
        torch.testing.assert_close(together[i, :, : alone.shape[-1]], alone, rtol=1e-10, atol=1e-12)


def test_a_convolution_is_the_sum_over_its_kernel():
    layer, z = Convolution(2, 3, 4, stride=2).double(), drawn(1, 2, 7)
    found = layer(z)[0]
    padded = torch.nn.functional.pad(z[0], (1, 4))  # (kernel - stride) // 2 zeros before the first step
    for step in range(4):
        part = padded[:, 2 * step : 2 * step + 4]
        expected = (layer.conv.weight * part).sum((1, 2)) + layer.conv.bias
        torch.testing.assert_close(found[:, step], expected)


def test_a_norm_learns_from_real_steps_as_from_those_alone():
    masked, alone, z = Norm(2).double(), torch.nn.BatchNorm1d(2).double(), drawn(3, 2, 20)
    real = z.transpose(1, 2)[MASK]  # (28, 2)
    found = masked(hide(z, MASK), MASK)
    torch.testing.assert_close(found.transpose(1, 2)[MASK], alone(real), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(masked.running_mean, alone.running_mean)
    torch.testing.assert_close(masked.running_var, alone.running_var)
    assert masked.num_batches_tracked == 1


def test_a_norm_without_a_mask_or_in_evaluation_is_the_ordinary_one():
    ours, theirs, z = Norm(2).double(), torch.nn.BatchNorm1d(2).double(), drawn(3, 2, 20)
    assert torch.equal(ours(z), theirs(z))
    assert torch.equal(ours.eval()(z, MASK), theirs.eval()(z))


def test_the_largest_ignores_what_is_not_real():
    z = -1 - drawn(3, 2, 20).abs()  # all below zero, which stands where nothing is real
    pooled, mask = largest(hide(z, MASK), MASK, 2)
    assert torch.equal(mask, thin(MASK, 2))
    assert pooled[1, :, 3].tolist() == z[1, :, 6].tolist()  # the seventh step has no neighbour
    assert not pooled[1, :, 4:].any()
    around = largest_around(hide(z, MASK), MASK)
    torch.testing.assert_close(around[1, :, 6], z[1, :, 5:7].amax(-1))


@pytest.mark.parametrize(("window", "size", "moments"), [(256, 32, 29), (40, 8, 17)])
def test_a_spectrogram_is_the_logarithm_of_a_short_time_fourier_transform(window, size, moments):
    x = drawn(2, 3, window)
    taper = torch.hann_window(size, dtype=torch.float64)
    hop = (window - size) // (moments - 1)
    complex_ = torch.stft(x.flatten(0, 1), size, hop, window=taper, center=False, return_complex=True)
    power = complex_.abs().square() / taper.square().sum()
    expected = (power + 1e-6).log().unflatten(0, (2, 3))
    found = LogSpectrogram(size, moments).double()(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # its waves are kept in single precision


def test_a_short_recording_fills_the_whole_spectrogram_as_it_does_alone():
    layer, x = LogSpectrogram(16, 9), drawn(3, 2, 64)
    lengths = torch.tensor([64, 40, 5])
    mask = torch.arange(64) < lengths.unsqueeze(1)
    together = layer(hide(x, mask), lengths)
    for i, n in enumerate(lengths.tolist()):
        torch.testing.assert_close(together[i], layer(x[i : i + 1, :, :n])[0])


def test_segments_are_even_and_fit_short_windows():
    assert [segment(n) for n in (5, 24, 150, 1024, 5000)] == [8, 8, 18, 128, 128]
