"""Forecasts of a table to be explained: its held-out windows, real stamps, and what the model is worth there."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from heedful.bundle import Bundle
from heedful.data.scale import Scaler
from heedful.data.series import Series
from heedful.data.split import Span
from heedful.data.windows import Windows, windows
from heedful.errors import OptionError
from heedful.explaining.case import FEWEST, JUDGED, Case, Learn, blocks, enough, moved, numbered, spread
from heedful.explaining.worth import Worth, of_forecasts
from heedful.explanation.result import Shown
from heedful.explanation.sanity import redrawn
from heedful.explanation.subject import Subject
from heedful.forecasting.inputs import load_table
from heedful.forecasting.predicting import past_of, series_of
from heedful.forecasting.settings import recipe_of
from heedful.forecasting.training import built, start
from heedful.models import MODELS, Shape, get
from heedful.models.compose import compose
from heedful.train import Recipe, fit, forecast
from heedful.train.feed import Tensors
from heedful.train.loss import point
from heedful.train.signals import feed_of

_CPU = torch.device("cpu")


def read(
    bundle: Bundle, data: Any, *, most: int, at: str | None = None, window: int | None = None, **words: Any
) -> tuple[Case, tuple[int, ...]]:
    """Reads a table as its bundle was trained on, and takes the windows that are explained.

    Args:
        most: windows at most, evenly over the rows that were held out.
        at: stamp of the newest row of the window to show, from which it forecasts.
        window: number of the window to show, among all that the rows hold; negative ones count from the last.
        words: `time` and `date_format` of the table.

    Returns: the case, and the numbers of the windows that were asked for, none if none was.
    Raises:  DataError for a table that lacks columns or rows; OptionError for a window that is not there.
    """
    if data is None:
        raise OptionError("explain needs the table to explain forecasts of, got None. Give its path or a frame.")
    series = past_of(series_of(bundle, load_table(data, words.get("date_format")), **words))
    rows, held, notes = _held_out(bundle, series)
    whole = _laid(bundle, series, rows)
    enough(len(whole), f"{bundle.shape.window} rows and a horizon of {bundle.shape.horizon} in '{series.name}'")
    asked = _asked(whole, at, window)
    numbers = np.union1d(spread(len(whole), most), asked).astype(np.int64)
    case = case_of(only(whole, numbers), bundle.scaler, bundle.network(), model=bundle.model, unit=_unit(series))
    worth = _worth(only(whole, spread(len(whole), JUDGED)), bundle)
    made = list(series.notes)
    made += notes if held is not False else [f"{notes[0]} What holds for rows that were learned may fail on new ones."]
    case = replace(
        case,
        worth=worth.lines,
        predicts=worth.predicts,
        held_out=held,
        build=partial(_built, bundle),
        learn=_learner(bundle, series),
        like=partial(_like, bundle),
        notes=tuple(made),
    )
    return case, tuple(np.searchsorted(numbers, asked).tolist())


def case_of(
    laid: Windows,
    scaler: Scaler,
    net: nn.Module,
    *,
    model: str,
    unit: str = "rows",
) -> Case:
    """Gives the case of a network and windows of a table.

    Args:
        net: a network of its own, in eval mode; what it reads may be moved by a hook.
        unit: of the stamps, "time" or "rows".
    """
    series, every = laid.span.series, np.arange(len(laid))
    gathered = cast("Tensors", feed_of(laid, scaler, _CPU, net, resident=False).gather(every))
    said, truth = forecast(net, laid, scaler, device="cpu"), laid.targets(every)
    offset = None if scaler.kind == "standard" else gathered.x.mean((0, 1))
    fresh = partial(redrawn, copy.deepcopy(net))
    subject = Subject(
        net=moved(net, offset),
        x=gathered.x if offset is None else gathered.x - offset,
        beside=(gathered.future,),
        truth=gathered.y.flatten(1),
        classes=(),
        outputs=outputs(series.targets, laid.horizon),
        columns=tuple(series.columns),
        groups=blocks(laid.members(every)),
        point=lambda raw: point(net, raw),
    )
    worth = _told(laid, said, truth)
    return Case(
        subject=subject,
        kind="forecast",
        model=model,
        data=series.name,
        windows=tuple(_name(laid, number) for number in range(len(laid))),
        times=np.asarray(series.times)[np.asarray(laid.starts)[:, None] + np.arange(laid.window)],
        show=lambda number: _shown(laid, number, said, truth, unit),
        worth=worth.lines,
        predicts=worth.predicts,
        held_out=None,
        build=fresh,
        offset=offset,
    )


def outputs(targets: Sequence[str], horizon: int) -> tuple[str, ...]:
    """Names the numbers of a forecast, step by step.

    >>> outputs(("load",), 2), outputs(("a", "b"), 1)
    (('load +1', 'load +2'), ('a +1', 'b +1'))
    """
    return tuple(f"{target} +{step + 1}" for step in range(horizon) for target in targets)


# --- which windows ------------------------------------------------------------------------------------------------


def _held_out(bundle: Bundle, series: Series) -> tuple[tuple[tuple[int, int], ...], bool | None, list[str]]:
    """Gives the rows, member by member, that training did not see; all of them where there are none."""
    parts = bundle.facts.get("split") or {}
    everything = tuple((member.start, member.stop) for member in series.members)
    times = series.times
    if not isinstance(times, pd.DatetimeIndex):
        same = (bundle.facts.get("data") or {}).get("fingerprint") == series.fingerprint
        if same and "test" in parts and len(series.members) == 1:
            start, stop = parts["test"]["rows"]
            return ((start, stop),), True, [f"Explained: rows {start:,} to {stop - 1:,}, the test part."]
        return everything, None, ["The table has no stamps, so nothing says which rows were trained on."]
    seen = [parts[name]["to"] for name in ("train", "validation") if name in parts]
    if not seen:
        return everything, None, ["The bundle does not say which rows it was trained on."]
    last = max(pd.Timestamp(stamp) for stamp in seen)
    last = last.tz_localize(times.tz) if last.tz is None and times.tz is not None else last
    later = [
        (start + int((times[start:stop] <= last).sum()), stop)
        for start, stop in everything
        if (times[start:stop] > last).any()
    ]
    if later and sum(stop - start for start, stop in later) >= bundle.shape.horizon + FEWEST:
        return tuple(later), True, [f"Explained: rows after {last}, the newest that training or validation saw."]
    return everything, False, [f"All rows of the table are at or before {last}: training or validation saw them."]


def _laid(bundle: Bundle, series: Series, rows: tuple[tuple[int, int], ...]) -> Windows:
    span = Span(series=series, part="explained", start=rows[0][0], stop=rows[-1][1], pieces=rows)
    return windows(span, bundle.shape.window, bundle.shape.horizon)


def only(whole: Windows, numbers: np.ndarray) -> Windows:
    """Gives some of the windows, by their numbers."""
    starts = np.asarray(whole.starts)[numbers]
    return replace(whole, runs=tuple((int(start), 1) for start in starts))


def _asked(whole: Windows, at: str | None, window: int | None) -> np.ndarray:
    """Finds the window to show: by the stamp of its newest row, or by its number."""
    if at is None or window is not None:
        return numbered(len(whole), at, window)
    stamps = pd.Index(whole.span.series.times[whole.origins])
    if not isinstance(stamps, pd.DatetimeIndex):
        raise OptionError(f"--at needs a table with stamps, got rows without. Take --window 0 to {len(whole) - 1:,}.")
    try:
        wanted = pd.Timestamp(at)
    except ValueError as error:
        raise OptionError(f"--at needs a stamp such as {stamps[-1]}, got '{at}'.") from error
    wanted = wanted.tz_localize(stamps.tz) if wanted.tz is None and stamps.tz is not None else wanted
    early = stamps <= wanted
    if not early.any() or wanted > stamps.max():
        raise OptionError(f"Forecasts are explained from {stamps.min()} to {stamps.max()}, asked at {at}.")
    return np.array([int(np.flatnonzero(early)[np.argmax(stamps[early])])])


# --- how they are told --------------------------------------------------------------------------------------------


def _unit(series: Series) -> str:
    return "time" if isinstance(series.times, pd.DatetimeIndex) else "rows"


def _name(laid: Windows, number: int) -> str:
    series, row = laid.span.series, int(laid.origins[number])
    member = f"{series.members[int(series.members_of(np.array([row]))[0])].name}, " if len(series.members) > 1 else ""
    return f"{member}{series.times[row]}"


def _shown(laid: Windows, number: int, said: np.ndarray, truth: np.ndarray, unit: str) -> Shown:
    series, start = laid.span.series, int(np.asarray(laid.starts)[number])
    end = start + laid.window
    times = np.asarray(series.times)
    shape = (laid.horizon, len(series.targets))
    return Shown(
        name=_name(laid, number),
        number=number,
        times=times[start:end],
        unit=unit,
        values=np.where(series.observed[start:end], series.values[start:end], np.nan),
        said=said[number].reshape(shape),
        truth=truth[number].reshape(shape),
        ahead=times[end : end + laid.horizon],
    )


def _worth(laid: Windows, bundle: Bundle) -> Worth:
    """Says what a model is worth on windows of which only some are explained."""
    said = forecast(bundle.ready, laid, bundle.scaler, device="cpu")
    return _told(laid, said, laid.targets(np.arange(len(laid))))


def _told(laid: Windows, said: np.ndarray, truth: np.ndarray) -> Worth:
    every, series = np.arange(len(laid)), laid.span.series
    shape = (len(laid), laid.horizon, -1)
    newest = laid.inputs(every)[:, -1:, list(series.target_indices)]
    groups = blocks(laid.members(every))
    return of_forecasts(said.reshape(shape), truth.reshape(shape), newest, groups, series.targets)


# --- training again -----------------------------------------------------------------------------------------------


def _built(bundle: Bundle, seed: int) -> nn.Module:
    """Builds a network like the bundle's, drawn from a seed."""
    build = partial(compose, bundle.plan) if bundle.plan is not None else get(bundle.model).build
    return built(build, bundle.shape, seed).eval()


def _like(bundle: Bundle, window: int, columns: int, horizon: int) -> nn.Module:
    shape = Shape(window, columns, horizon)
    return built(partial(compose, bundle.plan) if bundle.plan is not None else get(bundle.model).build, shape, 0)


def _learner(bundle: Bundle, series: Series) -> Learn | str:
    """Gives what trains such a network on the rows that the bundle was trained on; the reason where that cannot be."""
    facts = bundle.facts
    parts = facts.get("split") or {}
    same = (facts.get("data") or {}).get("fingerprint") == series.fingerprint
    if len(series.members) > 1:
        return "tables of several series are not trained again here. Leave it out"
    if not same or "train" not in parts or "validation" not in parts:
        return (
            "this is not the table that the model was trained on, with its train and validation part. Give that table, "
            "or leave it out"
        )

    def learn(net: nn.Module, seed: int, shuffled: bool) -> nn.Module:
        source = _shuffled(series, parts["validation"]["rows"][1], seed) if shuffled else series
        spans = [Span(series=source, part=name, start=a, stop=b) for name, (a, b) in _rows(parts)]
        train, judged = (windows(span, bundle.shape.window, bundle.shape.horizon) for span in spans)
        spec = MODELS.get(bundle.model.partition("(")[0])
        recipe = Recipe(**facts["recipe"]) if "recipe" in facts else None
        recipe = recipe_of(spec, len(train), len(bundle.shape.targets), recipe=recipe)
        start(net, train, judged, bundle.scaler)
        [done] = fit([net], train, judged, scaler=bundle.scaler, recipe=recipe, seeds=[seed], device="cpu")
        net.load_state_dict(done.state)
        return net.eval()

    return learn


def _rows(parts: Mapping[str, Any]) -> list[tuple[str, tuple[int, int]]]:
    return [(name, tuple(parts[name]["rows"])) for name in ("train", "validation")]


def _shuffled(series: Series, stop: int, seed: int) -> Series:
    """Puts the first rows in random order: nothing that comes follows from what came."""
    order = np.random.default_rng(seed).permutation(stop)
    values, observed = series.values.copy(), series.observed.copy()
    values[:stop], observed[:stop] = values[order], observed[order]
    return replace(series, values=values, observed=observed)
