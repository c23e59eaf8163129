"""Writes an explanation as one HTML page that needs nothing else."""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from heedful.explanation import usage as use
from heedful.explanation.faithfulness import LEVEL
from heedful.files import write_whole
from heedful.report.explanation import sentences, view, words
from heedful.report.explanation.live import viewer
from heedful.report.explanation.pictures import drawings
from heedful.report.figures.maps import WEIGHTS
from heedful.report.figures.style import layout
from heedful.report.language import Language
from heedful.report.language import language as read
from heedful.report.sheet import packed, template

if TYPE_CHECKING:
    from heedful.explanation.result import Explanation
    from heedful.report.explanation.pictures import Drawing


@dataclass(frozen=True, kw_only=True)
class Still:
    """A picture on the page: its address, and the sentence that a reader hears instead of seeing it."""

    source: Markup
    alt: str
    width: int


def write_page(explanation: Explanation, path: str | Path, *, language: str = "en") -> Path:
    """Writes the report page; an older one is replaced only once the new one is complete.

    Args:
        explanation: what was found.
        path: the file to write.
        language: one of `heedful.report.language.languages()`.

    Raises: UnknownName for an unknown language.
    """
    return write_whole(Path(path), render(explanation, language=language))


def render(explanation: Explanation, *, language: str = "en") -> str:
    """Gives the report page as text.

    Raises: UnknownName for an unknown language.
    """
    say = read(language)
    # Windows are drawn by the viewer, which lets the reader choose.
    drawn = {name: draw for name, draw in drawings(explanation).items() if not name.startswith("window-")}
    stills = {name: _still(draw, name, say) for name, draw in drawn.items()}
    style = layout(say, height=0)
    return template("explanation.html.j2").render(
        say=say,
        t=say.html,
        explanation=explanation,
        verdict=sentences.verdict(explanation, say),
        worth=[sentences.told(line, say) for line in explanation.worth],
        notes=[sentences.told(line, say) for line in explanation.notes],
        facts=words.facts(explanation, say),
        maps=[view.judged(explanation, name, say) for name in view.order(explanation)],
        overview=[name for name in stills if name.startswith("windows-")],
        heads=max((one.heads.shape[1] for one in explanation.looks if one.heads is not None), default=0),
        needed=words.needed(explanation, say),
        truths=words.truths(explanation, say),
        found=words.found(explanation, say),
        learned=words.learned(explanation, say),
        level=words.percent(LEVEL),
        level_of_use=words.percent(use.LEVEL),
        sanity=words.sanity(explanation, say),
        looks=words.looks(explanation, say),
        silent=words.silent(explanation, say),
        tables=words.tables(explanation, say),
        glossary=words.glossary(explanation, say),
        stills=stills,
        windows=viewer(explanation, say) if explanation.maps else Markup("null"),
        shades=WEIGHTS,
        axis=style["xaxis"],
        layout={key: value for key, value in style.items() if key not in ("xaxis", "yaxis")},
        plots={},
        figures=packed({}),
        plotly=Markup(get_plotlyjs()),
    )


def _still(draw: Drawing, name: str, say: Language) -> Still:
    """Draws a picture as SVG whose text stays text, so that the fonts of the reader's machine write it."""
    figure = draw(language=say)
    held = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "heedful"}):
        figure.savefig(held, format="svg", metadata={"Date": None})
    kind = name.partition("-")[0]
    address = f"data:image/svg+xml;base64,{b64encode(held.getvalue()).decode('ascii')}"
    return Still(source=Markup(address), alt=say(f"explain_alt.{kind}"), width=round(96 * figure.get_size_inches()[0]))
