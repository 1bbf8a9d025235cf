"""Each check finds what it is for, on real recordings, and stays quiet on a sound corpus."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline import layout, params
from pipeline.adding import Addition, add
from pipeline.corpora import CorpusError
from pipeline.corpus import Corpus
from pipeline.inspection.checking import check_corpus, show_findings
from pipeline.inspection.checks import Finding
from pipeline.inspection.sound import clipped_share, silent_share
from pipeline.listing.summary import ManifestError
from tests.pipeline.inspection.test_fingerprint import RATE_HZ, noisy, speech_like
from tests.projects import make_project

HEADER = "path,speaker,label,transcript,split"
PARTS = ("train", "train", "train", "val", "val", "val", "test", "test", "test")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and beside it a corpus of nine sound recordings, three in each part."""
    root = make_project(tmp_path / "project").root
    monkeypatch.chdir(root)
    place = tmp_path / "corpus"
    place.mkdir()
    lines = [HEADER]
    for i, part in enumerate(PARTS):
        soundfile.write(place / f"{i}.wav", speech_like(i), RATE_HZ)
        label = ("angry", "happy", "sad")[i % 3]
        lines.append(f"{i}.wav,{part}{i % 2},{label},this is sentence {i},{part}")
    (place / "metadata.csv").write_text("\n".join(lines))
    return place


def extend(place: Path, *lines: str) -> None:
    with (place / "metadata.csv").open("a") as file:
        file.write("".join(f"\n{line}" for line in lines))


def findings(place: Path) -> dict[str, Finding]:
    """Add the corpus and check it: a finding of each kind."""
    add(Addition("mine", place), workers=1)
    found = check_corpus(Corpus.named("mine", params.load()), workers=1)
    return {finding.check: finding for finding in found}


def test_a_sound_corpus_has_no_findings(project: Path) -> None:
    assert findings(project) == {}


def test_copies_are_found_in_another_container_and_after_coding(project: Path) -> None:
    soundfile.write(project / "copy.flac", soundfile.read(project / "1.wav")[0], RATE_HZ)
    soundfile.write(project / "noisy.wav", noisy(speech_like(2)), RATE_HZ)
    extend(
        project,
        "copy.flac,train5,sad,something else,train",
        "noisy.wav,train5,sad,something new,train",
    )
    found = findings(project)
    assert set(found) == {"duplicate", "near-duplicate"}
    assert found["duplicate"].utterances == ("mine/1", "mine/copy")
    assert found["duplicate"].weight == "fault"
    assert "yet of label happy and sad; speaker train1 and train5" in found["duplicate"].what
    assert found["near-duplicate"].utterances == ("mine/2", "mine/noisy")


def test_speakers_and_sentences_across_parts_are_told(project: Path) -> None:
    soundfile.write(project / "a.wav", speech_like(20), RATE_HZ)
    extend(project, "a.wav,train0,sad,This is: sentence 0!,test")
    found = findings(project)
    assert set(found) == {"speaker-across-parts", "sentence-across-parts"}
    assert found["speaker-across-parts"].weight == "fault"
    assert found["sentence-across-parts"].weight == "warning"
    assert "1 of 3 of the test part" in found["speaker-across-parts"].what


def test_bad_sound_is_told(project: Path) -> None:
    mostly_silent = speech_like(32) * (np.arange(3 * RATE_HZ) < 5000)
    bad = {
        "clipped": np.clip(6 * speech_like(30), -0.9, 0.9),
        "offset": speech_like(31) + 0.05,
        "silent": mostly_silent,
        "quiet": 0.02 * speech_like(33),
    }
    for i, (name, signal) in enumerate(bad.items()):
        soundfile.write(project / f"{name}.wav", signal, RATE_HZ)
        extend(project, f"{name}.wav,train{i},sad,words of {name},train")
    found = findings(project)
    assert set(found) == set(bad)
    assert all(found[name].utterances[0] == f"mine/{name}" for name in bad)
    assert all(finding.weight == "warning" for finding in found.values())


def test_formats_durations_and_balance_are_told(project: Path) -> None:
    soundfile.write(project / "r.wav", speech_like(40)[::2], RATE_HZ // 2)
    soundfile.write(project / "l.wav", speech_like(41, 25), RATE_HZ)
    lines = [
        f"r.wav,t1,angry,{'many words ' * 20},train",
        "l.wav,t1,angry,a long while of nothing much at all,train",
    ]
    for i in range(31):
        soundfile.write(project / f"m{i}.wav", speech_like(50 + i, 1.0), RATE_HZ)
        lines.append(f"m{i}.wav,t2,angry,more words {i},train")
    extend(project, *lines)
    found = findings(project)
    assert set(found) == {"mixed-sample-rate", "long", "text-length", "imbalance"}
    assert found["mixed-sample-rate"].utterances == ("mine/r",)
    assert found["text-length"].utterances == ("mine/r",)
    assert found["long"].utterances == ("mine/l",)


def test_lengths_that_metadata_state_are_compared_with_the_audio(project: Path) -> None:
    table = project / "metadata.csv"
    head, *lines = table.read_text().splitlines()
    stated = ["3", "3.05", "2.95", "", "3.09", "2.5", "4.2", "3", "3"]
    lines = [f"{line},{seconds}" for line, seconds in zip(lines, stated, strict=True)]
    table.write_text("\n".join([f"{head},duration_s", *lines]))
    found = findings(project)
    assert set(found) == {"wrong-duration"}
    assert found["wrong-duration"].utterances == ("mine/6", "mine/5")  # the worst first
    assert "the worst is stated 4.20 s and is 3.00 s" in found["wrong-duration"].what


def test_a_manifest_of_an_older_version_says_so(project: Path) -> None:
    add(Addition("mine", project), workers=1)
    path = layout.manifest("mine")
    pq.write_table(pq.read_table(path).drop_columns(["stated_duration_s"]), path)
    with pytest.raises(ManifestError, match=r"no column 'stated_duration_s'.*vcemo manifest mine"):
        check_corpus(Corpus.named("mine", params.load()), workers=1)


def test_a_second_check_reads_no_audio(project: Path) -> None:
    first = findings(project)
    for path in project.glob("*.wav"):
        path.unlink()
    assert {f.check: f for f in check_corpus(Corpus.named("mine", params.load()), 1)} == first
    layout.sounds("mine").unlink()
    assert check_corpus(Corpus.named("mine", params.load()), 1) == []


def test_findings_are_printed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Finding("duplicate", "fault", "the same audio", ("a", "b", "c", "d"))]
    show_findings("mine", found, as_json=False)
    printed = capsys.readouterr().out
    assert "mine: 1 faults (red), 0 warnings" in printed
    show_findings("mine", found, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["utterances"] == ["a", "b", "c", "d"]
    show_findings("mine", [], as_json=False)
    assert "nothing found" in capsys.readouterr().out


def test_runs_at_the_top_are_clipping_and_quiet_flat_tops_are_not() -> None:
    assert clipped_share(np.array([0.9, -0.9, 0.9, 0.9], np.float32)) == 0
    assert clipped_share(np.array([0.1, 0.1, 0.1, 0.1], np.float32)) == 0
    assert clipped_share(np.array([1, 1, 1, 0], np.float32)) == 0.75
    assert silent_share(np.r_[np.zeros(1600), np.ones(1600)].astype(np.float32), 16000) == 0.5


def test_a_corpus_its_reader_cannot_read_is_taken_out_again(project: Path) -> None:
    before = layout.PARAMS.read_bytes()
    (project / "metadata.csv").write_text("file_of_mine,label\n0.wav,sad\n")
    with pytest.raises(CorpusError, match="expected one called 'path'"):
        add(Addition("mine", project), workers=1)
    assert layout.PARAMS.read_bytes() == before
    assert not layout.raw("mine").is_symlink()


def test_labels_to_map_leave_the_entry_for_you_to_extend(project: Path) -> None:
    soundfile.write(project / "x.wav", speech_like(60), RATE_HZ)
    extend(project, "x.wav,train0,grumpy,words,train")
    with pytest.raises(ValueError, match="'grumpy'"):
        add(Addition("mine", project), workers=1)
    assert "mine" in params.load().corpora
