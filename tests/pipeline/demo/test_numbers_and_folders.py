"""Numbers drawn from names, and folders that appear whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.demo import named_numbers
from pipeline.demo.folders import appearing_whole


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_values_drawn_from_a_name_have_its_distribution() -> None:
    values = named_numbers.uniform("a", (200, 50), 0.4)
    assert values.dtype == np.float32
    assert values.std() == pytest.approx(0.4, rel=0.02)
    assert abs(values.mean()) < 0.02
    np.testing.assert_array_equal(values, named_numbers.uniform("a", (200, 50), 0.4))
    assert np.abs(np.corrcoef(values.ravel(), named_numbers.uniform("b", (10000,), 1))[0, 1]) < 0.05
    drawn = {named_numbers.integer(str(i), -1, 1) for i in range(100)}
    assert drawn == {-1, 0, 1}


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    out = tmp_path / "folder"
    out.mkdir()
    (out / "file").write_text("old")
    yield out
    assert list(tmp_path.iterdir()) == [out]  # nothing is left beside it


def test_a_folder_is_replaced_whole(out: Path) -> None:
    with appearing_whole(out) as folder:
        (folder / "other").write_text("new")
    assert content(out) == {"other": b"new"}


def test_a_failure_leaves_the_old_folder(out: Path) -> None:
    with pytest.raises(ZeroDivisionError), appearing_whole(out) as folder:
        (folder / "other").write_text(str(1 / 0))
    assert content(out) == {"file": b"old"}


def test_what_a_killed_run_left_is_cleared_away(out: Path) -> None:
    leftover = out.with_name(".tmp-folder")
    leftover.mkdir()
    (leftover / "half").write_text("done")
    with appearing_whole(out) as folder:
        (folder / "other").write_text("new")
    assert content(out) == {"other": b"new"}
