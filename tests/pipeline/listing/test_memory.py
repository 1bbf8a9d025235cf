"""An unchanged recording is not read again, a changed one always, and no byte tells which."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline import layout, manifest
from pipeline.corpora import CorpusParams
from pipeline.listing import memory
from pipeline.listing.memory import Memory, Stamp, recall, remember, settled
from pipeline.manifest import ManifestParams

PARAMS = ManifestParams(
    min_duration_s=0.1, max_duration_s=5, silence_db=-60, max_reject_fraction=0.9
)
SETTLING_S = memory.FINE_TICK_NS / 1e9 + 0.05


def save(path: Path, frequency_hz: float = 220) -> None:
    t = np.arange(4000) / 16000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * frequency_hz * t), 16000)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of three files, one of them broken, one in two segments."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "corpus"
    folder.mkdir()
    save(folder / "a.wav")
    save(folder / "b.wav", 330)
    (folder / "broken.wav").write_text("no audio at all")
    rows = ["path,start,end", "a.wav,,", "b.wav,0,0.12", "b.wav,0.1,0.25", "broken.wav,,"]
    (folder / "metadata.csv").write_text("\n".join(rows))
    time.sleep(SETTLING_S)
    return folder


def make(corpus: Path, *, verify: bool = False) -> int:
    """Files read by one run."""
    source = CorpusParams("table", str(corpus))
    return manifest.make("mine", source, PARAMS, workers=2, verify=verify).files_read


def outputs() -> Sequence[bytes]:
    return [p("mine").read_bytes() for p in (layout.manifest, layout.rejects)]


def test_a_second_run_reads_nothing_and_leaves_the_same_bytes(corpus: Path) -> None:
    assert make(corpus) == 3
    first = outputs()
    assert make(corpus) == 0
    assert outputs() == first
    layout.facts("mine").unlink()
    assert make(corpus) == 3
    assert outputs() == first


def test_only_what_changed_is_read(corpus: Path) -> None:
    make(corpus)
    before = outputs()
    save(corpus / "a.wav", 440)
    assert make(corpus) == 1
    assert outputs() != before


def test_a_change_that_keeps_size_and_modification_time_is_noticed(corpus: Path) -> None:
    make(corpus)
    before, file = outputs(), corpus / "a.wav"
    told = file.stat()
    save(file, 440)
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (told.st_size, told.st_mtime_ns)
    assert make(corpus) == 1
    assert outputs() != before


def test_verify_reads_everything_and_says_what_changed_without_a_sign(
    corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(corpus)
    truth = outputs()
    known = recall(layout.facts("mine"))
    file, verdicts = known.known["a.wav"]
    [whole] = verdicts.values()
    known.kept = known.known | {"a.wav": (file, {(None, None): _other(whole)})}
    remember(known, layout.facts("mine"))  # as if the disk had lost a bit since
    make(corpus)
    assert outputs() != truth
    assert make(corpus, verify=True) == 3
    assert outputs() == truth
    assert "1 files changed although their size, times and inode did not" in caplog.text
    assert "a.wav" in caplog.text


def test_a_file_changed_within_the_clocks_tick_of_reading_is_not_remembered(corpus: Path) -> None:
    save(corpus / "a.wav", 440)
    seen = Memory({})
    seen.examine(corpus, "a.wav", [(None, None)])
    seen.examine(corpus, "b.wav", [(None, None)])
    assert set(seen.kept) == {"b.wav"}


@pytest.mark.parametrize(
    ("changed_ns", "expected"),
    [
        (10_000_000_000, True),
        (11_000_000_000, False),
        (11_850_000_000, True),
        (12_000_000_001, False),
    ],
)
def test_coarse_clocks_need_more_time(changed_ns: int, expected: bool) -> None:
    assert settled(Stamp(1, 5_000_000_000, changed_ns, 1), 12_000_000_000) is expected


def test_a_memory_of_another_version_or_a_damaged_one_is_not_used(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(corpus)
    with monkeypatch.context() as patch:
        patch.setattr(memory, "VERSION", memory.VERSION + 1)
        assert make(corpus) == 3
    layout.facts("mine").write_bytes(b"PAR1 but not really")
    assert make(corpus) == 3
    assert "every recording is read again" in caplog.text


def _other(verdict: memory.Verdict) -> memory.Verdict:
    from dataclasses import replace

    return replace(verdict, audio_key="0" * 32)  # type: ignore[type-var]
