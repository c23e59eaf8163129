"""Whether a map shows what the network learned, or what any network would show: maps of other networks beside it.

Letters in shapes: K other networks, n windows, T samples.

Paper:   Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, arXiv:1810.03292, sections 3 and 4.
Differs: at least five networks, and how alike they are to each other stands beside, since two maps can be alike by
         chance, or for what the windows themselves bring. All parameters are drawn anew at once, not layer by layer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import nn

from heedful.errors import OptionError, ShapeError
from heedful.explanation.agreement import Array, unit_ranks
from heedful.explanation.subject import Subject

Check = Literal["untrained", "labels", "seeds"]
FEWEST: dict[Check, int] = {"untrained": 5, "labels": 3, "seeds": 1}
"""Networks that each check needs."""
AGREED = 0.5
"""Rank correlation from which maps of two networks share more than what is each one's own."""
LEAST = 0.1
"""Differences of rank correlation below this are none."""
DEVIATIONS = 2.5
"""How many deviations are no chance; five networks that are all alike exceed them in about 5 %."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sanity:
    """How alike the map of a network is to those of other networks, and these to each other.

    Args:
        check: what the others are: "untrained", trained on shuffled "labels", or on the same ones from other "seeds".
        map: name of the map.
        each: mean rank correlation of the explained map with that of each other network (K,).
        among: that of the others with each other (K, K), NaN on the diagonal.
        margin: how far the means of the two may lie apart by chance.
        passed: whether this check leaves the map standing; None where too few networks have a map that varies.

    The explained map fails beside untrained networks, or those of shuffled labels, if it is more like them than they
    are like each other, or if they are as good as agreed on one map and it is that one. Beside other seeds it passes
    if it shares more with them than is its own.

    Untrained networks and shuffled labels can only refute a map. One that passes need not have been learned: maps of
    networks that learned nothing pass nearly always, for they are as unlike each other as unlike a learned one.
    """

    check: Check
    map: str
    each: np.ndarray
    among: np.ndarray
    margin: float
    passed: bool | None

    @property
    def own(self) -> float:
        """Mean over `each`."""
        return _mean(self.each)

    @property
    def spread(self) -> float:
        """Mean over the pairs of `among`; NaN for a single network."""
        return _mean(self.among)

    @property
    def line(self) -> str:
        """What came out, in one line."""
        others = {
            "untrained": "untrained networks",
            "labels": "networks trained on shuffled labels",
            "seeds": "networks trained from other seeds",
        }[self.check]
        if self.passed is None:
            return f"{self.map}: maps of {others} hardly vary, so nothing can be told"
        told = f"{self.map}: rank correlation {self.own:.2f} with {others}"
        if not np.isnan(self.spread):
            told += f", theirs with each other {self.spread:.2f} ± {self.margin:.2f}"
        if self.check == "seeds":
            what = "another seed shows much the same" if self.passed else "another seed shows another map"
        else:
            what = "these do not show it by themselves" if self.passed else "nothing need be learned to show it"
        return f"{told}: {what}"

    def __repr__(self) -> str:
        return f"Sanity({self.line})"


def against_untrained(
    subject: Subject,
    mapper: Callable[[Subject], Array],
    *,
    nets: int = 5,
    seed: int = 0,
    rebuild: Callable[[int], nn.Module] | None = None,
    own: Array | None = None,
    name: str = "map",
) -> Sanity:
    """Compares the map of a trained network with those of the same network, every parameter drawn anew.

    All are asked about the same answers: the classes that the trained network says.

    Args:
        subject: the trained network and its windows.
        mapper: makes the maps (n, T) of any such subject; it is called once for each network.
        nets: K, untrained networks.
        seed: draws them.
        rebuild: builds an untrained network from a seed; by default `redrawn`.
        own: the trained network's map, if it is there.
        name: name of the map.

    Raises: OptionError for fewer than five networks; others as `compared`.
    """
    if nets < FEWEST["untrained"]:
        raise _too_few("untrained", nets)
    subject = subject.settled()
    trained = mapper(subject) if own is None else own
    others = []
    for number in range(nets):
        chosen = 1 + nets * seed + number
        net = redrawn(subject.net, chosen) if rebuild is None else rebuild(chosen)
        others.append(mapper(replace(subject, net=net.to(subject.x.device).eval())))
    return compared("untrained", trained, others, subject.real, subject.groups, name=name)


def against_random_labels(
    own: Array, others: Sequence[Array], real: Array, groups: np.ndarray, *, name: str = "map"
) -> Sanity:
    """Compares a map with those of networks that were trained the same way on labels in random order.

    Args:
        own: the explained map (n, T).
        others: maps of at least three such networks, of the same windows and answers, each (n, T).
        real: which samples are real (n, T).
        groups: group of each window (n,).
        name: name of the map.

    Raises: as `compared`.
    """
    return compared("labels", own, others, real, groups, name=name)


def across_seeds(own: Array, others: Sequence[Array], real: Array, groups: np.ndarray, *, name: str = "map") -> Sanity:
    """Compares a map with those of networks that differ from its own in nothing but the seed.

    Args:
        own: the explained map (n, T).
        others: maps of the other networks, of the same windows and answers, each (n, T).
        real: which samples are real (n, T).
        groups: group of each window (n,).
        name: name of the map.

    Raises: as `compared`.
    """
    return compared("seeds", own, others, real, groups, name=name)


def compared(
    check: Check, own: Array, others: Sequence[Array], real: Array, groups: np.ndarray, *, name: str = "map"
) -> Sanity:
    r"""Compares a map with those of other networks, and these with each other.

        difference_i = mean_j rho_ij - mean_{j<k} rho_jk,   j and k other than i
        margin = max(0.1, 2.5 deviation_i(difference_i), 2.5 deviation_j(rho_0j) / \sqrt K),   i one of the others

    rho is the mean over groups of the mean over their windows of the rank correlation; a window where one of the two
    maps is the same everywhere does not count. What may be chance is read off the others, each of which in turn stands
    in for the explained network, and off how much the likeness to one of them differs from that to the next.

    Args:
        check: what the others are.
        own: the explained map (n, T).
        others: the others' maps of the same windows, each (n, T).
        real: which samples are real (n, T).
        groups: group of each window (n,).
        name: name of the map.

    Raises: OptionError for too few networks; ShapeError for maps or groups of another shape; DataError for numbers
            that are not finite.
    """
    if len(others) < FEWEST[check]:
        raise _too_few(check, len(others))
    alike = _alike([own, *others], real, groups)
    each, among = alike[0, 1:], alike[1:, 1:]
    vary = ~np.isnan(each)
    if vary.sum() < FEWEST[check]:
        return Sanity(check=check, map=name, each=each, among=among, margin=LEAST, passed=None)
    margin, difference = LEAST, 0.0
    if vary.sum() > 2:
        one_of_them = [_difference(among[i], np.delete(np.delete(among, i, 0), i, 1)) for i in np.flatnonzero(vary)]
        spreads = np.std(one_of_them, ddof=1), np.std(each[vary], ddof=1) / np.sqrt(vary.sum())
        margin = max(LEAST, DEVIATIONS * float(max(spreads)))
        difference = _difference(each, among)
    if check == "seeds":
        passed = _mean(each) >= AGREED
    elif abs(difference) <= margin:
        passed = _mean(among) < AGREED
    else:
        passed = difference < 0
    return Sanity(check=check, map=name, each=each, among=among, margin=margin, passed=passed)


def redrawn(net: nn.Module, seed: int) -> nn.Module:
    """Copies a network and draws every parameter anew, in place of what it learned.

    A module that knows how to start over does so, and forgets its running statistics. Parameters that stand in no such
    module are drawn from a normal distribution of the mean and deviation that they have; one that is a single number
    keeps it. A function that builds the network is better where there is one.

    >>> net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    >>> other = redrawn(net, 1)
    >>> torch.equal(other[0].weight, net[0].weight), torch.equal(other[0].weight, redrawn(net, 1)[0].weight)
    (False, True)
    """
    anew = copy.deepcopy(net)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in anew.modules():
            begin = getattr(module, "reset_parameters", None)
            if callable(begin):
                begin()
                continue
            for parameter in module.parameters(recurse=False):
                mean, deviation = parameter.mean(), parameter.std(correction=0)
                parameter.copy_(torch.randn(parameter.shape).to(parameter) * deviation + mean)
    return anew


# --- how alike -----------------------------------------------------------------------------------------------


def _alike(maps: Sequence[Array], real: Array, groups: np.ndarray) -> np.ndarray:
    """Mean rank correlation of all pairs (M, M), NaN on the diagonal and where there is none."""
    ranked = [unit_ranks(one, real) for one in maps]
    shape = ranked[0].shape
    if np.shape(groups) != shape[:1]:
        raise ShapeError(
            f"Maps {shape} need a group for each window, got {np.shape(groups)} of them. Give subject.groups."
        )
    _, which = np.unique(groups, return_inverse=True)
    alike = np.full((len(maps), len(maps)), np.nan)
    for i, one in enumerate(ranked):
        for j in range(i):
            each = (one * ranked[j]).sum(1)
            counts = ~np.isnan(each)
            size = np.bincount(which[counts])
            sums = np.bincount(which[counts], each[counts])
            if counts.any():
                alike[i, j] = alike[j, i] = (sums[size > 0] / size[size > 0]).mean()
    return alike


def _difference(each: np.ndarray, among: np.ndarray) -> float:
    return _mean(each) - _mean(among)


def _mean(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else np.nan


def _too_few(check: Check, came: int) -> OptionError:
    return OptionError(
        f"The check '{check}' needs maps of at least {FEWEST[check]} other networks, got {came}. Give more: one alone "
        "can be alike by chance."
    )
