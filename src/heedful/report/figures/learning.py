"""How the loss of a network fell, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures.style import INK, add_line, label, layout, short

if TYPE_CHECKING:
    from heedful.report import detection
    from heedful.report.signals.view import SignalLine, SignalPage
    from heedful.report.view import Line, PageData

    Page = PageData | SignalPage | detection.Page
    Learner = Line | SignalLine | detection.Learner

EPOCHS = 300


def learning(page: Page, line: Learner) -> go.Figure:
    """Draws train and validation loss of every seed (and fold), epoch by epoch, with the kept epoch marked."""
    say = page.say
    figure = go.Figure(layout=layout(say, height=230, margin={"l": 8, "r": 12, "t": 8, "b": 8}))
    positive = True
    for trial in line.trials:
        fold = getattr(trial, "fold", "")
        called = f"{trial.seed}{say('text.comma')}{label(say.sentence(fold))}" if fold else str(trial.seed)
        stride = -(-len(trial.history) // EPOCHS)
        epochs = np.arange(1, len(trial.history) + 1)[::stride] if stride else np.array([])
        for part, colour, dash in (("train", "#9ca3af", "dot"), ("validation", line.colour, "solid")):
            losses = np.array([getattr(e, part) for e in trial.history])[::stride] if stride else np.array([])
            positive &= bool((losses[np.isfinite(losses)] > 0).all())
            add_line(
                figure,
                epochs,
                losses,
                name=say(f"trace.{part}", seed=called),
                line={"color": colour, "width": 1.4, "dash": dash},
            )
        if 1 <= trial.best_epoch <= len(trial.history):
            best = trial.history[trial.best_epoch - 1]
            figure.add_trace(
                go.Scatter(
                    x=[trial.best_epoch],
                    y=[short(best.validation if np.isfinite(best.validation) else best.train)],
                    mode="markers",
                    marker={
                        "color": INK,
                        "size": 7,
                        "symbol": "diamond",
                        "line": {"color": "white", "width": 1},
                    },
                    name=say("trace.kept", seed=called),
                    hovertemplate="%{y:.4~g}",
                )
            )
    figure.update_xaxes(title_text=say("axis.epoch"), rangemode="tozero", hoverformat="d")
    ticks = _log_ticks(line) if positive else []
    figure.update_yaxes(title_text=say("axis.loss"), type="log" if ticks else "linear", nticks=6)
    if ticks:
        figure.update_yaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    return figure


def _log_ticks(line: Learner) -> list[float]:
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
