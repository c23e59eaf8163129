from __future__ import annotations

import pytest

from contracts import pages
from heedful import attention

HINT = "run `python tests/contracts/pages.py`"


@pytest.mark.parametrize("name", attention.names())
def test_the_page_of_a_mechanism_is_not_stale(name: str) -> None:
    path = pages.FOLDER / f"{name}.md"
    assert path.is_file(), HINT
    assert path.read_text(encoding="utf-8") == pages.page(name), HINT
    if attention.MECHANISMS[name].forms_weights:
        assert (pages.FOLDER / "figures" / f"{name}.png").stat().st_size > 2000, HINT


def test_the_table_of_mechanisms_is_not_stale() -> None:
    assert (pages.FOLDER / "README.md").read_text(encoding="utf-8") == pages.index(), HINT


def test_no_page_is_left_of_a_mechanism_that_is_gone() -> None:
    known = {*attention.names(), "README", "exceptions", "placebo"}
    assert {p.stem for p in pages.FOLDER.glob("*.md")} <= known
    assert {p.stem for p in (pages.FOLDER / "figures").glob("*.png")} <= known
