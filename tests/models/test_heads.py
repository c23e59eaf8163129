from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from heedful.errors import OptionError
from heedful.models import heads, plan

LEVELS = (0.05, 0.3, 0.5, 0.8, 0.95)
PARTS = [plan.Quantiles(levels=LEVELS), plan.Gaussian(), plan.StudentT()]
EVERY = [plan.Point(), *PARTS]


def _named(part: plan.Head) -> str:
    return type(part).__name__


def _raw(outputs: int, *axes: int, kind: torch.dtype = torch.float64) -> torch.Tensor:
    raw = torch.randn(*axes, outputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (2 * raw).to(kind)


def _targets(*axes: int) -> torch.Tensor:
    return torch.randn(*axes, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def _softplus(x: torch.Tensor) -> np.ndarray:
    return np.log1p(np.exp(x.numpy()))


# --- losses -------------------------------------------------------------------------------------------------


def test_the_gaussian_loss_is_minus_the_logarithm_of_the_density() -> None:
    raw, y = _raw(2, 3, 5, 4), _targets(3, 5, 4)
    expected = -stats.norm.logpdf(y.numpy(), raw[..., 0].numpy(), _softplus(raw[..., 1]) + 1e-4)
    np.testing.assert_allclose(heads.GaussianHead().loss(raw, y), expected, rtol=1e-10)


def test_the_student_t_loss_is_minus_the_logarithm_of_the_density() -> None:
    raw, y = _raw(3, 3, 5, 4), _targets(3, 5, 4)
    scale, freedom = _softplus(raw[..., 1]) + 1e-4, 2 + _softplus(raw[..., 2])
    expected = -stats.t.logpdf(y.numpy(), freedom, raw[..., 0].numpy(), scale)
    np.testing.assert_allclose(heads.StudentTHead().loss(raw, y), expected, rtol=1e-9)


def test_the_pinball_loss_weighs_what_lies_above_and_below_each_quantile() -> None:
    raw, y = _raw(5, 3, 4), _targets(3, 4)
    expected = np.zeros((3, 4))
    for i, j in np.ndindex(3, 4):
        for q, level in enumerate(LEVELS):
            missed = float(y[i, j] - raw[i, j, q])
            expected[i, j] += (level * missed if missed > 0 else (1 - level) * -missed) / 5
    np.testing.assert_allclose(heads.QuantileHead(LEVELS).loss(raw, y), expected, rtol=1e-12)


def test_a_point_head_leaves_the_loss_to_the_recipe() -> None:
    raw, y = _targets(3, 4), _targets(3, 4)
    head = heads.PointHead()
    assert head.loss(raw, y) is None
    assert head.outputs == 1
    assert head.point(raw) is raw


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_a_value_that_is_left_out_changes_no_gradient_whatever_stands_for_it(part: plan.Head) -> None:
    head = heads.build(part)
    observed = torch.tensor([[True, False, True], [False, True, True]])
    found = []
    for stand_in in (0.0, 7.0):
        raw = _raw(head.outputs, 2, 3).requires_grad_()
        loss = head.loss(raw, torch.where(observed, _targets(2, 3), stand_in))
        assert loss is not None
        assert loss.shape == (2, 3)
        (gradient,) = torch.autograd.grad(torch.where(observed, loss, 0.0).sum(), raw)
        found.append(gradient)
    assert torch.equal(*found)
    assert found[0].isfinite().all()
    assert (found[0][observed] != 0).any(-1).all()


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_the_loss_of_half_precision_numbers_is_taken_in_single(part: plan.Head) -> None:
    head = heads.build(part)
    raw, y = _raw(head.outputs, 3, 4, kind=torch.bfloat16), _targets(3, 4).float()
    loss = head.loss(raw, y)
    assert loss is not None
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, head.loss(raw.float(), y))


# --- forecasts ----------------------------------------------------------------------------------------------


def test_gaussian_quantiles_are_those_of_the_normal_distribution() -> None:
    raw = _raw(2, 3, 5, 4)
    found = heads.GaussianHead().quantiles(raw, LEVELS)
    scale = _softplus(raw[..., 1]) + 1e-4
    expected = np.stack([stats.norm.ppf(q, raw[..., 0].numpy(), scale) for q in LEVELS])
    assert found.shape == (5, 3, 5, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_student_t_quantiles_are_those_of_the_distribution() -> None:
    raw = _raw(3, 3, 5, 4)
    found = heads.StudentTHead().quantiles(raw, LEVELS)
    scale, freedom = _softplus(raw[..., 1]) + 1e-4, 2 + _softplus(raw[..., 2])
    expected = np.stack([stats.t.ppf(q, freedom, raw[..., 0].numpy(), scale) for q in LEVELS])
    assert found.shape == (5, 3, 5, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    # Read back through the distribution function, which was not used to find them.
    np.testing.assert_allclose(
        stats.t.cdf(found.numpy(), freedom, raw[..., 0].numpy(), scale),
        np.broadcast_to(np.array(LEVELS)[:, None, None, None], found.shape),
        rtol=1e-8,
    )


def test_quantiles_are_sorted_and_interpolated_between_the_heads_own() -> None:
    raw, asked = _raw(5, 3, 4), (0.05, 0.1, 0.4, 0.5, 0.77, 0.95)
    assert (raw.diff(dim=-1) < 0).any(), "no quantiles cross here, so the test could not fail"
    found = heads.QuantileHead(LEVELS).quantiles(raw, asked)
    assert found.shape == (6, 3, 4)
    for i, j in np.ndindex(3, 4):
        expected = np.interp(asked, LEVELS, np.sort(raw[i, j].numpy()))
        np.testing.assert_allclose(found[:, i, j], expected, rtol=1e-12)


def test_the_point_forecast_of_quantiles_is_the_median_even_where_it_lies_between_two() -> None:
    raw = torch.tensor([[1.0, 5.0, 2.0]])
    assert heads.QuantileHead((0.1, 0.5, 0.9)).point(raw).tolist() == [2.0]
    assert heads.QuantileHead((0.4, 0.6, 0.9)).point(raw).tolist() == [1.5]


def test_levels_outside_a_quantile_heads_own_are_refused_but_not_for_a_rounding() -> None:
    head, raw = heads.QuantileHead((0.1, 0.5, 0.9)), torch.tensor([[1.0, 2.0, 3.0]])
    assert (1 - 0.8) / 2 < 0.1
    assert head.quantiles(raw, [(1 - 0.8) / 2, 0.9]).flatten().tolist() == [1.0, 3.0]
    with pytest.raises(OptionError, match=r"levels from 0\.1 to 0\.9, asked for 0\.05\. Ask within them"):
        head.quantiles(raw, [0.05])


@pytest.mark.parametrize("part", [plan.Gaussian(), plan.StudentT()], ids=_named)
@pytest.mark.parametrize("levels", [(), (0.0, 0.5), (0.5, 1.0)])
def test_distributions_have_quantiles_between_0_and_1_only(part: plan.Head, levels: tuple[float, ...]) -> None:
    head = heads.build(part)
    with pytest.raises(OptionError, match="levels above 0 and below 1"):
        head.quantiles(torch.zeros(2, 3, head.outputs), levels)


def test_a_point_head_refuses_quantiles_and_says_what_has_them() -> None:
    with pytest.raises(OptionError, match="asked for 0.1, 0.9. Build the model with a head of quantiles"):
        heads.PointHead().quantiles(torch.zeros(2, 3), (0.1, 0.9))


@pytest.mark.parametrize("levels", [(), (0.5, 0.1), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0), (0.6, 0.9), (0.1, 0.4)])
def test_a_quantile_head_needs_rising_levels_around_the_median(levels: tuple[float, ...]) -> None:
    with pytest.raises(OptionError, match="Give levels such as 0.1, 0.5, 0.9"):
        heads.QuantileHead(levels)


# --- shifts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_factor", [True, False], ids=["scaled", "moved"])
@pytest.mark.parametrize("part", EVERY, ids=_named)
def test_a_shift_moves_what_is_forecast_and_its_spread(part: plan.Head, with_factor: bool) -> None:
    head = heads.build(part)
    raw = _targets(3, 5, 4) if isinstance(part, plan.Point) else _raw(head.outputs, 3, 5, 4)
    offset = _targets(3, 1, 4)
    factor = offset.exp() if with_factor else None
    moved = head.shift(raw, offset, factor)
    scale = 1.0 if factor is None else factor
    assert moved.shape == raw.shape
    torch.testing.assert_close(head.point(moved), head.point(raw) * scale + offset, rtol=1e-10, atol=1e-12)
    if not isinstance(part, plan.Point):
        before, after = head.quantiles(raw, LEVELS), head.quantiles(moved, LEVELS)
        torch.testing.assert_close(after, before * scale + offset, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("part", [plan.Gaussian(), plan.StudentT()], ids=_named)
def test_a_shift_by_extreme_factors_stays_finite_in_single_precision(part: plan.Head) -> None:
    head = heads.build(part)
    raw = torch.tensor([-80.0, -8.0, 0.0, 8.0, 80.0]).view(1, 5, 1).repeat(3, 1, head.outputs).requires_grad_()
    factor = torch.tensor([[1e-4], [1.0], [1e4]])
    loss = head.loss(head.shift(raw, torch.zeros(3, 1), factor), torch.zeros(3, 5))
    assert loss is not None
    (gradient,) = torch.autograd.grad(loss.sum(), raw)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


# --- all together -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "noise", "tolerance"),
    [
        (plan.Gaussian(), stats.norm(3, 2), 0.015),
        (plan.StudentT(), stats.t(4, 3, 2), 0.015),
        (plan.Quantiles(levels=LEVELS), stats.gamma(2), 0.015),
    ],
    ids=["Gaussian", "StudentT", "Quantiles"],
)
def test_a_fitted_head_covers_what_it_says(part: plan.Head, noise: stats.rv_continuous, tolerance: float) -> None:
    head = heads.build(part)
    draw = np.random.default_rng(3)
    seen, new = (torch.tensor(noise.rvs(size=(20_000, 1), random_state=draw)) for _ in range(2))
    raw = torch.zeros(1, 1, head.outputs, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        loss = head.loss(raw, seen)
        assert loss is not None
        loss.mean().backward()
        optimiser.step()
    found = head.quantiles(raw.detach(), LEVELS).flatten()
    share = (new <= found).double().mean(0)
    # The share of 20,000 draws has a standard error of at most 0.0036.
    assert share.tolist() == pytest.approx(LEVELS, abs=tolerance)


def test_each_part_of_a_plan_has_its_head() -> None:
    made = [heads.build(part) for part in EVERY]
    assert made == [heads.PointHead(), heads.QuantileHead(LEVELS), heads.GaussianHead(), heads.StudentTHead()]
    assert [head.outputs for head in made] == [1, 5, 2, 3]
