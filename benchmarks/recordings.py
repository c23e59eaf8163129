"""A folder of recordings larger than what may be held: memory and time to read, cut and go through it once.

`RECORDINGS_MB` (default 2000) is the size of the folder, half of it WAV, half of it CSV as it is written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SIZE = float(os.environ.get("RECORDINGS_MB", "2000"))
WINDOW = 2048


def held(field: str = "RssAnon") -> float:
    """Memory of this process that no file backs, in MB: pages of mapped files can be given back at any time."""
    with open("/proc/self/status") as file:  # noqa: PTH123
        return next(int(line.split()[1]) / 1e3 for line in file if line.startswith(field))


class Peak:
    """Watches the memory of this process while a block runs."""

    def __enter__(self) -> Peak:
        self.before = self.most = held()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self.most = max(self.most, held())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def cost(self) -> float:
        return self.most - self.before


def write(folder: Path, megabytes: float) -> tuple[float, float]:
    """Writes WAV and CSV files of four classes, and gives megabytes written and megabytes of samples."""
    import numpy as np
    import pandas as pd
    from scipy.io import wavfile

    noise, written, samples = np.random.default_rng(0), 0.0, 0.0
    each = min(50.0, megabytes / 8)
    for i in range(int(megabytes / each)):
        if i % 2:
            path = folder / f"class{i % 4}-{i:04d}.wav"
            x = noise.normal(0, 3000, size=(int(each * 1e6 / 4), 2)).astype(np.int16)
            wavfile.write(path, 12000, x)
        else:
            path = folder / f"class{i % 4}-{i:04d}.csv"
            x = noise.normal(0, 1, size=(int(each * 1e6 / 18.5), 2)).astype(np.float32)
            frame = pd.DataFrame(x, columns=["channel 1", "channel 2"])
            frame.to_csv(path, index=False, float_format="%.6f")
        written, samples = written + path.stat().st_size / 1e6, samples + x.nbytes / 1e6
    return written, samples


def child() -> None:
    import numpy as np

    from heedful.data.recordings import cut, read_recordings, split_recordings

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "data")
        folder.mkdir()
        written, samples = write(folder, SIZE)
        options = {"pattern": r"^(?P<label>class\d)", "rate": 12000, "cache": Path(place, "cache"), "memory": 64 << 20}
        (Path(place) / "class0.csv").write_text("x,y\n" + "0.1,0.2\n" * 5000)
        for small in (next(folder.glob("*.wav")), Path(place) / "class0.csv"):
            read_recordings(small, **options)  # loads what reading needs
        start = time.perf_counter()
        with Peak() as first:
            found = read_recordings(folder, **options)
        converted = time.perf_counter()
        with Peak() as again:
            found = read_recordings(folder, **options)
        opened = time.perf_counter()
        with Peak() as once:
            train = cut(split_recordings(found).train, WINDOW, WINDOW)
            count = 0
            for a in range(0, len(train), 128):
                x, _ = train.read(np.arange(a, min(a + 128, len(train))))
                count += x.size
        passed = time.perf_counter()
        cost = (first.cost, again.cost, once.cost)
        times = (converted - start, opened - converted, passed - opened)
        print(written, samples, *cost, *times, count * 4 / 1e6)


def main() -> list[tuple[str, float, str]]:
    done = subprocess.run(
        [sys.executable, "-c", "from benchmarks.recordings import child; child()"],
        check=True,
        capture_output=True,
        text=True,
    )
    written, samples, first, again, once, t_first, t_again, t_once, read = map(float, done.stdout.split())
    name = f"{written:,.0f} MB of WAV and CSV, {samples:,.0f} MB of samples"
    return [
        (f"{name}: peak memory of the first reading / samples", first / samples, "bounded: falls with size"),
        (f"{name}: peak memory of the next reading / samples", again / samples, "bounded: falls with size"),
        (f"{name}: peak memory of one pass over windows / samples", once / samples, "bounded: falls with size"),
        (f"{name}: peak memory of the first reading, MB", first, "at most 400, whatever the size"),
        (f"{name}: seconds of the first reading", t_first, ""),
        (f"{name}: seconds of the next reading", t_again, ""),
        (f"{name}: seconds of one pass over {read:,.0f} MB of windows", t_once, ""),
    ]


if __name__ == "__main__":
    for row, value, target in main():
        print(f"{row:<100} {value:>10.3f}   {target}", flush=True)
