from __future__ import annotations

import pytest
import torch

from heedful import attention
from heedful.errors import OptionError, UnknownName
from heedful.models import places
from heedful.models.plan import Attention


def test_every_mechanism_has_a_place_but_those_that_need_a_second_map() -> None:
    assert {n for n in attention.names() if not places.place_of(n)} == {"aff", "attention_gate"}


def test_a_sequence_attention_is_added_to_the_states() -> None:
    torch.manual_seed(0)
    built = places.on_states(Attention(name="multi_head", options={"heads": 2}), 6, 7, 1)
    states = torch.randn(3, 7, 6)
    torch.testing.assert_close(built(states, states), states + built.mechanism(states))


def test_a_pooling_tells_its_width() -> None:
    built = places.on_states(Attention(name="structured_self", options={"hops": 3}), 6, 7, 1)
    assert built(torch.randn(2, 7, 6), torch.randn(2, 7, 1)).shape == (2, built.width) == (2, 18)


def test_a_decoder_reads_the_past_of_the_targets_and_looks_at_the_states() -> None:
    torch.manual_seed(0)
    built = places.on_states(Attention(name="da_rnn_temporal"), 6, 7, 2)
    states, past = torch.randn(3, 7, 6, requires_grad=True), torch.randn(3, 9, 2, requires_grad=True)
    found = built(states, past)
    assert found.shape == (3, 9, built.width) == (3, 9, 12)
    gradients = torch.autograd.grad(found[:, -1].sum(), (states, past))
    assert all(g.ne(0).all(-1).all() for g in gradients)


def test_mechanisms_built_for_a_length_get_that_of_the_states_unless_it_is_given() -> None:
    assert places.fitted("da_rnn_input", 4, 50, {}).window == 50
    assert places.fitted("da_rnn_input", 4, 50, {"window": 60}).window == 60
    assert places.fitted("location", 4, 50, {}).steps == 50


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("additive", "as map_attention, got 'additive', a state attention. Its place in a plan is attention"),
        ("lstmn", "Its place in a plan is recurrence; here fit .*eca"),
        ("aff", "It needs a second map, which no plan has"),
    ],
)
def test_a_wrong_place_on_the_map_is_answered_with_the_right_one(name: str, error: str) -> None:
    with pytest.raises(OptionError, match=error):
        places.on_map(Attention(name=name), 6, 7)


@pytest.mark.parametrize("name", ["eca", "lstmn", "aff"])
def test_a_wrong_place_on_the_states_is_answered_with_the_right_one(name: str) -> None:
    with pytest.raises(OptionError, match=f"as attention, got '{name}'.*here fit .*additive"):
        places.on_states(Attention(name=name), 6, 7, 1)
    with pytest.raises(UnknownName, match="Did you mean additive|Did you mean 'additive'"):
        places.on_states(Attention(name="aditive"), 6, 7, 1)
