from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from heedful.errors import OptionError
from heedful.models import compose
from heedful.models.plan import Convolution, Identity, MultiScale, Plan, Recurrence, Segments
from heedful.models.presets import PRESETS
from heedful.models.shape import Shape
from heedful.models.wide import TOLERANCE, parameters, wide

SHAPE = Shape(48, 5, 12)


def count(plan: Plan, shape: Shape = SHAPE) -> int:
    return sum(p.numel() for p in compose(plan, shape).parameters() if p.requires_grad)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "heedful"])
@pytest.mark.parametrize("share", [1.05, 1.3, 2.0, 0.8])
def test_a_wide_plan_has_the_parameters_that_were_wanted(name: str, share: float) -> None:
    plan = PRESETS[name].plan(SHAPE)
    wanted = round(share * count(plan))
    found = wide(plan, SHAPE, wanted)
    assert found.parameters == count(found.plan)
    assert found.wanted == wanted
    off = abs(found.parameters - wanted)
    assert bool(found.note) == (off > TOLERANCE * wanted)
    if isinstance(plan.stem, Identity):
        units = found.plan.recurrence.width
        others = (replace(plan, recurrence=replace(plan.recurrence, width=n)) for n in (units - 1, units + 1))
        assert off <= TOLERANCE * wanted or all(off <= abs(count(other) - wanted) for other in others)
    else:
        assert off <= TOLERANCE * wanted


def test_only_widths_change() -> None:
    plan = Plan(stem=Convolution(filters=8, kernel=5), recurrence=Recurrence(kind="gru", width=12), dropout=0.1)
    found = wide(plan, SHAPE, 3 * count(plan)).plan
    assert isinstance(found.stem, Convolution)
    assert (found.stem.kernel, found.recurrence.kind, found.dropout) == (5, "gru", 0.1)
    assert found.stem.filters > 8
    assert found.recurrence.width > 12


def test_stem_and_recurrence_keep_their_proportion() -> None:
    plan = Plan(stem=Convolution(filters=8), recurrence=Recurrence(kind="gru", width=16))
    found = wide(plan, SHAPE, 6 * count(plan)).plan
    assert isinstance(found.stem, Convolution)
    assert 0.4 < found.stem.filters / found.recurrence.width < 0.6


@pytest.mark.parametrize("stem", [Segments(length=8, width=16), MultiScale(filters=4)])
def test_every_stem_is_widened(stem: Segments | MultiScale) -> None:
    plan = Plan(stem=stem, recurrence=Recurrence(kind="none"))
    found = wide(plan, SHAPE, 4 * count(plan))
    assert found.plan.stem != stem
    assert abs(found.parameters / found.wanted - 1) <= TOLERANCE


def test_a_handful_of_parameters_more_needs_no_widening() -> None:
    plan = Plan(stem=Convolution(filters=16))
    assert wide(plan, SHAPE, count(plan) + 3).plan == plan


def test_a_net_too_small_for_two_percent_takes_the_nearest_and_says_so() -> None:
    shape, plan = Shape(5, 1), Plan(recurrence=Recurrence(kind="lstm", width=2))
    sizes = {n: count(Plan(recurrence=Recurrence(kind="lstm", width=n)), shape) for n in (2, 3, 4)}
    wanted = round(0.6 * sizes[2] + 0.4 * sizes[3])
    found = wide(plan, shape, wanted)
    assert found.plan.recurrence.width == 2
    assert found.note == f"{sizes[2]} parameters where {wanted} were wanted, the nearest that whole units give"


def test_counting_draws_nothing_from_the_generator() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    plan = Plan(stem=Convolution(filters=4))
    assert parameters(plan, SHAPE) == count(plan)
    torch.manual_seed(5)
    wide(plan, SHAPE, 5000)
    parameters(plan, SHAPE)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_plan_with_nothing_to_widen_is_refused() -> None:
    with pytest.raises(OptionError, match=r"a stem or a recurrence to widen, got neither"):
        wide(Plan(recurrence=Recurrence(kind="none")), SHAPE, 100)
