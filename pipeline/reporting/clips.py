"""Short recordings inside the page, for those who may pass them on."""

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.reporting.context import Context
from pipeline.rows.audio import read

MAX_SECONDS = 10
SAMPLE_RATE_HZ = 16000


@dataclass(frozen=True)
class Clips:
    """Sounds by utterance, as MP3 data addresses."""

    asked: int
    sounds: dict[str, str] = field(default_factory=dict)
    missing: int = 0  # recordings that are not on this machine

    @classmethod
    def of(cls, context: Context, utt_ids: list[str]) -> "Clips":
        """The first of these utterances, as many as the context asks for.

        Raises:
            ChangedError: a recording is not the one that the store was made from.
        """
        chosen = utt_ids[: context.clips]
        rows = context.connection.execute(
            "SELECT utt_id, corpus, path, start_s, end_s, audio_key FROM utterances "
            "WHERE utt_id IN (SELECT unnest($ids)) ORDER BY utt_id",
            {"ids": chosen},
        ).fetchall()
        sounds = {}
        for utt_id, corpus, path, start_s, end_s, audio_key in rows:
            place = {"path": path, "start_s": start_s, "end_s": end_s, "audio_key": audio_key}
            if (context.roots[corpus] / path).exists():
                sounds[utt_id] = _mp3(context.roots[corpus], place)
        return cls(len(chosen), sounds, len(chosen) - len(sounds))


def _mp3(root: Path, place: dict[str, object]) -> str:
    import soundfile

    sound = read(root, place, SAMPLE_RATE_HZ)[: MAX_SECONDS * SAMPLE_RATE_HZ]
    out = io.BytesIO()
    soundfile.write(out, sound, SAMPLE_RATE_HZ, format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(out.getvalue()).decode()
