from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from heedful.errors import DataError
from heedful.files import write_rows, write_whole


@pytest.mark.parametrize("content", [b"abc", "abc", lambda p: p.write_text("abc")])
def test_a_file_is_written_whole_in_a_new_folder(tmp_path: Path, content) -> None:
    path = write_whole(tmp_path / "new" / "a.txt", content)
    assert path.read_text() == "abc"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def half(path: Path) -> None:
        path.write_text("ha")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_whole(tmp_path / "a.txt", half)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_place_that_cannot_be_written_to_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "a.txt", tmp_path):
        with pytest.raises(DataError, match="cannot be written.*Give a place"):
            write_whole(path, b"x")


def test_many_rows_are_parquet_and_the_file_of_an_earlier_run_goes(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3]})
    write_rows(tmp_path, "rows", frame)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    write_rows(tmp_path, "rows", frame, most=2)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "rows.parquet"), frame)
