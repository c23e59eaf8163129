"""What a model of signals reads and gives."""

from __future__ import annotations

from dataclasses import dataclass

from heedful.errors import OptionError


@dataclass(frozen=True)
class SignalShape:
    """What a model of signals reads and gives: windows (B, T, channels) -> (B, classes), or (B, 1) for a number.

    Args:
        channels: C, number of signals beside each other.
        classes: K, number of classes; 0 where one real number is to be told.
        window: T, samples of a window, of which a shorter one may fill a part.
        rate: samples a second, where they are known.
        speed: whether the speed of the shaft is told of each window, in turns a minute; models that read it ask for it.
        defects: orders of the defects of a bearing, in turns of its shaft, for models that look for them.

    Raises: OptionError for sizes below 1, a single class, a rate that is not above 0, speeds without a rate, or orders
        without speeds or not above 0.

    >>> SignalShape(1, 10, 2048, rate=12000).outputs
    10
    """

    channels: int
    classes: int
    window: int
    rate: float | None = None
    speed: bool = False
    defects: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if min(self.channels, self.window) < 1 or self.classes < 0:
            raise OptionError(
                f"SignalShape needs channels and a window of at least 1 and no less than 0 classes, got {self}. Give "
                "larger numbers."
            )
        if self.classes == 1:
            raise OptionError(
                "SignalShape needs at least 2 classes to tell apart, got 1. Give recordings of another class too, or "
                "classes=0 for a real number."
            )
        if self.rate is not None and not self.rate > 0:
            raise OptionError(f"SignalShape needs a rate above 0, got {self.rate}. Give samples a second, or None.")
        if self.speed and self.rate is None:
            raise OptionError("SignalShape needs a rate where speeds are told, got none. Give samples a second.")
        if self.defects and (not self.speed or min(self.defects) <= 0):
            raise OptionError(
                f"SignalShape needs orders of defects above 0, and speeds to find them by, got {self.defects} with "
                f"speed={self.speed}. Name the speed, or leave the orders out."
            )

    @property
    def outputs(self) -> int:
        """Numbers that a model gives for a window."""
        return self.classes or 1
