"""Models: those published in articles, exactly as printed, and those composed from a plan with real attention."""

from __future__ import annotations

from heedful.models import published
from heedful.models.catalogue import DEFAULT, MODELS, ModelSpec, get, names
from heedful.models.compose import compose
from heedful.models.plan import Plan
from heedful.models.shape import Shape

__all__ = ["DEFAULT", "MODELS", "ModelSpec", "Plan", "Shape", "compose", "get", "names", "published"]
