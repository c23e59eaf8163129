"""What the still pictures of an explanation share: fonts, axes of time, shading that survives grey, long signals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, wraps
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, ParamSpec

import matplotlib as mpl
import matplotlib.dates
import numpy as np
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from heedful.report.explanation.view import Clock, ends
from heedful.report.figures.maps import WEIGHTS
from heedful.report.figures.style import INK, MUTED, RULE, shortened
from heedful.report.language import Language, language

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    P = ParamSpec("P")

TICKS = 6
"""At most about so many marks on an axis of time."""
WIDTH = 11.0
"""Inches of a figure as wide as a page."""
STRETCHES = 700
"""Longer lines are drawn by the smallest and the largest value of so many stretches."""
_STOPS: list[Any] = [tuple(stop) for stop in WEIGHTS]
SHADES = LinearSegmentedColormap.from_list("weights", _STOPS)
"""One hue from light to dark, so that its order survives grey printing."""
_AGAINST = ["#d9822b", "#f7ddc0", "#f8fafc"]
SIGNED = LinearSegmentedColormap.from_list("signed", [*_AGAINST, *(colour for _, colour in _STOPS[-2:])])
"""From what speaks against an answer, in a light orange, over nothing in white to what speaks for it."""
# Of marks a year, month, day, hour, minute or second apart; without names of months, which have a language.
_STAMPS = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S.%f"]
_FIRSTS = ["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M"]
_REST = ["", "%Y", "%Y", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"]
_FILES = re.compile(r"NotoSans(CJK|SC)|SourceHanSans|wqy|msyh|simhei|PingFang|STHeiti|Hiragino", re.IGNORECASE)
_FAMILIES = re.compile(r"(Noto Sans|Source Han Sans).*(CJK|SC|CN)|Wen ?Quan ?Yi|YaHei|SimHei|PingFang|Heiti|Hiragino")


@cache
def fonts() -> tuple[str, ...]:
    """Gives the fonts of the pictures: the usual one, and after it one for Chinese where this machine has any."""
    known = set(font_manager.fontManager.get_font_names())
    if not any(map(_FAMILIES.match, known)):  # the list that matplotlib keeps may be older than the fonts
        for path in font_manager.findSystemFonts():
            if _FILES.search(Path(path).name):
                font_manager.fontManager.addfont(path)
        known = set(font_manager.fontManager.get_font_names())
    found = sorted((name for name in known if _FAMILIES.match(name)), key=lambda name: ("SC" not in name, name))
    return ("DejaVu Sans", *found[:1])


def drawn(make: Callable[P, Figure]) -> Callable[P, Figure]:
    """Lets a function make its picture in the look of the house, whatever was set elsewhere."""

    @wraps(make)
    def within(*args: P.args, **options: P.kwargs) -> Figure:
        with mpl.rc_context(_look()):
            made = make(*args, **options)
            made.draw_without_rendering()  # marks that are made later would have another look
            made.set_layout_engine("none")  # what stands needs no second laying out when it is saved
            return made

    return within


def _look() -> Any:
    return {
        **mpl.rcParamsDefault,
        "font.family": list(fonts()),
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.labelsize": 9,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": "#9ca3af",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": "#9ca3af",
        "ytick.color": "#9ca3af",
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "backend": mpl.rcParams["backend"],
    }


def picture(width: float, height: float) -> Figure:
    """Gives an empty picture of so many inches."""
    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def said(language_or_code: Language | str) -> Language:
    """Gives a language by itself or by its code."""
    return language(language_or_code) if isinstance(language_or_code, str) else language_or_code


def plain(text: object, width: int = 34) -> str:
    """Makes a name safe for still pictures, which read formulas between dollar signs.

    >>> plain("price_in_$")
    'price_in_\\\\$'
    """
    return shortened(str(text), width).replace("$", r"\$")


def time_axis(axes: Axes, clock: Clock, *, named: bool = True) -> None:
    """Marks an axis of time with few stamps that do not overlap, or with numbers."""
    if clock.dated:
        locator = matplotlib.dates.AutoDateLocator(minticks=3, maxticks=TICKS)  # type: ignore[no-untyped-call]
        formatter = matplotlib.dates.ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator, formats=_STAMPS, zero_formats=_FIRSTS, offset_formats=_REST
        )
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(formatter)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(TICKS))
    axes.tick_params(axis="x", labelbottom=named)
    if named and clock.title:
        axes.set_xlabel(clock.title)


def envelope(x: np.ndarray, y: np.ndarray, most: int = STRETCHES) -> tuple[np.ndarray, np.ndarray]:
    """Brings a long line to the smallest and the largest value of each of `most` stretches, gaps kept.

    Shape: (n,) -> at most (2 most,).

    >>> x, y = envelope(np.arange(6.0), np.array([0, 5, 1, 2, -3, 4.0]), most=2)
    >>> x.tolist(), y.tolist()
    ([0.0, 1.0, 4.0, 5.0], [0.0, 5.0, -3.0, 4.0])
    """
    if len(y) <= 2 * most:
        return x, y
    cuts = np.linspace(0, len(y), most + 1).astype(int)
    starts = cuts[:-1]
    stretch = np.repeat(np.arange(most), np.diff(cuts))
    known = np.isfinite(y)
    found = []
    for filled in (np.where(known, y, np.inf), np.where(known, -y, np.inf)):
        order = np.lexsort((filled, stretch))
        found.append(order[starts])
    kept = np.sort(np.stack(found, 1), axis=1).ravel()
    return x[kept], y[kept]


def pooled(values: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """Averages neighbours along the last axis until at most so many are left; says how many became one.

    >>> pooled(np.array([1.0, 3.0, 5.0]), 2)
    (array([2., 5.]), 2)
    """
    size = -(-values.shape[-1] // most)
    if size <= 1:
        return values, 1
    starts = np.arange(0, values.shape[-1], size)
    counts = np.diff(np.append(starts, values.shape[-1]))
    return np.add.reduceat(values, starts, axis=-1) / counts, size


def thinned(cell_ends: np.ndarray, size: int) -> np.ndarray:
    """Gives the ends of cells (n + 1,) of which so many neighbours became one.

    >>> thinned(np.arange(6.0), 2).tolist()
    [0.0, 2.0, 4.0, 5.0]
    """
    return np.append(cell_ends[:-1:size], cell_ends[-1])


def darkest(values: np.ndarray) -> float:
    """Gives the weight that is drawn darkest: the largest, at least twice the mean, so that an even map is no dark one.

    Where what speaks against an answer is larger than all that speaks for it, that much: what is small stays pale.

    >>> darkest(np.array([0.0, 0.0, 3.0])), darkest(np.array([1.0, 1.0])), darkest(np.array([-4.0, 0.1]))
    (3.0, 2.0, 4.0)
    """
    known = np.nan_to_num(values)
    return float(max(np.abs(known).max(initial=0.0), 2 * np.clip(known, 0, None).mean())) or 1.0


def share(values: np.ndarray) -> np.ndarray:
    """Brings weights to how dark they are drawn, 0 to 1; what is below 0 counts as 0."""
    found: np.ndarray = np.clip(np.nan_to_num(values), 0, None) / darkest(values)
    return found


def shade(axes: Axes, x: np.ndarray, values: np.ndarray) -> None:
    """Shades what lies behind a line by weights, from white to a blue on which black can be read."""
    parts, size = pooled(share(values), STRETCHES)
    low, high = axes.get_ylim()
    field: dict[str, Any] = {"cmap": SHADES, "vmin": 0, "vmax": 1.8, "zorder": 0, "linewidth": 0, "rasterized": True}
    axes.pcolormesh(thinned(ends(x), size), [low, high], parts[None], **field)
    axes.set_ylim(low, high)


def steps(axes: Axes, x: np.ndarray, values: np.ndarray, colour: str = "#2a6fae") -> None:
    """Draws a map as a filled line of steps, each as wide as the sample it belongs to."""
    parts, size = pooled(np.nan_to_num(values), 2 * STRETCHES)
    at = thinned(ends(x), size)
    axes.stairs(parts, at, fill=True, color=colour, alpha=0.45, linewidth=0)
    axes.stairs(parts, at, color=INK, linewidth=0.9, baseline=None)
    axes.axhline(0, color="#9ca3af", linewidth=0.6)
    axes.margins(x=0)


def in_two(text: str, width: int = 16) -> str:
    """Breaks a long name into two lines.

    >>> in_two("outside temperature")
    'outside\\ntemperature'
    """
    return "\n".join(plain(line, width) for line in wrap(text, width, max_lines=2, placeholder="…")) or plain(text)


def names_on_y(axes: Axes, names: Sequence[str] | Iterable[str], width: int = 30) -> None:
    """Writes names on the axis upwards, the first on top."""
    listed = [plain(name, width) for name in names]
    axes.set_yticks(range(len(listed)), labels=listed)
    axes.set_ylim(len(listed) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def ruled(axes: Axes) -> None:
    """Draws light lines across at the marks of the x axis."""
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
