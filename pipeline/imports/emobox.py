"""EmoBox (Ma et al., Interspeech 2024): metadata of 32 corpora, `data/<dataset>` of its repository.

    <dataset>.jsonl                                 rows: key, wav, emo, ..., start_time, end_time
    fold_<n>/<dataset>_<part>_fold_<n>.jsonl        part: train, valid, test, in MER2023 test1 to 3
    data.seg.wrd.stm                                speakers (its `lang=en` is wrong for most)
    label_map.json, in EMOVO label_dict.json        raw label -> class

Rows come in two schemas, `wav` and `emo` or `audio` and `label`; Emo-DB has both, in files of two
spellings (`fold_1`, `fold1`). Large datasets lack the first file: then the folds are the dataset.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.corpora.tablefile import rows as table_rows
from pipeline.imports.items import ImportingError, Item, Options, stated_s, wrong
from pipeline.label_tables import COMMON, EMOTIONS, TABLES
from pipeline.labels import plain

LANGUAGES: dict[str, str | None] = {
    "aesdd": "el",
    "ased": "am",
    "asvpesd": None,
    "cafe": "fr",
    "casia": "zh",
    "cremad": "en",
    "emns": "en",
    "emodb": "de",
    "emovdb": "en",
    "emovo": "it",
    "emozionalmente": "it",
    "enterface": "en",
    "esd": None,
    "iemocap": "en",
    "jlcorpus": "en",
    "m3ed": "zh",
    "mead": "en",
    "meld": "en",
    "mer2023": "zh",
    "mesd": "es",
    "msppodcast": "en",
    "oreau": "fr",
    "pavoque": "de",
    "polish": "pl",
    "ravdess": "en",
    "resd": "ru",
    "savee": "en",
    "shemo": "fa",
    "subesco": "bn",
    "tess": "en",
    "turevdb": "tr",
    "urdu": "ur",
}  # asvpesd is of many languages; esd of two, told by the speaker
ESD_MANDARIN = range(1, 11)  # its speakers 0001 to 0010; 0011 to 0020 speak English
MAPS = ("label_map.json", "label_dict.json")
PARTS = {"train": "train", "valid": "val", "val": "val", "dev": "val"}  # others begin with "test"
READERS = {"jlcorpus": "jl", "msppodcast": "msp_podcast"}  # of ours, where the names differ
FOLD = re.compile(r"fold_(\d+)")
STM = re.compile(r"(?P<key>\S+) \S+ .*?<[^>]*\bspk=(?P<speaker>[^,>]*)[,>]")
GENDERS = re.compile(r"(?P<gender>female|male)[_-]", re.IGNORECASE)
LOOKED_AT = 50  # rows, to find out where the audio lies

Row = Mapping[str, Any]

log = logging.getLogger(__name__)


def items(source: Path, options: Options) -> Iterator[Item]:
    """Yield the utterances of one dataset with its folds, in the order of its list.

    Raises:
        ImportingError: the folder is none of EmoBox's, a row lacks what it must have, or the audio
            is not where it should be.
    """
    if not source.is_dir():
        raise ImportingError(f"{source}: no such folder; expected data/<dataset> of EmoBox")
    folds = {fold: _fold(folder) for fold, folder in _fold_folders(source)}
    rows = {row["key"]: row for row in _dataset(source)}
    for parts in folds.values():
        rows = {key: row for part in parts.values() for key, row in part.items()} | rows
    if not rows:
        raise ImportingError(
            f"{source}: found neither {source.name}.jsonl nor folders fold_1, fold_2, ... with "
            "rows; expected data/<dataset> of EmoBox"
        )
    speakers = _speakers(source / "data.seg.wrd.stm")
    root = _root(source, options.audio, [row["wav"] for row in rows.values()])
    told = _parts(folds)
    for key, row in rows.items():
        name = _inside(row["wav"])
        speaker = speakers.get(key)
        mine = told.get(key, {})
        yield Item(
            name=name,
            audio=root / (row["wav"] if (root / row["wav"]).exists() else name),
            row={
                "start_s": row.get("start_time"),
                "end_s": row.get("end_time"),
                "stated_duration_s": None if "start_time" in row else stated_s(row.get("length")),
                "speaker": speaker,
                "gender": _gender(speaker),
                "language": _language(source.name, name),
                "raw_label": row["emo"],
                "split": next(iter(mine.values())) if len(folds) == 1 and mine else None,
                "folds": mine or None,
            },
        )


def labels(source: Path, raws: Iterable[str]) -> dict[str, str | None]:
    """Emotions of the raw labels that the reader `table` does not know by itself.

    By the dataset's label map, whatever its case (Emo-DB's has `Neutral` for `neutral`), and by the
    table of our reader of that corpus. What is in neither, or stands for no emotion there, gets
    none, with a line in the log.
    """
    path = next((source / name for name in MAPS if (source / name).exists()), None)
    classes = {plain(raw): str(name) for raw, name in (_json(path) if path else {}).items()}
    own = TABLES.get(READERS.get(source.name, source.name), {})
    names = {plain(raw): name for raw, name in (*own.items(), *COMMON.items())}
    found = {}
    for raw in sorted(raws):
        if plain(raw) not in COMMON:
            name = names.get(plain(classes.get(plain(raw), raw)))
            found[raw] = name if isinstance(name, str) else None
    if gaps := [raw for raw, name in found.items() if name is None]:
        log.warning(
            "the labels %s stand for none of the emotions %s: their utterances have no label; "
            "`labels` of the corpus in params.yaml can map them",
            *(", ".join(gaps), ", ".join(EMOTIONS)),
        )
    return found


def _fold_folders(source: Path) -> list[tuple[str, Path]]:
    found = [(m[1], p) for p in source.iterdir() if (m := FOLD.fullmatch(p.name)) and p.is_dir()]
    return sorted(found, key=lambda fold: int(fold[0]))


def _dataset(source: Path) -> Iterator[Row]:
    for suffix in (".jsonl", ".json"):
        if (path := source / f"{source.name}{suffix}").exists():
            return _rows(path)
    log.warning("%s: no %s.jsonl, so its folds are taken for the whole", source, source.name)
    return iter(())


def _fold(folder: Path) -> dict[str, dict[str, Row]]:
    """Part -> key -> row. Of files of two spellings or formats the first below is read."""
    number = folder.name.removeprefix("fold_")
    chosen: dict[str, Path] = {}
    for suffix in (".jsonl", ".json"):
        for tail in (f"_fold_{number}", f"_fold{number}"):
            for path in sorted(folder.glob(f"*{tail}{suffix}")):
                stem = path.name.removesuffix(f"{tail}{suffix}")
                chosen.setdefault(stem.rpartition("_")[2], path)
    parts: dict[str, dict[str, Row]] = {"train": {}, "val": {}, "test": {}}
    for name, path in chosen.items():
        part = "test" if name.startswith("test") else PARTS.get(name)
        if part is None:
            raise wrong(path, None, f"found the part {name!r}, expected train, valid or test")
        parts[part] |= {row["key"]: row for row in _rows(path)}
    return parts


def _rows(path: Path) -> Iterator[Row]:
    """Rows of both schemas and formats as one: key, wav, emo and what else they have."""
    if path.suffix == ".json":
        entries = {key: row if isinstance(row, dict) else {} for key, row in _json(path).items()}
        numbered = ((None, {"key": key, **row}) for key, row in entries.items())
    else:
        numbered = table_rows(path)  # type: ignore[assignment]
    for line, row in numbered:
        wav, emo = row.get("wav", row.get("audio")), row.get("emo", row.get("label"))
        told = (row.get("key"), wav, emo)
        if not (all(told[:2]) and all(isinstance(value, str) for value in told)):
            raise wrong(path, line, f"found {sorted(row)}, expected key, wav and emo")
        yield {**row, "wav": wav, "emo": emo}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise wrong(path, None, f"{error}; expected JSON: fetch the file again") from error
    if not isinstance(found, dict):
        raise wrong(path, None, "expected a JSON object")
    return found


def _speakers(stm: Path) -> dict[str, str]:
    if not stm.exists():
        log.warning("%s: missing, so the speakers are unknown", stm)
        return {}
    text = stm.read_text(encoding="utf-8", errors="replace")
    found = {m["key"]: m["speaker"] for line in text.splitlines() if (m := STM.match(line))}
    if found and all(key.endswith(speaker) for key, speaker in found.items()):  # as in MER2023
        log.warning("%s: names a speaker for each recording, so the speakers are unknown", stm)
        return {}
    return found


def _root(source: Path, audio: Path | None, wavs: list[str]) -> Path:
    """The folder that the rows' paths start from, with or without their `downloads/<dataset>`."""
    places = [audio] if audio else [source.parent.parent, source]
    for place in places:
        for wav in wavs[:LOOKED_AT]:
            if (place / wav).exists() or (place / _inside(wav)).exists():
                return place
    tried = " or ".join(str(place / wav) for place in places for wav in (wavs[0], _inside(wavs[0])))
    raise ImportingError(f"{source}: found no audio, expected {tried}; say where it is by --audio")


def _inside(wav: str) -> str:
    """A row's path below the corpus's own folder.

    >>> _inside("downloads/emodb/wav/03a01Wa.wav")
    'wav/03a01Wa.wav'
    """
    parts = wav.split("/")
    return "/".join(parts[2:]) if parts[0] == "downloads" and len(parts) > 2 else wav


def _parts(folds: Mapping[str, Mapping[str, Mapping[str, Row]]]) -> dict[str, dict[str, str]]:
    """Key -> fold -> part. What is in two parts of a fold is tested and not trained on."""
    told: dict[str, dict[str, str]] = {}
    for fold, parts in folds.items():
        for part in ("train", "val", "test"):
            for key in parts[part]:
                before = told.setdefault(key, {}).get(fold)
                if before:
                    log.warning(
                        "fold %s: %s is in %s and %s; kept in the second", fold, key, before, part
                    )
                told[key][fold] = part
    return told


def _gender(speaker: str | None) -> str | None:
    match = GENDERS.match(speaker or "")
    return match["gender"].lower() if match else None


def _language(dataset: str, name: str) -> str | None:
    if dataset == "esd" and (match := re.match(r"(?:.*/)?(\d{4})[/_]", name)):
        return "zh" if int(match[1]) in ESD_MANDARIN else "en"
    return LANGUAGES.get(dataset)
