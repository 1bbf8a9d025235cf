"""Attention blocks after MCAN (Yu et al. 2019), post-norm, and the co-attention of VCEMO."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model_settings import VcemoSettings
from training.models.sequences import Stream, blank, masked_softmax

SMALL = 1e-5  # keeps the slope of a root finite where nothing varies
Norm = Callable[[int], nn.Module]  # makes a normalisation over the last dimension


class MultiHeadAttention(nn.Module):
    """softmax(q k' / sqrt(d / heads)) v over valid keys, by heads.

    Shape:
        query: (B, Tq, d); keys: stream (B, Tk, d); output (B, Tq, d)
    """

    def __init__(self, d: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.q, self.k = nn.Linear(d, d), nn.Linear(d, d)
        self.v, self.out = nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, query: Tensor, keys: Stream) -> Tensor:
        attended = F.scaled_dot_product_attention(
            self._split(self.q(query)),
            self._split(self.k(keys.values)),
            self._split(self.v(keys.values)),
            attn_mask=keys.mask[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        out: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, heads, T, d / heads)


class FeedForward(nn.Sequential):
    """Linear, ReLU, dropout, Linear, position by position; (B, T, d) -> (B, T, d or `out`)."""

    def __init__(self, d: int, ff: int, dropout: float, out: int | None = None) -> None:
        wide = d if out is None else out
        super().__init__(nn.Linear(d, ff), nn.ReLU(), nn.Dropout(dropout), nn.Linear(ff, wide))


class SelfAttention(nn.Module):
    """SA: x = LN(x + drop(MHA(x, x))); x = LN(x + drop(FFN(x)))."""

    def __init__(
        self, d: int, heads: int, ff: int, dropout: float, *, norm: Norm = nn.LayerNorm
    ) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d, heads, dropout)
        self.feed_forward = FeedForward(d, ff, dropout)
        self.norm1, self.norm2 = norm(d), norm(d)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Stream) -> Stream:
        y = self.norm1(x.values + self.drop(self.attention(x.values, x)))
        y = self.norm2(y + self.drop(self.feed_forward(y)))
        return Stream(y, x.lengths, x.mask)


class GuidedAttention(nn.Module):
    """SGA: y attends itself, then (as the query) the guide, then goes through the FFN."""

    def __init__(
        self, d: int, heads: int, ff: int, dropout: float, *, norm: Norm = nn.LayerNorm
    ) -> None:
        super().__init__()
        self.own = MultiHeadAttention(d, heads, dropout)
        self.guided = MultiHeadAttention(d, heads, dropout)
        self.feed_forward = FeedForward(d, ff, dropout)
        self.norm1, self.norm2, self.norm3 = norm(d), norm(d), norm(d)
        self.drop = nn.Dropout(dropout)

    def forward(self, y: Stream, guide: Stream) -> Stream:
        x = self.norm1(y.values + self.drop(self.own(y.values, y)))
        x = self.norm2(x + self.drop(self.guided(x, guide)))
        x = self.norm3(x + self.drop(self.feed_forward(x)))
        return Stream(x, y.lengths, y.mask)


class CoAttention(nn.Module):
    """A guide through its self-attentions; its final state guides every layer of the other."""

    def __init__(self, model: VcemoSettings) -> None:
        super().__init__()
        sizes = (model.d, model.heads, model.ff, model.dropout)
        self.guide = nn.ModuleList(SelfAttention(*sizes) for _ in range(model.layers))
        self.guided = nn.ModuleList(GuidedAttention(*sizes) for _ in range(model.layers))

    def forward(self, guide: Stream, guided: Stream) -> tuple[Stream, Stream]:
        for layer in self.guide:
            guide = layer(guide)
        for layer in self.guided:
            guided = layer(guided, guide)
        return guide, guided


class AttentionPool(nn.Module):
    """MCAN's AttFlat with one glimpse: softmax over time of a small MLP; (B, T, d) -> (B, d).

    Its merging linear layer is left out: the trunk that follows begins with one.
    """

    def __init__(self, d: int, dropout: float) -> None:
        super().__init__()
        self.score = FeedForward(d, d, dropout, out=1)

    def forward(self, x: Stream) -> Tensor:
        return (self.weights(x) @ blank(x.values, x.mask)).squeeze(1)

    def weights(self, x: Stream) -> Tensor:
        """Of each step, 0 in the padding; (B, 1, T)."""
        scores = self.score(x.values).transpose(1, 2)
        return masked_softmax(scores, x.mask[:, None])


class StatisticsPool(AttentionPool):
    """Mean and deviation over time under the same weights (Okabe et al. 2018).

    Shape:
        stream (B, T, d) -> (B, 2 d)
    """

    def forward(self, x: Stream) -> Tensor:
        weights, values = self.weights(x), blank(x.values, x.mask)
        mean = weights @ values  # (B, 1, d)
        variance = weights @ (values - mean).square()
        return torch.cat([mean, (variance + SMALL).sqrt()], dim=2).squeeze(1)
