"""From a setting, values by dotted path, to all that is decided before a network is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from types import UnionType
from typing import Any, get_args, get_type_hints

from heedful.data.split import Split
from heedful.data.windows import windows
from heedful.errors import HeedfulError, OptionError, UnknownName, unknown
from heedful.forecasting import settings as usual
from heedful.forecasting.settings import Settings
from heedful.models import ModelSpec, Plan, Shape, compose, get
from heedful.models.plan import Attention, Centre
from heedful.models.published import PUBLISHED
from heedful.train import Recipe
from heedful.tuning.space import Choices, Dimension, Range, Space

_SIZES = ("window", "features", "horizon")


@dataclass(frozen=True, kw_only=True, eq=False)
class Base:
    """What every setting is a variation of; no test row is read through it.

    Args:
        model: name of the model; "plan" for a plan of the caller.
        plan: that plan, None for a model by name.
        window: look-back where no setting says another.
        centre: what the scout decided to measure windows from; None where it was not asked.
        recipe, epochs: as `heedful.fit` takes them.
    """

    parts: Split
    model: str
    plan: Plan | None
    window: int
    horizon: int
    season: int | None
    centre: Centre | None
    recipe: Recipe | None
    epochs: int | None
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(
        parts: Split,
        *,
        model: str,
        plan: Any,
        window: int | None,
        horizon: int,
        season: int | None,
        recipe: Recipe | None,
        epochs: int | None,
    ) -> Base:
        """Decides what no setting says, as `heedful.fit` would."""
        chosen = usual.settings(
            parts,
            model=model,
            plan=plan,
            window=window,
            horizon=horizon,
            season=season,
            recipe=recipe,
            epochs=epochs,
        )
        scouted = plan is None and usual.scouted(chosen.model)
        return Base(
            parts=parts,
            model=chosen.model,
            plan=None if plan is None else chosen.plan,
            window=chosen.shape.window,
            horizon=horizon,
            season=season,
            centre=chosen.plan.centre if scouted and chosen.plan is not None else None,
            recipe=recipe,
            epochs=epochs,
            notes=chosen.notes,
        )

    @property
    def spec(self) -> ModelSpec | None:
        """The model by name; None for a plan."""
        return None if self.plan is not None else get(self.model)

    def shape(self, window: int) -> Shape:
        """Gives what a network reads and gives."""
        return usual.shape_of(self.parts.train.series, window, self.horizon, self.season)

    def plan_for(self, shape: Shape) -> Plan | None:
        """Gives the plan that settings vary; None for a published model."""
        if self.plan is not None:
            return self.plan
        found = get(self.model).plan(shape)
        return found if found is None or self.centre is None else replace(found, centre=self.centre)

    def settings(self, values: Mapping[str, Any]) -> Settings:
        """Decides everything for one setting.

        Raises: UnknownName, OptionError or DataError for values that cannot be.
        """
        window = values.get("window", self.window)
        if isinstance(window, bool) or not isinstance(window, int):
            raise OptionError(f"window needs a whole number of rows, got {window!r}.")
        shape, spec = self.shape(window), self.spec
        recipe = usual.recipe_of(
            spec,
            len(windows(self.parts.train, window, self.horizon)),
            len(shape.targets),
            recipe=self.recipe,
            epochs=self.epochs,
        )
        recipe = replace(recipe, **{p.removeprefix("recipe."): v for p, v in values.items() if _of_recipe(p)})
        plan = self.plan_for(shape)
        inner = {path: value for path, value in values.items() if path != "window" and not _of_recipe(path)}
        model = self.model
        if plan is not None:
            plan = varied(plan, inner)
        elif inner:
            model = f"{model}({', '.join(f'{name}={value}' for name, value in inner.items())})"
        return Settings(
            model=model,
            shape=shape,
            plan=plan,
            recipe=recipe,
            build=get(model).build if plan is None else partial(compose, plan),
            scaling=spec.scaling if spec else "standard",
            notes=self.notes,
        )

    def known(self) -> list[str]:
        """Lists the paths that a space may name; below `options` there are the mechanism's own."""
        always = ["window", *(f"recipe.{one.name}" for one in fields(Recipe))]
        if self.plan_for(self.shape(self.window)) is not None:
            return [*always, *_paths(Plan)]
        arguments = PUBLISHED[self.model].arguments
        return [*always, *(name for name, ours in arguments.items() if ours not in _SIZES)]

    def check(self, space: Space) -> None:
        """Refuses paths that nothing has, and values that cannot be taken by themselves.

        Values that only do not fit together are found when they are tried.

        Raises: UnknownName for an unknown path, with the nearest; OptionError that names the path of a wrong value.
        """
        known = self.known()
        for path, dimension in space.items():
            if path not in known and not ("options." in path and path.partition("options.")[0] + "options" in known):
                raise unknown("path", path, known)
            ends = dimension.values if isinstance(dimension, Choices) else (dimension.low, dimension.top)
            depends = any(path.startswith(f"{other}.") for other in space)
            for value in () if depends else ends:
                self._check(path, value)

    def _check(self, path: str, value: Any) -> None:
        try:
            settings = self.settings({path: value})
            if path == "window":
                for part in (self.parts.train, self.parts.validation):
                    windows(part, value, self.horizon)
        except UnknownName as error:
            raise UnknownName(f"The space at {path}: {error}") from None
        except HeedfulError as error:
            raise OptionError(f"The space at {path} holds {value!r}: {error}") from None
        try:
            settings.build(settings.shape)
        except UnknownName as error:
            raise UnknownName(f"The space at {path}: {error}") from None
        except TypeError:
            raise OptionError(f"The space at {path} holds {value!r}, of which no network can be built.") from None
        except HeedfulError:
            return  # it may fit other values of the space


def varied(plan: Plan, values: Mapping[str, Any]) -> Plan:
    """Gives a plan with some of its values exchanged, the outermost first.

    A word stands for a part with its defaults, or for a mechanism; "none" for nothing where there may be nothing.

    Raises: UnknownName or OptionError for values that a plan cannot have.

    >>> varied(Plan(), {"recurrence.width": 8, "decoder": "pooled", "map_attention": "eca"}).decoder
    Pooled(segment=None, mechanism='additive', heads=1, options={}, placebo=None)
    """
    tree, hints = plan.to_dict(), get_type_hints(Plan)
    for path, value in sorted(values.items(), key=lambda pair: pair[0].count(".")):
        *way, last = path.split(".")
        place = tree
        for word in way:
            if place.get(word) is None:
                place[word] = {}
            place = place[word]
        place[last] = _meant(value, hints[last]) if not way and last in hints else value
    return Plan.from_dict(tree)


def default_space(base: Base, *, window: bool) -> dict[str, Dimension]:
    """Gives the space that is searched where none is asked for: rate, widths, dropout and, if wanted, look-back.

    Args:
        window: whether look-backs of half and twice the usual one are tried; the model "heedful" has its own search.
    """
    found: dict[str, Dimension] = {"recipe.learning_rate": Range(low=3e-4, high=1e-2, log=True)}
    rows = max(stop - start for start, stop in base.parts.train.pieces)
    if window and base.centre is None:
        sizes = [w for w in (base.window // 2, base.window, 2 * base.window) if 2 <= w <= rows // 4]
        found |= {"window": Choices(values=tuple(sizes))} if len(sizes) > 1 else {}
    plan = base.plan_for(base.shape(base.window))
    if plan is None:
        own = PUBLISHED[base.model].arguments
        units = next((name for name, ours in own.items() if ours == "units"), None)
        found |= {units: Choices(values=(8, 16, 32, 64))} if units else {}
        layers = next((name for name, ours in own.items() if ours == "layers"), None)
        return found | ({layers: Choices(values=(1, 2))} if layers else {})
    for path in ("stem.filters", "stem.width", "recurrence.width"):
        part, name = path.split(".")
        size = getattr(getattr(plan, part), name, None)
        if size is not None:
            found[path] = Choices(values=(max(1, size // 2), size, 2 * size))
    if hasattr(plan.stem, "kernel"):
        found["stem.kernel"] = Choices(values=(3, 5, 7))
    return found | {"dropout": Choices(values=tuple(sorted({0.0, 0.1, 0.3, plan.dropout})))}


def _of_recipe(path: str) -> bool:
    return path.startswith("recipe.")


def _parts(hint: Any) -> list[type]:
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return [kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)]


def _paths(kind: type, before: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(kind).items():
        if name == "placebo":  # a control of a trial, nothing to choose
            continue
        yield f"{before}{name}"
        inner = (path for part in _parts(hint) for path in _paths(part, f"{before}{name}."))
        yield from dict.fromkeys(inner)


def _meant(value: Any, hint: Any) -> Any:
    """Reads a word that stands for a part."""
    parts = _parts(hint)
    if not isinstance(value, str) or not parts:
        return value
    if value == "none" and type(None) in get_args(hint):
        return None
    return {"name": value} if parts == [Attention] else {"part": value} if len(parts) > 1 else value
