"""A network that was just trained: the rows its scaler saw, and forecasts that no later row may change by a bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from heedful.data.scale import Scaler
from heedful.data.split import Span
from heedful.data.windows import Windows
from heedful.forecasting.outputs import some_of
from heedful.train import forecast
from heedful.trial.audit.findings import Finding, counted, few
from heedful.trial.audit.later import CHECK, check_later
from heedful.trial.audit.parts import check_scaler
from heedful.trial.audit.rows import worthless_series

_BESIDE = 32  # windows forecast in one pass with the one that is looked at: a model must not look across its batch


def check_network(net: nn.Module, laid: Windows, scaler: Scaler, train: Span, name: str) -> tuple[Finding, ...]:
    """Audits a network, at several origins of the part that it is scored on, and its scaler.

    At each of them a batch of windows is forecast twice: as it is, and with all rows after the origin permuted and
    doubled, columns known in advance excepted. The same operations on arrays of the same sizes give the same bits, so
    the forecast at the origin must be the same to the last one.

    Args:
        laid: the windows that are scored.
        train: the rows that the scaler may have seen.
        name: who forecasts, for the text.
    """

    def changed(number: int, turn: int) -> bool:
        some = some_of(laid, number, min(number + _BESIDE, len(laid)))
        spoilt = worthless_series(laid.span.series, int(laid.origins[number]), turn)
        before = forecast(net, some, scaler)[0]
        after = forecast(net, replace(some, span=replace(some.span, series=spoilt)), scaler)[0]
        return not np.array_equal(before, after, equal_nan=True)

    advice = "The network, or what scales its windows, looks ahead or across its batch."
    return (*check_scaler(scaler, train), check_later(laid, f"the forecast of {name}", changed, advice))


def told(checked: Mapping[str, Sequence[Finding]], origins: Sequence[int]) -> tuple[Finding, ...]:
    """Puts the findings of many networks into one sentence for each kind of leak, or into one that all are clean.

    Args:
        checked: the findings by name of the network.
        origins: at how many origins each was tried, for every span that it was trained anew for.

    >>> [made] = told({"net (seed 0)": [Finding(check="later rows", severity="fine", text="")]}, [6])
    >>> made.severity, made.text.partition(" with")[0]
    ('fine', '1 network forecasts the same to the last bit')
    """
    found = {name: [one for one in findings if one.severity == "leak"] for name, findings in checked.items()}
    kinds = dict.fromkeys(one.check for leaks in found.values() for one in leaks)
    if kinds or not checked:
        return tuple(_leak(check, found) for check in kinds)
    many = f"{counted(len(checked), 'network')} forecast{'s' if len(checked) == 1 else ''}"
    least, most = min(origins), max(origins)
    at = counted(most, "origin") if least == most else f"{least} to {most} origins"
    text = (
        f"{many} the same to the last bit with all rows after the origin permuted and doubled, at {at} "
        "spread over what each is scored on; every scaler saw train rows only."
    )
    return (Finding(check=CHECK, severity="fine", text=text),)


def _leak(check: str, found: Mapping[str, Sequence[Finding]]) -> Finding:
    """Tells one kind of leak: of whom, and the first in full."""
    first = next(one for leaks in found.values() for one in leaks if one.check == check)
    names = [name for name, leaks in found.items() if any(one.check == check for one in leaks)]
    if len(names) == 1:
        return first
    return replace(first, text=f"{len(names)} of {len(found)} networks: {few(names)}. Of the first: {first.text}")
