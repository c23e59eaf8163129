"""Keeps a training that may be cut off: one file, whole or not there, that only the same training takes up again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from heedful.data.recordings import Augment, Cuts, SignalScaler
from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.errors import DataError, OptionError
from heedful.files import write_whole
from heedful.train.recipe import Recipe
from heedful.train.schedule import Average


def key(
    net: nn.Module,
    train: Windows | Cuts,
    validation: Windows | Cuts | None,
    *,
    scaler: Scaler | SignalScaler,
    recipe: Recipe,
    seeds: Sequence[int],
    augment: Augment | None = None,
    processes: int = 1,
) -> str:
    """Gives a fingerprint of all that decides the numbers of a training: data, sizes, start weights, recipe, seeds."""
    said = {
        "data": _source(train),
        "windows": [_places(windows) for windows in (train, validation) if windows is not None],
        "scaler": scaler.kind if isinstance(scaler, Scaler) else scaler.to_dict(),
        "recipe": asdict(recipe),
        "seeds": list(seeds),
        "augment": None if augment is None else asdict(augment),
        "processes": processes,
        "weights": [[name, list(value.shape)] for name, value in net.state_dict().items()],
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for array in (scaler.centre, scaler.spread) if isinstance(scaler, Scaler) else ():
        digest.update(array.tobytes())
    for value in net.state_dict().values():
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _source(windows: Windows | Cuts) -> list[object]:
    """Gives the fingerprint of what windows are cut from."""
    if isinstance(windows, Windows):
        series = windows.span.series
        return [series.fingerprint, series.columns, series.targets, series.known]
    return [windows.recordings.fingerprint, windows.recordings.channels]


def _places(windows: Windows | Cuts) -> list[object]:
    """Tells which windows they are."""
    if isinstance(windows, Windows):
        return [windows.span.part, windows.window, windows.horizon, windows.runs]
    places = np.column_stack([windows.starts, windows.lengths]).astype(np.int64)
    return [windows.part.name, windows.window, hashlib.sha256(places.tobytes()).hexdigest()]


def save(path: Path, tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
    """Writes tensors and plain values as one safetensors file."""
    copies = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_whole(path, lambda partial: save_file(copies, partial, {"told": json.dumps(dict(told))}))


def load(path: Path, wanted: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Reads what `save` wrote; None if there is no file.

    Args:
        wanted: the key that the file must have been written with.

    Raises: DataError for a file that cannot be read; OptionError for one of another training.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})["told"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            found = told["key"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no checkpoint that can be read ({error}). Remove it to train afresh.") from error
    if found != wanted:
        raise OptionError(
            f"The checkpoint {path} belongs to a training with other data, sizes, weights, recipe or seeds. Give the "
            "arguments it was begun with, another path, or remove it to train afresh."
        )
    return tensors, told


def collect(net: nn.Module, optimiser: torch.optim.Optimizer, average: Average | None) -> dict[str, Tensor]:
    """Gives all tensors that change while a net is trained, by name."""
    tensors = {f"net/{name}": value for name, value in net.state_dict().items()}
    for number, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{number}/{name}": value for name, value in moments.items()}
    return tensors | {f"average/{number}": mean for number, mean in enumerate(average.means if average else ())}


def restore(
    tensors: Mapping[str, Tensor], net: nn.Module, optimiser: torch.optim.Optimizer, average: Average | None
) -> None:
    """Puts back what `collect` gave."""
    net.load_state_dict(below(tensors, "net"))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in below(tensors, "optimiser").items():
        number, kind = name.split("/")
        state.setdefault(int(number), {})[kind] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    for i, mean in enumerate(average.means if average else ()):
        mean.copy_(tensors[f"average/{i}"])


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Gives the tensors whose names begin with a prefix, by the rest of their names.

    >>> below({"net/a": torch.ones(1), "best/0/a": torch.zeros(1)}, "best/0")
    {'a': tensor([0.])}
    """
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}
