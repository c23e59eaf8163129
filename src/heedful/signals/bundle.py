"""All that is needed to classify again: the network, its scaling, what the windows are, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt
from torch import Tensor, nn

from heedful import sealed
from heedful.data.recordings import SignalScaler
from heedful.errors import OptionError
from heedful.models.signals import SignalShape, get
from heedful.signals.units import in_units

FORMAT = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalBundle:
    """A trained model of recordings with all that is needed to use it.

    Args:
        model: its name in `heedful.models.signals`.
        seed: what it was built from, a placebo's reference too.
        shape: channels, classes, window and rate that it was built for.
        state: its weights.
        scaler: how windows are scaled.
        classes: names of the classes in the order of the network's scores; empty for a number.
        channels: names of the channels.
        whole: whether recordings are taken whole, padded to the window; else they are cut.
        temperature: what scores are divided by before they become probabilities.
        levels: log of the root mean square of the train windows, channel by channel: mean and deviation (C, 2), by
            which a window unlike all of them is known; empty if they were not kept.
        scores: rows of metric and value on the test part; none if nothing was held out for test.
        notes: what people should know of the training, and of the split that it was scored on.
        facts: what else a reader may want to know; not needed to predict.
        folder: where it was saved or loaded.
    """

    model: str
    seed: int
    shape: SignalShape
    state: Mapping[str, Tensor]
    scaler: SignalScaler
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    whole: bool
    temperature: float = 1.0
    levels: tuple[tuple[float, float], ...] = ()
    scores: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def network(self) -> nn.Module:
        """Builds the network and loads its weights."""
        built: nn.Module = get(self.model).build(self.shape, self.seed)
        net = built if self.classes else in_units(built)
        net.load_state_dict(dict(self.state))
        return net.eval()

    @cached_property
    def ready(self) -> nn.Module:
        """The network, built once; do not train it, for all answers of this bundle come from it."""
        return self.network()

    def save(self, folder: str | Path) -> Path:
        """Writes the bundle; both files get their names only when they are complete.

        Raises: DataError if the folder cannot be written.
        """
        facts = _Facts(
            format=FORMAT,
            kind="signals",
            model=self.model,
            seed=self.seed,
            shape=_Sizes(
                channels=self.shape.channels,
                classes=self.shape.classes,
                window=self.shape.window,
                rate=self.shape.rate,
                speed=self.shape.speed,
                defects=self.shape.defects,
            ),
            scaling=self.scaler.kind,
            seen=self.scaler.recordings,
            classes=self.classes,
            channels=self.channels,
            whole=self.whole,
            temperature=self.temperature,
            levels=self.levels,
            scores=tuple((name, None if value != value else value) for name, value in self.scores),
            notes=self.notes,
            facts=dict(self.facts),
        )
        tensors = {f"model.{name}": value for name, value in self.state.items()}
        tensors |= {f"scaler.{name}": torch.from_numpy(getattr(self.scaler, name)) for name in ("centre", "spread")}
        return sealed.write(folder, tensors, facts.model_dump(mode="json"))

    @staticmethod
    def load(folder: str | Path) -> SignalBundle:
        """Reads a bundle without executing anything.

        Raises: DataError if it is missing, truncated, edited or of another format; OptionError for a bundle of
            forecasts or of a detector.
        """
        folder = Path(folder)
        if (told := sealed.facts_of(folder)) is not None and told.get("kind") != "signals":
            if told.get("kind") == "detector":
                raise OptionError(
                    f"{folder} detects what is unusual and tells no classes. Ask it with heedful detect NEW --bundle "
                    f"{folder}, or give a bundle of heedful classify."
                )
            raise OptionError(f"{folder} forecasts a table, got recordings for it. Give it a table, or another bundle.")
        facts, tensors = sealed.read(folder, FORMAT, "heedful classify")
        try:
            facts.pop("weights_sha256")
            return _bundle(_Facts.model_validate(facts), tensors, folder)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise sealed.unreadable(folder, error) from error

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the built network out: it is built again where it is needed."""
        return {name: value for name, value in self.__dict__.items() if name != "ready"}

    def __repr__(self) -> str:
        rate = f" at {self.shape.rate:g} Hz" if self.shape.rate else ""
        what = ", ".join(self.classes) if self.classes else "a number"
        where = f", in {self.folder}" if self.folder else ""
        read = f"{', '.join(self.channels)} over {self.shape.window:,} samples{rate}"
        return f"SignalBundle({self.model}: {read} -> {what}{where})"


def is_signal_bundle(folder: str | Path) -> bool:
    """True for a folder that holds a bundle of recordings."""
    told = sealed.facts_of(folder)
    return told is not None and told.get("kind") == "signals"


# --- the file -----------------------------------------------------------------------------------------------------


class _Part(BaseModel):
    """A part of bundle.json: checked field by field when it is read, nothing unknown let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Sizes(_Part):
    channels: PositiveInt
    classes: int
    window: PositiveInt
    rate: PositiveFloat | None
    speed: bool = False
    defects: tuple[float, ...] = ()


class _Facts(_Part):
    format: int
    kind: Literal["signals"]
    model: str
    seed: int
    shape: _Sizes
    scaling: str
    seen: tuple[str, ...]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    whole: bool
    temperature: PositiveFloat
    levels: tuple[tuple[float, float], ...]
    scores: tuple[tuple[str, float | None], ...]
    notes: tuple[str, ...]
    facts: dict[str, Any]


def _bundle(file: _Facts, tensors: Mapping[str, Tensor], folder: Path) -> SignalBundle:
    shape = SignalShape(**file.shape.model_dump())
    scaler = SignalScaler(
        kind=file.scaling,
        channels=file.channels,
        centre=tensors["scaler.centre"].numpy(),
        spread=tensors["scaler.spread"].numpy(),
        recordings=file.seen,
    )
    return SignalBundle(
        model=file.model,
        seed=file.seed,
        shape=shape,
        state={name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")},
        scaler=scaler,
        classes=file.classes,
        channels=file.channels,
        whole=file.whole,
        temperature=file.temperature,
        levels=file.levels,
        scores=tuple((name, float("nan") if value is None else value) for name, value in file.scores),
        notes=file.notes,
        facts=file.facts,
        folder=folder,
    )


def levels_of(rms: Sequence[Sequence[float]] | np.ndarray) -> tuple[tuple[float, float], ...]:
    """Gives mean and deviation of the log of the root mean square of windows, channel by channel.

    Shape: (n, C) -> C pairs.

    >>> levels_of([[1.0], [1.0]])
    ((0.0, 0.0),)
    """
    logs = np.log(np.maximum(np.asarray(rms, float), 1e-12))
    return tuple((float(a), float(b)) for a, b in zip(logs.mean(0), logs.std(0), strict=True))
