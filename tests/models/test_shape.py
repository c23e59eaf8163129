from __future__ import annotations

from typing import Any

import pytest

from heedful.errors import OptionError
from heedful.models import Shape


def test_a_shape_says_which_columns_are_forecast() -> None:
    assert (Shape(5, 4).target, Shape(5, 4).multiple) == (0, False)
    assert (Shape(5, 4, targets=(2, 1)).target, Shape(5, 4, targets=(2, 1)).multiple) == (2, True)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"window": 0}, "of at least 1"),
        ({"horizon": 0}, "of at least 1"),
        ({"targets": ()}, "of at least 1"),
        ({"targets": (4,)}, r"targets once and among its 4 features, 0 to 3, got \(4,\)"),
        ({"targets": (1, 1)}, "each of its targets once"),
        ({"known": (-1,)}, "each of its known once"),
        ({"flags": (9,)}, "each of its flags once"),
        ({"known": (3, 0)}, r"not known in advance, got \[0\] in both"),
    ],
)
def test_columns_that_are_not_there_are_refused(given: dict[str, Any], error: str) -> None:
    with pytest.raises(OptionError, match=error):
        Shape(**{"window": 5, "features": 4} | given)
