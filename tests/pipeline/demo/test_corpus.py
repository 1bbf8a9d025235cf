"""The demo corpus on disk, and its reader."""

import csv
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.corpora import CorpusError, CorpusParams, utterances
from pipeline.demo.corpus import TABLE, make_corpus, script, write_corpus

LINES = script()


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def samples(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        assert file.getparams()[:3] == (1, 2, 22050)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_the_same_bytes_alone_or_beside_others_with_any_number_of_processes(
    tmp_path: Path,
) -> None:
    lines = [*LINES[:3], *LINES[-3:], LINES[200]]
    folders = [tmp_path / name for name in ("one", "two", "alone")]
    for folder in folders:
        folder.mkdir()
    write_corpus(lines, folders[0], processes=1)
    write_corpus(lines[::-1], folders[1], processes=3)
    write_corpus(lines[-1:], folders[2], processes=1)
    first, second, alone = (
        {k: v for k, v in content(folder).items() if k.endswith(".wav")} for folder in folders
    )
    assert len(first) == 7
    assert first == second
    assert alone.items() <= first.items()


def test_a_silent_utterance_stops_the_build(tmp_path: Path) -> None:
    speech = replace(LINES[0].speech, prosody=replace(LINES[0].speech.prosody, volume=0))
    with pytest.raises(RuntimeError, match=r"en-f1-00-happy\.wav: peak 0 .* expected 1000"):
        write_corpus([replace(LINES[0], speech=speech)], tmp_path, processes=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("raw") / "demo"
    make_corpus(out)
    return out


def test_no_file_is_silent_clipped_or_a_copy_of_another(corpus: Path) -> None:
    sound = [samples(corpus / line.path) for line in LINES]
    assert len({x.tobytes() for x in sound}) == 480
    for x in sound:
        assert 0.5 < len(x) / 22050 < 5
        assert 2000 < np.abs(x.astype(int)).max() < 32000
        assert np.sqrt(np.mean(x.astype(float) ** 2)) > 32768 * 10 ** (-40 / 20)


def test_the_reader_gives_what_the_script_says(corpus: Path) -> None:
    found = list(utterances(CorpusParams(reader="demo", path=str(corpus))))
    assert [x.path for x in found] == [line.path for line in LINES]
    for line, x in zip(LINES, found, strict=True):
        speaker = line.speaker
        assert (x.speaker, x.gender, x.language, x.split, x.transcript, x.raw_label) == (
            speaker.name,
            speaker.gender,
            speaker.language,
            speaker.split,
            line.speech.text,
            line.label,
        )


def test_the_reader_tells_how_to_make_a_missing_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="vcemo demo corpus"):
        list(utterances(CorpusParams(reader="demo", path=str(tmp_path))))


def test_the_corpus_says_that_it_is_synthetic(corpus: Path) -> None:
    assert "This is synthetic prosody, not emotion." in (corpus / "README.md").read_text("utf-8")
    with (corpus / TABLE).open(encoding="utf-8", newline="") as file:
        assert {"voice", "rate_wpm", "pitch", "range", "volume"} <= set(next(csv.DictReader(file)))
