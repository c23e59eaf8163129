"""What any model must beat: persistence, seasonal naive, and closed-form linear regression on the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from heedful.data.scale import Batch, Scaler
from heedful.data.windows import Windows
from heedful.data.windows import windows as lay
from heedful.errors import DataError, OptionError

_BATCH = 4096
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
CENTRES = ("last", "mean")
WIDEST = 2048
PERSISTENCE = "persistence"
SUMMARIES = {
    PERSISTENCE: "Repeats the last value.",
    "seasonal_naive": "Repeats the value one season earlier.",
    "ridge": "Linear regression on the window, solved in closed form.",
}


def names(season: int | None) -> list[str]:
    """The baselines that the data allow; seasonal naive needs a season.

    >>> names(None)
    ['persistence', 'ridge']
    """
    return [name for name in SUMMARIES if season or name != "seasonal_naive"]


def persistence(windows: Windows) -> np.ndarray:
    """Repeats the newest value known at the origin. Shape: (n, horizon), or (n, horizon, M) for several targets."""
    return _past(windows, np.zeros((1, windows.horizon), dtype=int))


def seasonal_naive(windows: Windows, season: int) -> np.ndarray:
    """Repeats the value one season earlier, again and again over the horizon.

    A window of a panel whose member has no season of rows behind it repeats the newest value instead.

    Shape:  (n, horizon), or (n, horizon, M) for several targets.
    Raises: OptionError if the season is below 1 or reaches back before the first row of every window's member.
    """
    origins, members = windows.origins, windows.span.series.members
    starts = np.array([member.start for member in members])
    behind = origins + 1 - starts[windows.members(np.arange(len(windows)))]
    longest = int(behind[0] if len(members) == 1 else behind.max())
    if season < 1 or longest < season:
        raise OptionError(
            f"seasonal_naive needs a season between 1 and {longest} rows, got {season}. "
            "Give a shorter season or a longer train part."
        )
    back = np.arange(windows.horizon) % season - season + 1
    return _past(windows, np.where(behind[:, None] >= season, back, 0))


def _past(windows: Windows, steps: np.ndarray) -> np.ndarray:
    """Takes the targets `steps` (n or 1, horizon) rows after the origins."""
    series, rows = windows.span.series, windows.origins[:, None] + steps
    columns = series.target_indices
    found = series.values[rows, columns[0]] if len(columns) == 1 else series.values[rows[:, :, None], columns]
    return np.asarray(found, dtype=np.float64)


# --- one linear map for all channels --------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """One linear map from the centred past of a target to every step of its horizon, shared by all targets.

        f = level + weight (x - level) + bias,    level = the last value or the mean of the window

    Args:
        error: mean squared error on the standardised validation windows.
        tried: number of settings it was chosen from.

    Shape: weight (horizon, window), bias (horizon,).
    Unit:  standardised values in, standardised values out.
    """

    weight: np.ndarray
    bias: np.ndarray
    centre: str
    strength: float
    error: float
    tried: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Forecasts scaled pasts. Shape: (n, window, M) -> (n, horizon, M)."""
        level = x[:, -1:] if self.centre == "last" else x.mean(1, keepdims=True)
        forecast: np.ndarray = np.einsum("pt,ntm->npm", self.weight, x - level, optimize=True)
        forecast += self.bias[:, None] + level
        return forecast


def closed_form(
    train: Windows,
    validation: Windows,
    scaler: Scaler,
    *,
    window: int | None = None,
    centre: str | Sequence[str] = CENTRES,
    strengths: Sequence[float] = (1e-3, 1e-2, 1e-1),
) -> Linear:
    """Solves the linear map that all targets share, and chooses centring and strength on the validation windows.

    Minimises mean (y - f)^2 + strength |weight|^2 over all train windows and targets, the bias free. No window is
    materialised: the products of a stretch of windows follow from its first ones by a recursion.

    Args:
        window: rows of the look-back if it is another one than that of the windows.
        centre: "last", "mean", or several to choose from.

    Raises: OptionError for a centre that is neither; DataError if no window has all its targets observed.
    """
    centres = [centre] if isinstance(centre, str) else list(centre)
    if not centres or not set(centres) <= set(CENTRES) or not strengths:
        raise OptionError(
            f"closed_form needs strengths, and centres among {', '.join(CENTRES)}; got {strengths} and {centre!r}."
        )
    if window is not None:
        train, validation = lay(train.span, window, train.horizon), lay(validation.span, window, train.horizon)
    learned, judged = _products(train, scaler), _products(validation, scaler)
    best: Linear | None = None
    for one in centres:
        change = _centring(one, train.window, train.horizon)
        second, mean = change @ learned @ change.T, change @ learned[:, -1]
        held = change @ judged @ change.T
        for weight, bias, strength in _solutions(second, mean, train.window, strengths):
            error = _error(weight, bias, held)
            if best is None or error < best.error:
                best = Linear(weight=weight, bias=bias, centre=one, strength=strength, error=error, tried=0)
    if best is None:
        raise OptionError("closed_form needs at least one setting to try.")
    return replace(best, tried=len(centres) * len(strengths))


def _solutions(
    second: np.ndarray, mean: np.ndarray, window: int, strengths: Sequence[float]
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Solves (covariance + strength) weight = cross covariance for every strength."""
    x, y = slice(0, window), slice(window, -1)
    covariance = second - np.outer(mean, mean)
    values, vectors = linalg.eigh(covariance[x, x])
    rotated = vectors.T @ covariance[x, y]
    for strength in strengths:
        weight = (vectors @ (rotated / (np.maximum(values, 0) + strength)[:, None])).T
        yield weight, mean[y] - weight @ mean[x], strength


def _error(weight: np.ndarray, bias: np.ndarray, second: np.ndarray) -> float:
    """Mean squared error of a map on windows of which the mean of all products is known."""
    residual = np.hstack([-weight, np.eye(len(bias)), -bias[:, None]])
    return float(np.einsum("pi,ij,pj->", residual, second, residual, optimize=True)) / len(bias)


def _centring(centre: str, window: int, horizon: int) -> np.ndarray:
    """Gives the matrix that subtracts a window's level from the window and the targets after it; the 1 stays."""
    size = window + horizon
    level = np.zeros(size + 1)
    level[:window] = 1 / window
    if centre == "last":
        level[:window] = np.arange(window) == window - 1
    change = np.eye(size + 1)
    change[:size] -= level
    return change


def _products(windows: Windows, scaler: Scaler) -> np.ndarray:
    """Means of all products of the values of a window, its targets and 1, over windows with all targets observed."""
    series, size = windows.span.series, windows.window + windows.horizon
    total, count = np.zeros((size + 1, size + 1)), 0
    for first, number in windows.runs:
        rows = slice(first, first + number + size - 1)
        centre, spread = scaler.moments(series, first)
        for j in series.target_indices:
            z = (series.values[rows, j].astype(np.float64) - centre[j]) / spread[j]
            for start, stop in _stretches(series.observed[rows, j], windows.window, windows.horizon):
                total += _stretch(z[start : stop + size - 1], size)
                count += stop - start
    if not count:
        raise DataError(
            f"closed_form needs windows of the {windows.span.part} part whose {windows.horizon} targets were all "
            "observed, and found none. Shorten the horizon."
        )
    return total / count


def _stretches(seen: np.ndarray, window: int, horizon: int) -> list[tuple[int, int]]:
    """Gives the runs [start, stop) of windows whose targets were all observed."""
    gone = np.concatenate([[0], np.cumsum(~seen)])
    whole = gone[window + horizon :] == gone[window : len(gone) - horizon]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], whole.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _stretch(z: np.ndarray, size: int) -> np.ndarray:
    """Sums v v' over the windows v = (z[i : i + size], 1) of a stretch of values.

    Few windows are multiplied out. For many, sum z[i + a + 1] z[i + b + 1] is sum z[i + a] z[i + b] less its first
    term plus the one after its last, so that the first row gives all others, diagonal by diagonal.
    """
    count = len(z) - size + 1
    total = np.empty((size + 1, size + 1))
    if count <= 4 * size:
        v = np.lib.stride_tricks.sliding_window_view(z, size)
        total[:size, :size] = v.T @ v
    else:
        total[0, :size] = np.correlate(z, z[:count], mode="valid")
        leaving, coming = z[: size - 1], z[count:]
        for lag in range(size):
            here, there = slice(0, size - 1 - lag), slice(lag, size - 1)
            steps = coming[here] * coming[there] - leaving[here] * leaving[there]
            diagonal = total[0, lag] + np.concatenate([[0.0], np.cumsum(steps)])
            a = np.arange(size - lag)
            total[a, a + lag] = total[a + lag, a] = diagonal
    sums = np.concatenate([[0.0], np.cumsum(z)])
    total[-1, :size] = total[:size, -1] = sums[count : count + size] - sums[:size]
    total[-1, -1] = count
    return total


# --- ridge ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Ridge:
    """Linear regression from the centred window to every step of the horizon, solved in closed form.

    For one target its inputs are the target alone or all columns; several targets share one map of their own past.
    Strength, centre (last value or window mean) and inputs are chosen on the validation windows; `tried` counts the
    settings.
    """

    scaler: Scaler
    strength: float
    centre: str
    columns: tuple[int, ...]
    coefficients: np.ndarray
    tried: int

    @staticmethod
    def fit(train: Windows, validation: Windows) -> Ridge:
        """Solves all settings on train and keeps the one with the smallest squared error on validation."""
        series = train.span.series
        scaler = Scaler.fit(train.span)
        if len(series.targets) > 1:
            return _shared(train, validation, scaler)
        alone, everything = (series.target_index,), tuple(range(train.features))
        choices = [alone] if everything == alone or train.window * train.features > WIDEST else [alone, everything]
        best: tuple[float, Ridge] | None = None
        tried = 0
        for columns in choices:
            for centre in CENTRES:
                gram, moment, count = _normal_equations(train, scaler, columns, centre)
                values, vectors = linalg.eigh(gram / count)
                rotated = vectors.T @ (moment / count)
                for strength in STRENGTHS:
                    tried += 1
                    coefficients = vectors @ (rotated / (np.maximum(values, 0) + strength)[:, None])
                    one = Ridge(
                        scaler=scaler,
                        strength=strength,
                        centre=centre,
                        columns=columns,
                        coefficients=coefficients,
                        tried=0,
                    )
                    error = _squared_error(one, validation)
                    if best is None or error < best[0]:
                        best = (error, one)
        if best is None:
            raise OptionError("Ridge.fit needs at least one setting to try.")
        return replace(best[1], tried=tried)

    def forecast(self, windows: Windows) -> np.ndarray:
        """Forecasts every window. Shape: (n, horizon), or (n, horizon, M); in the targets' own units."""
        scaler = self.scaler.for_member(windows.span.series)
        parts = [scaler.restore(self._ahead(batch.x), windows, index) for index, batch in _batches(windows, scaler)]
        return np.concatenate(parts)

    def _ahead(self, x: np.ndarray) -> np.ndarray:
        own = x[:, :, list(self.columns)].astype(np.float64)
        if len(self.scaler.outputs) > 1:
            return _linear(self)(own)
        flat, level = _design(own, self.columns.index(self.scaler.columns.index(self.scaler.target)), self.centre)
        return np.asarray(flat @ self.coefficients + level)


def _shared(train: Windows, validation: Windows, scaler: Scaler) -> Ridge:
    linear = closed_form(train, validation, scaler, strengths=STRENGTHS)
    return Ridge(
        scaler=scaler,
        strength=linear.strength,
        centre=linear.centre,
        columns=train.span.series.target_indices,
        coefficients=np.vstack([linear.weight.T, linear.bias]),
        tried=linear.tried,
    )


def _linear(ridge: Ridge) -> Linear:
    weight, bias = ridge.coefficients[:-1].T, ridge.coefficients[-1]
    return Linear(weight=weight, bias=bias, centre=ridge.centre, strength=ridge.strength, error=np.nan, tried=0)


def _design(x: np.ndarray, target: int, centre: str) -> tuple[np.ndarray, np.ndarray]:
    """Gives the centred windows as rows of a design matrix with a column of ones, and the target's level."""
    at = x[:, -1:, :] if centre == "last" else x.mean(1, keepdims=True)
    flat = (x - at).reshape(len(x), -1)
    return np.concatenate([flat, np.ones((len(x), 1))], axis=1), at[:, 0, target][:, None]


def _normal_equations(
    train: Windows, scaler: Scaler, columns: tuple[int, ...], centre: str
) -> tuple[np.ndarray, np.ndarray, int]:
    width, target = train.window * len(columns) + 1, columns.index(train.span.series.target_index)
    gram, moment, count = np.zeros((width, width)), np.zeros((width, train.horizon)), 0
    for _, batch in _batches(train, scaler):
        x, level = _design(batch.x[:, :, list(columns)].astype(np.float64), target, centre)
        y = batch.y.astype(np.float64) - level
        real = ~np.isnan(y).any(1)
        gram += x[real].T @ x[real]
        moment += x[real].T @ y[real]
        count += int(real.sum())
    return gram, moment, max(count, 1)


def _squared_error(ridge: Ridge, windows: Windows) -> float:
    """Mean squared error of standardised values, so that every member of a panel counts alike."""
    errors = [np.square(batch.y - ridge._ahead(batch.x)) for _, batch in _batches(windows, ridge.scaler)]
    error = np.concatenate(errors)
    return float(np.nanmean(error)) if not np.isnan(error).all() else float("inf")


def _batches(windows: Windows, scaler: Scaler) -> Iterator[tuple[np.ndarray, Batch]]:
    for start in range(0, len(windows), _BATCH):
        index = np.arange(start, min(start + _BATCH, len(windows)))
        yield index, scaler.batch(windows, index)
