"""Recordings parted for detection: usual ones to learn from and to set the threshold, all others to test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from heedful.data.recordings import Cuts, Part, Parts, Piece, Recordings, cut, split_recordings
from heedful.errors import DataError, OptionError
from heedful.signals.detection.events import Points

NORMAL = ("normal", "healthy", "ok", "good", "usual", "no fault", "baseline", "regular", "n", "0", "false")
"""Labels that are taken for the usual class when none is named."""
INNER = (0.6, 0.15, 0.25)
"""Shares in time of the train part that networks learn from, that decide when they stop, and that set the threshold."""
GROUPS = 0.4
"""Share of its groups that set the threshold, where there are two or more."""
SPLITS = ("auto", "group", "time", "given")
_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Laid:
    """Windows of each part, without any label, and what is known of those tested."""

    train: Cuts
    validation: Cuts
    calibration: Cuts
    test: Cuts
    points: Points
    notes: tuple[str, ...] = ()


def normal_of(recordings: Recordings, normal: str | None) -> str | None:
    """Gives the label of the usual class; None for recordings without labels.

    Raises: DataError for a label that is not there, or recordings of which none has a label that says usual.

    >>> from heedful.data.recordings import Recording
    >>> items = [Recording(name=label, values=np.zeros((1, 9)), label=label) for label in ("worn", "Healthy")]
    >>> normal_of(Recordings(items=tuple(items)), None)
    'Healthy'
    """
    classes = recordings.classes
    if normal is not None:
        if str(normal) not in classes:
            known = ", ".join(classes) or "none"
            raise DataError(f"No recording has the label '{normal}' for the usual class. Labels: {known}.")
        return str(normal)
    if not classes:
        return None
    found = sorted((label for label in classes if label.lower() in NORMAL), key=lambda one: NORMAL.index(one.lower()))
    if not found:
        raise DataError(
            f"detect needs to know which of the labels {', '.join(classes)} says that all is usual. Name it: normal=..."
        )
    return found[0]


def lay(
    recordings: Recordings,
    normal: str | None,
    *,
    marks: Sequence[np.ndarray] | None = None,
    split: str = "auto",
    train: float = 0.6,
    window: int | None = None,
    step: int | None = None,
    seed: int = 0,
) -> Laid:
    """Parts recordings before any window is cut, and takes their labels off.

    With labels only recordings of the usual class are learned from, by group where there are groups enough; without
    labels the first part of each recording in time.

    Args:
        normal: label of the usual class; None if there are no labels.
        marks: for each recording which of its samples are known to be anomalies, where that is known sample by sample.
        split: "auto", "group", "time" or "given".
        train: share of the usual recordings, or of the time, that is not tested.
        window: samples of a window; None takes recordings whole.
        step: samples from one tested window to the next; a whole window by default.
        seed: of the split.

    Raises: OptionError for words that cannot be used; DataError for recordings of which a part has no window.
    """
    if split not in SPLITS:
        raise OptionError(f"detect knows the splits {', '.join(SPLITS)}, got '{split}'.")
    if not 0 < train < 1:
        raise OptionError(f"detect needs a train share between 0 and 1, got {train:g}. Usual is 0.6.")
    learn, tested, notes = _outer(recordings, normal, split, train, window, seed)
    inner = _inner(learn, split if normal is not None else "time" if split == "auto" else split, window, seed)
    kept = replace(
        recordings, items=tuple(replace(one, label=None, target=0.0, targets=None) for one in recordings.items)
    )

    def windows(pieces: Sequence[Piece], name: str, stride: int | None) -> Cuts:
        if not pieces:
            raise DataError(
                f"No recording is left for {name}: {len(recordings):,} recordings of {len(recordings.groups):,} "
                "groups. Give more usual recordings, a shorter window, or split='time'."
            )
        return cut(Part(recordings=kept, pieces=tuple(sorted(pieces)), name=name), window, stride)

    validation = inner.validation.pieces if inner.validation is not None else ()
    test = windows(tested, "test", step or window)
    calibration = windows(inner.test.pieces, "calibration", step or window)
    groups = len({recordings[number].group_name for number in calibration.starts[:, 0].tolist()})
    notes += (*inner.notes, f"threshold from {len(calibration):,} windows of {groups:,} recordings or groups")
    laid = Laid(
        train=windows(inner.train.pieces, "train", None),
        validation=windows(validation, "validation", window),
        calibration=calibration,
        test=test,
        points=points_of(test, recordings, normal, marks),
    )
    cuts = (laid.train, laid.validation, laid.calibration, laid.test)
    told = tuple(dict.fromkeys((*notes, *(note for one in cuts for note in one.notes))))
    return replace(laid, notes=told)


def points_of(
    cuts: Cuts, recordings: Recordings, normal: str | None, marks: Sequence[np.ndarray] | None = None
) -> Points:
    """Says where the windows lie, and which are known to be anomalies."""
    source, first = cuts.starts.T
    last = first + cuts.lengths
    rate = recordings.rate
    scale = rate or 1.0
    truth = None
    if marks is not None:
        counts = [np.concatenate([[0], np.cumsum(one)]) for one in marks]
        truth = np.array([counts[s][b] > counts[s][a] for s, a, b in zip(source, first, last, strict=True)], bool)
    elif normal is not None:
        truth = np.array([recordings[int(number)].label != normal for number in source], bool)
    return Points(
        names=tuple(one.name for one in recordings.items),
        source=source,
        start=first,
        stop=last,
        when=first / scale,
        ends=last / scale,
        unit="seconds" if rate else "sample",
        truth=truth,
        a_day=_DAY * rate / min(cuts.step, cuts.window) if rate else None,
    )


def _outer(
    recordings: Recordings, normal: str | None, split: str, train: float, window: int | None, seed: int
) -> tuple[Part, list[Piece], tuple[str, ...]]:
    """Gives what may be learned from, the pieces that are tested, and what was decided."""
    whole = [Piece(number, 0, len(one)) for number, one in enumerate(recordings.items)]
    given = split == "given" or (split == "auto" and all(one.part is not None for one in recordings.items))
    usual = [piece for piece in whole if normal is None or recordings[piece.recording].label == normal]
    strange = [piece for piece in whole if piece not in usual]
    kind = "given" if given else "time" if normal is None and split == "auto" else split
    part = Part(recordings=recordings, pieces=tuple(usual), name="train")
    outer = split_recordings(part, kind, sizes=(train, 0.0, 1 - train), window=window, seed=seed)
    left_out = [piece for piece in strange if given and recordings[piece.recording].part != "test"]
    notes = [*outer.notes]
    if normal is not None:
        notes.append(f"learned from recordings labelled '{normal}' alone")
    if left_out:
        notes.append(f"{len(left_out):,} recordings of the given train part that are not '{normal}' are left out")
    tested = [*outer.test.pieces, *(piece for piece in strange if piece not in left_out)]
    pieces = (*outer.train.pieces, *(outer.validation.pieces if outer.validation else ()))
    return Part(recordings=recordings, pieces=pieces, name="train"), tested, tuple(notes)


def _inner(learn: Part, split: str, window: int | None, seed: int) -> Parts:
    """Parts what may be learned from.

    The threshold is set on groups of its own where there are two or more: those that a network has seen err less. When
    to stop is decided in time.
    """
    if split == "time" or len(learn.groups) < 2:
        return split_recordings(learn, "time", sizes=INNER, window=window, seed=seed)
    by_group = split_recordings(learn, "group", sizes=(1 - GROUPS, 0.0, GROUPS), window=window, seed=seed)
    share = INNER[1] / (INNER[0] + INNER[1])
    in_time = split_recordings(by_group.train, "time", sizes=(1 - share, share, 0.0), window=window, seed=seed)
    return replace(in_time, test=by_group.test, kind="group", notes=in_time.notes)
