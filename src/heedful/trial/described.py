"""What run.json says: everything that is needed to repeat a comparison, and the key that it is continued by."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from heedful.data.split import Split
from heedful.forecasting.inputs import Columns, describe_split
from heedful.forecasting.training import versions
from heedful.train import Recipe
from heedful.trial.jobs import Arena
from heedful.trial.store import DECISIVE


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
        "command": shlex.join(["heedful", *sys.argv[1:]]) if Path(sys.argv[0]).stem == "heedful" else "heedful.compare",
    }


def _recipes(arena: Arena, names: Sequence[str]) -> list[dict[str, Any]]:
    """Gives each recipe once, with the models that are trained by it."""
    by_recipe: dict[Recipe, list[str]] = {}
    for name in names:
        by_recipe.setdefault(arena.recipe_for(name), []).append(name)
    return [{"models": models, **asdict(recipe)} for recipe, models in by_recipe.items()]


def key_of(run: Mapping[str, Any]) -> str:
    decisive = {name: run[name] for name in DECISIVE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
