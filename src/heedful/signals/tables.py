"""Tables and sentences read off a classification."""

from __future__ import annotations

from collections import Counter
from math import isclose
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from heedful.errors import unknown
from heedful.signals import baselines
from heedful.signals import scores as measured
from heedful.signals.scores import softmax
from heedful.trial.tables import asked_earlier

if TYPE_CHECKING:
    from heedful.data.recordings import Cuts
    from heedful.signals.result import Classification, Fold, SignalTrial
    from heedful.trial.result import Finding


def scores(result: Classification) -> pd.DataFrame:
    """One row per model, seed, fold, split and metric; with probabilities as calibrated on the validation part."""
    rows = [
        (trial.model, trial.seed, trial.fold, split, metric, value)
        for trial, fold in _with_folds(result)
        for split, cuts, said in (("validation", fold.validation, trial.validation), ("test", fold.test, trial.test))
        if cuts is not None
        for metric, value in scored(cuts, said, trial.temperature).items()
    ]
    frame = pd.DataFrame(rows, columns=["model", "seed", "fold", "split", "metric", "value"])
    return frame.astype({"seed": "Int64"})


def scored(cuts: Cuts, said: np.ndarray, temperature: float) -> dict[str, float]:
    """Scores what was said of windows; NaN in every metric for a network that did not train.

    Shape: said as in `SignalTrial`.
    """
    if not np.isfinite(said).all():
        names = (*measured.metrics_of(len(cuts.classes)), *(["vote_accuracy"] if cuts.classes else []))
        return dict.fromkeys(names, float("nan"))
    if not cuts.classes:
        return measured.regression(cuts.targets, said[:, 0])
    found = measured.classification(cuts.labels, softmax(said, temperature))
    _, together, _ = measured.vote(softmax(said, temperature), cuts.starts[:, 0])
    first = np.unique(cuts.starts[:, 0], return_index=True)[1]
    return {**found, "vote_accuracy": float(np.mean(together.argmax(1) == cuts.labels[first]))}


def summary(result: Classification) -> pd.DataFrame:
    """One row per model, best first: the mean over folds and seeds, and the spread of the seeds' means.

    A model that diverged in one training has NaN, so that it is not ranked by the others; a metric that a fold leaves
    undefined, such as AUROC where its test holds one class, is the mean over the other folds.
    """
    whole = result.scores[result.scores["split"] == "test"]
    over_folds = whole.groupby(["model", "seed", "metric"], sort=False, dropna=False)["value"].mean().reset_index()
    by = over_folds.groupby(["model", "metric"], sort=False)["value"]
    mean, spread = by.mean().unstack(), by.std(ddof=1).unstack()
    table = mean.join(spread.add_suffix("_std"))
    table.loc[[model for model in table.index if model in diverged(result)]] = np.nan
    for name in ("parameters", "seconds", "milliseconds"):
        values: dict[str, list[float]] = {}
        for trial in result.trials:
            values.setdefault(trial.model, []).append(getattr(trial, name))
        table[name] = pd.Series({model: float(np.mean(numbers)) for model, numbers in values.items()})
    table = table.astype({"parameters": int})
    metric = result.metrics[result.ranked_by]
    return table.sort_values(metric.name, ascending=not metric.larger_is_better, kind="stable").rename_axis("model")


def by_fold(result: Classification) -> pd.DataFrame:
    """The ranking metric of each model on each fold, mean over seeds, in the order of the summary."""
    frame = result.scores
    own = frame[(frame["split"] == "test") & (frame["metric"] == result.ranked_by)]
    table = own.groupby(["model", "fold"], sort=False)["value"].mean(skipna=False).unstack()
    # A run that ended early may have folds without any trial: their columns are empty.
    return table.reindex(index=list(result.summary.index), columns=[fold.name for fold in result.folds])


def predictions(result: Classification) -> pd.DataFrame:
    """One row per test window, model and seed."""
    parts = []
    for trial, fold in _with_folds(result):
        cuts = fold.test
        frame = pd.DataFrame(_where(cuts))
        frame.insert(0, "fold", fold.name)
        frame["model"], frame["seed"] = trial.model, trial.seed
        if cuts.classes:
            p, names = trial.probabilities, np.array(cuts.classes)
            frame["true"], frame["said"] = names[cuts.labels], _named(p, names)
            for code, name in enumerate(cuts.classes):
                frame[f"p_{name}"] = p[:, code].round(6)
        else:
            frame["true"], frame["said"] = cuts.targets, trial.test[:, 0]
        parts.append(frame)
    return pd.concat(parts, ignore_index=True).astype({"seed": "Int64"})


def votes(result: Classification) -> pd.DataFrame:
    """One row per test recording, model and seed: what its windows said together, and how many said so alone."""
    parts = []
    for trial, fold in _with_folds(result):
        cuts, names = fold.test, np.array(fold.test.classes)
        if not cuts.classes:
            continue
        numbers, together, share = measured.vote(trial.probabilities, cuts.starts[:, 0])
        first = np.unique(cuts.starts[:, 0], return_index=True)[1]
        frame = pd.DataFrame(
            {
                "fold": fold.name,
                "recording": [result.recordings[number].name for number in numbers],
                "group": cuts.groups[first],
                "model": trial.model,
                "seed": trial.seed,
                "windows": np.unique(cuts.starts[:, 0], return_counts=True)[1],
                "true": names[cuts.labels[first]],
                "said": _named(together, names),
                "p": together.max(1).round(6),
                "share": share.round(4),
            }
        )
        parts.append(frame)
    return pd.concat(parts, ignore_index=True).astype({"seed": "Int64"}) if parts else pd.DataFrame()


def per_class(result: Classification, model: str) -> pd.DataFrame:
    """Precision, recall and F1 of each class, over all folds and seeds that did not diverge."""
    truth, p = _together(result, model)
    if not len(truth):
        lost = pd.DataFrame(np.nan, index=list(result.classes), columns=["precision", "recall", "f1"])
        return lost.assign(samples=0).rename_axis("class")
    return measured.per_class(truth, p, result.classes)


def confusion(result: Classification, model: str) -> pd.DataFrame:
    """What was said of each true class, counted over all folds and seeds that did not diverge."""
    truth, p = _together(result, model)
    if not len(truth):
        true, said = (pd.Index(list(result.classes), name=name) for name in ("true", "said"))
        return pd.DataFrame(0, index=true, columns=said)
    return measured.confusion(truth, p, result.classes)


def diverged(result: Classification) -> dict[str, int]:
    """Counts of each model the trainings whose answers are no numbers; models without any are left out."""
    return dict(Counter(trial.model for trial in result.trials if not _finite(trial)))


def gain(result: Classification, model: str, other: str) -> float:
    """Says by how much a model is better than another in the measure that ranks them; 0 where only rounding differs."""
    metric = result.metrics[result.ranked_by]
    own, theirs = map(float, result.summary.loc[[model, other], metric.name].to_numpy(dtype=np.float64))
    if isclose(own, theirs, rel_tol=1e-9):
        return 0.0
    return own - theirs if metric.larger_is_better else theirs - own


def findings(result: Classification) -> tuple[Finding, ...]:
    """What a reader must not miss: what the split allows to say, then who beats the baselines."""
    from heedful.trial.result import Finding

    found = []
    if result.leaky:
        text = "LEAKY split: windows of one recording stand in train and test, so these numbers say little of new ones."
        found.append(Finding(text=text, severity="warning"))
    found += [
        Finding(text=f"{check.text} {check.advice}".rstrip(), severity="warning")
        for check in result.checks
        if check.severity != "note"
    ]
    for model, times in diverged(result).items():
        trained = sum(trial.model == model for trial in result.trials)
        text = f"{model} diverged in {times} of {trained} trainings, so it has no score. Try a lower learning rate."
        found.append(Finding(text=text, severity="warning"))
    found += asked_earlier(result.earlier)
    table, metric = result.summary, result.metrics[result.ranked_by]
    known = [name for name in table.index if name in baselines.SUMMARIES]
    nets = [name for name in table.index if name not in baselines.SUMMARIES]
    if known and nets:
        best, value = known[0], float(table.loc[known[0], metric.name])
        better = [name for name in nets if gain(result, name, best) > 0]
        if better:
            text = f"Better than the best baseline ({best}, {metric.heading} {value:.3f}) in {metric.heading}:"
            named = tuple((name, f"{float(table.loc[name, metric.name]):.3f}") for name in better)
            found.append(Finding(text=text, severity="good", models=named))
        else:
            text = f"No network beats the baseline {best} ({metric.heading} {value:.3f}): take the baseline."
            found.append(Finding(text=text, severity="warning"))
    return tuple(found)


def _with_folds(result: Classification) -> list[tuple[SignalTrial, Fold]]:
    by_name = {fold.name: fold for fold in result.folds}
    return [(trial, by_name[trial.fold]) for trial in result.trials]


def _together(result: Classification, model: str) -> tuple[np.ndarray, np.ndarray]:
    own = [(trial, fold) for trial, fold in _with_folds(result) if trial.model == model]
    if not own:
        raise unknown("model", model, list(result.summary.index))
    heard = [(fold.test.labels, trial.probabilities) for trial, fold in own if _finite(trial)]
    if not heard:
        return np.empty(0, int), np.empty((0, len(result.classes)))
    truth, said = zip(*heard, strict=True)
    return np.concatenate(truth), np.concatenate(said)


def _named(p: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Gives the likeliest class of each row; nothing where the network said no number."""
    return np.where(np.isfinite(p).all(1), names[p.argmax(1)], "")


def _finite(trial: SignalTrial) -> bool:
    return bool(np.isfinite(trial.test).all())


def _where(cuts: Cuts) -> dict[str, np.ndarray]:
    """Says of each window which recording it is of, and where it starts, in seconds where the rate is known."""
    recordings = cuts.recordings
    numbers, first = cuts.starts[:, 0], cuts.starts[:, 1]
    rates = np.array([one.rate or np.nan for one in recordings.items])
    return {
        "recording": np.array([one.name for one in recordings.items])[numbers],
        "group": cuts.groups,
        "first": first,
        "seconds": (first / rates[numbers]).round(6),
    }
