"""The settings of the networks, one dataclass per model, chosen by `name`. Imports no torch.

Papers and readings stand with the networks themselves, in training/models/.
"""

from dataclasses import dataclass
from typing import Literal

from training.strict import require

Words = Literal["frozen", "trained"]  # vectors as they are packed, or the start of an embedding


@dataclass(frozen=True)
class VcemoSettings:
    """Sizes and readings of the VCEMO network."""

    name: Literal["vcemo"]
    d: int  # width of every stream
    heads: int  # attention heads, a divisor of d
    ff: int  # hidden units of the feed-forward blocks
    layers: int  # attention layers on each side of a co-attention
    dropout: float  # probability, 0 <= p < 1
    frames_per_step: int  # mel frames averaged into one column of the image that is convolved
    conv_channels: tuple[int, int]  # of the two 3x3 stride-2 convolutions over the mel image
    audio_lstm: Literal["forward", "both"]  # directions; with both, each is half as wide
    projection: int  # width of the contrastive features z
    fusion1_guide: Literal["word", "audio"]  # which of the two guides the other
    fusion2_guide: Literal["sequence", "bert"]
    align: Literal["resample_word_to_audio", "pool_audio_to_word", "fixed60"]
    word_conv: Literal["local", "time_mix"]  # over three words, or over all 60 of a fixed length
    concat: Literal["time", "feature"]  # how BERT joins the sequence
    pool: Literal["mean", "attn", "attn_stats"]  # the last: weighted means and deviations
    bert: Literal["first", "mean", "tokens"]  # first token, token mean, or the state of each token
    audio_head: bool  # the audio learns from a head of its own, and texts add to its logits

    def __post_init__(self) -> None:
        _require_positive(self, "d", "heads", "ff", "layers", "frames_per_step", "projection")
        _require_heads(self.d, self.heads)
        _require_probability(self, "dropout")
        halves = self.audio_lstm == "forward" or self.d % 2 == 0
        require(halves, "model.d", self.d, "even, since audio_lstm is both")
        require(min(self.conv_channels) >= 1, "model.conv_channels", self.conv_channels, ">= 1")
        fits = self.word_conv == "local" or self.align == "fixed60"
        require(fits, "model.align", self.align, "fixed60, since word_conv is time_mix")


@dataclass(frozen=True)
class UmonsSettings:
    """UMONS: modular co-attention of 60 words and 60 steps of audio."""

    name: Literal["umons"]
    d: int  # width of both streams
    heads: int
    ff: int  # hidden units of feed-forward blocks and glimpses
    layers: int  # blocks
    dropout: float
    steps: int  # fixed length of both streams
    frames_per_step: int  # mel frames averaged into one step
    flat: int  # width of the flattened streams
    words: Words

    def __post_init__(self) -> None:
        _require_positive(self, "d", "heads", "ff", "layers", "steps", "frames_per_step", "flat")
        _require_heads(self.d, self.heads)
        _require_probability(self, "dropout")


@dataclass(frozen=True)
class XuSettings:
    """Xu et al. 2019 as the paper tells it: learned alignment by additive attention."""

    name: Literal["xu"]
    hidden: int  # units of each direction of the three BiLSTMs
    dropout: float  # before the last layer
    words: Words

    def __post_init__(self) -> None:
        _require_positive(self, "hidden")
        _require_probability(self, "dropout")


@dataclass(frozen=True)
class XuDeltaSettings:
    """Xu et al. 2019 as the repository `delta` builds it."""

    name: Literal["xu_delta"]
    dense: int  # units of the layer before the audio BiGRU
    hidden: int  # units of each direction of the BiGRUs
    heads: int  # a divisor of 2 hidden
    dropout: float
    max_frames: int  # longer audio is cut
    max_words: int
    words: Words

    def __post_init__(self) -> None:
        _require_positive(self, "dense", "hidden", "heads", "max_frames", "max_words")
        _require_heads(2 * self.hidden, self.heads)
        _require_probability(self, "dropout")


@dataclass(frozen=True)
class YoonMhaSettings:
    """Yoon et al. 2019: multi-hop attention between audio and text."""

    name: Literal["yoon_mha"]
    hops: Literal[1, 2, 3]
    hidden: int  # units of each direction of the two BiLSTMs
    input_dropout: float
    words: Words

    def __post_init__(self) -> None:
        _require_positive(self, "hidden")
        _require_probability(self, "input_dropout")


@dataclass(frozen=True)
class YoonMdreSettings:
    """Yoon et al. 2018: dual recurrent encoders, without (MDRE) or with attention (MDREA)."""

    name: Literal["yoon_mdre", "yoon_mdrea"]
    hidden: int  # units of the two GRUs
    audio_dropout: float  # on the inputs of the GRU and on its states
    text_dropout: float
    max_frames: int
    max_words: int
    words: Words

    def __post_init__(self) -> None:
        _require_positive(self, "hidden", "max_frames", "max_words")
        _require_probability(self, "audio_dropout", "text_dropout")


@dataclass(frozen=True)
class CmeSettings:
    """CME: words excite the audio under them and are excited by it. Needs times of words."""

    name: Literal["cme"]
    conv_channels: tuple[int, int]  # of the first two of three convolutions; the third has the same
    hidden: int  # units of each direction of the BiLSTM
    max_frames: int
    words: Words

    def __post_init__(self) -> None:
        _require_positive(self, "hidden", "max_frames")
        require(min(self.conv_channels) >= 1, "model.conv_channels", self.conv_channels, ">= 1")


BaselineSettings = (
    UmonsSettings | XuSettings | XuDeltaSettings | YoonMhaSettings | YoonMdreSettings | CmeSettings
)
ModelSettings = VcemoSettings | BaselineSettings


def reads_word_ids(model: ModelSettings) -> bool:
    """Whether a model has parameters for each word of the training part's vocabulary."""
    return not isinstance(model, VcemoSettings) and (
        model.words == "trained" or isinstance(model, CmeSettings)
    )


def reads_word_vectors(model: ModelSettings) -> bool:
    """Whether a model is shown the vectors of words; else they start its embedding at most."""
    return isinstance(model, VcemoSettings) or model.words == "frozen"


def _require_positive(model: object, *names: str) -> None:
    for name in names:
        require(getattr(model, name) >= 1, f"model.{name}", getattr(model, name), "at least 1")


def _require_probability(model: object, *names: str) -> None:
    for name in names:
        value = getattr(model, name)
        require(0 <= value < 1, f"model.{name}", value, "0 <= p < 1")


def _require_heads(width: int, heads: int) -> None:
    require(width % heads == 0, "model.heads", heads, f"a divisor of the width, {width}")
