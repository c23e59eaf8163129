"""Networks trained anew: from other seeds, with uniform weights, on shuffled targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from heedful.attention.steering import steered
from heedful.attention.steering.changes import uniform
from heedful.errors import OptionError
from heedful.explaining.case import Case
from heedful.explanation.sanity import FEWEST
from heedful.explanation.subject import Subject


@dataclass(frozen=True, kw_only=True, eq=False)
class Again:
    """What came of training anew.

    Args:
        seeds: the subject with networks trained from other seeds.
        shuffled: the subject with networks trained on shuffled targets.
        losses: loss of each network by its kind, "as it is" or "uniform weights".
    """

    seeds: tuple[Subject, ...]
    shuffled: tuple[Subject, ...]
    losses: dict[str, tuple[float, ...]]


def trained_again(case: Case, subject: Subject, count: int, say: Callable[[str], object]) -> Again:
    """Trains networks like the one of a case, so many of each kind."""
    plain: list[Subject] = []
    shuffled: list[Subject] = []
    losses: dict[str, list[float]] = {"as it is": [], "uniform weights": []}
    for seed in range(1, count + 1):
        say(f"training again, seed {seed} of {count}: as it is")
        plain.append(_learned(case, subject, seed))
        losses["as it is"].append(_loss(plain[-1]))
        say(f"training again, seed {seed} of {count}: with uniform weights")
        losses["uniform weights"].append(_loss_of_uniform(case, subject, seed))
    try:
        for seed in range(1, max(FEWEST["labels"], count) + 1):
            say(f"training again, seed {seed}: on shuffled targets")
            shuffled.append(_learned(case, subject, seed, shuffled=True))
    except OptionError as why:
        say(str(why))
    return Again(
        seeds=tuple(plain),
        shuffled=tuple(shuffled),
        losses={name: tuple(values) for name, values in losses.items()},
    )


def _learned(case: Case, subject: Subject, seed: int, *, shuffled: bool = False) -> Subject:
    return _asked(subject, case.trained(case.build(seed), seed, shuffled=shuffled))


def _asked(subject: Subject, net: nn.Module) -> Subject:
    """Asks another network; a temperature that was found for the first one says nothing of its scores."""
    return replace(subject, net=net, point=(lambda raw: raw) if subject.classes else subject.point)


def _loss_of_uniform(case: Case, subject: Subject, seed: int) -> float:
    """Gives the loss of a network that had uniform weights while it learned, and has them when it is asked."""
    net = case.build(seed)
    with steered(net, uniform):
        return _loss(_asked(subject, case.trained(net, seed)))


def _loss(subject: Subject) -> float:
    with torch.no_grad():
        return float(subject.loss(subject.undisturbed(), torch.arange(len(subject))).nanmean())
