"""Rolling origins: the test part in blocks, each forecast by networks trained anew on the rows before it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from heedful.data.split import Split, split
from heedful.data.windows import windows
from heedful.errors import DataError, OptionError
from heedful.trial.jobs import Arena


def rolling(arena: Arena, parts: Split, count: int) -> Arena:
    """Gives an arena of several origins: the train part grows block by block, the validation part moves along.

    Args:
        arena: the arena of a single origin.
        parts: its split.
        count: blocks of the test part.

    Raises: OptionError for a table of many series; DataError for blocks too short for one forecast.
    """
    series, test = parts.train.series, parts.test
    if len(series.members) > 1:
        raise OptionError(
            f"Rolling origins need a table of one series, got {len(series.members)}: they cut the test part at row "
            "numbers, which stand for other dates in each series of a table, so no network could be trained on all "
            "series up to one date. Compare with origins=1, or each series by itself."
        )
    if len(test) < count * arena.test.horizon:
        raise DataError(
            f"{count} origins need a test part of at least {count * arena.test.horizon} rows, got {len(test)}. "
            "Ask for fewer origins or give the test part more rows."
        )
    ends = [len(test) * number // count for number in range(count + 1)]
    over = [arena.test.horizon - 1] * (count - 1) + [0]  # a forecast may reach into the next block, its past may not
    train, validation = parts.train.stop, parts.validation.stop - parts.train.stop
    cuts = [
        split(series, (train + start, validation, parts.gap + stop + more - start), gap=parts.gap)
        for (start, stop), more in zip(pairwise(ends), over, strict=True)
    ]
    origins = tuple(
        replace(
            arena,
            train=windows(cut.train, arena.train.window, arena.train.horizon),
            validation=windows(cut.validation, arena.train.window, arena.train.horizon),
            test=windows(cut.test, arena.train.window, arena.train.horizon),
        )
        for cut in cuts
    )
    return replace(
        arena,
        validation=replace(arena.validation, runs=tuple(run for one in origins for run in one.validation.runs)),
        origins=origins,
    )
