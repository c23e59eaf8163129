"""All checks that need no more than a series and its split: what `heedful compare` runs on its data."""

from __future__ import annotations

from heedful.data.series import Series
from heedful.data.split import Split
from heedful.data.windows import windows
from heedful.trial.audit.copies import check_copies
from heedful.trial.audit.findings import Finding
from heedful.trial.audit.parts import check_spans, check_windows
from heedful.trial.audit.quality import check_quality
from heedful.trial.audit.telling import check_telling


def check_table(series: Series, split: Split, *, window: int | None = None, horizon: int = 1) -> tuple[Finding, ...]:
    """Checks a series and its split: spans, windows, columns that tell the target, copies, and what spoils a table.

    Args:
        window: rows of the look-back; windows are checked if it is given.

    Raises: DataError if no window fits a part.
    """
    found = list(check_spans(split))
    if window is not None:
        found += check_windows(*(windows(span, window, horizon) for span in split if len(span)))
    if any(one.severity == "leak" for one in found):
        return tuple(found)  # what follows takes for granted that later parts are later
    found += check_telling(series, split, horizon=horizon)
    found += check_copies(series, split)
    found += check_quality(series, split)
    return tuple(found)
