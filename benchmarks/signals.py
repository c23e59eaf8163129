"""Accuracy on the archive split of UCR and UEA sets, beside the published means; resumable net by net.

    python -m benchmarks.signals                     trains what is missing, then prints the table
    python -m benchmarks.signals --minutes 60        stops after an hour; given again it goes on where it stopped
    python -m benchmarks.signals --sets GunPoint --models resnet1d,mlstm-fcn
    python -m benchmarks.signals --long              the sets that take hours as well
    python -m benchmarks.signals --epochs 1500 --out DIR    other numbers of epochs, elsewhere
    python -m benchmarks.signals --recipe article --out DIR    as the authors of each model train, but for plateaus
    python -m benchmarks.signals table               prints what is there
    python -m benchmarks.signals choose              compares recipes by folds of the train files; reads no test file

A net is one set, one model and one seed, trained on the whole train file by one recipe that is the same for all; the
epoch is the one with the smallest train loss. Its test file is scored once, when it is trained, and what comes out lies
in one record with the date. A net whose record is there is never trained again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heedful.data.recordings import Augment, Cuts, Part, SignalScaler, cut, folds, split_recordings
from heedful.data.recordings.read import read_recordings
from heedful.files import write_whole
from heedful.models.signals import ClassHead, SignalShape, get
from heedful.train import Fit, Recipe, TimeUp, fit, logits
from heedful.train.machine import settle

HOME = Path(__file__).resolve().parents[1]
DATA = HOME.parent / "shared" / "data" / "signals" / "ucr"
OUT = HOME / "benchmarks" / "results" / "signals"
SHORT = ("ItalyPowerDemand", "CBF", "GunPoint", "ECG200", "ArrowHead", "JapaneseVowels")
LONG = ("OSULeaf", "ACSF1")
MODELS = ("resnet1d", "mlstm-fcn", "inception-time")
SEEDS = {"inception-time": (0, 1, 2, 3, 4)}
THREE = (0, 1, 2)
# Chosen by `choose`, see WAYS; a model that names its own augmentation keeps it.
AUGMENT = Augment(jitter=0.05, scaling=0.1, shift=8)

# Mean and deviation of five runs: dl-4-tsc, results-ucr-128.csv (Fawaz et al. 2019).
RESNET = {
    "GunPoint": (0.991, 0.008),
    "ItalyPowerDemand": (0.962, 0.003),
    "ECG200": (0.874, 0.018),
    "CBF": (0.996, 0.002),
    "OSULeaf": (0.980, 0.006),
    "ArrowHead": (0.838, 0.024),
    "ACSF1": (0.916, 0.026),
}
# An ensemble of five networks, once: results-InceptionTime-128.csv (Fawaz et al. 2020).
INCEPTION = {
    "GunPoint": (1.0, None),
    "OSULeaf": (0.942, None),
    "ECG200": (0.930, None),
    "ArrowHead": (0.846, None),
    "ItalyPowerDemand": (0.965, None),
}
ENSEMBLE = "inception-time x 5"
PUBLISHED: Mapping[str, Mapping[str, tuple[float, float | None]]] = {
    "resnet1d": RESNET,
    ENSEMBLE: INCEPTION,
    "mlstm-fcn": {"JapaneseVowels": (0.99, 0.0)},
}


@dataclass(frozen=True, kw_only=True)
class Net:
    """One set, one model and one seed."""

    data: str
    model: str
    seed: int

    def path(self, out: Path) -> Path:
        return out / self.data / f"{self.model}-{self.seed}.json"


# --- training ----------------------------------------------------------------------------------------------------


def parts(data: str) -> tuple[Part, Part]:
    """Train and test as the archive gives them."""
    split = split_recordings(read_recordings(DATA / data), "given", sizes=(1.0, 0.0, 0.0))
    return split.train, split.test


def learned(
    model: str,
    train: Cuts,
    seed: int,
    recipe: Recipe,
    *,
    augment: Augment | None = None,
    smoothing: float = 0.0,
    **run: Any,
) -> tuple[torch.nn.Module, SignalScaler, Fit]:
    """Trains one net."""
    spec = get(model)
    scaler = SignalScaler.fit(train, spec.scaling)
    net = spec.build(SignalShape(train.channels, len(train.classes), train.window), seed)
    if smoothing:
        net.head = ClassHead(len(train.classes), smoothing=smoothing)
    [one] = fit([net], train, None, scaler=scaler, recipe=recipe, seeds=[seed], augment=augment, device="cpu", **run)
    net.load_state_dict(one.state)
    return net, scaler, one


def logs(net: torch.nn.Module, cuts: Cuts, scaler: SignalScaler) -> np.ndarray:
    """Logarithms of the probabilities of all windows (n, K)."""
    raw = torch.from_numpy(logits(net, cuts, scaler, device="cpu")).double()
    return raw.log_softmax(-1).numpy()


@dataclass(frozen=True, kw_only=True)
class Training:
    """How nets are trained: a model's recipe for so many train windows, and how its windows are varied."""

    recipe: Callable[[str, int], Recipe]
    augment: Callable[[str], Augment | None]

    def key(self, model: str, count: int) -> str:
        """What a record was made by; a recipe that was changed must not be scored beside the old one."""
        augment = self.augment(model)
        said = [model, asdict(self.recipe(model, count)), None if augment is None else asdict(augment)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def augment_of(model: str) -> Augment:
    own = get(model).augment
    return Augment(**own) if own else AUGMENT


def ours(model: str, count: int) -> Recipe:
    return Recipe.archive(count)


def article(model: str, count: int) -> Recipe:
    """Gives the recipe of each model's authors; theirs lower the rate besides, after 50 or 100 epochs without a gain.

    ResNet: Fawaz et al. (2019), InceptionTime: Fawaz et al. (2020), MLSTM-FCN: Karim et al. (2019), whose code keeps
    the epoch that is best on the test file; here the train loss chooses.
    """
    batch, epochs = {"inception-time": (64, 1500), "mlstm-fcn": (128, 1000)}.get(model, (min(count // 10, 16), 1500))
    return replace(Recipe.article(), epochs=epochs, patience=epochs, batch=max(2, batch), watch="train")


OURS = Training(recipe=ours, augment=augment_of)
ARTICLE = Training(recipe=article, augment=lambda model: None)


def train(net: Net, out: Path, deadline: float = inf, how: Training = OURS) -> str:
    """Trains one net, scores it, and leaves its record; one that is there is left as it is."""
    path, (first, last) = net.path(out), parts(net.data)
    cuts = cut(first)
    recipe, key = how.recipe(net.model, len(cuts)), how.key(net.model, len(cuts))
    if path.exists():
        known = json.loads(path.read_text())["key"] == key
        return f"{net.data} {path.stem} was there{'' if known else ', BY ANOTHER RECIPE: give another --out'}"
    path.parent.mkdir(parents=True, exist_ok=True)
    model, scaler, one = learned(
        net.model,
        cuts,
        net.seed,
        recipe,
        augment=how.augment(net.model),
        deadline=deadline,
        checkpoint=path.with_suffix(".safetensors"),
    )
    test = cut(last, cuts.window)
    said = logs(model, test, scaler)
    accuracy = float(np.mean(said.argmax(1) == test.labels))
    record = {
        "key": key,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "recipe": asdict(recipe),
        "accuracy": accuracy,
        "classes": test.labels.tolist(),
        "logs": np.round(said, 5).tolist(),
        "train_loss": one.train_loss,
        "best_epoch": one.best_epoch,
        "seconds": one.seconds,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    write_whole(path, json.dumps(record))
    return f"{net.data} {path.stem}: {accuracy:.4f}, {one.seconds / len(one.clock):.2f} s an epoch, {one.seconds:.0f} s"


def nets(sets: Sequence[str], models: Sequence[str]) -> Iterator[Net]:
    """All nets, seed by seed, so that an early stop leaves every set with a number."""
    for seed in range(5):
        for data in sets:
            for model in models:
                if seed in SEEDS.get(model, THREE):
                    yield Net(data=data, model=model, seed=seed)


def run(sets: Sequence[str], models: Sequence[str], out: Path, minutes: float, how: Training) -> None:
    settle(1)
    deadline = time.monotonic() + 60 * minutes
    for net in nets(sets, models):
        try:
            print(train(net, out, deadline, how), flush=True)
        except TimeUp:
            print(f"{net.data} {net.model} {net.seed}: the time is up; give the command again to go on.")
            return


# --- the table ---------------------------------------------------------------------------------------------------


def records_of(data: str, model: str, out: Path, how: Training) -> tuple[list[dict[str, Any]], int]:
    """The records of the nets made by today's recipe, and how many by another one are left out."""
    found = [Net(data=data, model=model, seed=seed).path(out) for seed in SEEDS.get(model, THREE)]
    every = [json.loads(path.read_text()) for path in found if path.exists()]
    if not every:
        return [], 0
    key = how.key(model, len(cut(parts(data)[0])))
    kept = [record for record in every if record["key"] == key]
    return kept, len(every) - len(kept)


def scores(data: str, model: str, out: Path, how: Training) -> tuple[list[float], int]:
    """Accuracy of every net that is there, and the number of test cases."""
    records, _ = records_of(data, model, out, how)
    return [record["accuracy"] for record in records], len(records[0]["classes"]) if records else 0


def vote(data: str, out: Path, how: Training) -> tuple[list[float], int]:
    """Accuracy of the mean probability of the five inception networks; nothing unless all five are there."""
    records, _ = records_of(data, "inception-time", out, how)
    if len(records) < len(SEEDS["inception-time"]):
        return [], 0
    said = np.mean([np.exp(record["logs"]) for record in records], axis=0)
    return [float(np.mean(said.argmax(1) == records[0]["classes"]))], len(said)


def row(data: str, model: str, out: Path, how: Training) -> list[str] | None:
    own, count = vote(data, out, how) if model == ENSEMBLE else scores(data, model, out, how)
    if not own:
        return None
    spread = f" ± {np.std(own, ddof=1):.3f}" if len(own) > 1 else ""
    told = [model, data, f"{len(own)}", f"{np.mean(own):.4f}{spread}"]
    mean, deviation = PUBLISHED.get(model, {}).get(data, (None, None))
    if mean is None:
        return [*told, "", "", ""]
    cases = round((np.mean(own) - mean) * count, 1)
    held = "" if deviation is None else "yes" if np.mean(own) >= mean - 2 * deviation else "NO"
    return [*told, f"{mean:.3f}" + (f" ± {deviation:.3f}" if deviation else ""), held, f"{cases:+g} of {count}"]


def table(sets: Sequence[str], models: Sequence[str], out: Path, how: Training) -> None:
    shown = [*models, *([ENSEMBLE] if "inception-time" in models else [])]
    names = ("model", "set", "nets", "accuracy", "published", "within 2 deviations", "test cases")
    print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    for model in shown:
        rows = [one for data in sets if (one := row(data, model, out, how)) is not None]
        for one in rows:
            print(f"| {' | '.join(one)} |")
        if rows:
            mean = np.mean([float(one[3].split()[0]) for one in rows])
            print(f"| {model} | mean of {len(rows)} sets | | {mean:.4f} | | | |")
    left = {(data, model): records_of(data, model, out, how)[1] for data in sets for model in models}
    if any(left.values()):
        told = ", ".join(f"{count} of {data} {model}" for (data, model), count in left.items() if count)
        print(f"\n{sum(left.values())} nets by another recipe are left out: {told}.")


# --- choosing a recipe on the train files ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Way:
    """A recipe to compare: what differs from the one that is used."""

    recipe: Mapping[str, Any]
    augment: Augment | None = None
    smoothing: float = 0.0
    steps: float = 1.0


# Errors of `resnet1d` in three folds with a fifth of the epochs: ItalyPowerDemand of 67, ECG200 of 100, ArrowHead of
# 36, CBF of 30, GunPoint of 50; then mean log loss. "as used" was chosen for its log loss, below "plain" in all five.
#   plain       3 12  5  2  0    0.162 0.471 0.737 0.146 0.003
#   as used     2 10  4  1  0    0.088 0.271 0.710 0.115 0.002
#   adam        1 11  7  1  0    0.105 0.360 0.684 0.081 0.017
#   rate 3e-3   2 12             0.160 0.635
#   average     3 12             0.163 0.489
#   cutmix      3 13             0.106 0.299
#   smoothing   2 12             0.132 0.324
#   half        1 13             0.059 0.441
# All epochs, ItalyPowerDemand: plain 1 and 0.119, as used 2 and 0.042; shifts of up to a 16th of the length 3 and
# 0.225, a 30th 2 and 0.192, none 4 and 0.200. Half of the epochs, a 16th: ECG200 7 and 0.382 for 7 and 0.321 as used,
# GunPoint 0 for 0. All epochs, OSULeaf of 200 as used: 10 and 0.226.
WAYS = {
    "as used": Way(recipe={}, augment=AUGMENT),
    "plain": Way(recipe={}),
    "adam": Way(recipe={"optimiser": "adam", "schedule": "constant", "warmup": 0.0, "weight_decay": 0.0, "clip": None}),
    "rate 3e-3": Way(recipe={"learning_rate": 3e-3, "warmup": 0.2}),
    "average": Way(recipe={"average": 0.99}),
    "cutmix": Way(recipe={}, augment=Augment(cutmix=0.5)),
    "smoothing": Way(recipe={}, smoothing=0.1),
    "half": Way(recipe={}, steps=0.5),
}


def held_out(data: str, model: str, name: str, share: float, how: Training = OURS) -> dict[str, float]:
    """Errors and log loss on three folds of the train file, summed; test files are not cut."""
    way, (first, _) = WAYS[name], parts(data)
    wrong = loss = count = seconds = 0.0
    for number, fold in enumerate(folds(first, "group", 3, validation=0)):
        cuts = cut(fold.train)
        usual = how.recipe(model, len(cuts))
        epochs = max(5, round(usual.epochs * way.steps * share))
        recipe = replace(usual, **{"epochs": epochs, "patience": epochs, **way.recipe})
        net, scaler, one = learned(model, cuts, number, recipe, augment=way.augment, smoothing=way.smoothing)
        test = cut(fold.test, cuts.window)
        said = logs(net, test, scaler)
        wrong += float(np.sum(said.argmax(1) != test.labels))
        loss -= float(said[np.arange(len(test)), test.labels].sum())
        count, seconds = count + len(test), seconds + one.seconds
    return {"errors": wrong, "loss": loss / count, "cases": count, "seconds": seconds}


def choose(
    ways: Sequence[str], sets: Sequence[str], models: Sequence[str], out: Path, minutes: float, share: float
) -> None:
    settle(1)
    deadline = time.monotonic() + 60 * minutes
    for name in ways:
        for data in sets:
            for model in models:
                path = out / "choose" / f"{data}-{model}-{name.replace(' ', '-')}-{share:g}.json"
                if not path.exists():
                    if time.monotonic() > deadline:
                        return
                    write_whole(path, json.dumps(held_out(data, model, name, share)))
                found = json.loads(path.read_text())
                print(
                    f"{name:<10} {data:<18} {model:<15} {found['errors']:>4.0f} of {found['cases']:.0f} wrong, "
                    f"log loss {found['loss']:.3f}, {found['seconds']:.0f} s",
                    flush=True,
                )


def of_epochs(usual: Callable[[str, int], Recipe], epochs: int, model: str, count: int) -> Recipe:
    return replace(usual(model, count), epochs=epochs, patience=epochs)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("step", nargs="?", choices=("train", "table", "choose", "all"), default="all")
    words.add_argument("--sets", type=lambda text: tuple(text.split(",")))
    words.add_argument("--models", type=lambda text: tuple(text.split(",")), default=MODELS)
    words.add_argument("--long", action="store_true", help="the sets that take hours as well")
    words.add_argument("--minutes", type=float, default=inf)
    words.add_argument(
        "--epochs", type=int, help="of every network, in place of about 1,500 steps; needs its own --out"
    )
    words.add_argument("--recipe", choices=("ours", "article"), default="ours", help="article needs its own --out")
    words.add_argument("--ways", type=lambda text: tuple(text.split(",")), default=tuple(WAYS), help="in choose")
    words.add_argument("--share", type=float, default=1.0, help="of the epochs, in choose")
    words.add_argument("--out", type=Path, default=OUT)
    asked = words.parse_args()
    sets = asked.sets or (SHORT + LONG if asked.long else SHORT)
    if missing := [data for data in sets if not (DATA / data).is_dir()]:
        sys.exit(f"{DATA} holds no {', '.join(missing)}.")
    if asked.step == "choose" and (asked.recipe != "ours" or asked.epochs is not None):
        sys.exit("choose compares ways of our recipe: leave out --recipe and --epochs, or give --ways and --share.")
    if asked.step == "choose":
        choose(asked.ways, sets, asked.models, asked.out, asked.minutes, asked.share)
        return
    how = ARTICLE if asked.recipe == "article" else OURS
    if asked.epochs is not None:
        how = replace(how, recipe=partial(of_epochs, how.recipe, asked.epochs))

    if asked.step in ("train", "all"):
        run(sets, asked.models, asked.out, asked.minutes, how)
    if asked.step in ("table", "all"):
        table(sets, asked.models, asked.out, how)


if __name__ == "__main__":
    main()
