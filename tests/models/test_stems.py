from __future__ import annotations

import numpy as np
import pytest
import torch

from heedful.models import stems
from heedful.models.plan import Convolution, Identity, MultiScale, Segments, Stem

PARTS = [
    Identity(),
    Convolution(filters=6),
    Convolution(filters=6, kernel=4, layers=2),
    Convolution(filters=6, kernel=4, causal=True),
    MultiScale(filters=2, kernels=(2, 5, 7)),
    Segments(length=6, width=9),
]


def _x(window: int = 20) -> torch.Tensor:
    return torch.randn(3, 4, window, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("part", [*PARTS, Convolution(filters=6, kernel=4, layers=2, pool=3)])
@pytest.mark.parametrize("window", [1, 5, 6, 20])
def test_every_stem_tells_its_channels_and_steps(part: Stem, window: int) -> None:
    stem = stems.build(part, 4).double()
    assert stem(_x(window)).shape == (3, stem.channels, stem.steps(window))


@pytest.mark.parametrize("part", PARTS)
def test_the_last_step_sees_the_newest_row(part: Stem) -> None:
    torch.manual_seed(0)
    x = _x().requires_grad_()
    (gradient,) = torch.autograd.grad(stems.build(part, 4).double()(x)[..., -1].sum(), x)
    assert gradient[..., -1].ne(0).all()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kernel", [3, 4])
def test_a_convolution_is_the_sum_over_its_neighbours(kernel: int, causal: bool) -> None:
    stem = stems.build(Convolution(filters=5, kernel=kernel, causal=causal), 4).double()
    (layer,) = stem.layers
    w, b, x = layer.weight.detach().numpy(), layer.bias.detach().numpy(), _x().numpy()
    before = kernel - 1 if causal else (kernel - 1) // 2
    expected = np.zeros((3, 5, 20))
    for t in range(20):
        for k in range(kernel):
            if 0 <= t - before + k < 20:
                expected[:, :, t] += x[:, :, t - before + k] @ w[:, :, k].T
    np.testing.assert_allclose(stem(_x()).detach().numpy(), np.maximum(expected + b[:, None], 0), atol=1e-12)


def test_segments_end_at_the_newest_row_and_the_first_row_fills_the_first() -> None:
    stem = stems.build(Segments(length=6, width=5), 4).double()
    w, b, x = stem.layer.weight.detach().numpy(), stem.layer.bias.detach().numpy(), _x().numpy()
    filled = np.concatenate([x[:, :, :1]] * 4 + [x], -1)
    for s in range(4):
        expected = np.einsum("bfl,cfl->bc", filled[:, :, 6 * s : 6 * s + 6], w) + b
        np.testing.assert_allclose(stem(_x())[..., s].detach().numpy(), np.maximum(expected, 0), atol=1e-12)


def test_a_pool_keeps_the_greatest_value_of_its_steps_and_ends_at_the_newest() -> None:
    plain, pooled = (stems.build(Convolution(filters=5, pool=pool), 4).double() for pool in (1, 3))
    pooled.load_state_dict(plain.state_dict())
    steps, found = plain(_x()).detach().numpy(), pooled(_x()).detach().numpy()
    expected = [steps[..., max(0, end - 3) : end].max(-1) for end in (2, 5, 8, 11, 14, 17, 20)]
    np.testing.assert_allclose(found, np.stack(expected, -1), atol=0)
