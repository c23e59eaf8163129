from __future__ import annotations

import pytest
import torch

from heedful.attention import Nystrom
from heedful.attention.sequences.projected import merge_heads, split_heads
from heedful.errors import OptionError, ShapeError, UnknownName


def test_as_many_landmarks_as_steps_and_many_iterations_give_exact_attention() -> None:
    torch.manual_seed(0)
    module, x = Nystrom(8, heads=2, landmarks=9, iterations=40).double(), torch.randn(3, 9, 8, dtype=torch.float64)
    q, k, v = module.project(x, x)
    exact = module.output(merge_heads(torch.nn.functional.scaled_dot_product_attention(q, k, v)))
    torch.testing.assert_close(module(x), exact, rtol=1e-8, atol=1e-9)
    # More landmarks than steps: those without a step stay out.
    wide = Nystrom(8, heads=2, landmarks=13, iterations=40).double()
    wide.load_state_dict(module.state_dict())
    torch.testing.assert_close(wide(x), exact, rtol=1e-8, atol=1e-9)


def test_landmarks_beyond_the_steps_change_nothing() -> None:
    few, many = (Nystrom(8, heads=2, landmarks=count).double() for count in (7, 64))
    many.load_state_dict(few.state_dict())
    x, context = torch.randn(2, 7, 8).double(), torch.randn(2, 5, 8).double()
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    torch.testing.assert_close(many(x), few(x))
    torch.testing.assert_close(many(x, mask=mask), few(x, mask=mask))
    torch.testing.assert_close(many(x[:, :1], context=context), few(x[:, :1], context=context))


def test_the_codes_start_looks_at_the_whole_batch_and_the_papers_does_not() -> None:
    torch.manual_seed(0)
    x = 3 * torch.randn(3, 12, 8, dtype=torch.float64)
    for variant, apart in (("paper", True), ("code", False)):
        module = Nystrom(8, landmarks=4, iterations=2, variant=variant).double()
        alone = torch.cat([module(one.unsqueeze(0)) for one in x])
        assert torch.allclose(module(x), alone, rtol=1e-10, atol=1e-12) == apart


def test_the_weights_mix_the_values_into_the_output() -> None:
    torch.manual_seed(0)
    module, x = Nystrom(8, landmarks=4).double(), torch.randn(3, 11, 8, dtype=torch.float64)
    y, weights = module.attend(x, x, torch.arange(11) < torch.tensor([[11], [5], [2]]), weights=True)
    values = split_heads(module.value(x), 8)
    torch.testing.assert_close(y, module.output(merge_heads(weights @ values)), rtol=1e-11, atol=1e-12)


def test_wrong_options_and_contexts_are_refused_with_advice() -> None:
    with pytest.raises(OptionError, match="The paper takes 64 and 6"):
        Nystrom(8, landmarks=0)
    with pytest.raises(OptionError, match="got 64 and -1"):
        Nystrom(8, iterations=-1)
    with pytest.raises(OptionError, match=r"odd kernel_size.*Take 5"):
        Nystrom(8, kernel_size=4)
    with pytest.raises(UnknownName, match="Known: code, paper"):
        Nystrom(8, variant="exact")
    with pytest.raises(ShapeError, match=r"got 4 and 9 steps.*kernel_size=None"):
        Nystrom(8, kernel_size=3)(torch.zeros(2, 9, 8), torch.zeros(2, 4, 8))
