from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from heedful.errors import OptionError, UnknownName
from heedful.models.plan import (
    Attention,
    Blend,
    Convolution,
    EncoderDecoder,
    Flatten,
    Gaussian,
    Identity,
    Last,
    LinearSkip,
    MultiScale,
    Parallel,
    Plan,
    Point,
    Pooled,
    Quantiles,
    Recurrence,
    Segments,
    StudentT,
)

PLANS = [
    Plan(),
    Plan(centre="revin", stem=MultiScale(filters=3, kernels=(2, 7)), head=Quantiles(levels=(0.25, 0.5)), dropout=0.1),
    Plan(stem=Segments(length=12), decoder=Parallel(segment=6, attention="dot"), channels="independent", embedding=4),
    Plan(map_attention=Attention(name="cbam", options={"pools": ("mean",), "spatial": False}), head=Gaussian()),
    Plan(recurrence=Recurrence(kind="da_rnn_input", options={"window": 40}), decoder=Pooled(segment=3, heads=2)),
    Plan(attention=Attention(name="mean"), decoder=Flatten(), skip=LinearSkip(frozen=True), head=StudentT()),
    Plan(skip=Blend(), decoder=Parallel(attention="dot", query="learned")),
    Plan(stem=Convolution(causal=True), decoder=EncoderDecoder(attention="dot", options={"normaliser": "sparsemax"})),
]


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_comes_back_from_toml_and_json(plan: Plan) -> None:
    assert Plan.from_toml(plan.to_toml()) == plan
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_plans_are_equal_when_their_parts_are() -> None:
    assert Plan(stem=Segments(length=6)) == Plan(stem=Segments(length=6))
    assert Plan(stem=Segments(length=6)) != Plan(stem=Segments(length=7))
    assert len({p.to_toml() for p in PLANS}) == len(PLANS)


def test_a_plan_is_printed_whole_and_cannot_be_changed() -> None:
    plan = Plan(stem=Segments(length=6, width=9))
    assert "Segments(length=6, width=9)" in repr(plan)
    with pytest.raises(FrozenInstanceError):
        plan.dropout = 0.5  # type: ignore[misc]
    assert replace(plan, stem=Identity()) == Plan()


def test_what_is_left_out_has_its_default() -> None:
    assert Plan.from_dict({}) == Plan()
    assert Plan.from_toml('[decoder]\npart = "pooled"\n').decoder == Pooled()


@pytest.mark.parametrize(
    ("toml", "error"),
    [
        ('centr = "last"', "value of Plan 'centr'. Did you mean 'centre'"),
        ('centre = "lst"', "centre 'lst'. Did you mean 'last'"),
        ('[stem]\npart = "segment"', "stem 'segment'. Did you mean 'segments'"),
        ('[stem]\npart = "segments"\nlenght = 3', "value of stem segments 'lenght'. Did you mean 'length'"),
    ],
)
def test_unknown_words_are_answered_with_the_nearest(toml: str, error: str) -> None:
    with pytest.raises(UnknownName, match=error):
        Plan.from_toml(toml)


@pytest.mark.parametrize(
    ("toml", "error"),
    [
        ('decoder = "last"', "decoder needs 'part', one of last, pooled"),
        ("[stem]\nlength = 3", "stem needs 'part', one of identity"),
        ("attention = 3", "attention needs its values by name, got 3"),
        ("[attention.options]\nbias = true", "attention needs a name, got none"),
        ("dropout = 1.5", "dropout from 0 to below 1, got 1.5"),
        ("dropout = nan", "needs a number as dropout, got nan"),
        ("[recurrence]\nwidth = 0", "Recurrence needs width of at least 1, got 0"),
        ("[recurrence]\nwidth = 2.5", "Recurrence needs a whole number as width, got 2.5"),
        ("[recurrence]\nwidth = true", "a whole number as width, got True"),
        ("[stem]\npart = 'multi_scale'\nkernels = []", "at least one value as kernels"),
        ("[stem]\npart = 'multi_scale'\nkernels = [3, 0]", "kernels of at least 1"),
        ("embedding = -1", "embedding of at least 0, got -1"),
        ("[head]\npart = 'quantiles'\nlevels = [0.5, 0.1]", "rising levels between 0 and 1"),
        ("[head]\npart = 'quantiles'\nlevels = [0.5, 1.0]", "rising levels between 0 and 1"),
        ("centre = last", "needs to be TOML"),
    ],
)
def test_values_that_cannot_be_used_are_refused_with_advice(toml: str, error: str) -> None:
    with pytest.raises(OptionError, match=error):
        Plan.from_toml(toml)


def test_parts_of_another_kind_and_options_that_are_not_plain_are_refused() -> None:
    with pytest.raises(OptionError, match="Plan needs .*Segments as stem, got Point"):
        Plan(stem=Point())  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="as decoder, got <class"):
        Plan(decoder=Last)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="Attention needs options by name"):
        Attention(name="se", options={"reduction": None})
