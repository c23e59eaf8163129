"""A map that is true: evidence is planted in noise, a small network learns it, and its attention is put to the test.

    python examples/planted_evidence.py

Bursts of 12 samples tell the class by their frequency; beside each stands a decoy twice as loud that tells nothing.
"""

import heedful
from heedful.explanation.planted import planted

made = planted("classes", windows=1500, window=96, ratio=6.0, seed=0)
found = heedful.classify(
    [window.T for window in made.x],
    label=[f"burst {code}" for code in made.y],
    group=[str(number) for number in range(len(made.y))],
    models="cnn-lstm+double_attention",
    seeds=1,
    epochs=15,
    out="planted",
    overwrite=True,
)
print(found.summary)
told = heedful.explain(
    "planted/models/cnn-lstm+double_attention/0",
    [window.T for window in made.x],
    label=[f"burst {code}" for code in made.y],
    group=[str(number) for number in range(len(made.y))],
    windows=60,
    out="planted-explained",
    overwrite=True,
)
print(told)
