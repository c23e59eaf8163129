"""Who plays what: targets, columns of the past, columns known in advance, columns that never change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heedful.errors import OptionError, unknown


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The columns of a table by the part they were declared to play; `named` is None if all may be inputs."""

    targets: tuple[str, ...]
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    named: tuple[str, ...] | None = None
    series: str | None = None
    declared: bool = False

    def left_out(self, names: Sequence[str]) -> tuple[str, ...]:
        """Says which of the columns `names` are no input because others were named; empty unless roles were."""
        used = {*self.targets, *(self.named or ()), self.series}
        others = [name for name in names if name not in used] if self.declared else []
        return (f"Inputs are the named columns and the targets; left out: {', '.join(others)}.",) if others else ()


def declare(
    names: Sequence[str],
    target: str | Sequence[str],
    *,
    features: Sequence[str] | None = None,
    past: Sequence[str] = (),
    known: Sequence[str] = (),
    static: Sequence[str] = (),
    series: str | None = None,
) -> Roles:
    """Checks what was declared; naming any input restricts the inputs to the named ones and the targets.

    >>> declare(["y", "temp", "plan"], "y", known=["plan"]).named
    ('plan',)

    Raises: UnknownName for a column that is not there; OptionError for one that was given two parts.
    """
    targets = (target,) if isinstance(target, str) else tuple(target)
    parts = {"targets": targets, "past": _words(past), "known": _words(known), "static": _words(static)}
    plain = None if features is None else _words(features)
    for name in [*(name for part in parts.values() for name in part), *(plain or ()), *([series] if series else [])]:
        if name not in names:
            raise unknown("column", name, names)
    if not targets or len(set(targets)) < len(targets):
        raise OptionError(f"A series needs one target or several different ones, got {', '.join(targets) or 'none'}.")
    parts["past"] = tuple(dict.fromkeys(name for name in (*parts["past"], *(plain or ())) if name not in targets))
    if series:
        parts["series"] = (series,)
    for name in dict.fromkeys(name for part in parts.values() for name in part):
        roles = [role for role, part in parts.items() if name in part]
        if len(roles) > 1:
            raise OptionError(f"Column '{name}' was declared {' and '.join(roles)}. Give it one part.")
    declared = bool(past or known or static)
    named = (*parts["past"], *parts["known"], *parts["static"]) if declared or plain is not None else None
    return Roles(
        targets=targets, known=parts["known"], static=parts["static"], named=named, series=series, declared=declared
    )


def _words(words: Sequence[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(dict.fromkeys(words))
