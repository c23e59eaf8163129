"""What is trained: the look-back, the plan and the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from heedful.baselines import Linear
from heedful.data.scale import Scaler
from heedful.data.series import Series
from heedful.data.split import Span, Split
from heedful.data.windows import Windows, windows
from heedful.errors import DataError, OptionError, unknown
from heedful.forecasting.inputs import check_horizon, window_of
from heedful.models import ModelSpec, Shape, get
from heedful.models.arms import Arm
from heedful.models.compose import compose
from heedful.models.plan import Plan, from_toml, to_toml
from heedful.models.presets import SHORTEST
from heedful.scout import Scout, scout, typical_rows
from heedful.train import Recipe

SCOUTED = "heedful"
NOTHING = "none"  # what a recipe says in TOML of a setting that is None
SEASONS, LONGEST = 14, 720
"""A look-back by the season has at most so many seasons, and so many rows."""
FEWEST = 7
"""With fewer seasons than this the season does not decide."""
_ROWS_PER_WINDOW, _NAMED = 5, 3


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

    For "heedful" and its arms the season decides, or the closed-form map where the season cannot: see `look_back`.
    Other models take the look-back by rule where none is given.

    Raises: UnknownName for a model that is not there; DataError or OptionError for a plan that cannot be used, and for
            a horizon that a part is too short for.
    """
    check_horizon(horizon, *parts)
    spec = None if plan is not None else get(model)
    given, written = (None, None) if plan is None else read_plan(plan)
    recipe = recipe or written
    series = parts.train.series
    own = spec is not None and scouted(spec.name)
    by_season = _by_season(parts.train, window, season, horizon) if own else None
    found = _scouted(parts, window, horizon) if own and by_season is None else None
    rows = window or by_season or (found.window if found else window_of(parts.train, season, horizon))
    learned = windows(parts.train, rows, horizon)
    shape = shape_of(series, rows, horizon, season)
    chosen = given or (spec.plan(shape) if spec is not None else None)
    if chosen is not None and found is not None:
        chosen = replace(chosen, centre="last" if found.centre == "last" else "mean")
    return Settings(
        model=spec.name if spec else "plan",
        shape=shape,
        plan=chosen,
        recipe=recipe_of(spec, len(learned), len(shape.targets), recipe=recipe, epochs=epochs),
        build=builder(chosen, spec),
        scaling=spec.scaling if spec else "standard",
        line=found.linear if found else None,
        notes=(
            *(_reason(rows, window, season if by_season else None, found) if own else ()),
            *_widened(spec, horizon),
            *_lost(learned),
        ),
    )


def look_back(train: Span, season: int | None, horizon: int = 1) -> int | None:
    """Gives the look-back by the season; None where the season does not decide.

    It is 14 seasons, or as many as there are in 720 rows and in a fifth of the train rows, those of the typical member
    of a panel. On validation parts that was better than the look-back which the closed-form map prefers, or as good,
    with 14 seasons of 24 rows (ETTh1) and 7 of 96 (ETTm1), and worse with 6 and 4 of 52 (weekly tables). So the season
    decides from 7 on, and where it is long enough for a segment of the window.

    Unit: rows.
    """
    rows = typical_rows(train)
    room = min(LONGEST, rows // _ROWS_PER_WINDOW, rows - horizon)
    return season * min(SEASONS, room // season) if season and _enough(season, room) else None


def scouted(model: str) -> bool:
    """Says whether a model is "heedful" or an arm of it, whose look-back and centring are decided on the data.

    >>> scouted("heedful+eca"), scouted("cnn-lstm")
    (True, False)
    """
    return (Arm.read(model).preset if "+" in model else model) == SCOUTED


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


def read_plan(plan: Plan | str | Path) -> tuple[Plan, Recipe | None]:
    """Gives a plan, or reads it from its TOML file, with the recipe that may stand there under [recipe].

    Raises: DataError for a file that cannot be read; UnknownName or OptionError for what stands in it.
    """
    if isinstance(plan, Plan):
        return plan, None
    try:
        text = Path(plan).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"A plan needs a TOML file, and {plan} cannot be read ({error}). Give its path.") from error
    told = from_toml(text)
    recipe = told.pop("recipe", None)
    return Plan.from_dict(told), None if recipe is None else _recipe(recipe)


def write_plan(plan: Plan, recipe: Recipe) -> str:
    """Writes a plan and its recipe as TOML, for `read_plan`.

    >>> from heedful.models.plan import Plan, from_toml, to_toml
    >>> 'clip = "none"' in write_plan(Plan(), Recipe(clip=None))
    True
    """
    values = {name: NOTHING if value is None else value for name, value in asdict(recipe).items()}
    return plan.to_toml() + to_toml({"recipe": values})


def _recipe(told: Any) -> Recipe:
    known = [field.name for field in fields(Recipe)]
    if not isinstance(told, dict):
        raise OptionError(f"[recipe] of a plan needs a table of settings, got {told!r}. Write one value a line.")
    if strange := [name for name in told if name not in known]:
        raise unknown("setting of a recipe", strange[0], known)
    values: dict[str, Any] = {name: None if value == NOTHING else value for name, value in told.items()}
    return Recipe(**values)


def builder(plan: Plan | None, spec: ModelSpec | None) -> Callable[[Shape], nn.Module]:
    """Gives what builds the network: the composer for a plan, the published model otherwise."""
    if plan is not None:
        return lambda shape: compose(plan, shape)
    if spec is None:
        raise DataError("A network needs a plan or the name of a model. Give one of them.")
    return spec.build


def _enough(season: int | None, rows: int) -> bool:
    return season is not None and season >= SHORTEST and rows >= FEWEST * season


def _by_season(train: Span, window: int | None, season: int | None, horizon: int) -> int | None:
    """Gives the look-back asked for, or by the season, where seasons decide; the preset's centring goes with it."""
    if window is None:
        return look_back(train, season, horizon)
    return window if _enough(season, window) else None


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


def _reason(rows: int, window: int | None, season: int | None, found: Scout | None) -> tuple[str, ...]:
    """Tells what decided look-back and centring: the season, the closed-form maps, or neither."""
    if found is not None:
        what = "Centring" if window else f"Look-back of {rows} rows, centring"
        how = f"decided on validation by closed-form linear maps ({found.tried} settings tried)"
        return (f"{what} on the {found.centre} of the window: {how}.",)
    if window:
        return ()
    if season:
        return (f"Look-back of {rows} rows: {rows // season} seasons of {season} rows.",)
    why = "the train rows are too few, or have too many gaps, to decide by closed-form maps"
    return (f"Look-back of {rows} rows, by rule: {why}.",)


def _lost(learned: Windows) -> tuple[str, ...]:
    """Names the members of a panel that give no train window."""
    members = learned.span.series.members
    kept = set(learned.span.series.members_of(np.array([first for first, _ in learned.runs])).tolist())
    names = [member.name for number, member in enumerate(members) if number not in kept]
    if not names:
        return ()
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    note = (
        f"{len(names)} of {len(members)} series have fewer than {learned.window + learned.horizon} rows in the train "
        f"part, a look-back of {learned.window} and a horizon of {learned.horizon}, so that nothing is learned from "
        f"them: {', '.join(names[:_NAMED])}{more}."
    )
    return (note,)


def _widened(spec: ModelSpec | None, horizon: int) -> tuple[str, ...]:
    if spec is None or not spec.single_value or horizon == 1:
        return ()
    return (f"The article's model predicts one value; its last layer was widened to {horizon}.",)
