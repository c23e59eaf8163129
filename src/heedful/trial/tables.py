"""Tables and sentences read off a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from heedful import baselines, metrics
from heedful.forecasting.scores import naive_errors
from heedful.trial.effects import headline

if TYPE_CHECKING:
    from heedful.data.windows import Windows
    from heedful.trial.result import Comparison, Finding, Trial

METRICS = ("mae", "rmse", "smape", "r2", "mase", "skill", "directional")
FEW = 30
Row = tuple[str, int | None, str, int | None, str, float]


def truth(windows: Windows) -> np.ndarray:
    """The targets of all windows (n, horizon), NaN where not observed."""
    return windows.targets(np.arange(len(windows))).astype(np.float64)


def times(windows: Windows) -> pd.Index:
    """Stamps of the targets, window after window, step after step: n x horizon of them."""
    rows = windows.origins[:, None] + 1 + np.arange(windows.horizon)
    return windows.span.series.times[rows.ravel()]


def scores(comparison: Comparison) -> pd.DataFrame:
    """One row per model, seed, split, step and metric."""
    rows: list[Row] = []
    [naive] = naive_errors(comparison.split.train, comparison.season)
    for part, windows in (("validation", comparison.validation), ("test", comparison.test)):
        y = truth(windows)
        repeated = baselines.persistence(windows)
        for trial in comparison.trials:
            f = trial.test if part == "test" else trial.validation
            rows += _rows(trial, part, None, y, f, repeated, naive)
            if windows.horizon == 1:
                value = metrics.directional_accuracy(y[:, 0], f[:, 0], repeated[:, 0])
                rows.append((trial.model, trial.seed, part, None, "directional", value))
            elif part == "test":
                for h in range(windows.horizon):
                    one = np.s_[:, h : h + 1]
                    rows += _rows(trial, part, h + 1, y[one], f[one], repeated[one], naive)
    frame = pd.DataFrame(rows, columns=["model", "seed", "split", "step", "metric", "value"])
    return frame.astype({"seed": "Int64", "step": "Int64"})


def _rows(
    trial: Trial,
    part: str,
    step: int | None,
    y: np.ndarray,
    f: np.ndarray,
    repeated: np.ndarray,
    naive: float,
) -> list[Row]:
    values = {
        "mae": metrics.mae(y, f),
        "rmse": metrics.rmse(y, f),
        "smape": metrics.smape(y, f),
        "r2": metrics.r2(y, f),
        "mase": metrics.mase(y, f, naive),
        "skill": metrics.skill(y, f, repeated),
    }
    return [(trial.model, trial.seed, part, step, name, value) for name, value in values.items()]


def summary(comparison: Comparison) -> pd.DataFrame:
    """One row per model, best RMSE first: means over seeds on the test part and their spread."""
    frame = comparison.scores
    whole = frame[(frame["split"] == "test") & frame["step"].isna()]
    by = whole.groupby(["model", "metric"], sort=False)["value"]
    mean, spread = by.mean().unstack(), by.std(ddof=1).unstack()
    rows = []
    for name in dict.fromkeys(t.model for t in comparison.trials):
        trials = [t for t in comparison.trials if t.model == name]
        row: dict[str, object] = {"model": name, "kind": comparison.models[name].kind, "seeds": len(trials)}
        for metric in METRICS:
            row[metric] = mean.loc[name].get(metric, np.nan)
            row[f"{metric}_std"] = spread.loc[name].get(metric, np.nan)
        row["parameters"] = trials[0].parameters
        row["seconds"] = float(np.mean([t.seconds for t in trials]))
        row["milliseconds"] = float(np.mean([t.milliseconds for t in trials]))
        row["milliseconds_batched"] = float(np.mean([t.milliseconds_batched for t in trials]))
        rows.append(row)
    return pd.DataFrame(rows).set_index("model").sort_values("rmse", kind="stable")


def forecasts(comparison: Comparison) -> pd.DataFrame:
    """One row per test window, step, model and seed, with real stamps and original units."""
    windows = comparison.test
    n, horizon = len(windows), windows.horizon
    stamps = times(windows)
    origins = windows.span.series.times[np.repeat(windows.origins, horizon)]
    steps = np.tile(np.arange(1, horizon + 1), n)
    flat = truth(windows).ravel()
    members = np.array([member.name for member in comparison.series.members], dtype=object)
    names = np.repeat(members[windows.members(np.arange(n))], horizon)
    parts = [
        pd.DataFrame(
            {
                "series": names,
                "origin": origins,
                "step": steps,
                "time": stamps,
                "model": trial.model,
                "seed": pd.array([trial.seed] * (n * horizon), dtype="Int64"),
                "true": flat,
                "predicted": trial.test.ravel(),
            }
        )
        for trial in comparison.trials
    ]
    return pd.concat(parts, ignore_index=True)


def effects(comparison: Comparison) -> pd.DataFrame:
    """One row per attention and control that it was measured against, with the answer.

    `called` says what the control is (none, last state, mean of all states, placebo, wide), `hardest` marks the control
    without attention that the answer counts, `detectable` is the smallest effect that would have been found.

    Unit: effects are shares of the control's squared error; negative, the attention is better.
    """
    columns = ("attention", "answer", "control", "called", "hardest", "effect", "low", "high", "p", "p_helps")
    rows = []
    for answer in comparison.answers:
        asked = answer.question
        called = {name: asked.called(name) for name in asked.none} | {asked.placebo: "placebo"}
        for name, one in answer.controls.items():
            p_helps = answer.verdict.p_helps if answer.verdict else np.nan
            told = (asked.arm, answer.outcome, name, called.get(name, "wide"), name == answer.none)
            rows.append((*told, one.effect, one.low, one.high, one.p, p_helps, answer.detectable))
    return pd.DataFrame(rows, columns=[*columns, "detectable"])


def findings(comparison: Comparison) -> tuple[Finding, ...]:
    """What the numbers say in words: the table as a whole, then what is true of some models only."""
    from heedful.trial.result import Finding

    table = comparison.summary
    others = [str(name) for name in table.index if name != baselines.PERSISTENCE]
    learned = [name for name in others if table.loc[name, "kind"] != "baseline"]
    skills = {str(name): float(value) for name, value in table["skill"].items()}
    found = [*_answered(comparison), *_audited(comparison), *_scored(comparison)]
    if learned:
        found.append(_who_beats_persistence(table, learned, skills))
        if table.loc[table.index[0], "kind"] == "baseline":
            found.append(
                Finding(text=f"The best model of the table is a baseline: {table.index[0]}.", severity="warning")
            )
    worse = tuple((name, f"skill {skills[name]:+.3f}") for name in others if not skills[name] > 0)
    if worse:
        found.append(Finding(text="No better than repeating the last value:", severity="warning", models=worse))
    return (*found, *_unequal(comparison), *_lagged(comparison, learned), *_grouped_notes(comparison, learned))


def _answered(comparison: Comparison) -> list[Finding]:
    """What the trial of attention says, and how much was tried for it."""
    from heedful.trial.result import Finding

    if not comparison.answers:
        return []
    helps = any(answer.outcome == "helps" for answer in comparison.answers)
    rates = len(comparison.run.get("options", {}).get("learning_rates", ())) or 1
    arms = {arm for answer in comparison.answers for arm in answer.question.arms}
    tried = f"{len(arms) * rates} settings were tried ({len(arms)} arms, {rates} learning rates each), on validation."
    text = f"{headline(comparison.answers)} {tried}"
    return [Finding(text=text, severity="good" if helps else "plain"), *asked_earlier(comparison.earlier)]


def asked_earlier(earlier: Sequence[str]) -> list[Finding]:
    """Says which attentions were asked about in the same folder before, and so count in the correction."""
    from heedful.trial.result import Finding

    if not earlier:
        return []
    text = "Asked about in this folder before, and counted in the correction of the p values:"
    return [Finding(text=text, models=tuple((name, "") for name in earlier))]


def _audited(comparison: Comparison) -> list[Finding]:
    """The leaks that the audit of the data found; its warnings stand among the notes."""
    from heedful.trial.result import Finding

    said = [
        f"Leak, the scores are worth nothing: {one.text} {one.advice}"
        for one in comparison.audit
        if one.severity == "leak"
    ]
    return [Finding(text=text.rstrip(), severity="warning") for text in said]


def _scored(comparison: Comparison) -> list[Finding]:
    from heedful.trial.result import Finding

    count = int((~np.isnan(truth(comparison.test))).sum())
    if count >= FEW:
        return []
    return [Finding(text=f"Only {count} test values are scored: no conclusion can rest on them.", severity="warning")]


def _who_beats_persistence(table: pd.DataFrame, learned: list[str], skills: dict[str, float]) -> Finding:
    from heedful.trial.result import Finding

    better = [name for name in learned if skills[name] > 0]
    text = f"{len(better)} of {len(learned)} networks beat repeating the last value on the test part"
    repeated = int(table["seeds"].max()) > 1
    spread = {str(name): float(value) for name, value in table["skill_std"].items()}
    clear = [name for name in better if skills[name] > spread[name]]
    if better:
        text += (
            f", {len(clear)} of them by more than the spread over seeds" if repeated else " (one seed: no spread known)"
        )
    return Finding(text=f"{text}.", severity="good" if clear else "plain" if better else "warning")


def _unequal(comparison: Comparison) -> list[Finding]:
    """The wide controls that are not as large as they were to be."""
    from heedful.trial.result import Finding

    done = {trial.model for trial in comparison.trials}
    missed = tuple((one.wide, one.size) for one in comparison.asked if one.size and one.wide in done)
    if not missed:
        return []
    return [Finding(text="Not as large as with attention within 2 %, so no control of equal size:", models=missed)]


def _lagged(comparison: Comparison, names: list[str]) -> list[Finding]:
    from heedful.trial.result import Finding

    lagged = {name: lagged_steps(comparison, name) for name in names}
    lagged = {name: steps for name, steps in lagged.items() if steps}
    if not lagged:
        return []
    why = "it moves with the change that was already known more than with the one it should forecast"
    if comparison.horizon == 1:
        text = f"The forecast is a lagged copy of the truth ({why}, and has no skill over the last value):"
        return [Finding(text=text, severity="warning", models=tuple((name, "") for name in lagged))]
    text = f"At some steps the forecast is a lagged copy of the truth ({why}, without skill at those steps):"
    models = tuple((name, f"{len(steps)} of {comparison.horizon} steps") for name, steps in lagged.items())
    most = max(len(steps) for steps in lagged.values())
    return [Finding(text=text, severity="warning" if 2 * most >= comparison.horizon else "plain", models=models)]


def _grouped_notes(comparison: Comparison, names: list[str]) -> list[Finding]:
    """Each note once, with the models it was made of."""
    from heedful.trial.result import Finding

    by_note: dict[str, dict[str, None]] = {}
    for trial in comparison.trials:
        for note in trial.notes:
            if trial.model in names:
                by_note.setdefault(note, {})[trial.model] = None
    return [
        Finding(
            text=f"{note[:1].upper()}{note[1:]}:",
            severity="warning" if note.startswith("did not train") else "plain",
            models=tuple((name, "") for name in models),
        )
        for note, models in by_note.items()
    ]


def lagged_steps(comparison: Comparison, name: str) -> list[int]:
    """Steps of the horizon at which a model's forecast is a lagged copy, in the mean over seeds."""
    windows = comparison.test
    y, repeated = truth(windows), baselines.persistence(windows)
    known = windows.span.series.truth[windows.origins].astype(np.float64)
    forecasts = [t.test for t in comparison.trials if t.model == name]
    steps = []
    for h in range(windows.horizon):
        skill = np.mean([metrics.skill(y[:, h], f[:, h], repeated[:, h]) for f in forecasts])
        lags = [metrics.lag(y[:, h], f[:, h], known) for f in forecasts]
        follows = np.mean([lag.with_previous - lag.with_true for lag in lags])
        if not skill > 0 and follows > 0:
            steps.append(h + 1)
    return steps
