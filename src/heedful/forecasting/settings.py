"""What is trained: the look-back, the plan and the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from heedful.baselines import Linear
from heedful.data.scale import Scaler
from heedful.data.series import Series
from heedful.data.split import Split
from heedful.errors import DataError
from heedful.forecasting.inputs import check_horizon, window_of
from heedful.models import ModelSpec, Shape, get
from heedful.models.compose import compose
from heedful.models.plan import Plan
from heedful.scout import Scout, scout
from heedful.train import Recipe

SCOUTED = "heedful"


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """All that is decided before a network is built.

    Args:
        plan: None for a published model.
        line: the closed-form map that decided, for the network's linear skip to start from; None if none did.
    """

    model: str
    shape: Shape
    plan: Plan | None
    recipe: Recipe
    build: Callable[[Shape], nn.Module]
    scaling: str
    line: Linear | None = None
    notes: tuple[str, ...] = ()


def settings(
    parts: Split,
    *,
    model: str,
    plan: Plan | str | Path | None,
    window: int | None,
    horizon: int,
    season: int | None,
    recipe: Recipe | None,
    epochs: int | None = None,
) -> Settings:
    """Decides look-back, plan and recipe; reads train and validation rows only.

    For the model "heedful" the closed-form map decides look-back and centring; other models take the look-back by
    rule where none is given.

    Raises: UnknownName for a model that is not there; DataError or OptionError for a plan that cannot be used, and for
            a horizon that a part is too short for.
    """
    check_horizon(horizon, *parts)
    spec, given = (None, read_plan(plan)) if plan is not None else (get(model), None)
    series = parts.train.series
    found = _scouted(parts, window, horizon) if spec is not None and spec.name == SCOUTED else None
    rows = window or (found.window if found else window_of(parts.train, season, horizon))
    shape = shape_of(series, rows, horizon, season)
    chosen = given or (spec.plan(shape) if spec is not None else None)
    if chosen is not None and found is not None:
        chosen = replace(chosen, centre="last" if found.centre == "last" else "mean")
    return Settings(
        model=spec.name if spec else "plan",
        shape=shape,
        plan=chosen,
        recipe=recipe_of(
            spec, max(1, len(parts.train) - rows - horizon + 1), len(shape.targets), recipe=recipe, epochs=epochs
        ),
        build=builder(chosen, spec),
        scaling=spec.scaling if spec else "standard",
        line=found.linear if found else None,
        notes=_notes(spec, found, horizon, window),
    )


def shape_of(series: Series, window: int, horizon: int, season: int | None) -> Shape:
    """Gives what a model for a series reads and gives."""
    return Shape(
        window=window,
        features=len(series.columns),
        horizon=horizon,
        targets=series.target_indices,
        known=series.known_indices,
        flags=tuple(series.columns.index(name) for name in series.plain),
        season=season,
    )


def read_plan(plan: Plan | str | Path) -> Plan:
    """Gives a plan, or reads it from its TOML file.

    Raises: DataError for a file that cannot be read; UnknownName or OptionError for what stands in it.
    """
    if isinstance(plan, Plan):
        return plan
    try:
        text = Path(plan).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"A plan needs a TOML file, and {plan} cannot be read ({error}). Give its path.") from error
    return Plan.from_toml(text)


def builder(plan: Plan | None, spec: ModelSpec | None) -> Callable[[Shape], nn.Module]:
    """Gives what builds the network: the composer for a plan, the published model otherwise."""
    if plan is not None:
        return lambda shape: compose(plan, shape)
    if spec is None:
        raise DataError("A network needs a plan or the name of a model. Give one of them.")
    return spec.build


def _scouted(parts: Split, window: int | None, horizon: int) -> Scout | None:
    """Lets the closed-form maps decide; None where the table is too short for any of them, or has too many gaps."""
    look_backs = {} if window is None else {"windows": (window,)}
    try:
        return scout(parts, Scaler.fit(parts.train), horizon, **look_backs)
    except DataError:
        return None


def recipe_of(
    spec: ModelSpec | None, count: int, targets: int, *, recipe: Recipe | None = None, epochs: int | None = None
) -> Recipe:
    """Gives the recipe of a model: the one that was asked for, else its own; `epochs` replaces only their number.

    Args:
        spec: the model; None for a plan of the caller, which is trained as the presets are.
        count: train windows.
        targets: M, targets forecast at once.

    >>> recipe_of(get("cnn_lstm"), 1000, 1, epochs=3) == replace(Recipe.article(), epochs=3)
    True
    """
    own: dict[str, Callable[[], Recipe]] = {
        "article": Recipe.article,
        "modern": Recipe,
        "long": lambda: Recipe.long(count, targets),
    }
    chosen = recipe or own[spec.recipe if spec is not None else "modern"]()
    return chosen if epochs is None else replace(chosen, epochs=epochs)


def _notes(spec: ModelSpec | None, found: Scout | None, horizon: int, window: int | None) -> tuple[str, ...]:
    notes = []
    if found is not None:
        what = "Centring" if window else f"Look-back of {found.window} rows, centring"
        notes.append(
            f"{what} on the {found.centre} of the window: decided on validation by closed-form linear maps "
            f"({found.tried} settings tried)."
        )
    if spec is not None and spec.single_value and horizon > 1:
        notes.append(f"The article's model predicts one value; its last layer was widened to {horizon}.")
    return tuple(notes)
