"""All pictures that an explanation has, by name; and how they become files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from heedful.errors import unknown
from heedful.files import write_whole
from heedful.report.explanation import figures, view
from heedful.report.explanation.figures.style import said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from heedful.explanation.result import Explanation
    from heedful.report.language import Language

    Drawing = Callable[..., Figure]

FORMATS = ("png", "svg", "pdf")
"""What pictures can be written as."""


def drawings(explanation: Explanation) -> dict[str, Drawing]:
    """Gives every picture that there is something to draw for, by the name of its file, as functions of a language."""
    of: Callable[..., Drawing] = lambda make, *more: partial(make, explanation, *more)  # noqa: E731
    found: dict[str, Drawing] = {}
    if explanation.maps:
        for at in range(len(explanation.shown)):
            found[f"window-{at + 1}"] = of(figures.window, at)
        found |= {f"windows-{_file(name)}": of(figures.over_windows, name) for name in view.beside(explanation)}
    found |= {f"{kind}-{_file(name)}": of(make, name) for kind, make, name in _of_looks(explanation)}
    if explanation.column_maps:
        found["columns"] = of(figures.columns)
    for name in view.tested(explanation):
        found[f"gains-{_file(name)}"] = of(figures.gains, name)
        if len({row.of for row in explanation.truths[name].rows}) > 1:
            found[f"gains-by-part-{_file(name)}"] = of(figures.gains_by_part, name)
        if name in explanation.curves:
            found[f"curves-{_file(name)}"] = of(figures.curves, name)
    if explanation.usage is not None and explanation.usage.rows:
        found["usage"] = of(figures.usage)
    if explanation.agreements:
        found["agreement"] = of(figures.agreement)
    if explanation.sanity:
        found["sanity"] = of(figures.sanity)
    found |= {f"spectrum-{at + 1}": of(figures.spectrum, at) for at in range(len(explanation.bands))}
    return found


def save_figures(
    explanation: Explanation,
    folder: str | Path,
    formats: Sequence[str] = ("png",),
    *,
    language: Language | str = "en",
) -> tuple[Path, ...]:
    """Writes every picture that there is something to draw for, and gives the files.

    Args:
        explanation: what was found.
        folder: where to write; it is made where it does not exist.
        formats: some of "png", "svg" and "pdf".
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: UnknownName for an unknown format or language; DataError if the folder cannot be written to.
    """
    for one in formats:
        if one not in FORMATS:
            raise unknown("format", one, FORMATS)
    say, written = said(language), []
    for name, draw in drawings(explanation).items():
        figure = draw(language=say)
        written += [
            write_whole(Path(folder) / f"{name}.{one}", partial(_save, figure, one)) for one in dict.fromkeys(formats)
        ]
    return tuple(written)


def _save(figure: Figure, kind: str, path: Path) -> None:
    # Dates and random ids would make the same picture another file each time.
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with mpl.rc_context({"svg.hashsalt": "heedful"}):
        figure.savefig(path, format=kind, metadata=metadata)


def _of_looks(explanation: Explanation) -> list[tuple[str, Drawing, str]]:
    """Names the pictures of single looks: heads, steps ahead, targets, inputs, images, queries, channels."""
    found: list[tuple[str, Drawing, str]] = []
    for look in explanation.looks:
        if explanation.shown and look.heads is not None and look.heads.shape[1] > 1:
            found.append(("heads", figures.heads, look.name))
        if explanation.shown and look.steps is not None and look.steps.shape[1] > 1:
            found.append(("horizon", figures.horizon, look.name))
        if explanation.shown and look.targets is not None and look.targets.shape[1] > 1:
            found.append(("targets", figures.targets, look.name))
        if explanation.shown and look.features is not None and look.features.shape[2] > 1:
            found.append(("features", figures.features, look.name))
        if explanation.shown and look.image is not None and look.time is not None:
            found.append(("image", figures.image, look.name))
        if explanation.shown and view.queries_and_keys(look, 0) is not None:
            found.append(("queries", figures.queries, look.name))
        if look.channels is not None and np.asarray(look.channels).shape[1] > 1:
            found.append(("channels", figures.channels, look.name))
        if look.lines is not None and look.lines.shape[1] > 1:
            found.append(("lines", figures.frequencies, look.name))
    return found


def _file(name: str) -> str:
    """Makes a name fit for a file.

    >>> _file("net.4 |x|")
    'net-4-x'
    """
    return re.sub(r"[^\w]+", "-", name).strip("-") or "map"
