"""All that is needed to predict again, in one folder: `model.safetensors` and `bundle.json`. Never pickle."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from heedful import sealed
from heedful.data.calendar import NAMES as CALENDAR
from heedful.data.categories import one_hot
from heedful.data.scale import Scaler
from heedful.data.series import Series
from heedful.data.step import Step
from heedful.errors import OptionError
from heedful.intervals import Intervals
from heedful.models import MODELS, Shape, get
from heedful.models.compose import compose
from heedful.models.plan import Plan
from heedful.sealed import FILES as FILES

FORMAT = 2
# Building a network draws its first weights from torch's one stream of random numbers, and training draws dropout
# from it: threads take turns, so that none changes the numbers of another.
TURN = threading.RLock()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a table must be read to be like the one that was trained on; the words of `build_series`.

    Args:
        known, static: names of the columns known in advance, and of those that never change, as a `Series` has them.
        series: the column that names the series of each row.
        time: the time column that was named.
        levels: the one-hot levels of text columns.
        codes: the values that stand for missing, column by column.
    """

    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    series: str | None = None
    time: str | None = None
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def awaited(self) -> tuple[str, ...]:
        """Columns of the table whose values a forecast needs for the rows ahead too: known, and not by the calendar."""
        texts = {one_hot(name, level): name for name, levels in self.levels.items() for level in levels}
        return tuple(
            dict.fromkeys(
                texts.get(name, name)
                for name in self.known
                if name not in self.static and (name in texts or name not in CALENDAR)
            )
        )

    @staticmethod
    def of(trained: Series, *, series: str | None = None, time: str | Literal[False] | None = None) -> Reading:
        """Says how a later table is to be read to be like the series that was trained on."""
        return Reading(
            known=trained.known,
            static=trained.static,
            series=series,
            time=time or None,
            levels=trained.levels,
            codes=trained.codes,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A trained model with all that is needed to use it: names, units, scales, intervals, and what it is worth.

    Args:
        model: name of the model; of a published one, which has no plan, it says what to build.
        plan: what the network is composed of; None for a published model.
        state: its weights.
        reading: how a table is read for it.
        intervals: calibrated on the validation part; None for a bundle that gives points only.
        levels: levels of the intervals that are given when none are asked for.
        scores: rows of model, target, metric and value on the test part; empty if there was none.
        notes: what people should know of the training.
        facts: what else a reader may want to know (split, versions, seed); not needed to predict.
        folder: where it was saved or loaded.
    """

    model: str
    shape: Shape
    state: Mapping[str, Tensor]
    scaler: Scaler
    step: Step
    plan: Plan | None = None
    reading: Reading = field(default_factory=Reading)
    intervals: Intervals | None = None
    levels: tuple[float, ...] = ()
    scores: tuple[tuple[str, str, str, float], ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are forecast."""
        return self.scaler.outputs

    @property
    def summary(self) -> pd.DataFrame:
        """The scores as a frame: one row for each target and model, best RMSE first, and one column for each metric."""
        found: dict[tuple[str, str], dict[str, float]] = {}
        for model, target, metric, value in self.scores:
            found.setdefault((target, model), {})[metric] = value
        order = {target: number for number, target in enumerate(self.targets)}
        ranked = sorted(found, key=lambda pair: (order.get(pair[0], len(order)), found[pair].get("rmse", math.inf)))
        index = pd.MultiIndex.from_tuples(ranked, names=["target", "model"]) if ranked else None
        return pd.DataFrame([found[pair] for pair in ranked], index=index)

    def network(self) -> nn.Module:
        """Builds the network and loads its weights."""
        with TURN, torch.random.fork_rng(devices=[]):
            if self.plan is not None:
                net: nn.Module = compose(self.plan, self.shape)
            else:
                net = get(self.model).build(self.shape)
        net.load_state_dict(dict(self.state))
        return net.eval()

    @cached_property
    def ready(self) -> nn.Module:
        """The network, built once; do not train it, for all forecasts of this bundle come from it."""
        return self.network()

    def save(self, folder: str | Path) -> Path:
        """Writes the bundle; both files get their names only when they are complete.

        Raises: DataError if the folder cannot be written; OptionError if the model is one that no file can hold.
        """
        if self.plan is None and self.model.partition("(")[0] not in MODELS:
            raise OptionError(
                f"A bundle holds models made of a plan and published ones, got '{self.model}', whose code no file can "
                "hold. Keep its state_dict yourself, or describe it by a Plan."
            )
        facts = _Facts(
            format=FORMAT,
            model=self.model,
            plan=None if self.plan is None else self.plan.to_dict(),
            shape=_Sizes(**asdict(self.shape)),
            scaler=_Scales(**_named(self.scaler, _Scales)),
            step=_Stride(**asdict(self.step)),
            reading=_Words(**asdict(self.reading)),
            intervals=None if self.intervals is None else _Bands(**_named(self.intervals, _Bands)),
            levels=self.levels,
            scores=tuple((*row[:3], None if row[3] != row[3] else row[3]) for row in self.scores),
            notes=self.notes,
            facts=dict(self.facts),
        )
        return sealed.write(folder, _tensors(self), facts.model_dump(mode="json"))

    @staticmethod
    def load(folder: str | Path) -> Bundle:
        """Reads a bundle without executing anything.

        Raises: DataError if it is missing, truncated, edited, or of an earlier or later format; for a folder of
                several bundles, or beside some, it names them.
        """
        told, tensors = sealed.read(folder, FORMAT, "heedful fit or heedful compare")
        try:
            told.pop("weights_sha256")
            return _bundle(_Facts.model_validate(told), tensors, Path(folder))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise sealed.unreadable(Path(folder), error) from error

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the built network out: it is built again where it is needed."""
        return {name: value for name, value in self.__dict__.items() if name != "ready"}

    def __repr__(self) -> str:
        columns = self.scaler.columns
        read = ", ".join(columns) if len(columns) <= 8 else f"{len(columns)} columns"
        told = f", {self.intervals}" if self.intervals else ""
        where = f", in {self.folder}" if self.folder else ""
        return (
            f"Bundle({self.model}: {read} over {self.shape.window} rows -> {', '.join(self.targets)}, "
            f"{self.shape.horizon} ahead{told}{where})"
        )


def is_bundle(folder: str | Path) -> bool:
    """True for a folder that holds a bundle, of this format or another one."""
    return sealed.facts_of(folder) is not None


# --- the file -----------------------------------------------------------------------------------------------------


class _Part(BaseModel):
    """A part of bundle.json: checked field by field when it is read, nothing unknown let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Sizes(_Part):
    window: PositiveInt
    features: PositiveInt
    horizon: PositiveInt
    targets: tuple[NonNegativeInt, ...]
    known: tuple[NonNegativeInt, ...]
    flags: tuple[NonNegativeInt, ...]
    season: PositiveInt | None = None


class _Scales(_Part):
    kind: str
    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    rows: tuple[int, int]
    members: tuple[str, ...]


class _Stride(_Part):
    kind: str
    frequency: str


class _Words(_Part):
    known: tuple[str, ...]
    static: tuple[str, ...]
    series: str | None
    time: str | None
    levels: dict[str, tuple[str, ...]]
    codes: dict[str, tuple[float, ...]]


class _Bands(_Part):
    levels: tuple[float, ...]
    windows: NonNegativeInt
    refused: tuple[float, ...]
    members: tuple[str, ...] = ()


class _Facts(_Part):
    format: int
    model: str
    plan: dict[str, Any] | None
    shape: _Sizes
    scaler: _Scales
    step: _Stride
    reading: _Words
    intervals: _Bands | None
    levels: tuple[float, ...]
    scores: tuple[tuple[str, str, str, float | None], ...]
    notes: tuple[str, ...]
    facts: dict[str, Any]


def _bundle(file: _Facts, tensors: Mapping[str, Tensor], folder: Path) -> Bundle:
    scaler = Scaler(
        **file.scaler.model_dump(), centre=tensors["scaler.centre"].numpy(), spread=tensors["scaler.spread"].numpy()
    )
    bands = file.intervals
    return Bundle(
        model=file.model,
        plan=None if file.plan is None else Plan.from_dict(file.plan),
        shape=Shape(**file.shape.model_dump()),
        state={name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")},
        scaler=scaler,
        step=Step(**file.step.model_dump()),
        reading=Reading(**file.reading.model_dump()),
        intervals=None
        if bands is None
        else Intervals(
            **bands.model_dump(),
            margins=tensors["interval.margins"].numpy(),
            own=tensors["interval.own"].numpy() if bands.members else None,
        ),
        levels=file.levels,
        scores=tuple((*row[:3], float("nan") if row[3] is None else row[3]) for row in file.scores),
        notes=file.notes,
        facts=file.facts,
        folder=folder,
    )


def _tensors(bundle: Bundle) -> dict[str, Tensor]:
    """Gives all arrays of a bundle by name."""
    found = {f"model.{name}": value for name, value in bundle.state.items()}
    arrays = {"scaler.centre": bundle.scaler.centre, "scaler.spread": bundle.scaler.spread}
    if bundle.intervals is not None:
        arrays["interval.margins"] = bundle.intervals.margins
        if bundle.intervals.own is not None:
            arrays["interval.own"] = bundle.intervals.own
    return found | {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def _named(value: object, part: type[_Part]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in part.model_fields}
