from __future__ import annotations

import pytest
import torch

from heedful.errors import OptionError, UnknownName
from heedful.models import recurrent
from heedful.models.plan import Recurrence

KINDS = ["rnn", "lstm", "gru", "bilstm", "bigru", *recurrent.fitting()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_state_for_each_step(kind: str) -> None:
    built = recurrent.build(Recurrence(kind=kind, width=6), 4, 7)
    assert built is not None
    # "gru_attention" gives its inputs back, weighed.
    width = 12 if kind.startswith("bi") else 4 if kind == "gru_attention" else 6
    assert built(torch.randn(3, 7, 4)).shape == (3, 7, built.width) == (3, 7, width)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "bilstm", "bigru"])
def test_recurrent_weights_start_orthogonal_gate_by_gate(kind: str) -> None:
    built = recurrent.build(Recurrence(kind=kind, width=6, layers=2), 4, 7)
    assert built is not None
    found = [value for name, value in built.named_parameters() if "weight_hh" in name]
    assert len(found) == (4 if kind.startswith("bi") else 2)
    for gate in torch.cat(found).split(6):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=0, atol=1e-5)


def test_the_forget_gate_starts_open_and_other_biases_at_zero() -> None:
    built = recurrent.build(Recurrence(kind="lstm", width=6), 4, 7)
    assert built is not None
    bias = built.layer.bias_ih_l0 + built.layer.bias_hh_l0
    assert bias.tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12
    gru = recurrent.build(Recurrence(kind="gru", width=6), 4, 7)
    assert gru is not None
    assert not any(value.any() for name, value in gru.named_parameters() if "bias" in name)


def test_layers_and_dropout_are_used() -> None:
    built = recurrent.build(Recurrence(kind="gru", width=6, layers=2, dropout=0.5), 4, 7)
    assert built is not None
    assert (built.layer.num_layers, built.layer.dropout) == (2, 0.5)
    assert recurrent.build(Recurrence(kind="none"), 4, 7) is None


def test_a_cell_that_takes_scores_gets_those_of_the_newest_state() -> None:
    torch.manual_seed(0)
    built = recurrent.build(Recurrence(kind="augru", width=6), 4, 7)
    assert built is not None
    built, x = built.double(), torch.randn(3, 7, 4, dtype=torch.float64)
    states = built.first(x)
    scores = torch.softmax((states @ states[:, -1:].transpose(1, 2)).squeeze(-1) / 6**0.5, -1)
    torch.testing.assert_close(built(x), built.cell(states, scores), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("part", "error"),
    [
        (Recurrence(kind="gru", dropout=0.5), "between its layers, got dropout=0.5 with one layer"),
        (Recurrence(kind="gru", options={"hidden": 3}), "'gru' has no options"),
        (Recurrence(kind="lstmn", layers=2), "'lstmn' has one layer and no dropout"),
        (Recurrence(kind="eca"), "got 'eca', a gate. Its place in a plan is map_attention; here fit .*lstmn"),
        (Recurrence(kind="bahdanau_decoder"), "Its place in a plan is attention"),
    ],
)
def test_what_a_recurrence_does_not_have_is_refused_with_advice(part: Recurrence, error: str) -> None:
    with pytest.raises(OptionError, match=error):
        recurrent.build(part, 4, 7)


def test_an_unknown_recurrence_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="recurrence 'lsmt'. Did you mean 'lstm'"):
        recurrent.build(Recurrence(kind="lsmt"), 4, 7)
