"""What the page says in words and numbers: the verdict, what to be wary of, facts, tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.report import told
from heedful.report.answers import Asked
from heedful.report.signals.tables import folds_of, plain, value
from heedful.signals.tables import gain
from heedful.trial.effects import NOT_CONCLUDED
from heedful.trial.family import family
from heedful.trial.tables import asked_earlier

if TYPE_CHECKING:
    from heedful.report.language import Language
    from heedful.report.signals.looks import Look
    from heedful.report.signals.view import SignalLine, SignalPage
    from heedful.signals.result import Classification

NAMES = 9
"""Longer lists of names end in a count."""


# --- the verdict -------------------------------------------------------------------------------------------------


def verdict(page: SignalPage) -> str:
    """Says what a trial of attention found; without one, whether the best network is worth its training."""
    return told.over_groups(page.result.answers, page.say) if page.result.answers else compared(page)


def compared(page: SignalPage) -> str:
    """Says whether the best network is worth more than the best baseline."""
    say, network, baseline = page.say, page.network, page.baseline
    said = []
    if network is None:
        said.append(say("verdict.no_network"))
        if baseline is not None:
            said.append(say("verdict.baseline_alone", baseline=baseline.name, score=_score(page, baseline)))
    elif baseline is None:
        said.append(say("verdict.network_alone", model=network.name, score=_score(page, network)))
    else:
        said += _against(page, network, baseline)
    return say("text.space").join(said)


def _against(page: SignalPage, network: SignalLine, baseline: SignalLine) -> list[str]:
    """Compares the best network with the best baseline, and says where the difference is no evidence."""
    say, result = page.say, page.result
    name, sign = result.ranked_by, 1 if result.metrics[result.ranked_by].larger_is_better else -1
    ahead = gain(result, network.name, baseline.name)
    slots = {"model": network.name, "baseline": baseline.name}
    key = "verdict.better" if ahead > 0 else "verdict.not_better"
    said = [say(key, score=_score(page, network), other=_score(page, baseline), **slots)]
    spread = value(result, network.name, f"{name}_std")
    if ahead > 0:
        if len(result.folds) > 1:
            own, other = (folds_of(result, line.name) for line in (network, baseline))
            better = int((sign * (own - other) > 0).sum())
            said.append(say("verdict.on_folds", better=better, count=len(result.folds)))
        if not np.isfinite(spread):
            said.append(say("verdict.one_seed"))
        elif ahead < spread:
            said.append(say("verdict.within", spread=plain(page, spread)))
    return said + _chance(page, network)


def _chance(page: SignalPage, network: SignalLine) -> list[str]:
    """Says if a network is right no more often than the commonest class, by more than its spread over seeds."""
    result = page.result
    if not result.classes or "majority" not in result.summary.index:
        return []
    commonest = value(result, "majority", "accuracy")
    accuracy, spread = (value(result, network.name, name) for name in ("accuracy", "accuracy_std"))
    if accuracy > commonest + (spread if np.isfinite(spread) else 0.0):
        return []
    return [page.say("verdict.chance", accuracy=f"{accuracy:.3f}", score=f"{commonest:.3f}")]


def _score(page: SignalPage, line: SignalLine) -> str:
    """Writes the ranking metric of a model with its name and its spread over seeds."""
    name, title = page.measure
    found, spread = (value(page.result, line.name, column) for column in (name, f"{name}_std"))
    shown = f" ± {plain(page, spread)}" if np.isfinite(spread) else ""
    return page.say("verdict.score", metric=title, value=plain(page, found) + shown)


# --- what to be wary of ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something that must be known before any number is read."""

    text: str
    advice: str = ""
    grave: bool = False


def alarms(page: SignalPage) -> list[Alarm]:
    """Gives what makes the numbers worth less than they look: leaks, what the checks found, what did not train."""
    say, result = page.say, page.result
    found = [Alarm(text=say("alarm.leaky"), advice=say("alarm.leaky_advice"), grave=True)] if result.leaky else []
    for one in result.checks:
        if one.severity != "note":
            text, advice = checked(result, one.text, say), say.sentence(one.advice)
            found.append(Alarm(text=text, advice=advice, grave=one.severity == "error"))
    alone = dict.fromkeys(label for fold in result.folds for label in fold.parts.in_time)
    if alone:
        found.append(Alarm(text=say("alarm.in_time", count=len(alone), classes=listed(list(alone), say))))
    lost = [f"{t.model} ({t.seed})" for t in result.trials if t.seed is not None and not np.isfinite(t.test).all()]
    if lost:
        found.append(Alarm(text=say("alarm.lost", names=say("text.comma").join(lost))))
    found += [
        Alarm(text=say.sentence(one.text), advice=say("text.comma").join(name for name, _ in one.models))
        for one in asked_earlier(result.earlier)
    ]
    return found


def checked(result: Classification, text: str, say: Language) -> str:
    """Translates what a check says; the name of a fold before it stays."""
    fold = next((f.name for f in result.folds if f.name and text.startswith(f"{f.name}: ")), "")
    return f"{fold}{say('text.colon')}{say.sentence(text[len(fold) + 2 :])}" if fold else say.sentence(text)


def looked_for(page: SignalPage) -> list[str]:
    """Gives the checks that found nothing."""
    return [checked(page.result, one.text, page.say) for one in page.result.checks if one.severity == "note"]


def notes(page: SignalPage) -> list[str]:
    """Gives what was decided on the way; how the parts came out stands beside the strips, and is not said again."""
    told = {note for fold in page.result.folds for note in fold.parts.notes[:1]}
    return [page.say.sentence(note) for note in dict.fromkeys(page.result.notes) if note not in told]


def remarks(page: SignalPage) -> list[str]:
    """Gives what single trials say of themselves, once for each model."""
    said = dict.fromkeys((trial.model, note) for trial in page.result.trials for note in trial.notes)
    return [f"{model}{page.say('text.colon')}{page.say.sentence(note)}" for model, note in said]


# --- facts -------------------------------------------------------------------------------------------------------


def facts(page: SignalPage) -> list[tuple[str, str]]:
    """Gives the short facts of what was read, as pairs of label and value."""
    say, result = page.say, page.result
    found, cuts = result.recordings, result.folds[0].test
    alone = all(one.group is None for one in found.items)
    seeds = sorted({trial.seed for trial in result.trials if trial.seed is not None})
    shown = {
        "recordings": f"{len(found):,}",
        "groups": say("recordings.alone") if alone else f"{len(found.groups):,}",
        "classes": listed(result.classes, say) if result.classes else "",
        "target": "" if result.classes else _targets(result, say),
        "channels": listed(found.channels, say),
        "rate": _rate(result, say),
        "length": _length(result, say),
        "window": _window(result, say),
        "split": say.named("splits", result.folds[0].parts.kind),
        "folds": f"{len(result.folds)}" if len(result.folds) > 1 else "",
        "seeds": say("text.comma").join(map(str, seeds)) or say("facts.seeds_none"),
        "test_windows": f"{sum(len(fold.test) for fold in result.folds):,}" if len(cuts) else "",
    }
    return [(say(f"signal_facts.{name}"), value) for name, value in shown.items() if value]


def listed(names: tuple[str, ...] | list[str], say: Language) -> str:
    """Lists names, the first nine of many."""
    more = say("facts.inputs_more", count=len(names) - NAMES) if len(names) > NAMES else ""
    return say("text.comma").join(names[:NAMES]) + more


def _targets(result: Classification, say: Language) -> str:
    known = [one.target_at(np.arange(len(one))) for one in result.recordings.items if one.has_target]
    ends = min(map(np.nanmin, known)), max(map(np.nanmax, known))
    return say("text.to").join(f"{value:.4g}" for value in ends)


def _rate(result: Classification, say: Language) -> str:
    rates = sorted({one.rate for one in result.recordings.items}, key=lambda rate: rate or 0.0)
    told = [say("recordings.rate", value=f"{rate:,.6g}") if rate else say("recordings.unknown") for rate in rates]
    return listed(told, say)


def _length(result: Classification, say: Language) -> str:
    """Says how long recordings are, and all of them together; in samples where a rate is unknown."""
    items = result.recordings.items
    known = all(one.rate for one in items)
    key = "recordings.seconds" if known else "recordings.samples"
    lengths = [len(one) / ((one.rate or 1.0) if known else 1.0) for one in items]
    ends = dict.fromkeys(_short(value) for value in (min(lengths), max(lengths)))
    each = say(key, value=say("text.to").join(ends))
    return say("recordings.in_all", each=each, all=say(key, value=_short(sum(lengths))))


def _window(result: Classification, say: Language) -> str:
    cuts, rate = result.folds[0].train, result.recordings.rate
    whole = bool(result.run.get("options", {}).get("whole", False))
    told = say("recordings.samples", value=f"{cuts.window:,}")
    if rate:
        told = say("recordings.with_seconds", samples=told, seconds=_short(cuts.window / rate))
    return say("recordings.whole", window=told) if whole else told


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def stride(look: Look, say: Language) -> str:
    """Says how much of the window one attention weight covers."""
    told, rate = say("recordings.samples", value=f"{look.stride:.3g}"), look.windows[0].window.rate
    return say("recordings.with_seconds", samples=told, seconds=_short(look.stride / rate)) if rate else told


# --- the trial of attention --------------------------------------------------------------------------------------


def asked(page: SignalPage) -> Asked:
    """Says how a trial on recordings was measured: over groups, in points of the error rate."""
    say, result = page.say, page.result
    margin = told.amount(result.margin, told.POINTS if result.classes else "%", say)
    alone = all(one.group is None for one in result.recordings.items)
    assumed = ["groups.assumed_budget", "groups.assumed_crossed"]
    assumed += ["groups.assumed_alone"] if alone else []
    assumed += ["groups.assumed_folds"] if len(result.folds) > 1 else []
    cannot = ["groups.not_leaky"] if result.leaky else ["groups.not_others"]
    return Asked(
        explained=say.html("groups.explained" if result.classes else "groups.explained_number", margin=margin),
        unit=say("groups.error_rate" if result.classes else "answers.squared_error"),
        detectable=say("groups.detectable_told", count=family(result.asked, result.earlier)),
        cost=say("groups.cost" if result.classes else "groups.cost_number"),
        assumed=(*(say(key) for key in assumed), say("groups.assumed_holm")),
        not_concluded=(*(say(key) for key in cannot), *(say.sentence(line) for line in NOT_CONCLUDED[1:])),
    )
