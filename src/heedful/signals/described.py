"""What run.json says of a classification, and the keys that it is continued by."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from heedful.data.recordings import Recordings
from heedful.forecasting.training import versions
from heedful.signals.inputs import Cutting
from heedful.signals.jobs import Field, SignalJob
from heedful.train import Recipe
from heedful.trial.described import command
from heedful.trial.family import Question


def describe(
    recordings: Recordings,
    cutting: Cutting,
    field: Field,
    names: Sequence[str],
    seeds: Sequence[int],
    keep: str,
    asked: Sequence[Question],
    margin: float,
) -> dict[str, Any]:
    """Everything needed to repeat the run; what decides the numbers stands under "options" and "data"."""
    named = {"attention": [question.arm for question in asked], "margin": margin} if asked else {}
    return {
        "data": {
            "name": recordings.name,
            "fingerprint": recordings.fingerprint,
            "recordings": len(recordings),
            "groups": len(recordings.groups),
            "classes": list(recordings.classes),
            "channels": list(recordings.channels),
            "rate": recordings.rate,
        },
        "split": {"folds": [_told(field, fold.name) for fold in field.folds]},
        "options": {
            **{name: value for name, value in asdict(cutting).items() if name != "balance"},
            "window": field.folds[0].train.window,
            "whole": cutting.window is None,
            "models": list(names),
            "seeds": list(seeds),
            "recipes": _recipes(field, names),
            "learning_rates": list(field.rates) or [f"x {factor:g}" for factor in field.factors],
            "imbalance": cutting.balance or field.imbalance,
            "augment": None if field.augment is None else asdict(field.augment),
            "scaling": field.scaling,
            "keep": keep,
            **({"speed": field.speed, "defects": field.defects} if field.speed else {}),
            **named,
        },
        "versions": versions(),
        "source": recordings.items[0].source,
        "platform": platform.platform(),
        "command": command("heedful.classify"),
    }


def makings(jobs: Sequence[SignalJob], field: Field) -> dict[tuple[str, int | None, str], str]:
    """Says of every trial of these jobs what decides its numbers, beside what all runs of its folder share."""
    made: dict[tuple[str, int | None, str], str] = {}
    for job in jobs:
        said: list[Any] = []
        if job.seeds:
            said = [[asdict(recipe) for recipe in field.recipes_for(job.model, field.fold(job.fold))]]
        made |= {(job.model, seed, job.fold): json.dumps(said) for seed in job.seeds or (None,)}
    return made


def _told(field: Field, name: str) -> dict[str, Any]:
    fold = field.fold(name)
    parts = {part.name: list(part.groups) for part in fold.parts}
    sizes = {"train": len(fold.train), "validation": len(fold.validation or ()), "test": len(fold.test)}
    return {"fold": name, "kind": fold.parts.kind, "leaky": fold.parts.leaky, "windows": sizes, "groups": parts}


def _recipes(field: Field, names: Sequence[str]) -> list[dict[str, Any]]:
    """Gives each recipe once, with the models that are trained by it."""
    by_recipe: dict[Recipe, list[str]] = {}
    for name in names:
        by_recipe.setdefault(field.recipe_for(name, field.folds[0]), []).append(name)
    return [{"models": models, **asdict(recipe)} for recipe, models in by_recipe.items()]
