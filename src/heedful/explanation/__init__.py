"""What a model looks at, and whether that is true."""

from heedful.explanation.attribution import gradient_input, integrated_gradients, occlusion
from heedful.explanation.looks import Look, looks
from heedful.explanation.record import AttentionMap, AttentionMaps, record
from heedful.explanation.result import Explanation
from heedful.explanation.subject import Subject

__all__ = [
    "AttentionMap",
    "AttentionMaps",
    "Explanation",
    "Look",
    "Subject",
    "gradient_input",
    "integrated_gradients",
    "looks",
    "occlusion",
    "record",
]
