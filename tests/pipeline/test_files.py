"""Files and folders appear whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.files import BusyError, appearing, appearing_folder, lock, sole_writer, write_json


def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with pytest.raises(ZeroDivisionError), appearing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        temporary.write_text(str(1 / 0))
    assert list(path.parent.iterdir()) == []
    with appearing(path) as temporary:
        temporary.write_text("whole")
    assert [p.read_text() for p in path.parent.iterdir()] == ["whole"]


def test_equal_values_are_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": "ü"})
    write_json(tmp_path / "b", {"a": "ü", "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    out = tmp_path / "folder"
    out.mkdir()
    (out / "file").write_text("old")
    yield out
    left = {path.name for path in tmp_path.iterdir()}
    assert left - {".folder.lock"} == {"folder"}, "nothing is left beside it"


def test_a_folder_is_replaced_whole(out: Path) -> None:
    with appearing_folder(out) as folder:
        (folder / "other").write_text("new")
    assert content(out) == {"other": b"new"}


def test_a_failure_leaves_the_old_folder(out: Path) -> None:
    with pytest.raises(ZeroDivisionError), appearing_folder(out) as folder:
        (folder / "other").write_text(str(1 / 0))
    assert content(out) == {"file": b"old"}


def test_what_a_killed_run_left_is_cleared_away(out: Path) -> None:
    leftover = out.with_name(".tmp-new-folder")
    leftover.mkdir()
    (leftover / "half").write_text("done")
    with appearing_folder(out) as folder:
        (folder / "other").write_text("new")
    assert content(out) == {"other": b"new"}


def test_a_folder_has_one_writer_at_a_time(out: Path) -> None:
    with appearing_folder(out) as folder:
        (folder / "other").write_text("new")
        with (
            pytest.raises(BusyError, match="another process is writing here"),
            appearing_folder(out),
        ):
            pass
    assert content(out) == {"other": b"new"}


def test_what_a_killed_run_left_stays_under_a_lock_and_goes_with_a_sole_writer(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    left = folder / ".tmp-0-0-key.course"
    left.touch()
    with lock(folder):
        assert left.exists()
        with pytest.raises(BusyError), sole_writer(folder):
            pass
    with sole_writer(folder):
        assert not left.exists()
