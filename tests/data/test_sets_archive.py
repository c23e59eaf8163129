from __future__ import annotations

import hashlib
import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from heedful.data.recordings import read_recordings
from heedful.data.sets.archive import SUMS, fetch_cwru, fetch_ucr
from heedful.errors import DataError, OptionError, UnknownName

pytest.importorskip("pooch")
TS = "@timeStamps false\n@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "broken" in self.path:  # says more than it sends
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"MATLAB 5.0 and then nothing")
            return
        super().do_GET()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which a server gives its files."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def records(folder: Path, first: int, rate: int) -> None:
    for i in range(first, first + 4):
        savemat(folder / f"{i}.mat", {f"X{i:03d}_DE_time": np.random.default_rng(i).normal(size=(rate // 100, 1))})


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def archive(folder: Path, names: tuple[str, ...] = ("Made_TRAIN.ts", "Made_TEST.ts", "Made_TRAIN.arff")) -> None:
    with zipfile.ZipFile(folder / "Made.zip", "w") as file:
        for name in names:
            file.writestr(name, TS)


def test_bearings_are_downloaded_with_an_index_that_says_their_true_rates(
    web: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = web
    records(folder, 97, 48000)
    records(folder, 105, 12000)
    said: list[str] = []
    place = fetch_cwru(tmp_path / "here", bearings=["normal", "IR007"], url=url, say=said.append)
    assert len(said) == 8
    assert f"{url}/97.mat" in said[0]
    found = read_recordings(place, label="fault", group="bearing", rate=12000)
    assert found.classes == ("IR", "N")
    assert found.groups == ("IR007", "normal")
    assert found.rate == 12000
    assert {len(one) for one in found.items} == {120}
    assert found[0].name == "100"
    assert found[0].facts["load_hp"] == 3
    assert sorted(p.name for p in place.iterdir()) == sorted(
        [*(f"{i}.mat" for i in (*range(97, 101), *range(105, 109))), SUMS, "records.csv"]
    )
    fetch_cwru(place, bearings=["normal", "IR007"], url="http://127.0.0.1:9", say=said.append)
    assert len(said) == 8


def test_a_file_of_another_sum_is_refused_and_leaves_nothing(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    records(folder, 97, 48000)
    place = tmp_path / "here"
    with pytest.raises(DataError, match="97.mat is not the file that is known"):
        fetch_cwru(place, bearings=["normal"], url=url, sums={"97.mat": "0" * 64})
    assert not list(place.glob("*.mat"))
    assert not list(place.glob(".*"))
    lines = "".join(f"{sum_of(folder / f'{i}.mat')}  {i}.mat\n" for i in range(97, 101))
    (tmp_path / "sums").write_text(lines)
    fetch_cwru(place, bearings=["normal"], url=url, sums=tmp_path / "sums")
    assert (place / SUMS).read_text() == "".join(
        sorted(lines.splitlines(keepends=True), key=lambda line: line.split()[1])
    )


def test_a_later_download_has_to_match_the_first(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    records(folder, 97, 48000)
    place = fetch_cwru(tmp_path / "here", bearings=["normal"], url=url)
    (place / "98.mat").unlink()
    records(folder, 97, 12000)
    with pytest.raises(DataError, match="98.mat is not the file that is known"):
        fetch_cwru(place, bearings=["normal"], url=url)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_a_connection_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"127.0.0.1:9/97.mat cannot be downloaded .*by hand"):
        fetch_cwru(tmp_path / "here", bearings=["normal"], url="http://127.0.0.1:9")
    assert not list((tmp_path / "here").glob("*.mat"))


def test_a_download_that_breaks_off_or_is_no_such_file_leaves_nothing(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    with pytest.raises(DataError, match="cannot be downloaded"):
        fetch_cwru(tmp_path / "here", bearings=["normal"], url=f"{url}/broken")
    with pytest.raises(DataError, match="cannot be downloaded .*404"):
        fetch_cwru(tmp_path / "here", bearings=["normal"], url=url)
    (folder / "97.mat").write_text("<html>moved</html>")
    with pytest.raises(DataError, match="something else"):
        fetch_cwru(tmp_path / "here", bearings=["normal"], url=url)
    assert not (tmp_path / "here").exists() or list((tmp_path / "here").iterdir()) == []


def test_a_set_of_the_archive_is_unpacked(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    archive(folder)
    place = fetch_ucr("Made", tmp_path / "ucr", url=url)
    assert sorted(p.name for p in place.iterdir()) == ["Made_TEST.ts", "Made_TRAIN.ts", SUMS]
    found = read_recordings(place)
    assert [one.part for one in found.items] == ["test"] * 2 + ["train"] * 2
    assert found.classes == ("a", "b")
    assert fetch_ucr("Made", tmp_path / "ucr", url="http://127.0.0.1:9") == place


def test_a_set_that_lacks_a_file_or_has_another_sum_is_refused(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    archive(folder, ("Made_TRAIN.ts",))
    with pytest.raises(DataError, match="does not hold Made_TEST.ts"):
        fetch_ucr("Made", tmp_path / "ucr", url=url)
    with pytest.raises(DataError, match="is not the file that is known"):
        fetch_ucr("Made", tmp_path / "other", url=url, sums={"Made.zip": "1" * 64})
    buffer = io.BytesIO(b"no archive")
    (folder / "Odd.zip").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="something else"):
        fetch_ucr("Odd", tmp_path / "ucr", url=url)
    assert not list((tmp_path / "ucr").rglob("*.zip"))
    assert not list((tmp_path / "ucr").rglob("*.ts"))


def test_names_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'IR007'"):
        fetch_cwru(tmp_path, bearings=["IR07"])
    with pytest.raises(OptionError, match="no name of a set"):
        fetch_ucr("../etc", tmp_path)
    (tmp_path / "sums").write_text("half a line\n")
    with pytest.raises(DataError, match="need lines"):
        fetch_ucr("Made", tmp_path, sums=tmp_path / "sums")


def test_without_pooch_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"pip install heedful\[data\]"):
        fetch_ucr("Made", tmp_path)
