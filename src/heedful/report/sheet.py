"""What every page is made of: templates, and figures as data that can stand in a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from heedful.report import words


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure with its place on the page and the sentence that a reader hears instead of seeing it."""

    id: str
    figure: go.Figure
    alt: str


def packed(plots: Mapping[str, Plot]) -> Markup:
    """Writes all figures as JSON that can stand inside a script element; equal arrays are written once."""
    arrays: dict[str, int] = {}

    def shared(node: Any) -> Any:
        if isinstance(node, dict):
            if "bdata" in node:
                return {**node, "bdata": arrays.setdefault(node["bdata"], len(arrays))}
            return {key: shared(value) for key, value in node.items()}
        if isinstance(node, np.ndarray):  # plotly packs no empty one
            return node.tolist()
        return [shared(value) for value in node] if isinstance(node, (list, tuple)) else node

    drawn = {plot.id: shared(plot.figure.to_dict()) for plot in plots.values()}
    text = json.dumps({"figures": drawn, "arrays": list(arrays)}, separators=(",", ":"))
    for mark, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(mark, code)
    return Markup(text)


@cache
def template(name: str) -> Template:
    """Gives a template of the report by its file name."""
    loader = PackageLoader("heedful.report")
    kept = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    kept.filters["breakable"] = words.breakable
    return kept.get_template(name)
