from __future__ import annotations

import pytest
import torch

import heedful
from heedful.errors import OptionError, ShapeError
from heedful.models import published
from heedful.models.signals import SignalShape, get
from heedful.models.signals.published import SUMMARIES, names

SHAPE = SignalShape(3, 2, 64)
X = torch.randn(4, 64, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([64, 30, 5, 1])


@pytest.mark.parametrize("name", SUMMARIES)
def test_probabilities_are_those_of_the_article(name):
    model = get(f"published:{name}").build(SHAPE, 1).double().eval()
    theirs = published.PUBLISHED[name].from_article(**({"window": 64} if "wdcnn" in name else {}), **sizes(name))
    theirs.load_state_dict(model.model.state_dict())
    expected = theirs.double().eval()(X)
    expected = expected if expected.shape[-1] == 2 else torch.cat((1 - expected, expected), -1)
    torch.testing.assert_close(model.head.probabilities(model(X)), expected, rtol=1e-12, atol=1e-14)


def sizes(name):
    return {"features": 3, "classes": 2} if "wdcnn" in name else {"features": 3}


@pytest.mark.parametrize("name", SUMMARIES)
def test_padding_changes_nothing_in_a_published_model(name):
    model = get(f"published:{name}").build(SHAPE).double().eval()
    given, dirty = model(X, LENGTHS), torch.cat((X.clone(), torch.full((4, 7, 3), float("nan"))), 1)
    for i, n in enumerate(LENGTHS.tolist()):
        dirty[i, n:] = float("nan")
        torch.testing.assert_close(model(X[i : i + 1, :n]), given[i : i + 1], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(model(dirty, LENGTHS), given, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_published_model_starts_from_its_seed_and_learns(name):
    one, other = (get(f"published:{name}").build(SHAPE, seed) for seed in (0, 0))
    x = X.float()
    model = one
    assert torch.equal(one.eval()(x), other.eval()(x))
    model.train().head.loss(model(x), torch.tensor([0, 1, 1, 0])).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_the_articles_penalty_is_carried():
    model = get("published:wdcnn").build(SHAPE)
    squares = sum(conv.weight.square().sum().item() for conv in model.model.convs)
    assert model.penalty().item() == pytest.approx(1e-4 * squares)
    assert not hasattr(get("published:lstm_channel").build(SHAPE), "penalty")


def test_the_gates_of_published_models_are_recorded():
    for name, place in (("wdcnn_eca", "model.attention"), ("lstm_channel", "model.attention")):
        model = get(f"published:{name}").build(SHAPE).double()
        with heedful.record(model) as maps:
            model(X)
        assert list(maps) == [place]
        assert maps[place].axes[:2] == ("batch", "channel")


def test_what_an_article_cannot_do_is_refused():
    assert all(name.startswith("published:") for name in names())
    with pytest.raises(OptionError, match="two classes"):
        get("published:lstm_channel").build(SignalShape(3, 5, 64))
    with pytest.raises(OptionError, match="one real number"):
        get("published:wdcnn").build(SignalShape(3, 0, 64))
    with pytest.raises(ShapeError, match="cut windows of that length"):
        get("published:wdcnn").build(SHAPE)(torch.zeros(2, 80, 3))
