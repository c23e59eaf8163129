"""The command line: the same verbs as Python, with the same words."""

from heedful.cli import (
    audit,
    compare,
    detect,
    explain,
    forecast,
    names,
    signals,
    tune,
)  # each adds its commands to `app`
from heedful.cli.common import DONE, OUR_BUG, STOPPED, USAGE, WRONG_INPUT, app

__all__ = [
    "DONE",
    "OUR_BUG",
    "STOPPED",
    "USAGE",
    "WRONG_INPUT",
    "app",
    "audit",
    "compare",
    "detect",
    "explain",
    "forecast",
    "main",
    "names",
    "signals",
    "tune",
]


def main() -> None:
    """Entry point of the `heedful` command."""
    app()
