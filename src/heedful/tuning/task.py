"""What a search is asked to do: plain data that every process of it is given."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from heedful.errors import OptionError, unknown
from heedful.forecasting.inputs import Columns, describe_split
from heedful.forecasting.training import versions
from heedful.tuning.settings import Base
from heedful.tuning.space import Choices, Space, told

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "none")
STORAGES = ("journal", "sqlite")
DECISIVE = ("data", "split", "options", "versions")


@dataclass(frozen=True, kw_only=True)
class Search:
    """How settings are drawn, judged and kept; the words of `heedful.tune`.

    Raises: UnknownName for an unknown sampler, pruner or storage, with the nearest; OptionError for a wrong number.

    >>> Search(trials=20, sampler="random").pruner
    'median'
    """

    trials: int = 50
    sampler: str = "tpe"
    sampler_seed: int = 0
    pruner: str = "median"
    storage: str = "journal"
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for kind, known in (("sampler", SAMPLERS), ("pruner", PRUNERS), ("storage", STORAGES)):
            if getattr(self, kind) not in known:
                raise unknown(kind, getattr(self, kind), known)
        seed = self.sampler_seed
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise OptionError(f"tune needs sampler_seed to be a whole number of at least 0, got {seed!r}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """All that a process needs to try settings; `deadline` is a `time.monotonic()`."""

    base: Base
    columns: Columns
    space: Space
    search: Search
    folder: Path
    deadline: float | None = None

    @property
    def longest(self) -> int:
        """The longest look-back of all settings: its validation windows are those that all settings are judged on."""
        one = self.space.get("window")
        if one is None:
            return self.base.window
        return int(max(one.values) if isinstance(one, Choices) else one.top)


def described(base: Base, columns: Columns, space: Space, search: Search) -> dict[str, Any]:
    """Gives all that is needed to repeat a search; what decides it stands in data, split, options and versions."""
    made = base.parts.train.series
    drawn = {name: getattr(search, name) for name in ("sampler", "sampler_seed", "pruner")}
    run = {
        "data": {"name": made.name, "fingerprint": made.fingerprint, "rows": len(made)},
        "split": describe_split(base.parts),
        "options": {
            "model": base.model,
            "plan": None if base.plan is None else base.plan.to_dict(),
            "space": told(space),
            **drawn,
            "seeds": list(search.seeds),
            "window": base.window,
            "horizon": base.horizon,
            "gap": base.parts.gap,
            "season": base.season,
            "recipe": None if base.recipe is None else asdict(base.recipe),
            "epochs": base.epochs,
            "columns": asdict(columns),
        },
        "versions": {**versions(), "optuna": version("optuna")},
        "objective": "RMSE on validation in deviations of the target on train rows, mean over seeds and targets",
        "command": shlex.join(["heedful", *sys.argv[1:]]) if Path(sys.argv[0]).stem == "heedful" else "heedful.tune",
    }
    decisive = json.dumps({name: run[name] for name in DECISIVE}, sort_keys=True, default=str)
    return {"key": hashlib.sha256(decisive.encode()).hexdigest()[:16], **run}
