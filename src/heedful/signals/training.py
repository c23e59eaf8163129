"""One model of recordings, trained for use: the best of its seeds, bundled."""

from __future__ import annotations

from collections.abc import Sequence

from heedful.data.recordings import Augment, Recordings, cut, split_recordings
from heedful.errors import OptionError
from heedful.signals.bundle import SignalBundle
from heedful.signals.jobs import IMBALANCE, Field, SignalJob
from heedful.signals.result import Fold
from heedful.signals.work import bundle_of, loss_of
from heedful.train import Recipe


def train(
    recordings: Recordings,
    model: str,
    *,
    window: int | None = None,
    validation: float = 0.2,
    classes: int | None = None,
    seeds: Sequence[int] = (0,),
    recipe: Recipe | None = None,
    epochs: int | None = None,
    imbalance: str = "auto",
    scaling: str | None = None,
    augment: Augment | None = None,
    defects: Sequence[float] = (),
) -> SignalBundle:
    """Trains a model of all recordings but those that decide when to stop, and bundles the best of its seeds.

    Args:
        window: samples of a window; None takes recordings whole.
        validation: share of the groups that decides when to stop; 0 takes none, and the train loss decides. Where no
            class has two groups it is taken in time; the notes of the bundle say so.
        defects: orders of a bearing's defects, for a model that looks for them; recordings then need a speed.
        classes: 0 to tell a number; the recordings' classes by default.

    Raises: OptionError for a share outside 0 and 1; as `heedful.classify` for recordings that cannot be used.
    """
    if not 0 <= validation < 1:
        raise OptionError(f"Training needs a validation share from 0 to below 1, got {validation}.")
    if imbalance not in IMBALANCE:
        raise OptionError(f"imbalance knows {', '.join(IMBALANCE)}, got '{imbalance}'.")
    own: dict[str | None, set[str]] = {}
    for one in recordings.items:
        own.setdefault(one.label, set()).add(one.group_name)
    kind = "group" if max(map(len, own.values())) > 1 else "time"
    sizes = (1 - validation, validation, 0.0)
    parts = split_recordings(recordings, kind, sizes=sizes, window=window)
    resample = imbalance if imbalance.endswith("sample") else None
    laid = cut(parts.train, window, balance=resample)
    checked = None if parts.validation is None else cut(parts.validation, window, window)
    fold = Fold(name="", parts=parts, train=laid, validation=checked, test=checked or laid)
    ground = Field(
        folds=(fold,),
        classes=len(recordings.classes) if classes is None else classes,
        recipe=recipe,
        epochs=epochs,
        imbalance="none" if resample else imbalance,
        scaling=scaling,
        augment=augment,
        defects=tuple(defects),
    )
    heard = [ground.run(SignalJob(model=model, seeds=(seed,), fold=""))[0] for seed in seeds]
    facts = {"data": {"name": recordings.name, "fingerprint": recordings.fingerprint}}
    return bundle_of(min(heard, key=lambda one: loss_of(one.trial)), ground, whole=window is None, facts=facts)
