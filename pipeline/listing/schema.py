"""The columns of a manifest."""

import pyarrow as pa

WORD = pa.struct([("word", pa.string()), ("start_s", pa.float32()), ("end_s", pa.float32())])
VOTE = pa.struct(
    [
        ("rater", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("arousal", pa.float32()),
        ("valence", pa.float32()),
        ("dominance", pa.float32()),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("utt_id", pa.string(), nullable=False),
        pa.field("corpus", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("stated_duration_s", pa.float64()),
        pa.field("sample_rate", pa.int32(), nullable=False),
        pa.field("channels", pa.int16(), nullable=False),
        pa.field("peak_db", pa.float32(), nullable=False),
        pa.field("loudness_db", pa.float32(), nullable=False),
        pa.field("snr_db", pa.float32()),
        pa.field("audio_key", pa.string(), nullable=False),
        pa.field("speaker", pa.string()),
        pa.field("gender", pa.string()),
        pa.field("age", pa.int16()),
        pa.field("language", pa.string()),
        pa.field("session", pa.string()),
        pa.field("dialogue", pa.string()),
        pa.field("turn", pa.int32()),
        pa.field("transcript", pa.string()),
        pa.field("words", pa.list_(WORD)),
        pa.field("sentence", pa.string()),
        pa.field("style", pa.string()),
        pa.field("intensity", pa.string()),
        pa.field("raw_label", pa.string()),
        pa.field("label", pa.string()),
        pa.field("soft_label", pa.map_(pa.string(), pa.float32())),
        pa.field("votes", pa.list_(VOTE)),
        pa.field("agreement", pa.float32()),
        pa.field("arousal", pa.float32()),
        pa.field("valence", pa.float32()),
        pa.field("dominance", pa.float32()),
        pa.field("split", pa.string()),
        pa.field("folds", pa.map_(pa.string(), pa.string())),
    ]
)
