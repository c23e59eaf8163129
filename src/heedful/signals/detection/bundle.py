"""All that is needed to detect again: for a table a forecasting bundle that knows its threshold, else a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt
from torch import Tensor

from heedful import sealed
from heedful.bundle import Bundle
from heedful.data.recordings import SignalScaler
from heedful.errors import DataError, OptionError
from heedful.models.signals import SignalShape
from heedful.signals.detection.autoencoder import ConvAutoencoder, build
from heedful.signals.detection.threshold import Threshold
from heedful.signals.detection.tracks import Track

FORMAT = 1
KIND = "detector"
AGAIN = "heedful detect"


@dataclass(frozen=True, kw_only=True, eq=False)
class Alarm:
    """What turns errors into alarms.

    Args:
        threshold: of the scores.
        scale: typical errors, which scores are counted in: (1, 1) of recordings, (P, M) of a table.
        merge: alarms with at most so many points between them are one event.
    """

    threshold: Threshold
    scale: np.ndarray
    merge: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Gives it as JSON can hold it."""
        return {"threshold": asdict(self.threshold), "scale": self.scale.tolist(), "merge": self.merge}

    @staticmethod
    def from_dict(told: Mapping[str, Any]) -> Alarm:
        """Builds it again from what `to_dict` gave."""
        return Alarm(
            threshold=Threshold(**told["threshold"]), scale=np.asarray(told["scale"], float), merge=int(told["merge"])
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectorBundle:
    """A trained detector of recordings with all that is needed to use it.

    Args:
        model: its name, such as "conv-autoencoder+eca".
        seed: what it was built from.
        shape: channels, window and rate that it was built for.
        state: its weights.
        scaler: how windows are scaled.
        channels: names of the channels.
        alarm: what turns its errors into alarms.
        whole: whether recordings are taken whole, not cut.
        step: samples from one window to the next.
        notes: what people should know of the training.
        facts: what else a reader may want to know.
        folder: where it was saved or loaded.
    """

    model: str
    seed: int
    shape: SignalShape
    state: Mapping[str, Tensor]
    scaler: SignalScaler
    channels: tuple[str, ...]
    alarm: Alarm
    whole: bool
    step: int
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @cached_property
    def ready(self) -> ConvAutoencoder:
        """The network, built once; do not train it."""
        net = build(self.model, self.shape, self.seed)
        net.load_state_dict(dict(self.state))
        net.eval()
        return net

    def save(self, folder: str | Path) -> Path:
        """Writes the bundle; both files get their names only when they are complete.

        Raises: DataError if the folder cannot be written.
        """
        told = _Facts(
            format=FORMAT,
            kind="detector",
            model=self.model,
            seed=self.seed,
            channels=self.channels,
            window=self.shape.window,
            rate=self.shape.rate,
            scaling=self.scaler.kind,
            seen=self.scaler.recordings,
            alarm=self.alarm.to_dict(),
            whole=self.whole,
            step=self.step,
            notes=self.notes,
            facts=dict(self.facts),
        )
        tensors = {f"model.{name}": value for name, value in self.state.items()}
        tensors |= {f"scaler.{name}": torch.from_numpy(getattr(self.scaler, name)) for name in ("centre", "spread")}
        return sealed.write(folder, tensors, told.model_dump(mode="json"))

    @staticmethod
    def load(folder: str | Path) -> DetectorBundle:
        """Reads a bundle without executing anything.

        Raises: DataError if it is missing, truncated, edited or of another format.
        """
        told, tensors = sealed.read(folder, FORMAT, AGAIN)
        try:
            told.pop("weights_sha256")
            return _bundle(_Facts.model_validate(told), tensors, Path(folder))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise sealed.unreadable(Path(folder), error) from error

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the built network out: it is built again where it is needed."""
        return {name: value for name, value in self.__dict__.items() if name != "ready"}

    def __repr__(self) -> str:
        where = f", in {self.folder}" if self.folder else ""
        return (
            f"DetectorBundle({self.model}: {', '.join(self.channels)} over {self.shape.window:,} samples, alarm above "
            f"{self.alarm.threshold.value:.3g}{where})"
        )


def with_alarm(bundle: Bundle, track: Track, merge: int) -> Bundle:
    """Gives a forecasting bundle that knows when to cry."""
    alarm = Alarm(threshold=track.threshold, scale=track.scale, merge=merge)
    return replace(bundle, facts={**bundle.facts, KIND: alarm.to_dict()})


def load(bundle: Bundle | DetectorBundle | str | Path) -> tuple[Bundle | DetectorBundle, Alarm]:
    """Gives a bundle and its alarm, from what `heedful.detect` left or its folder.

    Raises: DataError for a folder that holds none, or one that was not made by detect.
    """
    made = bundle
    if isinstance(made, (str, Path)):
        folder = Path(made)
        told = sealed.facts_of(folder)
        if told is not None and told.get("kind") == "signals":
            raise OptionError(f"{folder} tells classes and detects nothing. Give a bundle of {AGAIN}.")
        made = DetectorBundle.load(folder) if told is not None and told.get("kind") == KIND else Bundle.load(folder)
    if isinstance(made, DetectorBundle):
        return made, made.alarm
    if KIND not in made.facts:
        raise OptionError(f"This bundle of {made.model} forecasts and has no threshold. Give a bundle of {AGAIN}.")
    try:
        return made, Alarm.from_dict(made.facts[KIND])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"The threshold of this bundle cannot be read ({error}). Make it anew with {AGAIN}.") from error


# --- the file -----------------------------------------------------------------------------------------------------


class _Facts(BaseModel):
    """bundle.json: checked field by field when it is read, nothing unknown let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    kind: Literal["detector"]
    model: str
    seed: int
    channels: tuple[str, ...]
    window: PositiveInt
    rate: PositiveFloat | None
    scaling: str
    seen: tuple[str, ...]
    alarm: dict[str, Any]
    whole: bool
    step: PositiveInt
    notes: tuple[str, ...]
    facts: dict[str, Any]


def _bundle(file: _Facts, tensors: Mapping[str, Tensor], folder: Path) -> DetectorBundle:
    return DetectorBundle(
        model=file.model,
        seed=file.seed,
        shape=SignalShape(len(file.channels), 0, file.window, file.rate),
        state={name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")},
        scaler=SignalScaler(
            kind=file.scaling,
            channels=file.channels,
            centre=tensors["scaler.centre"].numpy(),
            spread=tensors["scaler.spread"].numpy(),
            recordings=file.seen,
        ),
        channels=file.channels,
        alarm=Alarm.from_dict(file.alarm),
        whole=file.whole,
        step=file.step,
        notes=file.notes,
        facts=file.facts,
        folder=folder,
    )
