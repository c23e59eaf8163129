"""How a network is trained: frozen data, the same for every arm of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from heedful.errors import OptionError, unknown

OPTIMISERS = ("adam", "adamw")
SCHEDULES = ("constant", "cosine", "plateau")
LOSSES = ("mse", "mae", "huber")
PRECISIONS = ("float32", "bfloat16", "auto")
WATCHED = ("validation", "train")

_STEPS = 250
_VALUES = 1 << 15


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Training settings; the defaults are those of today, `Recipe.article()` those of the published models.

    Args:
        epochs: at most so many passes over the train windows.
        patience: epochs without a better watched loss before training stops; the best weights are kept.
        batch: windows per optimiser step; the last, smaller batch is used too. None takes the power of two that
            gives about 250 steps an epoch, between 32 and 512, and smaller for long windows.
        learning_rate: the highest of the schedule.
        weight_decay: share of the weights taken off at a step, times the learning rate; "adam" adds it to the
            gradient instead, as that optimiser was first written.
        clip: largest norm of the gradient, None for no clipping.
        optimiser: "adam" or "adamw".
        warmup: share of all planned steps over which the learning rate rises from nothing.
        schedule: after the warm-up "constant", "cosine" (to nothing at the last planned step) or "plateau" (halved
            after two epochs without a better watched loss).
        loss: "mse", "mae" or "huber" (a parabola up to 1, then a line) on scaled values; a head of a distribution
            brings its own.
        average: decay, per step, of a running mean of the weights that is validated and kept in place of the
            weights; None for none.
        windows_per_epoch: at most so many windows an epoch, drawn anew each time; None for all.
        precision: "float32"; "bfloat16" for the products of the forward and backward pass; "auto" for bfloat16
            where the processor has instructions for it.
        watch: which loss chooses the best epoch, stops the training and slows a "plateau": "validation", or "train"
            where there are no windows to validate on; the latter is measured while the epoch is learned.

    Raises: OptionError for a value that cannot be used; UnknownName for an unknown choice.

    >>> Recipe(epochs=3).schedule, Recipe.article().schedule
    ('cosine', 'constant')
    """

    epochs: int = 40
    patience: int = 6
    batch: int | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    clip: float | None = 1.0
    optimiser: str = "adamw"
    warmup: float = 0.05
    schedule: str = "cosine"
    loss: str = "mse"
    average: float | None = None
    windows_per_epoch: int | None = None
    precision: str = "float32"
    watch: str = "validation"

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch", "windows_per_epoch"):
            value = getattr(self, name)
            if name in ("epochs", "patience") or value is not None:
                _needs(_whole(value), name, "a whole number from 1 up", value)
        _needs(_real(self.learning_rate) and self.learning_rate > 0, "learning_rate", "above 0", self.learning_rate)
        _needs(_real(self.weight_decay) and self.weight_decay >= 0, "weight_decay", "0 or more", self.weight_decay)
        _needs(_real(self.warmup) and 0 <= self.warmup < 1, "warmup", "a share from 0 to below 1", self.warmup)
        _needs(self.clip is None or (_real(self.clip) and self.clip > 0), "clip", "above 0, or None", self.clip)
        average = self.average
        _needs(average is None or (_real(average) and 0 < average < 1), "average", "between 0 and 1, or None", average)
        for kind, known in (
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
            ("loss", LOSSES),
            ("precision", PRECISIONS),
            ("watch", WATCHED),
        ):
            if getattr(self, kind) not in known:
                raise unknown(kind, getattr(self, kind), known)

    @staticmethod
    def article() -> Recipe:
        """Gives the recipe of the published models: Adam at a constant 1e-3, nothing clipped."""
        return Recipe(optimiser="adam", schedule="constant", warmup=0.0, weight_decay=0.0, clip=None)

    @staticmethod
    def long(count: int, targets: int = 1) -> Recipe:
        """Gives the recipe of the accuracy table: a high learning rate, few passes, the running mean of the weights.

        About 50,000 windows are drawn in all, at most 8,192 or a quarter of them an epoch, and batches hold about 450
        windows times targets. The numbers were found on the validation parts of ETTh1 and ETTm1.

        Args:
            count: train windows.
            targets: M, targets forecast at once.

        >>> Recipe.long(8209, 7).epochs, Recipe.long(8209, 7).batch, Recipe.long(700).epochs
        (6, 64, 40)
        """
        drawn = min(count, max(8192, count // 4))
        return Recipe(
            epochs=max(6, min(40, round(6 * 8192 / drawn))),
            patience=3 if drawn >= 8192 else 6,
            batch=max(16, min(64, drawn // 128, 512 // targets)),
            learning_rate=3e-3,
            weight_decay=0.0,
            average=0.99,
            windows_per_epoch=drawn,
            precision="auto",
        )

    @staticmethod
    def archive(count: int) -> Recipe:
        """Gives the recipe for small sets of short series, of which none can be spared for validation.

        About 1,500 steps of 16 windows, however many there are, and the epoch with the smallest train loss. Papers on
        such networks take 1,500 epochs of Adam instead (Fawaz et al. 2019 and 2020), several times as many steps.

        Args:
            count: train windows.

        >>> Recipe.archive(50).epochs, Recipe.archive(270).epochs, Recipe.archive(50).watch
        (375, 88, 'train')
        """
        batch = max(2, min(16, count))
        epochs = max(30, round(1500 / -(-count // batch)))
        return Recipe(epochs=epochs, patience=epochs, batch=batch, precision="auto", watch="train")

    @staticmethod
    def signals(count: int) -> Recipe:
        """Gives the recipe for windows of long recordings: about 55 steps an epoch, as few as 20 of few windows.

        Args:
            count: train windows.

        >>> Recipe.signals(7000).batch, Recipe.signals(500).batch, Recipe.signals(10**6).batch
        (128, 25, 128)
        """
        return Recipe(epochs=30, patience=8, batch=max(8, min(128, count // 20)), precision="auto")

    @staticmethod
    def orders() -> Recipe:
        """Gives the recipe for small networks over spectra of the envelope: 15 epochs of one cycle, to its end.

        Its numbers are those that bearings were held out with, inside the train part; see `docs/cwru.md`.
        """
        return Recipe(
            epochs=15,
            patience=15,
            batch=64,
            learning_rate=4e-3,
            weight_decay=1e-2,
            clip=None,
            warmup=0.3,
            watch="train",
        )

    def windows_for(self, count: int) -> int:
        """Gives how many of so many train windows an epoch uses."""
        return count if self.windows_per_epoch is None else min(count, self.windows_per_epoch)

    def batch_for(self, count: int, window: int = 1) -> int:
        """Gives the batch for so many windows an epoch of such a length.

        >>> [Recipe().batch_for(n, 24) for n in (500, 12_000, 30_000, 10**7)], Recipe().batch_for(10**7, 512)
        ([32, 64, 128, 512], 64)
        """
        if self.batch is not None:
            return self.batch
        wanted = 1 << max(0, (count - 1) // _STEPS).bit_length()
        return max(32, min(512, wanted, _VALUES // window))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _real(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _needs(holds: bool, name: str, need: str, value: object) -> None:
    if not holds:
        raise OptionError(
            f"A recipe needs {name} to be {need}, got {value!r}. Recipe() and Recipe.article() hold both."
        )
