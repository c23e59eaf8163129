"""What it costs that glibc hands freed blocks back to the kernel: training with and without `keep_memory`.

Both settings are measured in fresh processes, in turn, since a process cannot undo them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

WINDOW, FEATURES, UNITS, BATCH = 96, 7, 64, 256
ROUNDS, STEPS = 5, 10


def measure(keep: bool) -> None:
    """Trains for some steps in this process and prints seconds and page faults a step."""
    import resource
    import time

    import torch

    from heedful.models import Shape, compose
    from heedful.models.plan import Convolution, Plan, Recurrence
    from heedful.train.machine import keep_memory, use_threads

    use_threads(1)
    if keep:
        keep_memory()
    plan = Plan(centre="none", stem=Convolution(filters=UNITS), recurrence=Recurrence(width=UNITS))
    model = compose(plan, Shape(WINDOW, FEATURES))
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    x, y = torch.randn(BATCH, WINDOW, FEATURES), torch.randn(BATCH, 1)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        (model(x) - y).square().mean().backward()
        optimiser.step()

    for _ in range(3):
        step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    taken = time.perf_counter() - start
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    print(json.dumps({"seconds": taken / STEPS, "faults": faults / STEPS}))


def fresh(mode: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.page_faults", mode]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> list[tuple[str, float, str]]:
    default, kept = [], []
    for _ in range(ROUNDS):
        default.append(fresh("default"))
        kept.append(fresh("keep"))
    ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(default, kept, strict=True))
    return [
        (f"training step as glibc comes / memory kept, window {WINDOW}, batch {BATCH}", ratio, "above 1"),
        ("  page faults a step as glibc comes", statistics.median(r["faults"] for r in default), "-"),
        ("  page faults a step, memory kept", statistics.median(r["faults"] for r in kept), "near 0"),
    ]


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(sys.argv[1] == "keep")
    else:
        for name, value, target in main():
            print(f"{name}: {value:.2f} ({target})")
