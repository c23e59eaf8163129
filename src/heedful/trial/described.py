"""What run.json says: everything that is needed to repeat a comparison, and the keys that it is continued by."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from heedful.data.split import Split
from heedful.forecasting.inputs import Columns, describe_split
from heedful.forecasting.training import versions
from heedful.models import get
from heedful.train import Recipe
from heedful.trial.jobs import Arena, Job
from heedful.trial.store import DECISIVE, Name, shared


def describe(
    parts: Split,
    arena: Arena,
    columns: Columns,
    names: tuple[str, ...],
    seeds: tuple[int, ...],
    sizes: tuple[float, ...],
    keep: str,
    source: str,
) -> dict[str, Any]:
    """Everything needed to repeat the run; what decides the numbers stands under "options" and "data"."""
    series = parts.train.series
    return {
        "data": {
            "name": series.name,
            "fingerprint": series.fingerprint,
            "rows": len(series),
            "columns": list(series.columns),
            "target": series.target,
            "from": str(min(series.times[member.start] for member in series.members)),
            "to": str(max(series.times[member.stop - 1] for member in series.members)),
            "step": str(series.step),
        },
        "split": describe_split(parts),
        "options": {
            "window": arena.train.window,
            "horizon": arena.train.horizon,
            "gap": parts.gap,
            "season": arena.season,
            "models": list(names),
            "seeds": list(seeds),
            "recipes": _recipes(arena, names),
            "learning_rates": list(arena.rates),
            "origins": max(1, len(arena.origins)),
            "keep": keep,
            "split": list(sizes),
            **{name: value for name, value in asdict(columns).items() if name != "targets"},
        },
        "versions": versions(),
        "source": source,
        "platform": platform.platform(),
        "command": command("heedful.compare"),
    }


def command(verb: str) -> str:
    """Gives the command line that was given, or the verb of Python.

    >>> command("heedful.compare")
    'heedful.compare'
    """
    return shlex.join(["heedful", *sys.argv[1:]]) if Path(sys.argv[0]).stem == "heedful" else verb


def _recipes(arena: Arena, names: Sequence[str]) -> list[dict[str, Any]]:
    """Gives each recipe once, with the models that are trained by it."""
    by_recipe: dict[Recipe, list[str]] = {}
    for name in names:
        by_recipe.setdefault(arena.recipe_for(name), []).append(name)
    return [{"models": models, **asdict(recipe)} for recipe, models in by_recipe.items()]


def makings(jobs: Sequence[Job], arena: Arena) -> dict[Name, str]:
    """Says of every trial of these jobs what decides its numbers, beside what all runs of its folder share.

    That is the number of origins, and of a network its plan, the recipes it is trained by, and the seeds that are
    trained together with it: they draw dropout from one stream, so seed 0 of three is not the network of seed 0 alone.
    """
    made: dict[Name, str] = {}
    for job in jobs:
        said: list[Any] = [max(1, len(arena.origins))]
        if job.seeds:
            recipes = [asdict(recipe) for recipe in arena.recipes_for(job.model)]
            said += [repr(get(job.model).plan(arena.shape)), recipes, job.seeds]
        made |= {(job.model, seed): json.dumps(said) for seed in job.seeds or (None,)}
    return made


def key_of(run: Mapping[str, Any]) -> str:
    """Gives the hash of what all runs of one folder share."""
    return _hash(shared(run))


def name_of(run: Mapping[str, Any]) -> str:
    """Names the folder of a run that was given none, after data and all options: another run gets another folder."""
    data = run["data"]
    hashed = _hash({name: run[name] for name in DECISIVE})
    return re.sub(r"[^\w.-]+", "_", f"{data['name']}-{data['target']}-{hashed[:8]}")


def _hash(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
