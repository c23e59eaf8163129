"""Runs every benchmark, or those named, each in a process of its own: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import benchmarks

_CALL = "import json, sys; from importlib import import_module as load; print(json.dumps(load(sys.argv[1]).main()))"


def rows(name: str) -> list[tuple[str, float, str]]:
    """Runs one benchmark in a fresh process, so that none changes the threads or the memory of the next."""
    command = [sys.executable, "-c", _CALL, f"benchmarks.{name}"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


# Commands of their own: make bench-accuracy and so on.
LONG = {"accuracy", "cwru", "explanation", "explanation_truth", "signals", "statistics"}


def main() -> int:
    known = sorted({m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_")} - LONG)
    chosen = sys.argv[1:] or known
    if unknown := sorted(set(chosen) - set(known)):
        print(f"Unknown benchmark {', '.join(unknown)}. Known: {', '.join(known)}.", file=sys.stderr)
        return 2
    for name in chosen:
        for row, value, target in rows(name):
            print(f"{row:<80} {value:>12.2f}   {target}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
