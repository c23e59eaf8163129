"""What the pictures and the page of an explanation share: which maps there are, what they are called, what is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.errors import OptionError, unknown

if TYPE_CHECKING:
    from heedful.explanation.looks import Look
    from heedful.explanation.result import Explanation, Shown
    from heedful.explanation.spectrum import Bands
    from heedful.explanation.usage import Worth
    from heedful.report.language import Language

LINES = 3
"""So many columns of a window are drawn."""
OCCLUSION = "occlusion"
"""The map that stands in where attention is not true."""


def look_of(explanation: Explanation, name: str) -> Look | None:
    """Gives the look that a map was made of, None for a map that needs no attention."""
    return next((one for one in explanation.looks if one.name == name), None)


def attention(explanation: Explanation) -> list[str]:
    """Names the maps over time that are attention, in the order in which a window passes them."""
    return [one.name for one in explanation.looks if one.name in explanation.maps]


def checked_name(explanation: Explanation, name: str | None) -> str:
    """Gives the name of a map over time, the chosen one by default.

    Raises: UnknownName if no map has the name; OptionError if there is no map over time at all.
    """
    if not explanation.maps:
        raise OptionError(
            f"This picture needs a map over time, got an explanation of {explanation.model} without one. "
            "Draw its columns instead."
        )
    if name is None:
        return explanation.chosen if explanation.chosen in explanation.maps else next(iter(explanation.maps))
    if name not in explanation.maps:
        raise unknown("map", name, sorted(explanation.maps))
    return name


def title(explanation: Explanation, name: str, say: Language) -> str:
    """Gives what a map is called: its own name, or its mechanism, and where that stands if there are several."""
    look, part = look_of(explanation, name), ""
    if look is None:
        before, _, part = name.rpartition(", ")
        look = look_of(explanation, before)
    if look is None:
        return say.named("explain_maps", name)
    alone = sum(one.mechanism == look.mechanism for one in explanation.looks) == 1
    called = say("explain.attention" if alone else "explain.attention_of", mechanism=look.mechanism, place=look.name)
    return say("explain.part_of", name=called, part=say.named("explain_parts", part)) if part else called


def truth_of(explanation: Explanation, name: str) -> bool | None:
    """Says whether a map is true; None where that was not found out."""
    found = explanation.truths.get(name)
    return None if found is None else found.true


def judged(explanation: Explanation, name: str, say: Language) -> str:
    """Gives the title of a map with its verdict."""
    word = {True: "true", False: "untrue", None: "unjudged"}[truth_of(explanation, name)]
    return say(f"explain_judged.{word}", name=title(explanation, name, say))


def tested(explanation: Explanation) -> list[str]:
    """Names the maps whose tests are drawn: those that windows are shown with, and those that are not over time."""
    shown = beside(explanation) if explanation.maps else []
    rest = [name for name in explanation.truths if name not in explanation.maps]
    return [name for name in [*shown, *rest] if name in explanation.truths]


def beside(explanation: Explanation) -> list[str]:
    """Names the maps that a window is shown with: the chosen one, and the attention that is not true before it."""
    chosen = checked_name(explanation, None)
    weighed = attention(explanation)
    if chosen in weighed or not weighed:
        return [chosen]
    return [weighed[-1], chosen]


def targets(explanation: Explanation, shown: Shown) -> list[int | None]:
    """Finds the column of each target of a forecast, None for one that is not among the columns."""
    if isinstance(shown.said, str) or explanation.kind != "forecast":
        return []
    count = np.asarray(shown.said).reshape(len(shown.said), -1).shape[1]
    found = [
        place
        for place, column in enumerate(explanation.columns)
        if any(output == column or output.startswith(f"{column} ") for output in explanation.outputs)
    ]
    return [*found] if len(found) == count else [None] * count


def columns(explanation: Explanation, shown: Shown, most: int = LINES) -> list[int]:
    """Chooses the columns to draw: targets first, then those that matter most, then the first ones."""
    wanted = [place for place in targets(explanation, shown) if place is not None]
    table = explanation.column_maps.get(explanation.chosen)
    if table is None and explanation.column_maps:
        table = next(iter(explanation.column_maps.values()))
    order = np.arange(len(explanation.columns)) if table is None else np.argsort(-np.nanmean(table, 0), kind="stable")
    known = [int(place) for place in order if np.isfinite(shown.values[:, place]).any()]
    return list(dict.fromkeys([*wanted, *known]))[:most]


def told(explanation: Explanation, shown: Shown, say: Language) -> str:
    """Says what the network said of a window, and what was true."""
    if explanation.kind == "forecast":
        return shown.name
    answer = shown.said if isinstance(shown.said, str) else f"{float(np.ravel(shown.said)[0]):.4g}"
    if shown.probability is not None:
        answer = say("explain.sure", answer=answer, share=100 * shown.probability)
    slots = {"name": shown.name, "said": answer}
    if shown.truth is None or (not isinstance(shown.truth, str) and not np.isfinite(np.ravel(shown.truth)).any()):
        return say("explain.told_said", **slots)
    true = shown.truth if isinstance(shown.truth, str) else f"{float(np.ravel(shown.truth)[0]):.4g}"
    return say("explain.told", true=true, **slots)


def filling(name: str, say: Language) -> str:
    """Gives what a way of filling is called."""
    return say.named("explain_fillings", name)


def known_look(explanation: Explanation, name: str) -> Look:
    """Gives a look by its name.

    Raises: UnknownName if there is none of that name.
    """
    found = look_of(explanation, name)
    if found is None:
        raise unknown("look", name, sorted(one.name for one in explanation.looks))
    return found


def column_map(explanation: Explanation) -> str:
    """Names the map over columns that is shown by default: the chosen one, or occlusion, or the first."""
    wanted = (explanation.chosen, OCCLUSION, *explanation.column_maps)
    return next(name for name in wanted if name in explanation.column_maps)


@dataclass(frozen=True, kw_only=True, eq=False)
class Clock:
    """Where the samples of a window stand on the axis of time, and the steps of a forecast after them.

    Stamps are days since 1970, as matplotlib counts them, in the wall clock of their zone; names that are neither
    stamps nor numbers count from 0.

    Shape: x (T,), ahead (P,), empty where nothing is forecast.
    """

    x: np.ndarray
    ahead: np.ndarray
    dated: bool
    title: str


def clock(shown: Shown, say: Language) -> Clock:
    """Reads the clock of a window."""
    titles = {"seconds": "axis.seconds_in", "samples": "axis.samples_in", "rows": "axis.row"}
    title = say(titles[shown.unit]) if shown.unit in titles else ""
    times, after = np.asarray(shown.times), np.asarray([] if shown.ahead is None else shown.ahead)
    if np.issubdtype(times.dtype, np.number):
        return Clock(x=times.astype(np.float64), ahead=after.astype(np.float64), dated=False, title=title)
    if shown.unit == "time":
        return Clock(x=_days(times), ahead=_days(after), dated=True, title=title)
    count = np.arange(len(times) + len(after), dtype=np.float64)
    return Clock(x=count[: len(times)], ahead=count[len(times) :], dated=False, title=title)


def _days(stamps: np.ndarray) -> np.ndarray:
    if not np.issubdtype(stamps.dtype, np.datetime64):  # stamps with a zone are objects
        stamps = np.array([np.datetime64(one.replace(tzinfo=None)) for one in stamps], dtype="datetime64[ns]")
    found: np.ndarray = (stamps - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    return found


def ends(x: np.ndarray) -> np.ndarray:
    """Gives the ends of cells (n + 1,) around so many middles.

    >>> ends(np.array([0.0, 1.0, 2.0])).tolist()
    [-0.5, 0.5, 1.5, 2.5]
    """
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5])
    between = (x[1:] + x[:-1]) / 2
    return np.concatenate([[2 * x[0] - between[0]], between, [2 * x[-1] - between[-1]]])


def cell_ends(explanation: Explanation, look: Look, x: np.ndarray, count: int) -> np.ndarray:
    """Gives the ends of the cells of so many weights over the samples of a window: around the middle of what each sees.

    Args:
        x: where the samples stand (T,).
        count: number of the weights.
    """
    reach = explanation.reaches.get(look.name, look.reach)
    if reach is not None and len(reach.centres) == count:
        samples = np.asarray(reach.centres, dtype=np.float64)
    else:
        samples = (np.arange(count) + 0.5) * len(x) / count - 0.5
    between = np.clip(ends(samples), -0.5, len(x) - 0.5)
    between[0], between[-1] = -0.5, len(x) - 0.5
    found: np.ndarray = np.interp(between, np.arange(len(x) + 1) - 0.5, ends(x))
    return found


def within(explanation: Explanation, say: Language) -> tuple[np.ndarray, str]:
    """Gives the samples of any window on an axis of their own, and its title: back from its end, or from its start."""
    times = np.asarray(explanation.times[0])
    count = np.arange(len(times), dtype=np.float64)
    if explanation.kind == "forecast":
        return count - count[-1], say("explain.rows_back")
    if explanation.shown and explanation.shown[0].unit == "seconds":
        return (times - times[0]).astype(np.float64), say("explain.seconds_within")
    return count, say("explain.samples_within")


def single_lines(explanation: Explanation, bands: Bands) -> bool:
    """Says whether bands are lines of defects, each by its name, and not a division of the spectrum."""
    return set(bands.names) <= {name for name, _ in explanation.defects}


def order(explanation: Explanation) -> list[str]:
    """Names the maps over time in the order in which people choose among them: what is shown first, then the others."""
    return list(dict.fromkeys([*beside(explanation)[::-1], *explanation.maps])) if explanation.maps else []


def channel_names(look: Look, say: Language) -> list[str]:
    """Names the channels of a look: columns by their own names, others by what they are and their number."""
    if look.on_columns:
        return list(look.channel_names)
    apart = (name.rpartition(" ") for name in look.channel_names)
    return [say("explain.channel", axis=say.named("dimensions", word), number=number) for word, _, number in apart]


def target_names(explanation: Explanation, count: int, say: Language) -> list[str]:
    """Names so many targets, or columns that are forecast each on its own; by number where they are neither."""
    targets = list(dict.fromkeys(name.rpartition(" +")[0] or name for name in explanation.outputs))
    known = next((names for names in (targets, list(explanation.columns)) if len(names) == count), None)
    return known or [say("explain.target", number=number + 1) for number in range(count)]


def rate(shown: Shown) -> float | None:
    """Gives the samples a second of a window; None where its times are not seconds.

    Unit: Hz.
    """
    if shown.unit != "seconds" or len(shown.times) < 2:
        return None
    return float((len(shown.times) - 1) / (shown.times[-1] - shown.times[0]))


def queries_and_keys(look: Look, number: int) -> np.ndarray | None:
    """Gives what each time looks at in one window, in the mean over all other axes; None where nothing asks."""
    axes = look.axes[1:]
    if look.weights is None or not {"query", "key"} <= set(axes):
        return None
    weights = np.asarray(look.weights[number], dtype=np.float64)
    rest = tuple(place for place, axis in enumerate(axes) if axis not in ("query", "key"))
    field = weights.mean(axis=rest) if rest else weights
    return field if axes.index("query") < axes.index("key") else field.T


def replacements(explanation: Explanation) -> list[Worth]:
    """Gives what other weights did: of all mechanisms together first, then of each where there are several."""
    use = explanation.usage
    if use is None:
        return []
    several = len({one.mechanism for one in use.rows} - {"all"}) > 1
    return [one for one in use.rows if several or one.mechanism == "all"] or list(use.rows)


def replaced(explanation: Explanation, one: Worth, say: Language) -> str:
    """Says whose weights were replaced, and by what."""
    way = say.named("explain_ways", one.way)
    if one.mechanism == "all":
        return way
    look = next((look for look in explanation.looks if look.module == one.mechanism), None)
    name = one.mechanism if look is None else title(explanation, look.name, say)
    return say("explain.replaced", name=name, way=way)
