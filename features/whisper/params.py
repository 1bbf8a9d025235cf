"""Parameters of an ASR text source. All of them change its rows, so all are part of their keys."""

from dataclasses import dataclass

WINDOW_S = 30.0  # what Whisper was trained on


@dataclass(frozen=True)
class VadParams:
    """Silero's voice activity detection: what it hears no speech in is cut out first."""

    threshold: float  # speech probability, 0 to 1
    min_silence_ms: int  # shorter pauses stay in
    pad_ms: int  # kept on each side of what was heard as speech


@dataclass(frozen=True)
class DoubtParams:
    """When a text is doubted. Whisper's authors use -1.0, 2.4 and 0.6; an empty text always is."""

    min_avg_logprob: float  # natural log, per token
    max_compression_ratio: float  # of the text by zlib: more means that it repeats itself
    max_no_speech_prob: float
    temperatures: tuple[float, ...]  # of sampling it again, one after the other; [] = leave it
    best_of: int  # samples at each temperature, of which the likeliest is taken

    def __post_init__(self) -> None:
        """Check that sampling is possible."""
        if any(t <= 0 for t in self.temperatures):
            raise ValueError(f"temperatures are {[*self.temperatures]}, expected all above 0")
        if self.best_of < 1:
            raise ValueError(f"best_of is {self.best_of}, expected at least 1")


@dataclass(frozen=True)
class WhisperParams:
    """Parameters of one ASR text source."""

    model: str  # directory in CTranslate2's format, size ("small", "large-v3") or hub name
    compute_type: str  # float32, int8, float16 (GPU), ... as CTranslate2 names them
    beam_size: int  # 1 = greedy
    language: str  # "corpus" (the utterance's own, detected where unknown), "detect", or ISO 639-1
    initial_prompt: str | None  # text that the model takes for what was said before
    word_times: bool  # keep each word with its times and probability
    vad: VadParams | None  # null: listen to everything
    # Warning: a window under 30 s is 5 to 12 times faster and gives OTHER, often worse text, since
    # the model was trained on 30 s alone. Compare the scores of both before using it.
    window_s: float  # what the encoder hears at a time; longer utterances are cut where it is quiet
    doubt: DoubtParams

    def __post_init__(self) -> None:
        """Check what no model could do."""
        if not 1 <= self.window_s <= WINDOW_S:
            raise ValueError(f"window_s is {self.window_s:g}, expected 1 to {WINDOW_S:g}")
        if self.beam_size < 1:
            raise ValueError(f"beam_size is {self.beam_size}, expected at least 1")
