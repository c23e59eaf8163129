"""What an audit says: one sentence a finding, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SEVERITIES = ("leak", "warning", "fine")
_TITLES = {"leak": "Leaks", "warning": "Warnings", "fine": "Checked and fine"}
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that an audit found.

    Args:
        check: name of the check.
        severity: "leak" makes scores worth nothing; "warning" may, or spoils the data; "fine" was checked.
        text: what was found, with rows, columns or stamps.
        advice: what to do about it; empty if nothing is to be done.
    """

    check: str
    severity: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.text} {self.advice}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What was audited, and all that was found.

    >>> told = Audit(subject="table x", findings=(Finding(check="spans", severity="fine", text="In time order."),))
    >>> told.clean, told
    (True, Audit(table x: clean, 0 warnings, 1 check fine))
    """

    subject: str
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """True if no leak was found; there may be warnings."""
        return not self.leaks

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that make scores worth nothing."""
        return self._of("leak")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that a reader should weigh."""
        return self._of("warning")

    def _of(self, severity: str) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.severity == severity)

    def __str__(self) -> str:
        lines = [f"Audit of {self.subject}"]
        for severity in SEVERITIES:
            found = self._of(severity)
            lines += [f"{_TITLES[severity]}:"] if found else []
            lines += [f"  {one}" for one in found]
        return "\n".join(lines)

    def __repr__(self) -> str:
        leaks = counted(len(self.leaks), "leak") if self.leaks else "clean"
        fine = len(self._of("fine"))
        return (
            f"Audit({self.subject}: {leaks}, {counted(len(self.warnings), 'warning')}, {counted(fine, 'check')} fine)"
        )


def counted(number: int, word: str) -> str:
    """Gives a number with its word.

    >>> counted(1, "row"), counted(2300, "row")
    ('1 row', '2,300 rows')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def few(names: Sequence[object], most: int = _NAMED) -> str:
    """Lists names, the first of them if they are many.

    >>> few(["a", "b"]), few(range(9), 2)
    ('a, b', '0, 1 and 7 more')
    """
    told = ", ".join(str(name) for name in names[:most])
    return told + (f" and {len(names) - most:,} more" if len(names) > most else "")
