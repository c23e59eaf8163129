"""Forecasting with the conventions of scikit-learn: the same verbs, behind fit, predict and score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from heedful.bundle import Bundle
from heedful.data.step import continue_times
from heedful.errors import DataError, OptionError, unknown
from heedful.forecasting.fitting import fit as train
from heedful.forecasting.outputs import Forecasts
from heedful.forecasting.predicting import roll
from heedful.metrics import r2

_SEEDS = 2**31 - 1
Names = Sequence[str | int] | str | int


class Forecaster(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Forecasts y from its own past and, if there are any, from columns of X.

    Rows are in time order; a DatetimeIndex of y or X gives the stamps. A column of X stands beside y: it is known
    when y is. Each one is therefore declared, as `past` (its past is used) or as `known` (its values are known in
    advance, and X of the rows to forecast holds them); one that is not is refused, for to use it would leak.

    Args:
        model: a name of `heedful.models.names()`.
        window: rows of the look-back; decided as by `heedful.fit` if not given.
        horizon: rows that are forecast at once.
        past: columns of X of which the past is used, by name or position.
        known: columns of X that are known in advance, by name or position.
        calendar: adds hour, weekday and day of the year as known inputs; needs stamps.
        season: rows of a season, found by itself if not given.
        validation: share of the newest rows that stop the training and calibrate the intervals.
        seeds: how many are trained; the best on validation is kept.
        epochs: at most so many passes over the train rows; the model's own number if not given.
        levels: levels of the intervals that are calibrated beside the usual ones.
        random_state: the first seed, a generator of numpy to draw it from, or None for 0.

    Attributes: `bundle_`, the trained `Bundle`; `n_features_in_`; `feature_names_in_` if X had names; `targets_`.

    >>> y = np.sin(np.arange(300) / 4)
    >>> model = Forecaster("cnn-lstm", window=8, horizon=2, epochs=1).fit(None, y)
    >>> model.predict().shape, model.predict_interval(level=0.9).shape
    ((2,), (2, 2))
    """

    def __init__(
        self,
        model: str = "heedful",
        *,
        window: int | None = None,
        horizon: int = 1,
        past: Names = (),
        known: Names = (),
        calendar: bool = False,
        season: int | None = None,
        validation: float = 0.15,
        seeds: int = 1,
        epochs: int | None = None,
        levels: Sequence[float] = (0.8, 0.95),
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
    ) -> None:
        self.model = model
        self.window = window
        self.horizon = horizon
        self.past = past
        self.known = known
        self.calendar = calendar
        self.season = season
        self.validation = validation
        self.seeds = seeds
        self.epochs = epochs
        self.levels = levels
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on rows in time order.

        Args:
            X: inputs beside y, an array or a frame; None if y's own past is all there is.
            y: what is forecast; NaN where it was not observed.

        Shape:  X (n, F), y (n,) or (n, M).
        Raises: DataError for rows or columns that cannot be used, among them a column of X that was not declared.
        """
        if not 0 < self.validation < 1:
            raise OptionError(f"Forecaster needs validation to be a share between 0 and 1, got {self.validation!r}.")
        inputs, targets = _inputs(X), _targets(y)
        self.n_features_in_ = 0 if inputs is None else inputs.shape[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.targets_ = tuple(targets.columns)
        columns = () if inputs is None else tuple(inputs.columns)
        self.past_, self.known_ = _named("past", self.past, columns), _named("known", self.known, columns)
        _refuse_leaks(columns, self.past_, self.known_)
        frame, self.stamps_ = _joined(inputs, targets)
        first = _first_seed(self.random_state)
        self.bundle_: Bundle = train(
            frame,
            list(self.targets_),
            self.model,
            time=self.stamps_ or False,
            features=() if not columns else None,
            past=self.past_,
            known=self.known_,
            calendar=self.calendar,
            window=self.window,
            horizon=self.horizon,
            season=self.season,
            split=(1 - self.validation, self.validation, 0),
            seeds=range(first, first + self.seeds),
            epochs=self.epochs,
            levels=self.levels,
        )
        self.frame_ = frame
        return self

    def predict(self, X: Any = None) -> np.ndarray:
        """Forecasts the rows that follow the training rows.

        Beyond the horizon the forecasts themselves are taken for the past, block by block; where X ends inside a
        block its last row stands for the rest of it. With columns of which only the past is known that is refused.

        Args:
            X: one row for each row to forecast, of which only known columns are read; None forecasts `horizon` rows.

        Shape:  (n,), or (n, M) for several targets.
        Raises: NotFittedError; DataError if known columns are missing, or past ones would be needed.
        """
        check_is_fitted(self, "bundle_")
        ahead, horizon = self._ahead(X), self.horizon
        if len(ahead) > horizon and self.past_:
            raise DataError(
                f"predict was asked for {len(ahead)} rows and forecasts {horizon} at once: beyond them the past of "
                f"{', '.join(self.past_)} is not known. Ask for at most {horizon}, or build it with a larger horizon."
            )
        frame, parts = self.frame_, [np.empty((0, len(self.targets_)))]
        for start in range(0, len(ahead), horizon):
            block = ahead.iloc[start : start + horizon]
            parts.append(self._roll(frame, block)[0])
            found = dict(zip(self.targets_, parts[-1].T, strict=True))
            frame = pd.concat([frame, block.assign(**found)[list(frame.columns)]], ignore_index=True)
        whole = np.concatenate(parts)
        return whole if len(self.targets_) > 1 else whole[:, 0]

    def predict_interval(self, X: Any = None, level: float = 0.9) -> np.ndarray:
        """Forecasts an interval for each row that follows the training rows, at most `horizon` of them.

        Args:
            X: as for `predict`.
            level: one of the usual levels (0.5 to 0.99), or one that was named in `levels`.

        Shape:  (n, 2): lower and upper bound; (n, 2, M) for several targets.
        Raises: NotFittedError; DataError beyond the horizon; OptionError for a level that was not calibrated.
        """
        check_is_fitted(self, "bundle_")
        ahead = self._ahead(X)
        if len(ahead) > self.horizon:
            raise DataError(
                f"predict_interval gives at most the horizon of {self.horizon} rows, for errors were calibrated so far "
                f"ahead only; got {len(ahead)}. Build the Forecaster with a larger horizon."
            )
        _, lower, upper = self._roll(self.frame_, ahead, (level,))
        bounds = np.stack([lower[0], upper[0]], axis=1)
        return bounds if len(self.targets_) > 1 else bounds[:, :, 0]

    def score(self, X: Any, y: Any) -> float:
        """Gives R2 of rolling forecasts over rows that follow the training rows.

        The first `horizon` rows are forecast from the training rows, the next `horizon` from those and the ones
        before, as they have become known, and so on: every row once, and only from rows before its own block (and
        from known columns). Rows in which y is NaN are left out; several targets are averaged.

        Raises: NotFittedError; DataError for rows that do not follow the training rows.
        """
        check_is_fitted(self, "bundle_")
        targets = _targets(y)
        if len(targets.columns) != len(self.targets_):
            raise DataError(f"score needs y to have the targets {', '.join(self.targets_)}, got {targets.shape[1]}.")
        targets.columns = pd.Index(self.targets_)
        later = self._following(_joined(self._checked(X), targets)[0])
        forecast = self._roll(self.frame_, later)[0]
        truth = later[list(self.targets_)].to_numpy(dtype=np.float64)
        return float(np.mean([r2(truth[:, j], forecast[:, j]) for j in range(truth.shape[1])]))

    # --- rows after the training rows ---------------------------------------------------------------------------

    def _ahead(self, X: Any) -> pd.DataFrame:
        """Gives the rows to forecast: stamps and known columns, everything else empty."""
        if X is None:
            if self.known_:
                raise DataError(
                    f"predict needs X for the rows to forecast, as {', '.join(self.known_)} was declared known in "
                    "advance, got None. Give one row for each."
                )
            rows = pd.DataFrame(index=pd.RangeIndex(self.horizon))
        else:
            checked = self._checked(X)
            rows = pd.DataFrame(index=_rows_of(X)) if checked is None else checked
        rows = rows.assign(**dict.fromkeys([*self.past_, *self.targets_], np.nan))
        return self._following(_joined(rows, None)[0])

    def _checked(self, X: Any) -> pd.DataFrame | None:
        """Gives X as a frame of the columns that were trained on."""
        inputs = _inputs(X)
        names = () if inputs is None else tuple(inputs.columns)
        if inputs is None and not self.n_features_in_:
            return None
        expected = tuple(getattr(self, "feature_names_in_", ())) or tuple(f"x{i}" for i in range(self.n_features_in_))
        if inputs is None or len(names) != len(expected) or (hasattr(X, "columns") and set(names) != set(expected)):
            raise DataError(
                f"Forecaster was fitted on the columns {', '.join(expected) or 'none'}, got "
                f"{', '.join(names) or 'none'}. Give X the same columns."
            )
        return inputs[list(expected)] if hasattr(X, "columns") else inputs.set_axis(list(expected), axis=1)

    def _following(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Gives rows the stamps that follow the training rows, where they bring none of their own.

        Raises: DataError for stamps that do not come after them.
        """
        if self.stamps_ is None:
            return rows.drop(columns=[name for name in rows if name not in self.frame_])
        times = pd.DatetimeIndex(self.frame_[self.stamps_])
        if self.stamps_ not in rows:
            return rows.assign(**{self.stamps_: continue_times(times, self.bundle_.step, len(rows))})
        if len(rows) and rows[self.stamps_].iloc[0] <= times[-1]:
            raise DataError(
                f"Forecaster forecasts the rows after those it was fitted on, which end at {times[-1]}, got rows from "
                f"{rows[self.stamps_].iloc[0]}. Give later rows."
            )
        return rows

    def _roll(self, before: pd.DataFrame, later: pd.DataFrame, levels: Sequence[float] = ()) -> Forecasts:
        """Forecasts the later rows, block by block, from the rows before each block."""
        frame = pd.concat([before, later[list(before.columns)]], ignore_index=True)
        return roll(self.bundle_, frame, len(later), levels)


def _first_seed(given: Any) -> int:
    """Gives the first seed: a number as it is, or one that a generator of numpy draws.

    Raises: OptionError for anything else.
    """
    if given is None:
        return 0
    if isinstance(given, np.random.RandomState):
        return int(given.randint(_SEEDS))
    if isinstance(given, np.random.Generator):
        return int(given.integers(_SEEDS))
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool) and given >= 0:
        return int(given)
    raise OptionError(
        "Forecaster needs random_state to be a whole number of at least 0, a generator of numpy or None, got "
        f"{given!r}. Give a number such as 0."
    )


# --- what was given -----------------------------------------------------------------------------------------------


def _inputs(X: Any) -> pd.DataFrame | None:
    """Gives X as a frame; None if it has no column."""
    if X is None:
        return None
    if isinstance(X, pd.DataFrame):
        found = X.set_axis([str(name) for name in X.columns], axis=1)
    else:
        array = np.asarray(X)
        if array.ndim != 2:
            raise DataError(f"Forecaster needs X to have two axes (rows, columns), got {array.ndim}. Reshape it.")
        found = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
    return found if found.shape[1] else None


def _rows_of(X: Any) -> pd.Index:
    return X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(X))


def _targets(y: Any) -> pd.DataFrame:
    if isinstance(y, pd.DataFrame):
        return y.set_axis([str(name) for name in y.columns], axis=1)
    if isinstance(y, pd.Series):
        return y.to_frame("y" if y.name is None else str(y.name))
    array = np.asarray(y)
    if array.ndim not in (1, 2):
        raise DataError(f"Forecaster needs y to have one or two axes (rows, targets), got {array.ndim}. Reshape it.")
    if array.ndim == 1:
        return pd.DataFrame({"y": array})
    return pd.DataFrame(array, columns=[f"y{i}" for i in range(array.shape[1])])


def _named(role: str, names: Names, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Gives the columns that were declared by name or position.

    Raises: UnknownName for one that X does not have.
    """
    found = []
    for name in [names] if isinstance(names, (str, int)) else names:
        position = isinstance(name, (int, np.integer)) and not isinstance(name, bool) and str(name) not in columns
        if position and 0 <= int(name) < len(columns):
            found.append(columns[int(name)])
        elif str(name) in columns:
            found.append(str(name))
        else:
            raise unknown(f"column of X, declared {role},", name, columns)
    return tuple(dict.fromkeys(found))


def _refuse_leaks(columns: tuple[str, ...], past: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in columns:
        if name not in past and name not in known:
            raise DataError(
                f"Column '{name}' of X stands beside y, so it is known only when y is: declare it past=['{name}'] to "
                f"use its past, or known=['{name}'] if it is known in advance."
            )


def _joined(inputs: pd.DataFrame | None, targets: pd.DataFrame | None) -> tuple[pd.DataFrame, str | None]:
    """Puts X and y side by side, with the stamps that either brings in a column of their own."""
    given = [part for part in (inputs, targets) if part is not None]
    if len({len(part) for part in given}) > 1:
        raise DataError(f"Forecaster needs X and y of as many rows, got {len(given[0])} and {len(given[1])}.")
    twice = [name for name in given[0] if len(given) > 1 and name in given[1]]
    if twice:
        raise DataError(f"Column '{twice[0]}' is in X and in y: its values are what is to be forecast. Leave it to y.")
    stamped = [part.index for part in given if isinstance(part.index, pd.DatetimeIndex)]
    if len(stamped) > 1 and not stamped[0].equals(stamped[1]):
        raise DataError("Forecaster needs X and y to have the same stamps, and they differ. Align their indexes.")
    whole = pd.concat([part.reset_index(drop=True) for part in given], axis=1)
    if not stamped:
        return whole, None
    name = "time"
    while name in whole:
        name += "_"
    whole.insert(0, name, stamped[0])
    return whole, name
