from __future__ import annotations

import pickle

import pytest
import torch

from heedful import models
from heedful.errors import OptionError, UnknownName


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize(
    "shape", [models.Shape(5, 4, 1), models.Shape(window=13, features=2, horizon=3), models.Shape(13, 4, 3, known=(2,))]
)
def test_every_model_maps_windows_to_a_horizon(name: str, shape: models.Shape) -> None:
    model = models.get(name).build(shape)
    future = (torch.randn(7, shape.horizon, 1),) if shape.known else ()
    y = model(torch.randn(7, shape.window, shape.features), *future)
    assert y.shape == (7, shape.horizon)
    assert y.isfinite().all()


@pytest.mark.parametrize("name", models.names())
def test_a_sample_does_not_depend_on_another(name: str) -> None:
    model, x = models.get(name).build(models.Shape(5, 4, 1)).eval(), torch.randn(7, 5, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(x)[0].sum(), x)
    assert gradient[0].any()
    assert not gradient[1:].any()


def test_the_default_is_the_six_published_cnn_lstm_with_and_without_attention_and_heedful() -> None:
    kinds = [models.get(name).kind for name in models.DEFAULT]
    assert kinds == ["published"] * 6 + ["preset"] * 6
    with_one = ["cnn-lstm+se", "cnn-lstm+eca", "cnn-lstm+cbam", "cnn-lstm+height_width"]
    assert list(models.DEFAULT[6:]) == ["cnn-lstm", *with_one, "heedful"]
    assert set(models.DEFAULT) <= set(models.names())


def test_models_that_squash_their_output_are_scaled_to_its_range() -> None:
    for name, spec in models.MODELS.items():
        model = spec.build(models.Shape(5, 4, 1)).eval()
        last = model.output if spec.kind == "published" else model.decoder.output
        with torch.no_grad():
            last.bias += 100.0
            squashes = model(torch.randn(7, 5, 4)).abs().max() <= 1
        assert (spec.scaling == "minmax") == bool(squashes), name


def test_published_models_keep_their_articles_ways() -> None:
    for spec in models.MODELS.values():
        published = spec.kind == "published"
        assert spec.single_value == published
        assert spec.recipe == ("article" if published else "long" if spec.name == "heedful" else "modern")
        plan = spec.plan(models.Shape(5, 4, 1))
        assert plan is None if published else isinstance(plan, models.Plan)
        assert spec.summary.endswith(".")


def test_a_published_model_takes_one_target() -> None:
    with pytest.raises(OptionError, match="'cnn_lstm' is published for one target, got 2"):
        models.get("cnn_lstm").build(models.Shape(5, 4, targets=(0, 1)))


def test_specs_travel_to_other_processes() -> None:
    for name in ("cnn_lstm_eca", "cnn-lstm+eca", "attention-gru+scaled_dot"):
        spec = pickle.loads(pickle.dumps(models.get(name)))
        shape = models.Shape(5, 4, 1)
        torch.manual_seed(0)
        there = spec.build(shape)
        torch.manual_seed(0)
        here = models.get(name).build(shape)
        assert torch.equal(there(torch.ones(2, 5, 4)), here(torch.ones(2, 5, 4)))


def test_any_mechanism_may_stand_behind_a_preset() -> None:
    spec = models.get("attention-gru+eca")
    assert spec.name == "attention-gru+eca"
    assert "`attention-gru` with the gate `eca`, as in Wang et al." in spec.summary
    plan = spec.plan(models.Shape(5, 4, 1))
    assert plan is not None
    assert plan.map_attention is not None
    assert plan.map_attention.name == "eca"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("cnn_lstmm", "model 'cnn_lstmm'. Did you mean 'cnn_lstm'"),
        ("cnnlstm+eca", "preset 'cnnlstm'. Did you mean 'cnn-lstm'"),
        ("cnn-lstm+ecaa", "mechanism 'ecaa'. Did you mean 'eca'"),
    ],
)
def test_an_unknown_model_is_answered_with_the_nearest(name: str, error: str) -> None:
    with pytest.raises(UnknownName, match=error):
        models.get(name)


def test_a_mechanism_without_a_place_is_refused() -> None:
    with pytest.raises(OptionError, match="It needs a second map"):
        models.get("cnn-lstm+aff")
