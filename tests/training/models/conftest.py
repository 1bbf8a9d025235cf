"""Random batches for the networks."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from training.batch import Batch
from training.models.interface import InputSizes
from training.models.recurrent import BothDirections

SIZES = InputSizes(n_mels=80, word_dim=300, bert_dim=768, vocabulary=20)


def random_batch(mel_lengths: Sequence[int], word_lengths: Sequence[int], seed: int = 0) -> Batch:
    """Random inputs of these lengths; the padding holds random values too."""
    generator = torch.Generator().manual_seed(seed)
    n = len(mel_lengths)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    steps = torch.arange(max(word_lengths) + 1)[None] * torch.tensor(mel_lengths)[:, None]
    borders = steps // torch.tensor(word_lengths)[:, None]  # words share the frames evenly
    return Batch(
        mel=normal(n, max(mel_lengths), SIZES.n_mels),
        mel_len=torch.tensor(mel_lengths),
        word=normal(n, max(word_lengths), SIZES.word_dim),
        word_len=torch.tensor(word_lengths),
        bert=normal(n, SIZES.bert_dim),
        bert_len=None,
        label=torch.arange(n) % 4,
        row=torch.arange(n),
        word_id=torch.randint(1, SIZES.vocabulary, (n, max(word_lengths)), generator=generator),
        align=torch.stack([borders[:, :-1], borders[:, 1:]], dim=2),
    )


def take(batch: Batch, order: Sequence[int]) -> Batch:
    """Some samples of a batch, in the given order, padding as it was."""
    index = torch.tensor(order)
    fields = {name: getattr(batch, name) for name in Batch.__dataclass_fields__}
    return Batch(**{k: v[index] if isinstance(v, torch.Tensor) else v for k, v in fields.items()})


def pad_more(batch: Batch, mel: int, word: int) -> Batch:
    """The same samples with this much more padding, of large random values."""

    def longer(x: torch.Tensor, k: int) -> torch.Tensor:
        noise = 50 * torch.randn(len(x), k, *x.shape[2:], dtype=torch.float64)
        garbage = noise if x.is_floating_point() else noise.abs() % SIZES.vocabulary
        return torch.cat([x, garbage.to(x.dtype)], dim=1)

    assert batch.mel is not None
    streams = {name: longer(getattr(batch, name), word) for name in ("word", "word_id", "align")}
    return replace(batch, mel=longer(batch.mel, mel), **streams)


def run_both_ways(layer: BothDirections, x: torch.Tensor) -> torch.Tensor:
    """All states of an LSTM or GRU each way over one whole sequence; (T, in) -> (T, 2 hidden)."""
    return torch.cat([layer.ahead(x)[0], layer.back(x.flip(0))[0].flip(0)], dim=1)


@pytest.fixture(scope="session")
def both_ways() -> Callable[..., torch.Tensor]:
    """Runs a layer in both directions over a sequence without padding."""
    return run_both_ways


@pytest.fixture(scope="session")
def sizes() -> InputSizes:
    """The widths of real inputs: 80 mel bins, 300-d words, 768-d BERT."""
    return SIZES


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Batch]:
    """Makes a random batch of given lengths."""
    return random_batch


@pytest.fixture(scope="session")
def take_samples() -> Callable[..., Batch]:
    """Takes samples out of a batch."""
    return take


@pytest.fixture(scope="session")
def extend_padding() -> Callable[..., Batch]:
    """Adds padding of random values to a batch."""
    return pad_more
