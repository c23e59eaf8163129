"""Vibration of rolling bearings that were never built: synthetic, with several bearings of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heedful.data.recordings.noun import Recording, Recordings
from heedful.errors import OptionError

CLASSES = ("healthy", "inner", "outer", "ball")
LOADS = (0.0, 2.0)
_RPM_IDLE = 1797.0
_RPM_PER_LOAD = 22.0


@dataclass(frozen=True, kw_only=True)
class Geometry:
    r"""Sizes of a ball bearing with a turning inner race, and how often its parts meet a defect.

        c = (d / D) cos \phi,  BPFO = n/2 (1 - c) f,  BPFI = n/2 (1 + c) f,
        BSF = D / (2d) (1 - c^2) f,  FTF = (1 - c)/2 f

    f is the shaft's speed; a defect of a ball meets both races, hence twice BSF.

    Paper: Randall, Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical Systems and Signal Processing
           25(2), 2011, equations 1 to 4.

    Args:
        balls: n.
        ball: d, diameter of a ball.
        pitch: D, diameter of the circle of the balls' centres.
        angle: phi, contact angle in degrees.

    Unit: millimetres; frequencies in multiples of the shaft's speed.

    >>> Geometry().outer.__round__(3), Geometry().inner.__round__(3), Geometry().spin.__round__(3)
    (3.585, 5.415, 2.357)
    """

    balls: int = 9
    ball: float = 7.94
    pitch: float = 39.04
    angle: float = 0.0

    @property
    def _ratio(self) -> float:
        return self.ball / self.pitch * float(np.cos(np.radians(self.angle)))

    @property
    def outer(self) -> float:
        """BPFO: balls that pass a point of the outer race in one turn of the shaft."""
        return self.balls / 2 * (1 - self._ratio)

    @property
    def inner(self) -> float:
        """BPFI: balls that pass a point of the inner race in one turn of the shaft."""
        return self.balls / 2 * (1 + self._ratio)

    @property
    def spin(self) -> float:
        """BSF: turns of a ball about itself in one turn of the shaft."""
        return self.pitch / (2 * self.ball) * (1 - self._ratio**2)

    @property
    def cage(self) -> float:
        """FTF: turns of the cage in one turn of the shaft."""
        return (1 - self._ratio) / 2


def bearings(rate: float = 12000.0, seconds: float = 4.0, per_class: int = 6, seed: int = 0) -> Recordings:
    r"""Makes recordings of synthetic bearings: healthy, or with a defect of the inner race, the outer race or a ball.

        x(t) = gain [ \sum_k a_k h(t - t_k) + shaft(t) + floor(t) ]

    - Impacts t_k come once for each turn of the defect's phase, BPFI, BPFO or twice BSF times the shaft's; their
      distance slips at random by 1 to 2 % (deviation, from bearing to bearing).
    - Their size a_k is that of the load where the defect is: modulated once a turn of the shaft on the inner race,
      once a turn of the cage on a ball, and steady on the outer race, which stands still; it also grows with the load.
    - h is the sum of two decaying oscillations. Their frequencies and damping belong to one bearing and its housing,
      whatever its class: where in the spectrum the energy lies tells bearings apart, not defects.
    - shaft(t) are the first harmonics of the speed; floor(t) is noise, coloured by the same oscillations.
    - Gain, noise and the size of the defect differ from bearing to bearing. The speed falls with the load and wanders
      slowly by half a percent.

    Each bearing is a group with one recording at each of two loads; the next one has other numbers of its own.
    Nothing here is measured: use it to learn and to test, not to claim anything about machines.

    Paper: McFadden, Smith, "Model for the vibration produced by a single point defect in a rolling element bearing",
           Journal of Sound and Vibration 96(1), 1984; slip: Randall, Antoni 2011 (see `Geometry`).

    Args:
        rate: samples a second.
        seconds: length of a recording.
        per_class: bearings of each class.

    Unit:   arbitrary; speeds in turns a minute, loads in horsepower, frequencies in Hz.
    Raises: OptionError for a rate, a length or a number of bearings that is too small.

    >>> made = bearings(seconds=0.5, per_class=2)
    >>> len(made), made.classes, len(made.groups), made[0].group, made[0].values.shape
    (16, ('ball', 'healthy', 'inner', 'outer'), 8, 'ball-1', (1, 6000))
    """
    if rate < 2000 or seconds * rate < 64 or per_class < 1:
        raise OptionError(
            f"bearings needs a rate of at least 2000, 64 samples and one bearing a class, got {rate}, {seconds} "
            f"seconds and {per_class}. There are up to 160 impacts a second."
        )
    items = []
    for label in sorted(CLASSES):
        for number in range(1, per_class + 1):
            key = [seed, CLASSES.index(label), number]
            one = _Bearing.drawn(np.random.default_rng(key), rate)
            for load in LOADS:
                rng = np.random.default_rng([*key, 1 + int(load)])
                items.append(_record(one, label, f"{label}-{number}", load, rate, seconds, rng))
    note = f"synthetic: {per_class} bearings of each of {len(CLASSES)} classes, nothing was measured"
    return Recordings(items=tuple(items), name="bearings", notes=(note,))


@dataclass(frozen=True, kw_only=True)
class _Bearing:
    """What belongs to one bearing and its housing, whatever its class."""

    geometry: Geometry
    resonances: np.ndarray
    damping: np.ndarray
    mix: float
    gain: float
    floor: float
    colour: float
    shaft: np.ndarray
    slip: float
    defect: float

    @staticmethod
    def drawn(rng: np.random.Generator, rate: float) -> _Bearing:
        return _Bearing(
            geometry=Geometry(),
            resonances=rate * np.sort(rng.uniform(0.1, 0.4, 2)),
            damping=rng.uniform(0.02, 0.08, 2),
            mix=rng.uniform(0.2, 0.8),
            gain=float(np.exp(rng.normal(0.0, 0.6))),
            floor=rng.uniform(0.15, 0.5),
            colour=rng.uniform(0.3, 0.9),
            shaft=rng.uniform(0.05, 0.4, 4) / np.arange(1, 5),
            slip=rng.uniform(0.01, 0.02),
            defect=float(np.exp(rng.normal(0.0, 0.4))),
        )


def _record(
    one: _Bearing, label: str, group: str, load: float, rate: float, seconds: float, rng: np.random.Generator
) -> Recording:
    count = round(seconds * rate)
    rpm = _RPM_IDLE - _RPM_PER_LOAD * load + rng.normal(0, 2.0)
    angle = _turns(rpm / 60, count, rate, rng)
    oscillation = _oscillation(one, rate)
    size = one.defect * (0.8 + 0.2 * load)
    x = size * _through(_impacts(one, label, angle, rng), oscillation) if label != "healthy" else np.zeros(count)
    white = rng.standard_normal(count)
    coloured = _through(white, oscillation)
    x += one.floor * (one.colour * coloured / coloured.std() + (1 - one.colour) * rng.standard_normal(count))
    phases = rng.uniform(0, 2 * np.pi, len(one.shaft))
    for order, (height, phase) in enumerate(zip(one.shaft, phases, strict=True), start=1):
        x += height * np.sin(2 * np.pi * order * angle + phase)
    shape, speed = one.geometry, rpm / 60
    facts = {
        "rpm": round(float(rpm), 1),
        "load": load,
        "shaft_hz": speed,
        "bpfo_hz": shape.outer * speed,
        "bpfi_hz": shape.inner * speed,
        "bsf_hz": shape.spin * speed,
        "ftf_hz": shape.cage * speed,
    }
    return Recording(
        name=f"{group}-load{load:g}",
        values=(one.gain * x).astype(np.float32)[None],
        rate=rate,
        label=label,
        group=group,
        facts=facts,
        source="synthetic",
    )


def _turns(speed: float, count: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Gives the turns of the shaft at each sample; the speed wanders by half a percent, a few times a second."""
    knots = max(4, int(4 * count / rate) + 2)
    wander = np.interp(np.linspace(0, knots - 1, count), np.arange(knots), rng.normal(0, 0.005, knots))
    turns: np.ndarray = rng.uniform() + np.cumsum(speed * (1 + wander)) / rate
    return turns


def _impacts(one: _Bearing, label: str, angle: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gives the impacts at their samples; a place between two samples is shared by both."""
    shape = one.geometry
    often = {"inner": shape.inner, "outer": shape.outer, "ball": 2 * shape.spin}[label]
    number = int((angle[-1] - angle[0]) * often * 1.1) + 2
    steps = (1 + one.slip * rng.standard_normal(number)) / often
    turns = angle[0] + np.cumsum(steps) - rng.uniform() * steps[0]
    turns = turns[turns < angle[-1]]
    size = 1 + 0.1 * rng.standard_normal(len(turns))
    if label == "inner":
        size *= _load_zone(turns + rng.uniform())
    elif label == "ball":
        size *= _load_zone(shape.cage * turns + rng.uniform()) * np.where(np.arange(len(turns)) % 2, 1.0, 0.7)
    place = np.interp(turns, angle, np.arange(len(angle)))
    whole = place.astype(int)
    part, train = place - whole, np.zeros(len(angle) + 1)
    np.add.at(train, whole, size * (1 - part))
    np.add.at(train, whole + 1, size * part)
    return train[:-1]


def _load_zone(turns: np.ndarray) -> np.ndarray:
    r"""Gives the share of the load at a place: (1 - (1 - cos) / 2e)^1.5 inside the zone, a tenth of it at least.

    Paper: Stribeck's equation as in McFadden and Smith 1984, with e = 0.4.
    """
    inside = np.maximum(1 - (1 - np.cos(2 * np.pi * turns)) / (2 * 0.4), 0)
    zone: np.ndarray = 0.1 + 0.9 * inside**1.5
    return zone


def _oscillation(one: _Bearing, rate: float) -> np.ndarray:
    """Gives what one impact of size 1 leaves: two oscillations that decay, as loud in any bearing."""
    t = np.arange(int(0.02 * rate)) / rate
    h = np.zeros(len(t))
    for frequency, damping, share in zip(one.resonances, one.damping, (one.mix, 1 - one.mix), strict=True):
        h += share * np.exp(-2 * np.pi * damping * frequency * t) * np.sin(2 * np.pi * frequency * t)
    scaled: np.ndarray = 3.0 * h / np.sqrt(np.square(h).sum())
    return scaled


def _through(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Gives x as it comes through the housing."""
    from scipy.signal import fftconvolve

    heard: np.ndarray = fftconvolve(x, h)[: len(x)]
    return heard
