"""A Kaldi data directory: wav.scp, and if they are there segments, text, utt2spk, spk2gender, ...

Kaldi has no file of its own for emotions: `utt2emo`, `utt2emotion`, `utt2label` or `emotion` is
taken, or the one that --label names (a line is an utterance and its label).
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from pipeline.imports.items import ImportingError, Item, Options, language, stated_s, wrong
from pipeline.imports.writing import common_names

LABELS = ("utt2emo", "utt2emotion", "utt2label", "emotion", "emotions")
WHOLE = (None, None)

log = logging.getLogger(__name__)


def items(source: Path, options: Options) -> Iterator[Item]:
    """Yield the utterances of a data directory, in the order of `segments` or `wav.scp`.

    Raises:
        ImportingError: a file is missing or a line is not as Kaldi writes it; names it.
    """
    recordings = {
        name: _audio(source, place, line, options.audio)
        for name, (place, line) in _pairs(source / "wav.scp", needed=True).items()
    }
    segments = dict(_segments(source / "segments", recordings))
    if not segments:
        segments = {name: (name, *WHOLE) for name in recordings}
    names = common_names({recordings[recording] for recording, *_ in segments.values()})
    texts, speakers = _told(source / "text"), _told(source / "utt2spk")
    genders, languages = _told(source / "spk2gender"), _told(source / "utt2lang")
    emotions = _told(_label_file(source, options.label))
    durations = _told(source / "utt2dur")
    if all(place[1:] == WHOLE for place in segments.values()):
        durations = _told(source / "reco2dur") | durations
    if lost := emotions.keys() - segments.keys():
        log.warning("%d labels are of no utterance, first: %s", len(lost), min(lost))
    for utterance, (recording, start, end) in segments.items():
        speaker = speakers.get(utterance)
        yield Item(
            name=names[recordings[recording]],
            audio=recordings[recording],
            row={
                "start_s": start,
                "end_s": end,
                "stated_duration_s": stated_s(durations.get(utterance)),
                "speaker": speaker,
                "gender": genders.get(speaker or ""),
                "language": language(languages.get(utterance)),
                "transcript": texts.get(utterance),
                "raw_label": emotions.get(utterance),
            },
        )


def _label_file(source: Path, name: str | None) -> Path:
    if name:
        if not (source / name).exists():
            raise wrong(source / name, None, "no such file; --label names one of the directory")
        return source / name
    found = next((source / n for n in LABELS if (source / n).exists()), None)
    if found is None:
        log.warning(
            "%s: no file of labels (%s), so the utterances have none; name one by --label",
            *(source, ", ".join(LABELS)),
        )
    return found or source / LABELS[0]


def _told(path: Path) -> dict[str, str]:
    return {name: value for name, (value, _) in _pairs(path).items()}


def _pairs(path: Path, *, needed: bool = False) -> dict[str, tuple[str, int]]:
    """First word of each line -> the rest, and the line's number."""
    if not path.exists():
        if needed:
            raise ImportingError(f"{path}: no such file; expected a Kaldi data directory")
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise wrong(path, None, f"{error}; expected UTF-8: convert the file") from error
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        name, _, value = line.strip().partition(" ") if " " in line else (line.strip(), "", "")
        if not name:
            continue
        if name in found:
            raise wrong(path, number, f"found {name!r} a second time; remove one of the lines")
        found[name] = (value.strip(), number)
    return found


def _audio(source: Path, place: str, line: int, folder: Path | None) -> Path:
    if place.endswith("|") or not place:
        raise wrong(
            source / "wav.scp",
            line,
            f"found {repr(place) if place else 'nothing'}, expected the path of an audio "
            "file: commands are not run; write the audio to files first (`copy-wav` or `wav-copy`)",
        )
    if folder:
        return folder / place
    return source / place if (source / place).exists() else Path(place)


def _segments(
    path: Path, recordings: dict[str, Path]
) -> Iterator[tuple[str, tuple[str, float | None, float | None]]]:
    for name, (rest, line) in _pairs(path).items():
        try:
            recording, start, end = rest.split()[:3]
            times = float(start), float(end)
        except ValueError as error:
            expected = "expected: utterance recording start end"
            raise wrong(path, line, f"found {name} {rest!r}, {expected}") from error
        if recording not in recordings:
            raise wrong(
                path, line, f"found the recording {recording!r}, which wav.scp does not have"
            )
        yield name, (recording, times[0], times[1] if times[1] > 0 else None)
