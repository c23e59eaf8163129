from __future__ import annotations

import numpy as np
import pytest
import torch

from heedful.errors import UnknownName
from heedful.models.centre import KINDS, Centre


def _windows() -> torch.Tensor:
    return torch.randn(3, 20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [(), (1, 3)])
def test_each_column_is_measured_as_the_formula_says(kind: str, kept: tuple[int, ...]) -> None:
    x = _windows().numpy()
    expected = x.copy()
    for b in range(3):
        for f in set(range(4)) - set(kept):
            column = x[b, :, f]
            if kind == "last":
                expected[b, :, f] = column - column[-1]
            elif kind == "mean":
                expected[b, :, f] = column - sum(column) / 20
            elif kind == "revin":
                mean = sum(column) / 20
                expected[b, :, f] = (column - mean) / np.sqrt(sum((v - mean) ** 2 for v in column) / 20 + 1e-5)
    centred, _, _ = Centre(kind, 4, kept)(torch.from_numpy(x))
    np.testing.assert_allclose(centred.numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [(), (1, 3)])
def test_offset_and_factor_bring_the_window_back(kind: str, kept: tuple[int, ...]) -> None:
    x = _windows()
    centred, offset, factor = Centre(kind, 4, kept)(x)
    y = centred if factor is None else centred * factor
    torch.testing.assert_close(y if offset is None else y + offset, x, rtol=1e-12, atol=1e-12)


def test_a_constant_column_stays_finite() -> None:
    centred, _, factor = Centre("revin", 1)(torch.full((2, 5, 1), 7.0))
    assert centred.eq(0).all()
    assert factor is not None
    assert factor.isfinite().all()
    assert Centre("revin", 1)(torch.zeros(2, 1, 1))[0].isfinite().all()


def test_an_unknown_centre_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'last'"):
        Centre("lasst", 4)
