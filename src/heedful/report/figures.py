"""Pictures of a comparison: functions from what was measured to figures, without side effects.

Every trace of an interactive figure says in its `meta` which model and which step of the horizon it shows, so
that the page can switch it on and off.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.dates
import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure as Picture

from heedful.baselines import PERSISTENCE
from heedful.report.view import Bins, Line, MapView, PageData, bin_errors, page_data, step_rmse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from heedful.trial.result import Comparison

INK, MUTED, RULE = "#111827", "#4b5563", "#e5e7eb"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
EPOCHS = 300
TOOLS = {"l": 8, "r": 16, "t": 34, "b": 8}  # room above for the buttons
# One hue from light to dark, so that order survives grey printing.
WEIGHTS = [[0.0, "#f5f9fd"], [0.25, "#c3d9ec"], [0.5, "#74abd2"], [0.75, "#2a6fae"], [1.0, "#08265a"]]
DASH_MPL = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}


def curves(page: PageData) -> go.Figure:
    """Draws truth and forecasts of the newest windows on time stamps, a step of the horizon at a time."""
    figure = _figure(page, height=480, margin=TOOLS)
    newest = page.newest(page.points)
    for step in page.steps:
        times = page.times(step)[newest]
        for line in page.lines:
            shown = _shown(page, line, step)
            if line.low is not None and line.high is not None:
                _band(figure, times, line.low[newest, step], line.high[newest, step], line, shown)
        _add(
            figure,
            times,
            page.truth[newest, step],
            name="truth",
            line={"color": INK, "width": 1.8},
            meta={"model": "", "step": step, "zoom": True},
            visible=step == page.steps[0],
        )
        for line in page.lines:
            _add(
                figure,
                times,
                line.mean[newest, step],
                name=label(line.name),
                line={"color": line.colour, "width": 1.4, "dash": line.dash},
                **_shown(page, line, step, zoom=True),
            )
    figure.update_xaxes(
        rangeslider={
            "visible": True,
            "thickness": 0.1,
            "bordercolor": RULE,
            "borderwidth": 1,
            "yaxis": {"rangemode": "auto"},
        }
    )
    figure.update_yaxes(title_text=label(page.target))
    return figure


def residuals_over_time(page: PageData) -> go.Figure:
    """Draws forecast minus truth over the whole test part, in bins where there are many windows."""
    figure = _figure(page, height=340)
    for step in page.steps:
        times = page.times(step)[page.shown]
        for line in page.lines:
            bins = bin_errors((line.mean[:, step] - page.truth[:, step])[page.shown], times)
            shown = _shown(page, line, step)
            if bins.size > 1:
                _band(figure, bins.centre, bins.low, bins.high, line, shown)
            style = {"color": line.colour, "width": 1.3, "dash": line.dash}
            _add(figure, bins.centre, bins.mean, name=label(line.name), line=style, **shown)
    figure.update_yaxes(title_text=f"forecast − truth [{label(page.target)}]", zeroline=True, zerolinecolor=INK)
    return figure


def residual_bins(page: PageData) -> Bins:
    """Gives the first line's bins, to say how many windows one point of `residuals_over_time` stands for."""
    return bin_errors((page.lines[0].mean[:, 0] - page.truth[:, 0])[page.shown], page.times(0)[page.shown])


def residual_spread(page: PageData) -> go.Figure:
    """Draws the middle half and the 5 % to 95 % range of every model's errors, all models side by side."""
    figure = _figure(page, height=90 + 30 * len(page.lines), timed=False)
    for step in page.steps:
        for line in reversed(page.lines):
            errors = line.mean[:, step] - page.truth[:, step]
            errors = errors[np.isfinite(errors)]
            if not errors.size:
                continue
            low, q1, median, q3, high = np.quantile(errors, (0.05, 0.25, 0.5, 0.75, 0.95))
            figure.add_trace(
                go.Box(
                    y=[wrapped(line.name)],
                    lowerfence=[_short(low)],
                    q1=[_short(q1)],
                    median=[_short(median)],
                    q3=[_short(q3)],
                    upperfence=[_short(high)],
                    orientation="h",
                    name=label(line.name),
                    line={"color": line.colour, "width": 1.4},
                    fillcolor=_faded(line.colour, 0.25),
                    meta={"step": step},
                    visible=step == page.steps[0],
                    width=0.6,
                )
            )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title_text=f"forecast − truth [{label(page.target)}]", zeroline=True, zerolinecolor=INK)
    figure.update_yaxes(showgrid=False, ticks="", type="category")
    return figure


def residual_histogram(page: PageData) -> go.Figure:
    """Draws how often each size of error came, as shares of the test windows in bins common to all models."""
    figure = _figure(page, height=90 + 30 * max(7, len(page.lines)), timed=False)
    for step in page.steps:
        errors = [line.mean[:, step] - page.truth[:, step] for line in page.lines]
        errors = [e[np.isfinite(e)] for e in errors]
        chosen = [e for e, line in zip(errors, page.lines, strict=True) if e.size and line.name in page.first]
        if not chosen:
            continue
        low, high = (f(np.quantile(e, q) for e in chosen) for f, q in ((min, 0.002), (max, 0.998)))
        reach = max(abs(low), abs(high)) or 1.0
        edges = np.linspace(-reach, reach, 42)
        for line, error in zip(page.lines, errors, strict=True):
            if error.size:
                # Errors beyond the picture are counted in its outermost bins, so that shares add up.
                share = 100 * np.histogram(np.clip(error, -reach, reach), edges)[0] / error.size
                style = {"color": line.colour, "width": 1.6, "dash": line.dash, "shape": "hvh"}
                centres = (edges[1:] + edges[:-1]) / 2
                _add(figure, centres, share, name=label(line.name), line=style, **_shown(page, line, step))
                figure.data[-1].hovertemplate = "%{y:.1f} %"
    figure.update_xaxes(title_text=f"forecast − truth [{label(page.target)}]", hoverformat=".4~g")
    figure.update_yaxes(title_text="share of windows [%]", rangemode="tozero")
    return figure


def step_errors(page: PageData) -> go.Figure:
    """Draws RMSE at every step of the horizon."""
    figure = _figure(page, height=340, timed=False)
    steps = np.arange(1, page.horizon + 1)
    for line in page.lines:
        style = {"color": line.colour, "width": 1.6, "dash": line.dash}
        shown = _shown(page, line, page.steps[0])
        shown["meta"] = {"model": line.name}
        _add(figure, steps, step_rmse(page, line), name=label(line.name), line=style, **shown)
        figure.data[-1].update(mode="lines+markers" if page.horizon <= 48 else "lines", marker={"size": 4})
    figure.update_xaxes(title_text="step ahead", hoverformat="d")
    figure.update_yaxes(title_text=f"RMSE [{label(page.target)}]", rangemode="tozero")
    return figure


def learning(line: Line) -> go.Figure:
    """Draws train and validation loss of every seed, epoch by epoch, with the kept epoch marked."""
    figure = go.Figure(layout=_layout(height=230, margin={"l": 8, "r": 12, "t": 8, "b": 8}))
    positive = True
    for trial in line.trials:
        stride = -(-len(trial.history) // EPOCHS)
        epochs = np.arange(1, len(trial.history) + 1)[::stride] if stride else np.array([])
        seed = f", seed {trial.seed}"
        for part, colour, dash in (("train", "#9ca3af", "dot"), ("validation", line.colour, "solid")):
            losses = np.array([getattr(e, part) for e in trial.history])[::stride] if stride else np.array([])
            positive &= bool((losses[np.isfinite(losses)] > 0).all())
            _add(figure, epochs, losses, name=part + seed, line={"color": colour, "width": 1.4, "dash": dash})
        if 1 <= trial.best_epoch <= len(trial.history):
            figure.add_trace(
                go.Scatter(
                    x=[trial.best_epoch],
                    y=[_short(trial.history[trial.best_epoch - 1].validation)],
                    mode="markers",
                    marker={
                        "color": INK,
                        "size": 7,
                        "symbol": "diamond",
                        "line": {"color": "white", "width": 1},
                    },
                    name="kept" + seed,
                    hovertemplate="%{y:.4~g}",
                )
            )
    figure.update_xaxes(title_text="epoch", rangemode="tozero", hoverformat="d")
    ticks = _log_ticks(line) if positive else []
    figure.update_yaxes(title_text="loss", type="log" if ticks else "linear", nticks=6)
    if ticks:
        figure.update_yaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    return figure


def _log_ticks(line: Line) -> list[float]:
    """Chooses the ticks of a loss axis: 1, 2, 5 within two decades, whole decades beyond, about six.

    Losses within a factor of 6 get none: a linear axis shows them better, and always has a label.
    """
    values = np.array([v for t in line.trials for e in t.history for v in (e.train, e.validation)])
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return []
    low, high = np.log10(values.min()), np.log10(values.max())
    if high - low < np.log10(6):
        return []
    stride = max(1, round((high - low) / 5))
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1, stride)
    return [float(f"{m}e{d}") for d in decades for m in ((1, 2, 5) if high - low < 2 else (1,))]


def heat_map(view: MapView, clock_title: str, dated: bool) -> go.Figure:
    """Draws the weights of every recorded window (across) at every position (up)."""
    timed = view.axis == "time"
    figure = go.Figure(layout=_layout(height=360, margin=TOOLS))
    figure.add_trace(
        go.Heatmap(
            x=view.times,
            y=view.positions,
            z=_thin(view.weights.T),
            colorscale=WEIGHTS,
            colorbar={
                "thickness": 10,
                "outlinewidth": 0,
                "title": {"text": "weight", "side": "right"},
                "len": 1,
            },
            hovertemplate="%{x}<br>"
            + ("%{y} steps before the forecast" if timed else f"{label(view.axis)} %{{y}}")
            + "<br>weight %{z:.4~g}<extra></extra>",
        )
    )
    figure.update_layout(hovermode="closest")
    axis = "date" if dated else "linear"
    figure.update_xaxes(
        title_text="forecast made" + (f" ({clock_title})" if clock_title else ""), type=axis, showgrid=False
    )
    figure.update_yaxes(title_text=_position_title(view), showgrid=False)
    return figure


def profile(view: MapView, colour: str) -> go.Figure:
    """Draws the mean weight at every position, one line a seed, beside the weight of an even spread."""
    figure = go.Figure(layout=_layout(height=360, margin=TOOLS, hovermode="y unified"))
    for seed, mean in view.profiles:
        n = len(mean)
        place = np.arange(n, 0, -1) if view.axis == "time" else np.arange(n)
        _add(figure, mean, place.astype(np.float64), name=f"seed {seed}", line={"color": colour, "width": 1.6})
        figure.data[-1].update(
            hovertemplate="%{x:.4~g}", mode="lines" if view.axis == "time" else "markers", marker={"size": 6}
        )
    if view.even is not None:
        figure.add_vline(x=view.even, line={"color": MUTED, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="mean weight, a line per seed", nticks=4)
    first, n = (0.5 if view.axis == "time" else -0.5), len(view.profiles[0][1])
    figure.update_yaxes(title_text=_position_title(view), range=[first, first + n])
    return figure


def _position_title(view: MapView) -> str:
    return "steps before the forecast" if view.axis == "time" else label(view.axis)


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


def label(text: str) -> str:
    """Makes a name safe for figures, which read a few HTML tags."""
    return escape(str(text), quote=False)


def wrapped(text: str, width: int = 22) -> str:
    """Breaks a long name into two lines, after an underscore or a blank where there is one.

    >>> wrapped("a_name_that_is_rather_long")
    'a_name_that_is_rather_<br>long'
    """
    text = str(text)
    if len(text) <= width:
        return label(text)
    cut = max(text.rfind(mark, 0, width) for mark in "_ -.") + 1 or width
    return f"{label(text[:cut])}<br>{label(shortened(text[cut:], width))}"


def shortened(text: str, width: int) -> str:
    """Ends a long text with three dots.

    >>> shortened("persistence", 8)
    'persist…'
    """
    return text if len(text) <= width else text[: width - 1] + "…"


def _plain(text: str) -> str:
    """Makes a text safe for still pictures, which read formulas between dollar signs."""
    return shortened(str(text), 34).replace("$", r"\$")


def _figure(page: PageData, *, height: int, timed: bool = True, margin: dict[str, int] | None = None) -> go.Figure:
    figure = go.Figure(layout=_layout(height=height, margin=margin))
    if timed:
        figure.update_xaxes(type="date" if page.clock.dated else "linear", title_text=label(page.clock.title))
        if not page.clock.dated:
            figure.update_xaxes(hoverformat=",~r", tickformat=",~r")
    else:
        figure.update_xaxes(type="linear")
    return figure


def _layout(*, height: int, margin: dict[str, int] | None = None, hovermode: str = "x unified") -> dict[str, Any]:
    axis = {
        "gridcolor": RULE,
        "linecolor": "#9ca3af",
        "showline": True,
        "zeroline": False,
        "automargin": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "#9ca3af",
        "title": {"standoff": 8, "font": {"size": 12, "color": MUTED}},
    }
    return {
        "height": height,
        "margin": margin or {"l": 8, "r": 16, "t": 12, "b": 8},
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "showlegend": False,
        "hovermode": hovermode,
        "hoverlabel": {"bgcolor": "white", "bordercolor": "#d1d5db", "font": {"size": 12}},
        "xaxis": axis,
        "yaxis": axis,
        "dragmode": "zoom",
        "template": "none",
    }


def _shown(page: PageData, line: Line, step: int, **more: Any) -> dict[str, Any]:
    visible = line.name in page.first and step == page.steps[0]
    return {"meta": {"model": line.name, "step": step, **more}, "visible": visible}


def _add(figure: go.Figure, x: np.ndarray, y: np.ndarray, **style: Any) -> None:
    figure.add_trace(go.Scatter(x=x, y=_thin(y), mode="lines", hovertemplate="%{y:.6~g}", connectgaps=False, **style))


def _band(
    figure: go.Figure, x: np.ndarray, low: np.ndarray, high: np.ndarray, line: Line, shown: dict[str, Any]
) -> None:
    edge = {"width": 0, "color": line.colour}
    for y, fill in ((low, None), (high, "tonexty")):
        figure.add_trace(
            go.Scatter(
                x=x,
                y=_thin(y),
                mode="lines",
                line=edge,
                fill=fill,
                fillcolor=_faded(line.colour, 0.16),
                hoverinfo="skip",
                **shown,
            )
        )


def _faded(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _thin(values: np.ndarray) -> np.ndarray:
    """Halves the bytes: seven digits are more than a picture shows; what does not fit is left out of it."""
    top = float(np.finfo(np.float32).max)
    return np.where(np.abs(values) <= top, values, np.nan).astype(np.float32)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
