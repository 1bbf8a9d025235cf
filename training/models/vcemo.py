"""The VCEMO network: audio with words, then BERT, by co-attention."""

from collections.abc import Collection

import torch.nn.functional as F
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import VcemoSettings
from training.models.attention import AttentionPool, SelfAttention, StatisticsPool
from training.models.encoders import AudioEncoder, BertEncoder, WordEncoder
from training.models.fusion import AudioWordFusion, BertFusion
from training.models.interface import InputSizes, ModelOutput, at_least_float32, needed
from training.models.sequences import Stream, masked_mean
from training.settings import Modality


class Vcemo(nn.Module):
    """The fusion network over the active modalities; parts of absent ones are not created.

    One modality goes straight to the final self-attention. Of two, the sequence (audio or words)
    meets words or BERT in the one fusion they take part in. With `audio_head` the audio is judged
    by itself, and the fused part learns what to add: the answer is the sum of both logits, for
    classes a product of experts. No gradient of the fused part reaches the audio encoder or its
    head, which learn as a network of audio alone. Audio alone, or no audio, gets no such head.

    Raises:
        ValueError: at the forward pass, when the batch lacks an active input.
    """

    def __init__(
        self,
        model: VcemoSettings,
        sizes: InputSizes,
        modalities: Collection[Modality],
        n_outputs: int,
    ) -> None:
        super().__init__()
        audio, words, bert = (m in modalities for m in ("audio", "words", "bert"))
        self.audio = AudioEncoder(model, sizes.n_mels) if audio else None
        self.words = WordEncoder(model, sizes.word_dim) if words else None
        self.bert = BertEncoder(model, sizes.bert_dim) if bert else None
        self.fusion1 = AudioWordFusion(model) if audio and words else None
        self.fusion2 = BertFusion(model) if bert and (audio or words) else None

        # Joined by features, everything after the second fusion is twice as wide, inner layers too.
        widen = 2 if self.fusion2 is not None and model.concat == "feature" else 1
        self.top = Top(model, widen)
        self.projector = nn.Linear(widen * model.d, model.projection)
        self.predictor = nn.Linear(widen * model.d, n_outputs)
        self.audio_head = None
        if model.audio_head and audio and (words or bert):
            self.audio_head = AudioHead(model, n_outputs)

    def forward(self, batch: Batch) -> ModelOutput:
        audio, words, bert = self._streams(batch)
        audio_logits = None
        if self.audio_head is not None and audio is not None:
            audio_logits = at_least_float32(self.audio_head(audio))
            audio = audio._replace(values=audio.values.detach())
        fused = _combine(self.fusion2, _combine(self.fusion1, audio, words), bert)
        assert fused is not None, "a model has at least one modality"
        pooled, trunk = self.top(fused)
        logits = at_least_float32(self.predictor(trunk))
        if audio_logits is not None:
            logits = logits + audio_logits.detach()
        z = F.normalize(at_least_float32(self.projector(trunk)), dim=-1, eps=1e-12)
        return ModelOutput(logits, pooled, z, audio_logits)

    def _streams(self, batch: Batch) -> tuple[Stream | None, Stream | None, Stream | None]:
        audio = words = bert = None
        if self.audio is not None:
            audio = self.audio(needed(batch.mel, "mel"), needed(batch.mel_len, "mel_len"))
        if self.words is not None:
            words = self.words(needed(batch.word, "word"), needed(batch.word_len, "word_len"))
        if self.bert is not None:
            bert = self.bert(needed(batch.bert, "bert"), batch.bert_len)
        return audio, words, bert


class Top(nn.Module):
    """From a stream to one vector: self-attention, pooling, and a hidden layer, the trunk.

    Shape:
        stream (B, T, widen d); output: pooled (B, widen d, twice as wide for `attn_stats`) and
            trunk (B, widen d)
    """

    def __init__(self, model: VcemoSettings, widen: int = 1) -> None:
        super().__init__()
        d = widen * model.d
        self.final = SelfAttention(d, model.heads, widen * model.ff, model.dropout)
        pools = {"attn": AttentionPool, "attn_stats": StatisticsPool}
        self.attention_pool = pools[model.pool](d, model.dropout) if model.pool in pools else None
        wide = 2 * d if model.pool == "attn_stats" else d
        self.trunk = nn.Sequential(nn.Linear(wide, d), nn.ReLU(), nn.Dropout(model.dropout))

    def forward(self, stream: Stream) -> tuple[Tensor, Tensor]:
        x = self.final(stream)
        pooled = masked_mean(x) if self.attention_pool is None else self.attention_pool(x)
        return pooled, self.trunk(pooled)


class AudioHead(nn.Module):
    """What the audio says by itself, as a network of audio alone would; (B, T, d) -> (B, outputs).

    Its loss alone teaches the audio encoder, which so keeps at work where texts explain the
    training part and say nothing of the test part: the trouble of "What Makes Training Multi-Modal
    Classification Networks Hard?" (Wang et al. 2020).
    """

    def __init__(self, model: VcemoSettings, n_outputs: int) -> None:
        super().__init__()
        self.top = Top(model)
        self.predictor = nn.Linear(model.d, n_outputs)

    def forward(self, audio: Stream) -> Tensor:
        _, trunk = self.top(audio)
        logits: Tensor = self.predictor(trunk)
        return logits


def _combine(
    fusion: nn.Module | None, first: Stream | None, second: Stream | None
) -> Stream | None:
    """The fusion of two streams, or the only one there is."""
    if fusion is not None:
        fused: Stream = fusion(first, second)
        return fused
    return second if first is None else first
