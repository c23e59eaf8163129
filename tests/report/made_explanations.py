"""Made-up explanations: a picture needs maps and numbers, not the networks that they came from."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from heedful.explanation.agreement import Agreement
from heedful.explanation.controls import MAGNITUDE, MEAN, OTHER, RECENCY, SHIFTED, SMOOTH
from heedful.explanation.faithfulness import METRICS, SHARES, Curves, Gain
from heedful.explanation.looks import Look
from heedful.explanation.reach import Reach
from heedful.explanation.result import Explanation, Shown
from heedful.explanation.sanity import Sanity
from heedful.explanation.spectrum import Bands
from heedful.explanation.truth import judge
from heedful.explanation.usage import WAYS, Usage, Worth

CLASSES = ("inner race", "outer race", "healthy")
CONTROLS = (SMOOTH, SHIFTED, OTHER, MEAN, RECENCY, MAGNITUDE)


def bump(count: int, length: int, middles: np.ndarray, width: float) -> np.ndarray:
    """Maps (count, length) of one hill each."""
    place = np.arange(length)
    return np.exp(-0.5 * ((place - middles[:, None]) / width) ** 2).reshape(count, length)


def gains(mean: float, groups: int = 8, of: tuple[str, ...] = ("all",), level: float = 0.05) -> tuple[Gain, ...]:
    """Gains over all controls around a mean."""
    return tuple(
        Gain(
            metric=metric,
            filling=filling,
            control=control,
            of=part,
            mean=(value := mean / (1 + 0.3 * place) - 0.02 * number - 0.01 * len(part)),
            low=value - level if groups >= 5 else np.nan,
            high=value + level if groups >= 5 else np.nan,
            groups=groups,
            windows=40,
        )
        for part in of
        for number, metric in enumerate(METRICS)
        for filling in ("line", "zero")
        for place, control in enumerate(CONTROLS)
    )


def usage(moved: float = 0.3) -> Usage:
    """What became of a net whose weights were replaced."""
    rows = tuple(
        Worth(
            mechanism=mechanism,
            way=way,
            loss=2 * moved / (1 + place),
            loss_low=moved / (1 + place),
            loss_high=3 * moved / (1 + place),
            moved=moved / (1 + place),
            moved_low=0.8 * moved / (1 + place),
            moved_high=1.2 * moved / (1 + place),
            windows=40,
            groups=8,
        )
        for mechanism in ("all", "decoder.attention")
        for place, way in enumerate(WAYS)
    )
    return Usage(rows=rows, loss=0.31)


def curves(speed: float, windows: int) -> Curves:
    """Curves that fall (and rise) faster than those of their controls."""
    shares = np.concatenate([[0.0], SHARES])

    def one(rate: float) -> dict[str, np.ndarray]:
        gone = np.stack([np.exp(-rate * k * shares) for k in (1.0, 0.7)])[:, None].repeat(windows, 1)
        return {"gone": gone, "kept": 1 - gone}

    told: dict[str, Any] = {"fillings": ("line", "zero"), "shares": shares}
    beside = {name: Curves(**told, **one(speed / (1.5 + place / 2))) for place, name in enumerate(CONTROLS)}
    return Curves(**told, **one(speed), controls=beside)


def forecast(*, windows: int = 40, true: bool = False, heads: int = 3, horizon: int = 6, **more: Any) -> Explanation:
    """Forecasts of a table with stamps by a decoder with heads."""
    rng = np.random.default_rng(3)
    length, columns = 48, ("load", "outside temperature", "price_$", "humidity", "wind")
    start = np.datetime64("2021-03-01T00:00")
    times = start + np.arange(windows + length + horizon) * np.timedelta64(1, "h")
    hours = np.arange(len(times))
    values = np.stack([50 + 8 * np.sin(hours / 24 * 2 * np.pi) + rng.normal(0, 1, len(hours)) for _ in columns], 1)
    values[5:8, 1] = np.nan
    steps = np.stack([bump(windows, 24, 23 - 2.0 * p - np.arange(windows) % 3, 2) for p in range(horizon)], 1)
    by_head = np.stack([bump(windows, 24, 5.0 + 5 * n + np.arange(windows) % 2, 2) for n in range(heads)], 1)
    look = Look(
        name="decoder.attention",
        module="decoder.attention",
        mechanism="bahdanau",
        axes=("batch", "horizon", "head", "time"),
        speaks=("time",),
        how="mean over heads",
        time=steps.mean(1),
        heads=by_head,
        steps=steps,
        effective=np.full(windows, 6.4),
        padding=np.zeros(windows),
        reach=Reach(
            steps=24,
            window=length,
            local=True,
            field=5,
            stride=2.0,
            first=1.0,
            whole_past=True,
            whole_window=False,
            through="a recurrence",
        ),
    )
    gate = Look(
        name="gate",
        module="gate",
        mechanism="se",
        axes=("batch", "channel", "one"),
        speaks=("channels",),
        channels=rng.random((windows, 5)),
        channel_names=columns,
        on_columns=True,
        effective=np.full(windows, 3.2),
    )
    without = Look(name="mixer", module="mixer", mechanism="performer", why="it forms no weights: by design")
    attention = bump(windows, length, 40 - np.arange(windows) % 5.0, 5)
    occlusion = bump(windows, length, 44 - np.arange(windows) % 3.0, 3) - 0.05
    names = tuple(str(times[number + length - 1]).replace("T", " ") for number in range(windows))

    def shown(number: int) -> Shown:
        end = number + length
        answer = values[end : end + horizon, :1]
        return Shown(
            name=names[number],
            number=number,
            times=times[number:end],
            unit="time",
            values=values[number:end],
            said=answer + 1.5,
            truth=answer,
            ahead=times[end : end + horizon],
        )

    made: dict[str, Any] = {
        "model": "cnn-lstm+bahdanau",
        "kind": "forecast",
        "data": "site",
        "columns": columns,
        "outputs": tuple(f"load +{step + 1}" for step in range(horizon)),
        "classes": (),
        "worth": ("Skill on these windows +0.310 over persistence, +0.412 over the mean; RMSE 1.2 of load.",),
        "shown": tuple(shown(number) for number in (0, windows // 2, windows - 1)),
        "windows": names,
        "times": np.stack([times[number : number + length] for number in range(windows)]),
        "real": np.ones((windows, length), dtype=bool),
        "looks": (gate, look, without),
        "reaches": {look.name: look.reach},
        "maps": {look.name: attention, "occlusion": occlusion, "integrated gradients": np.abs(attention - 0.2)},
        "usage": usage(),
        "chosen": look.name if true else "occlusion",
        "column_maps": {"occlusion": rng.random((windows, 5)) * np.array([5, 1, 3, 0.5, 0.1])},
        "truths": {look.name: judge(gains(0.2 if true else 0.02)), "occlusion": judge(gains(0.3))},
        "curves": {look.name: curves(2.0, windows), "occlusion": curves(4.0, windows)},
        "agreements": (
            Agreement(
                maps=(look.name, "occlusion"), alike=0.31, low=0.2, high=0.42, groups=8, windows=windows, constant=0
            ),
            Agreement(
                maps=("occlusion", "integrated gradients"),
                alike=-0.1,
                low=np.nan,
                high=np.nan,
                groups=3,
                windows=windows,
                constant=2,
            ),
        ),
        "sanity": (_sanity("untrained", look.name, 0.3), _sanity("labels", look.name, np.nan)),
        "verdict": (
            "The attention is used, but its map is not true: do not show it to a customer.",
            "Occlusion is shown instead; it is true.",
        ),
        "passes": {"usage": 8 * windows, "truth": 150 * windows, "occlusion": 96 * windows},
        "notes": ("Explained: rows after 2021-03-01, the newest that training or validation saw.",),
    }
    return Explanation(**{**made, **more})


def signals(*, windows: int = 24, length: int = 2048, channels: int = 4, **more: Any) -> Explanation:
    """Classes of recordings of several channels, with a spectrum and the lines of a bearing."""
    rng = np.random.default_rng(4)
    rate, steps = 12_000.0, length // 16
    middle = rng.integers(length // 4, 3 * length // 4, windows).astype(float)
    x = rng.normal(size=(windows, length, channels)) + 4 * bump(windows, length, middle, 40)[..., None]
    pool = Look(
        name="pool",
        module="pool",
        mechanism="additive",
        axes=("batch", "time"),
        weights=bump(windows, steps, middle / 16, 3).astype(np.float32),
        speaks=("time",),
        time=bump(windows, steps, middle / 16, 3),
        effective=np.full(windows, 11.0),
        padding=np.zeros(windows),
        reach=Reach(
            steps=steps,
            window=length,
            local=True,
            field=64,
            stride=16.0,
            first=7.5,
            whole_past=True,
            whole_window=True,
            through="a recurrence",
        ),
    )
    names = tuple(f"bearing {number % 3}, {number * length / rate:.3g} s" for number in range(windows))
    starts = np.arange(windows) * length

    def shown(number: int) -> Shown:
        return Shown(
            name=names[number],
            number=number,
            times=(starts[number] + np.arange(length)) / rate,
            unit="seconds",
            values=x[number],
            said="outer race",
            truth="outer race" if number else "inner race",
            probability=0.974,
        )

    edges = np.linspace(0, rate / 2, 65)
    values = 0.02 * rng.normal(size=(windows, 64)) + 0.5 * bump(1, 64, np.array([30.0]), 3)
    sound = Bands(
        name="spectrum by zero",
        values=values,
        names=tuple(f"{a:.4g}-{b:.4g} Hz" for a, b in pairwise(edges)),
        low=edges[:-1],
        high=edges[1:],
        centres=(edges[1:] + edges[:-1]) / 2,
        envelope=False,
        signed=True,
        passes_per_window=64.0,
    )
    envelope = Bands(
        **{**vars(sound), "name": "envelope by zero", "envelope": True, "low": edges[:-1] / 16, "high": edges[1:] / 16}
    )
    defects = (("BPFO", 107.4), ("BPFI", 162.2), ("2 BSF", 141.2), ("FTF", 11.9))
    lines = Bands(
        **{
            **vars(sound),
            "envelope": True,
            "names": tuple(name for name, _ in defects),
            "values": rng.random((windows, 4)) * np.array([5, 1, 1, 0.3]),
            "low": np.array([hertz - 10 for _, hertz in defects]),
            "high": np.array([hertz + 10 for _, hertz in defects]),
            "centres": np.array([hertz for _, hertz in defects]),
        }
    )
    maps = {"pool": bump(windows, length, middle, 60), "occlusion": bump(windows, length, middle, 90) - 0.02}
    made: dict[str, Any] = {
        "model": "wdcnn+additive",
        "kind": "classes",
        "data": "bearings",
        "columns": tuple(f"accelerometer {number}" for number in range(channels)),
        "outputs": CLASSES,
        "classes": CLASSES,
        "worth": (
            "Accuracy on these windows 98.5%, where the largest class has 40.0%; mean recall of 3 classes 97.0%.",
        ),
        "shown": tuple(shown(number) for number in (0, 5)),
        "windows": names,
        "times": (starts[:, None] + np.arange(length)) / rate,
        "real": np.ones((windows, length), dtype=bool),
        "looks": (pool,),
        "reaches": {"pool": pool.reach},
        "maps": maps,
        "chosen": "pool",
        "column_maps": {"occlusion": rng.random((windows, channels))},
        "truths": {name: judge(gains(0.25, of=("all", *CLASSES))) for name in ("pool", "occlusion")},
        "curves": {"pool": curves(3.0, windows)},
        "bands": (sound, envelope, lines),
        "defects": defects,
        "needed": {"as it is": (0.05, 0.06), "uniform weights": (0.6, 0.7)},
        "found": {"right": 0.984, "pool": 0.91, "occlusion": 0.97},
        "verdict": ("The attention is used and true: it may be shown to a customer.",),
    }
    return Explanation(**{**made, **more})


def _sanity(check: Any, name: str, spread: float) -> Sanity:
    among = np.full((5, 5), spread)
    np.fill_diagonal(among, np.nan)
    each = np.array([0.1, 0.3, -0.2, 0.25, 0.5])
    return Sanity(check=check, map=name, each=each, among=among, margin=0.15, passed=True)
