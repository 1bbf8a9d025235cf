"""The VCEMO network: audio with words, then BERT, by co-attention."""

from collections.abc import Collection

import torch.nn.functional as F
from torch import nn

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
    meets words or BERT in the one fusion they take part in.

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
        d = widen * model.d
        self.final = SelfAttention(d, model.heads, widen * model.ff, model.dropout)
        pools = {"attn": AttentionPool, "attn_stats": StatisticsPool}
        self.attention_pool = pools[model.pool](d, model.dropout) if model.pool in pools else None
        wide = 2 * d if model.pool == "attn_stats" else d
        self.trunk = nn.Sequential(nn.Linear(wide, d), nn.ReLU(), nn.Dropout(model.dropout))
        self.projector = nn.Linear(d, model.projection)
        self.predictor = nn.Linear(d, n_outputs)

    def forward(self, batch: Batch) -> ModelOutput:
        x = self.final(self._fuse(batch))
        pooled = masked_mean(x) if self.attention_pool is None else self.attention_pool(x)
        trunk = self.trunk(pooled)
        return ModelOutput(
            logits=at_least_float32(self.predictor(trunk)),
            pooled=pooled,
            z=F.normalize(at_least_float32(self.projector(trunk)), dim=-1, eps=1e-12),
        )

    def _fuse(self, batch: Batch) -> Stream:
        sequence, bert = self._sequence(batch), None
        if self.bert is not None:
            bert = self.bert(needed(batch.bert, "bert"), batch.bert_len)
        return _combine(self.fusion2, sequence, bert)

    def _sequence(self, batch: Batch) -> Stream | None:
        audio = words = None
        if self.audio is not None:
            audio = self.audio(needed(batch.mel, "mel"), needed(batch.mel_len, "mel_len"))
        if self.words is not None:
            words = self.words(needed(batch.word, "word"), needed(batch.word_len, "word_len"))
        if audio is None and words is None:
            return None
        return _combine(self.fusion1, audio, words)


def _combine(fusion: nn.Module | None, first: Stream | None, second: Stream | None) -> Stream:
    """The fusion of two streams, or the only one there is."""
    if fusion is not None:
        fused: Stream = fusion(first, second)
        return fused
    only = second if first is None else first
    assert only is not None, "a model has at least one modality"
    return only
