"""Training curves of any fit: one table as CSV, and event files for TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Protocol

from heedful.errors import DataError, OptionError, unknown
from heedful.train.fitted import Epoch

COLUMNS = ("model", "seed", "epoch", "train", "validation", "learning_rate", "seconds")
LOGS = ("tensorboard",)


class Trained(Protocol):
    """One training of one network; a baseline has no epochs."""

    @property
    def model(self) -> str: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def history(self) -> Sequence[Epoch]: ...


def training_table(trials: Iterable[Trained]) -> str:
    """Gives the training curves of all trials as CSV, one row an epoch; what was not measured is left empty.

    The columns are model, seed, epoch, train, validation, learning_rate and seconds: losses on scaled values, the
    learning rate of the epoch's last step, and the seconds since the training began.

    >>> from types import SimpleNamespace
    >>> one = SimpleNamespace(model="resnet1d", seed=0, history=[Epoch(train=0.5, validation=0.75, rate=0.001)])
    >>> print(training_table([one]).splitlines()[1])
    resnet1d,0,1,0.5,0.75,0.001,
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for trial in trials:
        for number, epoch in enumerate(trial.history, 1):
            values = (epoch.train, epoch.validation, epoch.rate, epoch.seconds)
            table.writerow([trial.model, trial.seed, number, *(repr(v) if isfinite(v) else "" for v in values)])
    return text.getvalue()


def write_tensorboard(folder: str | Path, trials: Iterable[Trained]) -> list[Path]:
    """Writes the training curves for TensorBoard, one run `folder/model/seed` a trial: `tensorboard --logdir FOLDER`.

    Event files that lie there already are replaced, so that a trial that is written again is shown once.

    Raises: OptionError if TensorBoard is not installed; DataError if the folder cannot be written to.
    """
    ready()
    from torch.utils.tensorboard import SummaryWriter

    written = []
    for trial in trials:
        if not trial.history:
            continue
        place = Path(folder) / trial.model / str(trial.seed)
        try:
            for old in place.glob("events.out.tfevents.*"):
                old.unlink()
            with SummaryWriter(str(place)) as writer:
                for name, number, value in _scalars(trial.history):
                    writer.add_scalar(name, value, number)
        except OSError as error:
            raise DataError(f"{place} cannot be written ({error}). Give a folder that can be written to.") from error
        written.append(place)
    return written


def ready(log: str = "tensorboard") -> None:
    """Makes sure that training curves can be logged that way.

    Raises: UnknownName; OptionError if what it needs is not installed.
    """
    if log not in LOGS:
        raise unknown("log", log, LOGS)
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise OptionError(
            "The log 'tensorboard' needs the package tensorboard, which is not installed. "
            "Run: pip install 'heedful[tensorboard]'."
        ) from error


def _scalars(history: Sequence[Epoch]) -> Iterator[tuple[str, int, float]]:
    for number, epoch in enumerate(history, 1):
        values = {"loss/train": epoch.train, "loss/validation": epoch.validation, "learning rate": epoch.rate}
        for name, value in (values | {"seconds": epoch.seconds}).items():
            if isfinite(value):
                yield name, number, value
