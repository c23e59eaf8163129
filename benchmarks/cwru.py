"""Bearings of the CWRU set held out: the table of `docs/cwru.md`, resumable network by network.

    python -m benchmarks.cwru                        trains what is missing, then prints the tables
    python -m benchmarks.cwru --minutes 60           stops after an hour; given again it goes on where it stopped
    python -m benchmarks.cwru --protocols P4 --models order-envelope
    python -m benchmarks.cwru table                  prints what is there

Every number comes from `heedful.classify`. Nothing is chosen by a test part: there is one setting a model, the epoch is
that with the smallest train loss, and a test part is scored once, when its network is trained.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.metrics import f1_score

import heedful
from heedful.data.recordings import Recordings
from heedful.data.recordings.read import read_recordings
from heedful.train.machine import settle

HOME = Path(__file__).resolve().parents[1]
DATA = HOME.parent / "shared" / "data" / "signals" / "cwru"
OUT = HOME / "benchmarks" / "results" / "cwru"
RATE = 12_000
BASELINES = ("majority", "rms_forest", "spectrum_linear")
ORDERS = "order-envelope"
MODELS = ("wdcnn", "wdcnn+eca", ORDERS)
SPEED = ("rpm_in_file", "rpm_nominal")
GEOMETRY = (1.0, 0.3983, 3.5848, 5.4152, 4.7135, 2.3567)
"""SKF 6205: shaft, cage, outer race, inner race, twice the ball's spin, and once, in turns of the shaft."""

Facts = Mapping[str, Any]


def usual(facts: Facts) -> bool:
    """Says whether a record is one of the ten-class set: no 0.028 inch, outer races loaded at 6 o'clock."""
    return facts.get("diameter_mil") != 28 and facts.get("outer_position") in (None, 6)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How records are told apart, which of them are used, and what is held out."""

    text: str
    label: str = "fault"
    keep: Callable[[Facts], bool] = usual
    seeds: int = 3
    options: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> Recordings:
        found = read_recordings(DATA, label=self.label, group="bearing", rate=RATE)
        return replace(found, items=tuple(one for one in found.items if self.keep({**one.facts, "is": one.label})))


SIZES = {"hold_out": "diameter_mil", "values": (7, 14, 21), "sizes": (0.8, 0.0, 0.2)}
LEAKY = {"split": "random-windows", "sizes": (0.8, 0.0, 0.2)}
PROTOCOLS = {
    "P0": Protocol(text="four fault types, all loads, windows dealt out at random: leaky", seeds=1, options=LEAKY),
    "P2": Protocol(
        text="ten classes, one load, windows dealt out at random: leaky",
        label="label",
        keep=lambda facts: usual(facts) and facts["load_hp"] == 0,
        seeds=1,
        options=LEAKY,
    ),
    "P3": Protocol(
        text="ten classes, one of two loads held out: the same bearings in train and test",
        label="label",
        keep=lambda facts: usual(facts) and facts["load_hp"] in (0, 1),
        seeds=1,
        options={"hold_out": "load_hp", "values": (0, 1), "sizes": (0.8, 0.0, 0.2)},
    ),
    "P4": Protocol(text="four fault types, all loads, the bearings of one size of fault held out", options=SIZES),
    "P4-faults": Protocol(
        text="the same without the healthy bearing, of which there is only one",
        keep=lambda facts: usual(facts) and facts["is"] != "N",
        options=SIZES,
    ),
}


def run(name: str, model: str, out: Path, deadline: float) -> bool:
    """Trains a model by a protocol on all folds and seeds; says whether it came to the end."""
    asked = PROTOCOLS[name]
    told = {"speed": SPEED, "defects": GEOMETRY} if model == ORDERS else {}
    left = (deadline - time.monotonic()) / 60
    if left <= 0:
        return False
    result = heedful.classify(
        asked.read(),
        models=[model],
        seeds=asked.seeds,
        window=2048,
        keep="none",
        jobs=1,
        out=folder(name, model, out),
        max_minutes=None if left == inf else left,
        **asked.options,
        **told,
    )
    table = result.by_fold.loc[[model]] if model in result.by_fold.index else result.by_fold
    print(
        f"{name} {model}\n{(100 * table).round(1).to_string()}\n{result.summary['seconds'].round(1).to_dict()}",
        flush=True,
    )
    return result.finished


def folder(name: str, model: str, out: Path) -> Path:
    return out / name / model.replace("+", "-")


# --- the tables ----------------------------------------------------------------------------------------------------


def f1_by_fold(name: str, model: str, out: Path) -> pd.DataFrame:
    """Macro-F1 of each seed (rows) on each fold (columns), in percent; baselines lie beside any network."""
    homes = [folder(name, other, out) / "scores.csv" for other in (MODELS if model in BASELINES else (model,))]
    home = next((path for path in homes if path.exists()), None)
    if home is None:
        return pd.DataFrame()
    frame = pd.read_csv(home, dtype={"fold": str})
    frame["fold"] = frame["fold"].fillna("test")
    own = frame[(frame["model"] == model) & (frame["split"] == "test") & (frame["metric"] == "macro_f1")]
    return 100 * own.pivot_table(
        index="seed" if model not in BASELINES else "model", columns="fold", values="value", sort=False
    )


def of_classes(name: str, model: str, out: Path) -> pd.DataFrame:
    """F1 of each class (columns) on each fold (rows), in percent, mean over seeds."""
    frame = pd.read_csv(
        folder(name, model, out) / "predictions.csv", dtype={"true": str, "said": str}, keep_default_na=False
    )
    frame = frame[frame["model"] == model]
    classes = sorted(frame["true"].unique())
    found = {}
    for (fold, seed), own in frame.groupby(["fold", "seed"], sort=False):
        found[fold, seed] = 100 * f1_score(own["true"], own["said"], labels=classes, average=None, zero_division=0)
    table = pd.DataFrame(found, index=classes).T
    return table.groupby(level=0, sort=False).mean()


def table(names: Sequence[str], models: Sequence[str], out: Path) -> None:
    for name in names:
        print(f"\n{name}: {PROTOCOLS[name].text}. Macro-F1 in percent.\n")
        found = {model: f1_by_fold(name, model, out) for model in (*BASELINES, *models)}
        found = {model: own for model, own in found.items() if not own.empty}
        for number, (model, own) in enumerate(found.items()):
            means = own if len(own.columns) == 1 else own.assign(mean=own.mean(axis=1))
            if not number:
                print(head("model", "seeds", *means.columns))
            seeds = "" if model in BASELINES else str(len(own))
            print(f"| `{model}` | {seeds} | {' | '.join(_cell(means[column]) for column in means.columns)} |")
        if ORDERS in found:
            print(f"\nF1 of each class by `{ORDERS}`, mean over seeds:\n")
            classes = of_classes(name, ORDERS, out)
            print(head("fold", *classes.columns))
            for fold, row in classes.iterrows():
                print(f"| {fold or 'test'} | {' | '.join(f'{value:.1f}' for value in row)} |")


def head(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"


def _cell(values: pd.Series) -> str:
    spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread}"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("step", nargs="?", choices=("train", "table", "all"), default="all")
    words.add_argument("--protocols", type=lambda text: tuple(text.split(",")), default=tuple(PROTOCOLS))
    words.add_argument("--models", type=lambda text: tuple(text.split(",")), default=MODELS)
    words.add_argument("--minutes", type=float, default=inf)
    words.add_argument("--out", type=Path, default=OUT)
    asked = words.parse_args()
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: it holds the records and records.csv.")
    if asked.step in ("train", "all"):
        settle(1)
        deadline = time.monotonic() + 60 * asked.minutes
        for name in asked.protocols:
            for model in asked.models:
                if not run(name, model, asked.out, deadline):
                    sys.exit("The time is up; give the command again to go on.")
    if asked.step in ("table", "all"):
        table(asked.protocols, asked.models, asked.out)


if __name__ == "__main__":
    main()
