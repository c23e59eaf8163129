"""Second opinions: other tests of the same forecasts, each with what it holds for. No answer rests on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.baselines import PERSISTENCE
from heedful.errors import ShapeError
from heedful.trial.effects import Answer, losses, trained
from heedful.trial.statistics import (
    ConfidenceSet,
    Contrast,
    Superiority,
    Test,
    correlation_time,
    diebold_mariano,
    model_confidence_set,
    sign_flips,
    spa,
)
from heedful.trial.statistics.contrast import ALPHA
from heedful.trial.statistics.grounds import BLOCKS_NEEDED

if TYPE_CHECKING:
    from heedful.trial.result import Comparison, Trial

MOST_NETWORKS = 100  # pairs of networks x bootstrap samples are held in memory
BETTER, WORSE, NEITHER = "better", "worse", "neither"


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """Other tests of one attention against one control, for these trained nets.

    Args:
        arm: the model with the attention.
        control: the model that it is compared with.
        called: what the control is: "none", "last state", "mean of all states" or "placebo".
        blocks: the contrast that the answer rests on.
        nets: Diebold-Mariano with the correction of Harvey, Leybourne and Newbold, a test for each seed; empty where
            it cannot be computed.
        flips: sign flips of the block means; None where there are too few.
        reason: why `nets` is empty.
    """

    arm: str
    control: str
    called: str
    blocks: Contrast
    nets: tuple[Test, ...]
    flips: Test | None
    reason: str = ""

    @property
    def better(self) -> int:
        """Nets that Diebold-Mariano finds better than the control, at 5 %."""
        return sum(test.p <= ALPHA and test.statistic < 0 for test in self.nets)

    @property
    def worse(self) -> int:
        """Nets that Diebold-Mariano finds worse than the control, at 5 %."""
        return sum(test.p <= ALPHA and test.statistic > 0 for test in self.nets)

    @property
    def by_nets(self) -> str:
        """What Diebold-Mariano says of most nets: better, worse, or neither."""
        most = len(self.nets) / 2
        return BETTER if self.better > most else WORSE if self.worse > most else NEITHER

    @property
    def by_blocks(self) -> str:
        """What the blocks say by themselves, before any correction: better, worse, or neither."""
        if self.blocks.p > ALPHA:
            return NEITHER
        return BETTER if self.blocks.effect < 0 else WORSE

    @property
    def agrees(self) -> bool:
        """Whether both say the same; True where there is no second opinion."""
        return not self.nets or self.by_nets == self.by_blocks


@dataclass(frozen=True, kw_only=True)
class Beaten:
    """Hansen's test that none of several models beats a benchmark, having looked at all of them.

    Args:
        block: mean length of the bootstrap's blocks, in origins: how long benchmark and a model differ alike.
    """

    benchmark: str
    models: tuple[str, ...]
    test: Superiority
    block: float

    @property
    def best(self) -> str:
        """The model that is most clearly better than the benchmark, or least clearly worse."""
        return self.models[self.test.best]


@dataclass(frozen=True, kw_only=True)
class Best:
    """Which networks may be the best on this test span, and whether any beats a benchmark.

    Args:
        networks: all that were looked at.
        chosen: the model confidence set.
        beaten: Hansen's test against persistence, and of the attentions against each backbone without any.
        block: mean length of the blocks that the set's bootstrap takes, in origins.
        origins: origins with a truth.
        seeds: nets that each loss is the mean of.
        left_out: networks that were not finished with all seeds.
    """

    networks: tuple[str, ...]
    chosen: ConfidenceSet
    beaten: tuple[Beaten, ...]
    block: float
    origins: int
    seeds: int
    left_out: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """The networks that may be the best."""
        return tuple(self.networks[i] for i in self.chosen.kept)


@dataclass(frozen=True, kw_only=True)
class Opinions:
    """Second opinions of a comparison. `best` is None where it cannot be computed, with the `reason`."""

    each: tuple[Opinion, ...]
    best: Best | None
    reason: str = ""

    @property
    def disagreeing(self) -> tuple[Opinion, ...]:
        """The opinions that differ from the blocks."""
        return tuple(one for one in self.each if not one.agrees)


def opinions(comparison: Comparison) -> Opinions:
    """Asks other tests about the same forecasts; deterministic, and of some seconds for many networks."""
    done = trained(comparison.trials)
    each = tuple(one for answer in comparison.answers for one in _of_answer(answer, done, comparison))
    try:
        return Opinions(each=each, best=_best(comparison, done))
    except ShapeError as error:
        return Opinions(each=each, best=None, reason=str(error))


# --- the parts ---------------------------------------------------------------------------------------------------

_Done = Mapping[str, Mapping[int, "Trial"]]


def _of_answer(answer: Answer, done: _Done, comparison: Comparison) -> list[Opinion]:
    asked, test = answer.question, comparison.test
    controls = {answer.none: answer.called} | ({asked.placebo: "placebo"} if asked.placebo else {})
    seeds = sorted(set.intersection(*(set(done[arm]) for arm in asked.arms)))
    own, found = losses(done[asked.arm], test, seeds), []
    for control, called in controls.items():
        blocks, reason = answer.controls[control], ""
        try:
            nets = diebold_mariano(own, losses(done[control], test, seeds), test.horizon)
        except ShapeError as error:
            nets, reason = (), str(error)
        found.append(
            Opinion(
                arm=asked.arm,
                control=control,
                called=called,
                blocks=blocks,
                nets=nets,
                flips=sign_flips(np.array(blocks.block_means)) if blocks.blocks > 1 else None,
                reason=reason,
            )
        )
    return found


def _best(comparison: Comparison, done: _Done) -> Best:
    seeds = sorted({seed for trials in done.values() for seed in trials})
    networks = tuple(name for name, trials in done.items() if len(trials) == len(seeds))
    if not 2 <= len(networks) <= MOST_NETWORKS:
        raise ShapeError(
            f"The model confidence set needs 2 to {MOST_NETWORKS} networks that are finished with all seeds, "
            f"got {len(networks)}."
        )
    test = comparison.test
    by_network = np.stack([losses(done[name], test, seeds).mean(0) for name in networks])
    [last] = losses({0: _persistence(comparison)}, test, [0])
    seen = np.isfinite(by_network).all(0) & np.isfinite(last)
    rows = dict(zip(networks, by_network, strict=True))
    block = _block("The model confidence set", by_network - by_network.mean(0), seen, comparison)
    against = {PERSISTENCE: networks} | {
        none: here
        for none, arms in _by_backbone(comparison.answers).items()
        if (here := tuple(arm for arm in arms if arm in rows and none in rows))
    }
    rows[PERSISTENCE] = last
    return Best(
        networks=networks,
        chosen=model_confidence_set(by_network[:, seen], block=block),
        beaten=tuple(_beaten(none, models, rows, seen, comparison) for none, models in against.items()),
        block=block,
        origins=int(seen.sum()),
        seeds=len(seeds),
        left_out=tuple(name for name in done if name not in networks),
    )


def _beaten(
    benchmark: str, models: tuple[str, ...], rows: Mapping[str, np.ndarray], seen: np.ndarray, comparison: Comparison
) -> Beaten:
    """Asks Hansen's test, in blocks that fit the differences which it resamples."""
    base, own = rows[benchmark], [rows[name] for name in models]
    block = _block(f"Hansen's test against {benchmark}", base - np.stack(own), seen, comparison)
    test = spa(base[seen], np.stack([one[seen] for one in own]), block=block)
    return Beaten(benchmark=benchmark, models=models, test=test, block=block)


def _block(who: str, differences: np.ndarray, seen: np.ndarray, comparison: Comparison) -> float:
    """Gives how many origins in a row the most lasting of several differences (M, N) stays alike.

    Raises: ShapeError where the test span holds too few blocks of so many.
    """
    known = np.where(seen, differences, np.nan)
    block = max(comparison.test.horizon, *(correlation_time(one, comparison.season) for one in known))
    if seen.sum() < BLOCKS_NEEDED * block:
        raise ShapeError(
            f"{who} needs a test span of {BLOCKS_NEEDED} blocks of {block:.0f} origins, got {seen.sum()} origins."
        )
    return float(block)


def _persistence(comparison: Comparison) -> Trial:
    for trial in comparison.trials:
        if trial.model == PERSISTENCE:
            return trial
    raise ShapeError("Hansen's test needs the forecasts of persistence, which are not finished. Continue the run.")


def _by_backbone(answers: Sequence[Answer]) -> dict[str, list[str]]:
    """Gives the arms with attention by the network without it."""
    found: dict[str, list[str]] = {}
    for answer in answers:
        found.setdefault(answer.question.none[0], []).append(answer.question.arm)
    return found
