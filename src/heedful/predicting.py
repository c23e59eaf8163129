"""One verb for both kinds of bundle: a table is continued, recordings are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from heedful import sealed
from heedful.bundle import Bundle
from heedful.errors import OptionError
from heedful.signals.bundle import SignalBundle, is_signal_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

FORECAST = ("time", "date_format", "levels")
"""Options that are about tables."""


def predict(
    bundle: Bundle | SignalBundle | str | Path, data: Any, *, levels: Sequence[float] | None = None, **options: Any
) -> pd.DataFrame:
    """Continues a table beyond its newest observed target, or says of new recordings what they are.

    Args:
        bundle: what `heedful.fit`, `heedful.compare` or `heedful.classify` left, or its folder.
        data: a table as `heedful.forecasting.predicting.predict` takes it, or recordings as
            `heedful.signals.predicting.predict` does.
        levels: levels of the intervals of a forecast.
        options: the other options of the one or the other.

    Returns: as described there; what people should know stands in `frame.attrs["notes"]`.
    Raises:  as described there; OptionError for an option of the other kind of bundle.
    """
    options |= {} if levels is None else {"levels": levels}
    if isinstance(bundle, SignalBundle) or (isinstance(bundle, (str, Path)) and is_signal_bundle(bundle)):
        from heedful.signals.predicting import predict as tell

        if strange := [name for name in FORECAST if name in options]:
            raise OptionError(f"This bundle tells recordings, got {', '.join(strange)}, which are about tables.")
        return tell(bundle, data, **options)
    if isinstance(bundle, (str, Path)) and (sealed.facts_of(bundle) or {}).get("kind") == "detector":
        raise OptionError(f"{bundle} finds what is not usual; heedful detect takes it: detect(data, bundle=...).")
    from heedful.forecasting.predicting import predict as continued

    if strange := [name for name in options if name not in FORECAST]:
        raise OptionError(f"This bundle continues a table, got {', '.join(strange)}, which are about recordings.")
    return continued(bundle, data, **options)
