"""Scales windows by what the train windows showed, or each window by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heedful.data.recordings.cuts import Cuts
from heedful.data.recordings.noun import Recordings
from heedful.data.recordings.pieces import Piece
from heedful.errors import DataError, ShapeError, unknown

KINDS = ("none", "standard", "window")
_BLOCK = 1 << 18


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalScaler:
    """z = (x - centre) / spread, channel by channel; remembers which recordings it saw.

    - "standard": mean and deviation (ddof 0) of each channel over all samples that the train windows cover, each
      sample once.
    - "window": mean 0 and deviation 1 of each channel of each window; the gain of an amplifier is lost, and so is the
      size of the signal.
    - "none": as it is.

    A channel that never changes gets spread 1. Padding stays zero.

    Args:
        channels: names of the channels.
        recordings: names of the recordings that were seen.

    Shape: centre and spread (C,).
    """

    kind: str
    channels: tuple[str, ...]
    centre: np.ndarray
    spread: np.ndarray
    recordings: tuple[str, ...] = ()

    @staticmethod
    def fit(train: Cuts, kind: str = "standard") -> SignalScaler:
        """Learns from train windows in one pass, 64 bits.

        Raises: UnknownName for another kind, DataError for windows of any part but train.
        """
        if kind not in KINDS:
            raise unknown("scaling", kind, KINDS)
        if train.part.name != "train":
            raise DataError(
                f"SignalScaler.fit takes windows of the train part, got those of {train.part.name}. Scaling by what "
                "is to be forecast leaks it."
            )
        width = len(train.recordings.channels)
        centre, spread = np.zeros(width), np.ones(width)
        pieces = list(train.intervals())
        if kind == "standard":
            centre, spread = _moments(train.recordings, pieces)
        names = dict.fromkeys(train.recordings[piece.recording].name for piece in pieces)
        return SignalScaler(
            kind=kind, channels=train.recordings.channels, centre=centre, spread=spread, recordings=tuple(sorted(names))
        )

    def apply(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """Gives windows scaled, as 32 bits; the array given stays as it is.

        Args:
            lengths: real samples of each window; all of them if not given.

        Shape:  (B, T, C), lengths (B,) -> (B, T, C).
        Raises: ShapeError for other channels than were seen.

        >>> one = SignalScaler(kind="window", channels=("a",), centre=np.zeros(1), spread=np.ones(1))
        >>> one.apply(np.array([[[1.0], [3.0], [0.0]]]), np.array([2]))[0, :2, 0].tolist()
        [-1.0, 1.0]
        """
        if x.ndim != 3 or x.shape[2] != len(self.channels):
            raise ShapeError(
                f"The scaler needs windows (B, T, {len(self.channels)}) of the channels {', '.join(self.channels)}, "
                f"got {x.shape}. Read them with the same channels."
            )
        if self.kind == "none":
            return np.array(x, dtype=np.float32)
        real = None if lengths is None or bool((lengths == x.shape[1]).all()) else _real(x, lengths)
        if self.kind == "standard":
            z = (x - self.centre.astype(np.float32)) / self.spread.astype(np.float32)
        else:
            z = _each(x, real)
        if real is not None:
            z *= real
        return np.asarray(z, dtype=np.float32)

    def to_dict(self) -> dict[str, object]:
        """Gives all that is needed to build it again, as JSON can hold it."""
        return {
            "kind": self.kind,
            "channels": list(self.channels),
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "recordings": list(self.recordings),
        }

    @staticmethod
    def from_dict(known: Mapping[str, object]) -> SignalScaler:
        """Builds it again from what `to_dict` gave.

        Raises: DataError if something is missing or of another size.
        """
        try:
            kind, channels = str(known["kind"]), tuple(_texts(known["channels"]))
            centre, spread = np.array(known["centre"], dtype=float), np.array(known["spread"], dtype=float)
            recordings = tuple(_texts(known["recordings"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"A stored scaler cannot be read: {error!r}. Fit it again.") from None
        if kind not in KINDS or centre.shape != (len(channels),) or spread.shape != (len(channels),):
            raise DataError(
                f"A stored scaler needs a kind of {', '.join(KINDS)} and a centre and a spread for each of its "
                f"{len(channels)} channels, got '{kind}', {centre.shape} and {spread.shape}. Fit it again."
            )
        return SignalScaler(kind=kind, channels=channels, centre=centre, spread=spread, recordings=recordings)


def _texts(found: object) -> list[str]:
    if not isinstance(found, list):
        raise TypeError(f"a list was expected, got {found!r}")
    return [str(one) for one in found]


def _real(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Gives 1 for real samples and 0 for padding (B, T, 1)."""
    return (np.arange(x.shape[1]) < np.asarray(lengths)[:, None]).astype(np.float32)[:, :, None]


def _each(x: np.ndarray, real: np.ndarray | None) -> np.ndarray:
    """Gives each window's channels mean 0 and deviation 1 over its real samples."""
    count = np.float64(x.shape[1]) if real is None else np.maximum(real.sum(axis=1, keepdims=True, dtype=float), 1)
    masked = x if real is None else x * real
    mean = masked.sum(axis=1, keepdims=True, dtype=float) / count
    z = (x - mean.astype(np.float32)).astype(np.float32)
    z = z if real is None else z * real
    spread = np.sqrt(np.square(z).sum(axis=1, keepdims=True, dtype=float) / count)
    scaled: np.ndarray = (z / np.where(spread > 0, spread, 1.0)).astype(np.float32)
    return scaled


def _moments(recordings: Recordings, pieces: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel over pieces, in one pass and block by block; missing samples are left out.

    Paper: Chan, Golub, LeVeque, "Algorithms for computing the sample variance", The American Statistician 37(3),
           1983, equation 2.1: blocks are joined by their means and sums of squares.
    """
    width = len(recordings.channels)
    count, mean, square = np.zeros(width), np.zeros(width), np.zeros(width)
    for number, start, stop in pieces:
        one = recordings[number]
        for at in range(start, stop, _BLOCK):
            block = one.values[:, at : min(stop, at + _BLOCK)].astype(np.float64) * one.scale
            seen = np.isfinite(block)
            n = seen.sum(axis=1).astype(float)
            filled = np.maximum(n, 1)
            own = np.where(seen, block, 0).sum(axis=1) / filled
            spread = np.where(seen, np.square(block - own[:, None]), 0).sum(axis=1)
            total = np.maximum(count + n, 1)
            square += spread + np.square(own - mean) * count * n / total
            mean += (own - mean) * n / total
            count += n
    deviation = np.sqrt(square / np.maximum(count, 1))
    # Rounding leaves a constant a tiny deviation, which must not be blown up into noise.
    return mean, np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
