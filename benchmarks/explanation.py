"""How well maps find planted evidence, mechanism by mechanism at three signal-to-noise ratios; resumable net by net.

    python -m benchmarks.explanation                      trains and explains what is missing, then prints the table
    python -m benchmarks.explanation --minutes 60         stops after an hour; given again it goes on where it stopped
    python -m benchmarks.explanation --mechanisms additive,eca,multi_head,lstmn --ratios 6
    python -m benchmarks.explanation table                prints what is there

Windows of 96 samples hold a burst whose frequency is the class, and one twice as loud that all classes have; see
`heedful.explanation.planted`. A net is the preset `cnn-lstm` with one mechanism of the catalogue at the place that its
kind takes there, trained on one draw of windows and explained on another. What is measured is the share of pairs of
samples, one of the burst and one beside it, in which the map has the larger number at the burst (AUROC), in the mean
over windows, whether the net is right about them or not. One half is what a map is worth that knows nothing.

Columns: weights of the mechanism over time at the middle of what each sees ("-" where it weighs channels or forms no
weights, several where it forms several); weights on states of a recurrence pushed on to the samples behind them; then
occlusion and gradients as they are shown, and in brackets by the size of their numbers alone, whatever their sign.
"Occlusion" takes away stretches of its default width, which knows nothing of the evidence; "as wide" takes away as many
samples as the evidence has, which nobody knows outside of a test.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.signals import learned, logs
from heedful.attention import MECHANISMS
from heedful.data.recordings import Cuts, cut, read_recordings, split_recordings
from heedful.explanation.attribution import Attribution, gradient_input, integrated_gradients, occlusion
from heedful.explanation.looks import Look, looks
from heedful.explanation.planted import localisation, planted, width_of
from heedful.explanation.states import pushed
from heedful.explanation.subject import Subject
from heedful.files import write_whole
from heedful.models.signals.arms import SignalArm
from heedful.models.signals.places import kinds_of
from heedful.train import Recipe, TimeUp
from heedful.train.machine import settle

OUT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "explanation"
PRESET = "cnn-lstm"
BARE = "none"
RATIOS = (0.0, 6.0, 12.0)
STATED = 6.0
"""The ratio at which every net should be right, and occlusion find the evidence."""
RIGHT, FOUND = 0.98, 0.9
WINDOW = 96
TRAIN, TEST, EXPLAINED = 2048, 1000, 128
RECIPE = Recipe(epochs=8, patience=8, batch=64, learning_rate=3e-3, warmup=0.3, watch="train")
AS_WIDE = "occlusion as wide"
WAYS: dict[str, Callable[[Subject], Attribution]] = {
    "occlusion": occlusion,
    AS_WIDE: partial(occlusion, width=width_of(WINDOW)),
    "integrated gradients": integrated_gradients,
    "gradient x input": gradient_input,
}
VERSION = 1
"""To be raised when what is measured changes, so that older records are not taken for new ones."""


@dataclass(frozen=True, kw_only=True)
class Net:
    """One mechanism, one ratio and one seed."""

    mechanism: str
    ratio: float
    seed: int

    @property
    def arm(self) -> str:
        return PRESET if self.mechanism == BARE else f"{PRESET}+{self.mechanism}"

    def path(self, out: Path) -> Path:
        return out / f"{self.ratio:g}dB" / f"{self.mechanism}-{self.seed}.json"


def mechanisms() -> tuple[str, ...]:
    """Those that the preset has a place for, and none: whatever needs no second input."""
    taken = {kind for kinds in SignalArm.read(PRESET).spec.places.values() for kind in kinds}
    return (BARE, *(name for name in MECHANISMS if taken & set(kinds_of(name))))


# --- training and explaining -------------------------------------------------------------------------------------


def drawn(ratio: float, windows: int, seed: int) -> tuple[Cuts, np.ndarray, np.ndarray]:
    """Windows as recordings of their own, then their samples (n, T) and the places of the evidence (n, T)."""
    x, y, places = planted("classes", windows=windows, window=WINDOW, ratio=ratio, seed=seed)
    told = {"label": [str(one) for one in y], "group": [str(one) for one in range(windows)]}
    read = read_recordings(list(x[..., 0]), part=["train"] * windows, **told)
    return cut(split_recordings(read, "given", sizes=(1.0, 0.0, 0.0)).train), x[..., 0], places


def explained(net: torch.nn.Module, cuts: Cuts, scaled: np.ndarray) -> Subject:
    """The first windows as the net reads them."""
    return Subject(
        net=net.eval(),
        x=torch.from_numpy(scaled),
        beside=(None,),
        truth=torch.from_numpy(cuts.labels[: len(scaled)]).long(),
        classes=cuts.classes,
        outputs=cuts.classes,
        columns=("signal",),
        groups=np.arange(len(scaled)),
    ).settled()


def found_by(subject: Subject, samples: np.ndarray, places: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean AUROC of every map, by what made it: attention by the name of the look."""

    def mean(one: Any) -> float:
        return float(np.nanmean(localisation(one, places, subject.real)))

    seen = weighing(subject)
    told = {"attention": {look.name: mean(look.over_samples()) for look in seen}}
    # Only states that hold more than their own stretch have something to be pushed to.
    told["pushed"] = {look.name: mean(pushed(subject, look)) for look in seen if look.reach and look.reach.through}
    for name, way in WAYS.items():
        found = way(subject)
        told[name] = {"map": mean(found.over_time()), "sizes": mean(found.values.abs().sum(2))}
        told[name]["passes"] = round(found.passes_per_window, 1)
    return {**told, "|x|": {"map": mean(np.abs(samples))}}


def weighing(subject: Subject) -> tuple[Look, ...]:
    """The looks that speak of times; none where there is no mechanism."""
    held = getattr(subject.net, "attention", ())
    return tuple(look for look in looks(subject) if look.time is not None) if len(held) else ()


def key_of() -> str:
    """What a record was made by; one that was made otherwise must not stand beside it."""
    said = [VERSION, PRESET, WINDOW, TRAIN, TEST, EXPLAINED, asdict(RECIPE)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def measure(net: Net, out: Path, deadline: float = inf) -> str:
    """Trains one net, explains it, and leaves its record; one that is there is left as it is."""
    path = net.path(out)
    if path.exists():
        known = json.loads(path.read_text())["key"] == key_of()
        return f"{path.stem} at {net.ratio:g} dB was there{'' if known else ', MADE OTHERWISE: give another --out'}"
    train, _, _ = drawn(net.ratio, TRAIN, 2 * net.seed)
    test, samples, places = drawn(net.ratio, TEST, 2 * net.seed + 1)
    model, scaler, one = learned(net.arm, train, net.seed, RECIPE, deadline=deadline)
    accuracy = float(np.mean(logs(model, test, scaler).argmax(1) == test.labels))
    x, lengths = test.read(np.arange(EXPLAINED))
    subject = explained(model, test, np.asarray(scaler.apply(x, lengths), dtype=np.float32))
    begun = time.perf_counter()
    auroc = found_by(subject, samples[:EXPLAINED], places[:EXPLAINED])
    record = {
        "key": key_of(),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        **asdict(net),
        "place": None if net.mechanism == BARE else SignalArm.read(net.arm).places(),
        "accuracy": accuracy,
        "auroc": auroc,
        "train_seconds": one.seconds,
        "explain_seconds": time.perf_counter() - begun,
    }
    write_whole(path, json.dumps(record, indent=1))
    told = f"{path.stem} at {net.ratio:g} dB: right {accuracy:.3f}, occlusion {auroc['occlusion']['map']:.3f}"
    return f"{told}, {one.seconds:.0f} s and {record['explain_seconds']:.0f} s"


def nets(names: Sequence[str], ratios: Sequence[float], seeds: Sequence[int]) -> Iterator[Net]:
    """All nets, the stated ratio first."""
    for seed in seeds:
        for ratio in sorted(ratios, key=lambda one: abs(one - STATED)):
            for name in names:
                yield Net(mechanism=name, ratio=ratio, seed=seed)


def run(todo: Sequence[Net], out: Path, minutes: float) -> None:
    settle(1)
    deadline = time.monotonic() + 60 * minutes
    for net in todo:
        try:
            if time.monotonic() > deadline:
                raise TimeUp
            print(measure(net, out, deadline), flush=True)
        except TimeUp:
            print(f"{net.mechanism} at {net.ratio:g} dB: the time is up; give the command again to go on.")
            return


# --- the table ---------------------------------------------------------------------------------------------------


def records(todo: Sequence[Net], out: Path) -> list[dict[str, Any]]:
    """The records that were made as today's would be."""
    found = [json.loads(net.path(out).read_text()) for net in todo if net.path(out).exists()]
    return [record for record in found if record["key"] == key_of()]


def cells(record: dict[str, Any]) -> list[str]:
    """Attention, one number for each look over time; then each way by its map and by its sizes alone; then |x|."""
    auroc = record["auroc"]
    attention = [" / ".join(f"{one:.2f}" for one in auroc[name].values()) or "-" for name in ("attention", "pushed")]
    ways = [f"{auroc[name]['map']:.2f} ({auroc[name]['sizes']:.2f})" for name in WAYS]
    return [f"{record['accuracy']:.3f}", *attention, *ways, f"{auroc['|x|']['map']:.2f}"]


def table(todo: Sequence[Net], out: Path) -> None:
    names = ("mechanism", "at", "dB", "seed", "right", "attention", "pushed", *WAYS, "\\|x\\|")
    print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    made = sorted(records(todo, out), key=lambda one: (one["mechanism"], one["ratio"], one["seed"]))
    for one in made:
        at = "-" if one["place"] is None else ", ".join(one["place"])
        told = (one["mechanism"], at, f"{one['ratio']:g}", str(one["seed"]), *cells(one))
        print(f"| {' | '.join(told)} |")
    for ratio in sorted({one["ratio"] for one in made}):
        summary([one for one in made if one["ratio"] == ratio], ratio)
    missing = len(todo) - len(made)
    if missing:
        print(f"\n{missing} of {len(todo)} nets are not there yet, or were made otherwise.")


def summary(some: list[dict[str, Any]], ratio: float) -> None:
    """How many nets are right, and for how many of these occlusion finds the evidence."""
    right = [one for one in some if one["accuracy"] >= RIGHT]
    print(f"\n{ratio:g} dB: {len(right)} of {len(some)} nets are right in {RIGHT:.0%} or more of {TEST} windows.")
    if right:
        for way in ("occlusion", AS_WIDE):
            found = [one["auroc"][way]["map"] for one in right]
            told = f"{sum(one >= FOUND for one in found)} of these {len(found)} with {FOUND:.2f} or more"
            ends = f"least {min(found):.3f}, median {np.median(found):.3f}"
            print(f"{way.capitalize()} finds the evidence in {told}; {ends}.")
        maps = [one for record in right for one in record["auroc"]["attention"].values()]
        if maps:
            some_words = f"{len(maps)} attention maps over time: median {np.median(maps):.3f}"
            print(f"{some_words}, {sum(one >= FOUND for one in maps)} with {FOUND:.2f} or more.")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("step", nargs="?", choices=("run", "table", "all"), default="all")
    words.add_argument("--mechanisms", type=lambda text: tuple(text.split(",")), default=mechanisms())
    words.add_argument("--ratios", type=lambda text: tuple(map(float, text.split(","))), default=RATIOS, help="in dB")
    words.add_argument("--seeds", type=lambda text: tuple(map(int, text.split(","))), default=(0,))
    words.add_argument("--minutes", type=float, default=inf)
    words.add_argument("--out", type=Path, default=OUT)
    asked = words.parse_args()
    if wrong := sorted(set(asked.mechanisms) - set(mechanisms())):
        sys.exit(f"'{PRESET}' has no place for {', '.join(wrong)}. Known: {', '.join(mechanisms())}.")
    todo = list(nets(asked.mechanisms, asked.ratios, asked.seeds))
    if asked.step in ("run", "all"):
        run(todo, asked.out, asked.minutes)
    if asked.step in ("table", "all"):
        table(todo, asked.out)


if __name__ == "__main__":
    main()
