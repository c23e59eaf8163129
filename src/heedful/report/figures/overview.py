"""One small still picture of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.dates
import numpy as np
from matplotlib.figure import Figure as Picture

from heedful.baselines import PERSISTENCE
from heedful.report.figures.style import INK, MUTED, shortened
from heedful.report.view import PageData, page_data

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from heedful.trial.result import Comparison


def overview_png(comparison: Comparison, path: Path, *, windows: int = 150) -> Path:
    """Writes a small picture: skill of every model, and the best model's forecast on the newest windows."""
    page = page_data(comparison)
    picture = Picture(figsize=(11, max(3.2, 1.2 + 0.27 * len(page.lines))), dpi=150, layout="constrained")
    left, right = picture.subplots(1, 2, width_ratios=(1, 1.7))
    _skill_bars(left, comparison, page)
    best = page.lines[0]
    part = page.newest(windows)
    times: Any = page.times(0)[part]
    if page.clock.dated:
        times = times.astype("datetime64[ms]")
    right.plot(times, page.truth[part, 0], color=INK, linewidth=1.4, label="truth")
    right.plot(
        times,
        best.mean[part, 0],
        color=best.colour,
        linewidth=1.2,
        label=f"{_plain(best.name)}, one step ahead",
    )
    if page.clock.dated:
        locator = matplotlib.dates.AutoDateLocator()  # type: ignore[no-untyped-call]
        formatter = matplotlib.dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        right.xaxis.set_major_locator(locator)
        right.xaxis.set_major_formatter(formatter)
    right.set_title(f"{_plain(page.target)}: truth and the best model", loc="left", fontsize=10)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, color=MUTED)
    picture.savefig(path, format="png")
    return path


def _skill_bars(axes: Axes, comparison: Comparison, page: PageData) -> None:
    table = comparison.summary
    lines = [line for line in reversed(page.lines) if line.name != PERSISTENCE]
    skill = table["skill"].reindex([line.name for line in lines]).to_numpy(dtype=np.float64)
    drawn = np.clip(np.nan_to_num(skill), -1, 1)
    axes.barh([_plain(line.name) for line in lines], drawn, color=[line.colour for line in lines], height=0.65)
    for row, (value, end) in enumerate(zip(skill, drawn, strict=True)):
        side: dict[str, Any] = (
            {"ha": "left", "color": "white"} if value < -1 else {"ha": "left" if end >= 0 else "right"}
        )
        where = end + (0.03 if side["ha"] == "left" else -0.03)
        axes.text(where, row, f"{value:+.3f}".replace("-", "−"), va="center", fontsize=7, **side)
    axes.margins(x=0.18)
    if (skill < -1).any():
        axes.set_xlabel("bars are cut at −1", fontsize=8)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_title("Skill against repeating the last value", loc="left", fontsize=10)


def _plain(text: str) -> str:
    """Makes a text safe for still pictures, which read formulas between dollar signs."""
    return shortened(str(text), 34).replace("$", r"\$")
