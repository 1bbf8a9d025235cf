"""Broken trees: one clear message with the file and what to do, or rejects; never anything else."""

import csv
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline import manifest
from pipeline.corpora import CorpusError, CorpusParams, tree
from pipeline.labels import LabelError
from pipeline.listing.schema import SCHEMA
from tests.pipeline.corpora.damage import damage
from tests.pipeline.corpora.test_readers import PARAMS, build
from tests.pipeline.corpora.trees import TREES, sounds, texts

IEMOCAP = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"


def copy(trees: dict[str, Path], reader: str, to: Path) -> Path:
    return Path(shutil.copytree(trees[reader], to / "corpus"))


def fault(reader: str, root: Path) -> str:
    with pytest.raises((CorpusError, LabelError)) as stop:
        manifest.build(reader, CorpusParams(reader, str(root)), PARAMS, workers=1)
    return str(stop.value)


@pytest.mark.parametrize(
    ("reader", "lost", "told"),
    [
        ("iemocap", IEMOCAP, "Ses01F_impro01.txt: no such file; unpack the corpus again"),
        ("iemocap", "Session2/dialog/EmoEvaluation", "Ses02F_impro01.txt: no such file"),
        ("iemocap", "Session2/sentences/wav", "wav: found no dialogue of Session2"),
        ("iemocap", "Session1/dialog/transcriptions", "Ses01F_impro01.txt: no such file"),
        ("esd", "0001/0001.txt", "0001.txt: no such file; unpack the corpus again"),
        ("m3ed", "annotation.json", "annotation.json: no such file"),
        ("m3ed", "splitInfo", "movie_list_train.txt: no such file"),
        ("msp_podcast", "Labels/labels_consensus.csv", "found none of Labels/labels_consensus.csv"),
        ("nemo", "data.tsv", "data.tsv: no such file"),
        ("emotiontalk", "Audio/json", "found no folder Audio/json"),
        ("csemotions", "data", "found no .parquet file"),
        ("emodb", "wav", "found no recording like wav/03a01Fa.wav among its 0 files"),
    ],
)
def test_a_missing_part_is_named_with_the_remedy(
    reader: str, lost: str, told: str, trees: dict[str, Path], tmp_path: Path
) -> None:
    root = copy(trees, reader, tmp_path)
    path = root / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert told in fault(reader, root)


@pytest.mark.parametrize(
    ("reader", "file", "content", "told"),
    [
        ("cremad", "VideoDemographics.csv", b"ActorID,Age\n1001,51\n", r"found ActorID, Age, exp"),
        ("cremad", "VideoDemographics.csv", b"ActorID,Age,Sex\n1001,old,M\n", ":2: Age: found"),
        ("esd", "0001/0001.txt", b"\xff\xff\n", "0001.txt:1: found byte 0xff, expected text in"),
        ("iemocap", IEMOCAP, b"[1 - 2] x\n", ":1: found '[1 - 2] x', expected [start - end]"),
        ("m3ed", "annotation.json", b'{"anjia": 3}', "annotation.json: found int"),
        ("m3ed", "annotation.json", b"{", "annotation.json:1: not JSON"),
        ("meld", "dev_sent_emo.csv", b"Sr No.,Utterance\n1,hi\n", "dev_sent_emo.csv:1: found Sr"),
        ("mer2023", "test-labels/test1-label.csv", b"name,discrete\n../a,sad\n", "by '..'"),
        (
            "nemo",
            "data.tsv",
            b"file_id\temotion\traw_text\tspeaker_id\n\tx\ty\tz\n",
            "found nothing",
        ),
        ("shemo", "shemo.json", b"[]", "shemo.json: found a JSON list, expected an object"),
        (
            "nemo",
            "data.tsv",
            b"file_id\temotion\traw_text\tspeaker_id\na.wav\tfury\ty\tz\n",
            "fury",
        ),
    ],
)
def test_a_damaged_label_file_is_named_with_its_line(
    reader: str, file: str, content: bytes, told: str, trees: dict[str, Path], tmp_path: Path
) -> None:
    root = copy(trees, reader, tmp_path)
    (root / file).write_bytes(content)
    text = fault(reader, root)
    assert told in text
    assert Path(file).name in text or "corpora." in text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_windows_text_is_read_in_its_encoding(
    encoding: str, trees: dict[str, Path], tmp_path: Path
) -> None:
    root = copy(trees, "casia", tmp_path)
    file = root / "录音文本.txt"
    lines = [f"第{number}句话。" for number in range(201, 251)]  # without numbers
    file.unlink()
    file.with_suffix(".TXT").write_bytes("\r\n".join(lines).encode(encoding))
    assert build("casia", root).utterances.equals(build("casia", trees["casia"]).utterances)


def test_names_with_spaces_quotes_and_chinese_are_names(tmp_path: Path) -> None:
    names = ["我的 'corpus'/wav/03a01Fa.wav", '"quoted" ü/wav/16b10Lb.wav']
    sounds(tmp_path, *names)
    assert sorted(build("emodb", tmp_path).utterances["path"].to_pylist()) == sorted(names)


def test_a_loop_of_links_is_walked_once_and_a_link_elsewhere_is_followed(tmp_path: Path) -> None:
    root, other = tmp_path / "corpus", tmp_path / "other"
    sounds(other, "wav/03a01Fa.wav")
    root.mkdir()
    (root / "there").symlink_to(other)
    (root / "back").symlink_to(root)
    (root / "me").symlink_to("me")
    (other / "wav" / "up").symlink_to(other)
    assert tree.files(root) == ["me", "there/wav/03a01Fa.wav"]
    assert len(build("emodb", root).utterances) == 1


NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user who owns nothing: root may read whatever its mode says."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def foreign(trees: dict[str, Path]) -> Iterator[Callable[[str], Path]]:
    """Copies of trees that a user who owns nothing can reach (not below pytest's own folder)."""

    def made(reader: str) -> Path:
        root = copy(trees, reader, Path(folder))
        root.chmod(0o755)
        build(reader, root)  # imports what it needs, which that user may not read either
        return root

    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield made


def test_a_folder_that_cannot_be_listed_is_named(foreign: Callable[[str], Path]) -> None:
    root = foreign("emodb")
    (root / "wav").chmod(0)
    with unprivileged():
        told = fault("emodb", root)
    (root / "wav").chmod(0o755)
    assert f"{root}/wav: cannot be listed (Permission denied); mend its permissions" in told


@pytest.mark.parametrize(
    ("reader", "file"),
    [
        ("nemo", "data.tsv"),
        ("m3ed", "annotation.json"),
        ("esd", "0012/0012.txt"),
        ("vcemo", "metadata.csv"),
    ],
)
def test_a_label_file_that_cannot_be_read_is_named(
    reader: str, file: str, foreign: Callable[[str], Path]
) -> None:
    root = foreign(reader)
    (root / file).chmod(0)
    with unprivileged():
        told = fault(reader, root)
    assert f"{root}/{file}: cannot be read (Permission denied); mend its permissions" in told


@pytest.mark.parametrize("reader", TREES)
def test_a_corpus_whose_folder_cannot_be_read_is_named(
    reader: str, foreign: Callable[[str], Path]
) -> None:
    root = foreign(reader)
    root.chmod(0)
    with unprivileged():
        told = fault(reader, root)
        below = fault(reader, root / "below")
    root.chmod(0o755)
    assert str(root) in told
    assert "(Permission denied); mend its permissions" in told
    assert f"{root}/below: cannot be read (Permission denied)" in below


def test_a_recording_that_cannot_be_read_is_a_reject(foreign: Callable[[str], Path]) -> None:
    root = foreign("emodb")
    (root / "wav" / "03a01Fa.wav").chmod(0)
    (root / "wav" / "16b10Lc.wav").symlink_to("nowhere.wav")
    (root / "wav" / "16b10Ld.wav").mkdir()
    with unprivileged():
        found = build("emodb", root)
    told = {row["path"]: (row["reason"], row["detail"]) for row in found.rejects.to_pylist()}
    assert told["wav/03a01Fa.wav"] == ("unreadable", "Permission denied")
    assert told["wav/16b10Lc.wav"][0] == "missing-file"
    assert len(found.utterances) == 1


def test_a_folder_that_goes_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere: cannot be listed \(No such file"):
        tree.files(tmp_path / "nowhere")


def test_a_name_that_is_no_text_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sounds(tmp_path, "wav/03a01Fa.wav")
    try:
        (tmp_path / "wav" / os.fsdecode(b"\xff.wav")).touch()
    except OSError:
        pytest.skip("this disk takes no such name")
    assert tree.files(tmp_path) == ["wav/03a01Fa.wav"]
    assert "which is no Unicode text" in caplog.text


def test_a_recording_under_another_label_than_its_folders_is_a_reject(tmp_path: Path) -> None:
    sounds(tmp_path, "Sad/SM1_F01_A001.wav", "Sad/SM1_F02_S001.wav")
    [row] = build("urdu", tmp_path).rejects.to_pylist()
    assert row["detail"].startswith("found the letter A in the folder Sad")


@pytest.mark.parametrize("reader", ["iemocap", "cremad", "nemo", "m3ed", "mer2023", "msp_podcast"])
def test_a_corpus_is_found_below_its_path_with_the_same_facts(
    reader: str, trees: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(trees[reader], tmp_path / "corpus" / "as it is" / "unpacked")
    below, here = build(reader, tmp_path / "corpus"), build(reader, trees[reader])
    prefix = "as it is/unpacked/"
    paths = [path.removeprefix(prefix) for path in below.utterances["path"].to_pylist()]
    assert all(path.startswith(prefix) for path in below.utterances["path"].to_pylist())
    assert paths == here.utterances["path"].to_pylist()
    facts = ["speaker", "label", "transcript", "votes", "audio_key"]
    assert below.utterances.select(facts).equals(here.utterances.select(facts))


def test_the_answers_of_raters_may_come_as_csv(trees: dict[str, Path], tmp_path: Path) -> None:
    root = copy(trees, "msp_podcast", tmp_path)
    (root / "Labels/labels_detailed.json").unlink()
    lines = ["FileName,Worker,EmoClass_Major,EmoAct", "MSP-PODCAST_0001_0008.wav,W1,Angry,6"]
    texts(root, {"Labels/labels_detailed.csv": "\n".join(lines)})
    votes = build("msp_podcast", root).utterances["votes"].to_pylist()
    assert votes[0][0]["rater"] == "W1"
    assert votes[0][0]["labels"] == ["Angry"]
    assert votes[1] is None


def test_paths_of_windows_are_told(trees: dict[str, Path], tmp_path: Path) -> None:
    root = copy(trees, "nemo", tmp_path)
    table = (root / "data.tsv").read_text()
    (root / "data.tsv").write_text(table.replace("SB0_anger_1.wav", "more\\SB0_anger_1.wav"))
    [row] = build("nemo", root).rejects.to_pylist()
    assert (row["reason"], row["detail"]) == (
        "missing-file",
        "no such file; folders are separated by /",
    )
    (root / "data.tsv").write_text(table.replace("SB0_anger_1.wav", "C:\\SB0_anger_1.wav"))
    assert "data.tsv:2: file_id: found the absolute path" in fault("nemo", root)


def test_clips_that_are_missing_are_rejects(trees: dict[str, Path], tmp_path: Path) -> None:
    root = copy(trees, "meld", tmp_path)
    (root / "train_splits/dia0_utt0.mp4").write_bytes(b"")
    (root / "dev_splits_complete/dia0_utt0.mp4").unlink()
    reasons = {r["path"]: r["reason"] for r in build("meld", root).rejects.to_pylist()}
    assert reasons == {
        "train_splits/dia0_utt0.mp4": "empty",
        "dev_splits_complete/dia0_utt0.mp4": "missing-file",
    }


# Fuzz: label files with bytes changed, names with letters changed


def labels_of(root: Path) -> list[Path]:
    """The files of a tree that are no sound: label files, texts, Parquet."""
    names = (name for name in tree.files(root) if not tree.is_sound(name))
    return [root / name for name in names if not name.endswith("3avi")]


def upset(root: Path, draw: random.Random) -> None:
    """A file or folder goes, or a folder takes the place of a file."""
    path = draw.choice([path for path in root.rglob("*") if path != root])
    was_file = path.is_file()
    path.unlink() if was_file else shutil.rmtree(path)
    if was_file and draw.random() < 0.5:
        path.mkdir()


def misspell(file: Path, draw: random.Random) -> None:
    name = list(file.name)
    name[draw.randrange(len(name))] = draw.choice("aZ0_-. ü声")
    file.rename(file.with_name("".join(name)))


FUZZED = settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("reader", TREES)
@FUZZED
@given(seed=st.integers(0, 2**32))
@example(seed=0)
def test_no_change_to_label_files_and_names_leads_to_anything_but_rows_rejects_or_a_message(
    reader: str, seed: int, trees: dict[str, Path], tmp_path: Path
) -> None:
    draw = random.Random(seed)
    root = tmp_path / "changed"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(trees[reader], root)
    if draw.random() < 0.2:
        upset(root, draw)
    elif labels := labels_of(root):
        damage(draw.choice(labels), draw)
    else:
        misspell(root / draw.choice(tree.files(root)), draw)
    require_rows_or_message(reader, root)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@FUZZED
@given(seed=st.integers(0, 2**32))
def test_no_change_to_a_table_of_any_format_leads_to_anything_but_rows_rejects_or_a_message(
    suffix: str, seed: int, tmp_path: Path
) -> None:
    table = tmp_path / f"metadata.{suffix}"
    if not (tmp_path / "a.wav").exists():
        sounds(tmp_path, "a.wav", "b.wav")
    table.write_bytes(full_table(suffix))
    damage(table, random.Random(seed))
    require_rows_or_message("table", tmp_path)


def full_table(suffix: str) -> bytes:
    """A table with every column, in one of the formats."""
    row = {
        "path": "a.wav",
        "start_s": 0.0,
        "end_s": 0.15,
        "duration_s": 0.15,
        "speaker": "anna",
        "gender": "f",
        "age": 31,
        "language": "en",
        "session": "s",
        "dialogue": "d",
        "turn": 1,
        "transcript": "oh, no",
        "words": [["oh", 0.0, 0.1]],
        "sentence_id": "1",
        "style": "x",
        "intensity": "y",
        "raw_label": "angry",
        "soft_label": {"angry": 3, "sad": 1},
        "votes": {"r1": ["angry"], "r2": ["sad", "fear"]},
        "arousal": 2.5,
        "valence": 1.0,
        "dominance": 3.0,
        "split": "train",
        "folds": {"1": "train"},
    }
    rows = [row, row | {"path": "b.wav", "start_s": None, "end_s": None}]
    if suffix == "jsonl":
        return "".join(f"{json.dumps(r)}\n" for r in rows).encode()
    text = [
        {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in r.items()} for r in rows
    ]
    written = io.BytesIO() if suffix == "parquet" else io.StringIO()
    if isinstance(written, io.BytesIO):
        pq.write_table(pa.Table.from_pylist(text), written)
        return written.getvalue()
    table = csv.DictWriter(written, list(row), delimiter="\t" if suffix == "tsv" else ",")
    table.writeheader()
    table.writerows(text)
    return written.getvalue().encode()


def require_rows_or_message(reader: str, root: Path) -> None:
    """What reading a corpus may end in, whatever is wrong with it."""
    try:
        found = build(reader, root)
    except (CorpusError, LabelError) as error:
        assert reader in str(error) or root.name in str(error)
        return
    assert found.utterances.schema == SCHEMA
    assert len(found.utterances) + len(found.rejects) > 0
    assert all(row["detail"] for row in found.rejects.to_pylist())
