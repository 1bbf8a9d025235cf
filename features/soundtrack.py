"""The sound track of films (MP4, AVI, Matroska) and of M4A, which libsndfile does not read."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np

HEAD_BYTES = 12


def is_container(head: bytes) -> bool:
    """Whether a file that begins like this is one of the containers read here.

    >>> is_container(bytes(4) + b"ftypisom"), is_container(b"RIFF" + bytes(4) + b"WAVE")
    (True, False)
    """
    return (
        head[4:8] == b"ftyp"
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
        or head[:4] == b"\x1aE\xdf\xa3"  # Matroska, WebM
    )


def decode(source: Path | BinaryIO) -> io.BytesIO:
    """The first sound track as a WAV file in memory: float32, its own rate and channels.

    ValueError when there is no sound track, or nothing of it can be decoded.
    """
    import av
    import soundfile

    try:
        with av.open(str(source) if isinstance(source, Path) else source) as container:
            if not container.streams.audio:
                raise ValueError("no sound track")
            stream = container.streams.audio[0]
            rate_hz, channels = stream.codec_context.sample_rate, stream.codec_context.channels
            packed = av.AudioResampler(format="flt", layout=stream.layout, rate=rate_hz)
            frames = [f for frame in container.decode(stream) for f in packed.resample(frame)]
            frames += packed.resample(None)
    except av.FFmpegError as error:
        raise ValueError(str(error)) from error
    blocks = [frame.to_ndarray().reshape(-1, channels) for frame in frames]
    buffer = io.BytesIO()
    sound = np.concatenate(blocks) if blocks else np.zeros((0, channels), np.float32)
    soundfile.write(buffer, sound, rate_hz, format="WAV", subtype="FLOAT")
    buffer.seek(0)
    return buffer
