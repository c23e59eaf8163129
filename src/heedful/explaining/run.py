"""heedful.explain: what a trained network looks at, whether that is used, and whether it is true."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from heedful.bundle import Bundle
from heedful.data.recordings import Cuts
from heedful.data.sets.bearings import Geometry
from heedful.data.windows import Windows
from heedful.errors import DataError, OptionError, unknown
from heedful.explaining import recordings, tables
from heedful.explaining.case import FEWEST, Case
from heedful.explaining.files import check_folder, save
from heedful.explaining.work import Asked, check_step, explained
from heedful.explanation.result import Explanation
from heedful.explanation.spectrum import defect_frequencies
from heedful.signals.bundle import SignalBundle, is_signal_bundle

WINDOWS = 100
FORMATS = ("png", "svg", "pdf")


def explain(
    model: Bundle | SignalBundle | str | Path | nn.Module | Any,
    data: Any,
    *,
    at: str | None = None,
    window: int | None = None,
    of_class: str | None = None,
    step: int | None = None,
    windows: int = WINDOWS,
    speed: float | str | Sequence[str] | None = None,
    bearing: Sequence[float] | Geometry | None = None,
    retrain: int = 0,
    self_test: bool = False,
    anyway: bool = False,
    scaler: Any = None,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    formats: Sequence[str] = ("png",),
    language: str = "en",
    say: Callable[[str], object] | None = None,
    **reading: Any,
) -> Explanation:
    """Shows what a trained network looks at in windows that it was not trained on, and tests whether that is true.

    Weights are laid over real stamps or seconds. Whether they are used is told by putting uniform, permuted and mean
    weights in their place; whether they are true by taking away and putting back what they call important, beside
    smooth random maps and other maps that know nothing. A map that fails is not shown: occlusion is.

    Args:
        model: what `heedful.fit`, `heedful.compare` or `heedful.classify` left, its folder, a fitted estimator, or a
            network of torch with mechanisms of `heedful.attention`.
        data: a table or recordings, as the model was trained on; for a network its `Windows` or `Cuts`.
        at: the window to show: the stamp of its newest row, or "RECORDING:SECONDS".
        window: its number in place of `at`; negative ones count from the last.
        of_class: explain this class, in the windows that are of it.
        step: explain this step of the forecast alone, from 1.
        windows: how many windows maps are tested on, at most.
        speed: turns a minute of the shaft, or the fact of the recordings that says.
        bearing: balls, diameters of a ball and of the pitch circle, and contact angle in degrees, or a `Geometry`; with
            a speed the frequencies of its defects are tested and marked.
        retrain: how many networks of each kind to train anew: with other seeds, with uniform weights, on shuffled
            targets. The data must be those of the training.
        self_test: train a network of this kind on planted evidence, and look whether maps find it.
        anyway: explain a network that does not predict; nothing it looks at explains anything then.
        scaler: how windows are scaled, for a network.
        seed: draws random maps and orders.
        out: folder for report, figures and tables; "auto" names one under heedful-runs, None writes nothing.
        overwrite: replace an earlier explanation in that folder.
        formats: of the figures, of "png", "svg" and "pdf".
        language: of the report: "en" or "zh".
        say: called with a line of progress.
        reading: words by which the data are read: `time`, `date_format` of a table; `label`, `group`, `channels`,
            `rate` and others of `heedful.data.recordings.read_recordings`.

    Raises: OptionError for a model without attention, and for options that do not fit; DataError for data of another
        shape than the model's, too few windows, and a model that does not predict.

    >>> from heedful.train import Recipe
    >>> import heedful
    >>> made = heedful.fit("sine", model="cnn-lstm+additive", window=16, recipe=Recipe(epochs=8))
    >>> found = explain(made, "sine", windows=40)
    >>> found.kind, found.maps["occlusion"].shape
    ('forecast', (40, 16))
    """
    _check(windows, retrain, formats, language)
    if window is not None and not isinstance(window, int):
        raise OptionError(f"explain needs the number of a window, got window={window!r}. Give a whole number, or --at.")
    folder = None if out is None or out == "auto" else check_folder(Path(out), overwrite=overwrite)
    case, asked = _case(model, data, windows, at, window, of_class, speed, scaler, reading)
    case = _defects(case, speed, bearing)
    check_step(case, step)
    if case.predicts is False and not anyway:
        raise DataError(
            f"{case.model} does not predict these windows, and a network that does not predict cannot be explained. "
            f"{' '.join(case.worth)} Train it longer, or on more data; --anyway explains it all the same."
        )
    if retrain:
        case.learnable()
    wanted = Asked(
        shown=asked,
        of_class=of_class,
        step=step,
        retrain=retrain,
        self_test=self_test,
        seed=seed,
        say=say or (lambda _: None),
    )
    found = explained(case, wanted)
    if out is None:
        return found
    if folder is None:
        name = re.sub(r"[^\w.-]+", "_", f"explain-{Path(case.data).stem}-{case.model}")
        folder = check_folder(Path("heedful-runs") / name, overwrite=overwrite)
    return save(found, folder, formats=formats, language=language)


def _check(windows: int, retrain: int, formats: Sequence[str], language: str) -> None:
    if not isinstance(windows, int) or windows < FEWEST:
        raise OptionError(f"explain needs at least {FEWEST} windows to test a map on, got {windows}. Give 100.")
    if not isinstance(retrain, int) or retrain < 0:
        raise OptionError(f"explain trains a whole number of networks again, got retrain={retrain}. Give 5, or 0.")
    if strange := [name for name in formats if name not in FORMATS]:
        raise unknown("format", strange[0], FORMATS)
    if language not in ("en", "zh"):
        raise unknown("language", language, ("en", "zh"))


def _case(
    model: Any,
    data: Any,
    most: int,
    at: str | None,
    window: int | None,
    of_class: str | None,
    speed: Any,
    scaler: Any,
    reading: dict[str, Any],
) -> tuple[Case, tuple[int, ...]]:
    made = getattr(model, "bundle_", model)
    if isinstance(made, SignalBundle) and hasattr(model, "classes_"):
        # An estimator trains on numbers of its classes.
        made = replace(made, classes=tuple(str(model.classes_[int(code)]) for code in made.classes))
    if isinstance(made, nn.Module):
        own = {"at": at, "window": window, "of_class": of_class, "speed": speed, **reading}
        if strange := [name for name, value in own.items() if value is not None]:
            raise OptionError(
                f"A network is given its windows as they are, got {', '.join(strange)} too. Leave them out."
            )
        return _of_network(made, data, scaler, most), ()
    if not isinstance(made, (Bundle, SignalBundle, str, Path)):
        unfitted = ". Fit it first" if hasattr(model, "fit") else ""
        came = f"{type(model).__name__}{unfitted}"
        raise OptionError(f"explain needs a bundle or its folder, a fitted estimator or a network, got {came}.")
    if isinstance(made, SignalBundle) or (isinstance(made, (str, Path)) and is_signal_bundle(made)):
        bundle = made if isinstance(made, SignalBundle) else SignalBundle.load(made)
        _refuse(reading, ("time", "date_format"), "tells recordings", "tables")
        told = None if isinstance(speed, (int, float)) else speed
        return recordings.read(
            bundle, data, most=most, at=at, window=window, chosen=of_class, speed=told, **_given(reading)
        )
    table = made if isinstance(made, Bundle) else Bundle.load(made)
    strange = [name for name in reading if name not in ("time", "date_format")]
    _refuse(reading, strange, "forecasts a table", "recordings")
    if of_class is not None or speed is not None:
        raise OptionError("This bundle forecasts a table: it knows no class and no speed. Leave them out.")
    return tables.read(table, data, most=most, at=at, window=window, **_given(reading))


def _given(reading: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reading.items() if value is not None}


def _refuse(reading: dict[str, Any], names: Sequence[str], what: str, about: str) -> None:
    if strange := [name for name in names if reading.get(name) is not None]:
        raise OptionError(f"This bundle {what}, got {', '.join(strange)}, which are about {about}. Leave them out.")


def _of_network(net: nn.Module, data: Any, scaler: Any, most: int) -> Case:
    """Gives the case of a network of torch and windows of either kind."""
    import copy

    from heedful.explaining.case import enough, spread

    if scaler is None or not isinstance(data, (Windows, Cuts)):
        raise OptionError(
            f"A network needs its Windows or Cuts and their scaler, got {type(data).__name__} and "
            f"{type(scaler).__name__}. Give explain(net, windows, scaler=scaler), or a bundle and a table."
        )
    enough(len(data), type(data).__name__)
    own, numbers = copy.deepcopy(net).eval(), spread(len(data), most)
    if isinstance(data, Windows):
        return tables.case_of(tables.only(data, numbers), scaler, own, model=type(net).__name__)
    return recordings.case_of(data.take(numbers), scaler, own, model=type(net).__name__)


def _defects(case: Case, speed: Any, bearing: Any) -> Case:
    """Tells the frequencies of a bearing's defects, where its speed and geometry are known."""
    if bearing is None:
        return case
    if isinstance(bearing, Geometry):
        geometry = bearing
    else:
        sizes = tuple(float(one) for one in bearing)
        if len(sizes) not in (3, 4) or min(sizes[:3]) <= 0:
            raise OptionError(
                f"bearing needs balls, diameter of a ball, diameter of the pitch circle, and if wanted the contact "
                f"angle in degrees, got {sizes}. Give 9,7.94,39.04."
            )
        geometry = Geometry(balls=int(sizes[0]), ball=sizes[1], pitch=sizes[2], angle=sizes[3] if sizes[3:] else 0.0)
    turns = float(speed) if isinstance(speed, (int, float)) else case.speed
    if turns is None or case.rate is None:
        raise OptionError(
            "The frequencies of a bearing's defects need the shaft's speed and the rate of the recordings. Give "
            "--speed in turns a minute, or the fact that says, and --rate."
        )
    return replace(case, defects=tuple(defect_frequencies(turns, geometry).items()))
