"""Which room may import which, read off the source; nothing points up."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "heedful"

OUTSIDE = {
    "errors": set(),
    "sizes": set(),
    "attention": {"torch"},
    "models": {"torch", "numpy", "scipy"},
    "data": {
        "dateutil",
        "h5py",
        "narwhals",
        "numpy",
        "openpyxl",
        "pandas",
        "pooch",
        "pyarrow",
        "scipy",
        "statsmodels",
    },
    "files": set(),
    "metrics": {"numpy"},
    "baselines": {"numpy", "scipy"},
    "train": {"torch", "numpy", "safetensors", "tensorboard"},
    "explaining": {"numpy", "pandas", "torch"},
    "explanation": {"torch", "numpy", "scipy"},
    "intervals": {"numpy"},
    "scout": {"torch"},
    "bundle": {"torch", "numpy", "pandas", "pydantic"},
    "sealed": {"torch", "pydantic", "safetensors"},
    "signals": {"numpy", "pandas", "pydantic", "scipy", "sklearn", "torch"},
    "forecasting": {"torch", "numpy", "pandas"},
    "predicting": {"pandas"},
    "estimators": {"numpy", "pandas", "sklearn"},
    "tuning": {
        "filelock",
        "jinja2",
        "joblib",
        "markupsafe",
        "numpy",
        "optuna",
        "pandas",
        "plotly",
        "safetensors",
        "torch",
    },
}
INSIDE = {
    "errors": set(),
    "sizes": {"errors"},
    "attention": {"errors", "sizes"},
    "models": {"attention", "errors", "sizes"},
    "data": {"errors", "files"},
    "files": {"errors"},
    "metrics": {"errors"},
    "baselines": {"data", "errors"},
    "train": {"data", "metrics", "errors", "files"},
    "explaining": {
        "attention",
        "bundle",
        "data",
        "errors",
        "explanation",
        "files",
        "forecasting",
        "models",
        "report",
        "signals",
        "train",
    },
    "explanation": {"attention", "data", "errors"},
    "trial": {
        "attention",
        "models",
        "data",
        "train",
        "metrics",
        "baselines",
        "explanation",
        "forecasting",
        "bundle",
        "errors",
        "files",
        "report",
        "scout",
    },
    "bundle": {"models", "data", "intervals", "sealed", "errors"},
    "sealed": {"errors", "files"},
    "intervals": {"errors"},
    "scout": {"baselines", "data", "models", "errors"},
    "forecasting": {
        "models",
        "data",
        "train",
        "metrics",
        "baselines",
        "scout",
        "intervals",
        "bundle",
        "errors",
        "files",
    },
    "predicting": {"bundle", "errors", "forecasting", "sealed", "signals"},
    "estimators": {"forecasting", "signals", "bundle", "data", "metrics", "train", "errors"},
    "tuning": {"forecasting", "models", "train", "bundle", "data", "errors", "files"},
    "signals": {
        "attention",
        "bundle",
        "data",
        "errors",
        "explanation",
        "files",
        "forecasting",
        "metrics",
        "models",
        "report",
        "sealed",
        "train",
        "trial",
    },
    "report": {"trial", "signals", "explanation", "data", "metrics", "baselines", "errors", "files"},
}
STANDARD = sys.stdlib_module_names


def rooms() -> list[str]:
    return sorted(INSIDE)


def files(room: str) -> list[Path]:
    folder = SOURCE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [SOURCE / f"{room}.py"]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            if node.module == "heedful":
                found |= {f"heedful.{alias.name}" for alias in node.names}
            elif node.module:
                found.add(node.module)
    return found


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_from_rooms_below_it(room: str) -> None:
    assert files(room), f"no such room: {room}"
    for path in files(room):
        inside = {name.split(".")[1] for name in imports(path) if name.startswith("heedful.")} - {room}
        assert inside <= INSIDE[room], f"{path.name} points up to {sorted(inside - INSIDE[room])}"


@pytest.mark.parametrize("room", sorted(OUTSIDE))
def test_a_room_uses_only_its_own_libraries(room: str) -> None:
    for path in files(room):
        outside = {name.split(".")[0] for name in imports(path)} - STANDARD - {"heedful"}
        assert outside <= OUTSIDE[room], f"{path.name} imports {sorted(outside - OUTSIDE[room])}"


def test_every_source_file_belongs_to_a_known_room() -> None:
    known = set(INSIDE) | {"cli", "__init__"}
    found = {p.relative_to(SOURCE).parts[0].removesuffix(".py") for p in SOURCE.rglob("*.py")}
    assert found <= known, f"say in this file what {sorted(found - known)} may import"


def test_statistics_and_data_never_load_torch() -> None:
    code = "import sys, heedful, heedful.data, heedful.metrics, heedful.baselines; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_help_loads_neither_torch_nor_pandas() -> None:
    code = (
        "import sys\nfrom heedful.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'pandas', 'plotly', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_source_raises_instead_of_asserting() -> None:
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert)], path.name
