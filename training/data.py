"""From rows of a tensor cache to padded, normalised batches."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.batch import Batch
from training.cache import ORIGINAL, TensorCache
from training.distributed import world_size
from training.draw import draw_balanced, draw_views, seed_of, shuffled_batches, sorted_batches
from training.fit import check_fit
from training.model_settings import (
    ModelSettings,
    VcemoSettings,
    reads_word_ids,
    reads_word_vectors,
)
from training.normalise import Normalisation, Rows
from training.ragged import Padded, Ragged, open_ragged, rounded
from training.ratings import unit_ratings
from training.recycled import Recycled
from training.settings import RunSettings, files_of
from training.vocabulary import FIRST_WORD, Vocabulary, Word, learn_vocabulary, read_words


@dataclass(frozen=True)
class Features:
    """The tensors one run reads, None for what it does not use.

    Shape:
        mel: values (frames, n_mels) float16; words: ids (tokens,) int32; table: (packed words,
            word_dim) float32; bert: (utterances, bert_dim) float32, or one state per token,
            (tokens, bert_dim) float16; align: (tokens, 2) int32 frames of each word; ratings:
            (rows, dimensions) float32, scales from -1 to 1, NaN where unknown
    """

    cache: TensorCache
    mel: Ragged | None
    words: Ragged | None
    table: Tensor | None
    bert: Tensor | Ragged | None
    align: Ragged | None
    names: tuple[Word, ...]  # of the ids from 2 on, for a model that knows words by number
    shows_vectors: bool  # of words
    numbers: Tensor | None = None  # of each id in the vocabulary of a fold
    room: Recycled = field(default_factory=Recycled, compare=False)  # where batches are made
    few_sizes: bool = False  # pad to a few lengths, for what is compiled or recorded for each
    ratings: Tensor | None = None  # for a run that learns dimensions; on the host

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """What batches are sorted by: frames, without audio words, all alike without either."""
        if self.mel is not None:
            return self.cache.frames[rows]
        if self.words is not None:
            counts: NDArray[np.int64] = np.diff(self.words.offsets.numpy())
            return counts[self.cache.utterance[rows]]
        return np.ones(len(rows), dtype=np.int64)

    def collate(self, rows: Rows, normalise: Normalisation | None) -> Batch:
        """The padded batch of some rows of the index, gathered all at once where the values lie."""
        index = torch.from_numpy(rows)
        utterance = torch.from_numpy(self.cache.utterance[rows])
        mel = mel_len = word_len = bert_len = None
        word = word_id = align = bert = None
        if self.mel is not None:
            assert normalise is not None, "audio needs its normalisation"
            frames = self._pad(self.mel, index, torch.float32)
            normalise(frames.values, index)
            mel, mel_len = frames.clear(), frames.lengths
        if self.words is not None:
            assert self.table is not None
            tokens = self._pad(self.words, utterance, torch.int64)
            ids, word_len = tokens.clear(), tokens.lengths  # 0 is padding, whose vector is zero
            word = self.table[ids] if self.shows_vectors else None
            word_id = self.numbers[ids] if self.numbers is not None else None
        if self.align is not None:
            spans = self._pad(self.align, utterance, torch.int64)
            align = self._spans_in_view(spans.clear(), rows)
        if isinstance(self.bert, Ragged):
            states = self._pad(self.bert, utterance, torch.float32)
            bert, bert_len = states.clear(), states.lengths
        elif self.bert is not None:
            bert = self.bert[utterance.to(self.bert.device, non_blocking=True)]
        return Batch(
            mel=mel,
            mel_len=mel_len,
            word=word,
            word_len=word_len,
            bert=bert,
            bert_len=bert_len,
            label=torch.from_numpy(self.cache.label[rows]),
            row=index,
            word_id=word_id,
            align=align,
            ratings=None if self.ratings is None else self.ratings[index],
        )

    @property
    def device(self) -> torch.device:
        """Where the values lie; lengths and spans of words are always on the host."""
        return self._values()[0].device

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return sum(x.nbytes for x in self._values())

    def to(self, device: torch.device) -> "Features":
        """The same with its values on `device`."""
        return replace(
            self,
            mel=None if self.mel is None else self.mel.to(device),
            words=None if self.words is None else self.words.to(device),
            table=None if self.table is None else self.table.to(device),
            bert=None if self.bert is None else self.bert.to(device),
            numbers=None if self.numbers is None else self.numbers.to(device),
        )

    def _values(self) -> list[Tensor]:
        ragged = (x.values for x in (self.mel, self.words, self.bert) if isinstance(x, Ragged))
        plain = (x for x in (self.table, self.bert, self.numbers) if isinstance(x, Tensor))
        return [*ragged, *plain]

    def learn_words(self, rows: Rows) -> Vocabulary:
        """The words that the texts of some rows are made of."""
        assert self.words is not None
        shown = torch.from_numpy(np.unique(self.cache.utterance[rows]))
        return learn_vocabulary(self.names, self._pad(self.words, shown, torch.int64).clear())

    def knowing(self, vocabulary: Vocabulary) -> "Features":
        """The same, with words shown by their number in a vocabulary."""
        return replace(self, numbers=vocabulary.numbers(self.names))

    def vectors_of(self, vocabulary: Vocabulary) -> Tensor:
        """What an embedding of a vocabulary starts from; zero where there is no vector.

        Shape:
            (vocabulary, word_dim) float32
        """
        assert self.table is not None
        table, numbers = self.table.cpu(), vocabulary.numbers(self.names)
        known = numbers >= FIRST_WORD
        vectors = table.new_zeros(len(vocabulary), table.shape[1])
        return vectors.index_copy(0, numbers[known], table[known])

    def _pad(self, ragged: Ragged, rows: Tensor, dtype: torch.dtype) -> Padded:
        size = ragged.longest(rows)
        return ragged.pad(rows, dtype, self.room, rounded(size) if self.few_sizes else size)

    def _spans_in_view(self, spans: Tensor, rows: Rows) -> Tensor:
        """Frames of the originals (B, Tw, 2) as frames of the rows: a view may be longer."""
        durations, cache = self.cache.durations_s, self.cache
        original = cache.view_rows(ORIGINAL)[cache.utterance[rows]]
        stretch = torch.from_numpy(durations[rows] / durations[original]).to(spans.device)
        return (spans * stretch[:, None, None]).round().long()


def open_features(cache: TensorCache, run: RunSettings) -> Features:
    """The tensors of the run's modalities, memory-mapped.

    Raises:
        ValueError: the cache is of another task, lacks the text source, a view or a file, or a
            file contradicts the index or meta.json.
    """
    check_fit(cache, run)
    mel = words = table = bert = align = None
    names: tuple[Word, ...] = ()
    files = files_of(run)
    utterances = int(cache.meta["utterances"])
    if "audio" in files:
        mel = open_ragged(cache, files["audio"], "values", len(cache.frames))
        _check_width(cache, "mel", mel.values, "n_mels")
        if not np.array_equal(np.diff(mel.offsets.numpy()), cache.frames):
            raise ValueError(f"{cache.folder}: mel offsets and index disagree; pack the task again")
    if "words" in files:
        words = open_ragged(cache, files["words"], "ids", utterances)
        table = cache.tensors(files["words"])["table"]
        _check_width(cache, "words", table, "word_dim")
        if reads_word_ids(run.model):
            names = read_words(cache.tensors(files["words"])["vocabulary"])
    if "align" in files:
        assert words is not None
        align = Ragged(cache.tensors(files["align"])["frames"], words.offsets)
    if "bert" in files:
        bert = _open_bert(cache, files["bert"], run.model, utterances)
    shows_vectors = reads_word_vectors(run.model)
    ratings = torch.from_numpy(unit_ratings(cache)) if run.training.regression else None
    return Features(cache, mel, words, table, bert, align, names, shows_vectors, ratings=ratings)


def _open_bert(
    cache: TensorCache, name: str, model: ModelSettings, utterances: int
) -> Tensor | Ragged:
    """BERT as the model reads it: a vector for each utterance, or the states of its tokens."""
    assert isinstance(model, VcemoSettings), "no other model reads BERT"
    if model.bert == "tokens":
        states = open_ragged(cache, name, "states", utterances)
        _check_width(cache, "bert", states.values, "bert_dim")
        return states
    vectors = cache.tensors(name)[model.bert]
    _check_width(cache, "bert", vectors, "bert_dim")
    if len(vectors) != utterances:
        raise ValueError(f"{cache.folder}: {len(vectors)} BERT vectors for {utterances} utterances")
    return vectors


def epoch_rows(features: Features, rows: Rows, run: RunSettings, *names: object) -> list[Rows]:
    """The batches of a training epoch as rows of the index: views drawn, lengths together.

    With balanced sampling there are as many, but each class is shown as often as any other. In view
    pairs each utterance is shown twice, as it is and, next to it in the same batch, as drawn among
    its views. `names` (fold, seed, epoch) decide every draw.
    """
    cache = features.cache
    if run.training.sampling == "balanced":
        rows = rows[draw_balanced(cache.label[rows], seed_of("sampling", *names))]
    heard = run.training.views if "audio" in run.modalities else ()  # a view has the same text
    views = [cache.view_rows(view)[cache.utterance[rows]] for view in heard]
    share = run.training.view_probability
    shown = draw_views(rows, views, share, seed_of("views", *names))
    side_by_side = [rows, shown] if run.training.view_pairs and heard else [shown]
    table = np.stack(side_by_side, axis=1)  # (utterances, 1 or 2)
    lengths = np.max([features.lengths(column) for column in table.T], axis=0)
    size = run.training.batch_size // len(side_by_side)
    least = -(-max(2, world_size()) // len(side_by_side))  # each process needs a row
    batches = shuffled_batches(lengths, size, least, seed_of("batches", *names))
    return [table[batch].ravel() for batch in batches]


def scoring_rows(features: Features, rows: Rows, batch_size: int) -> list[Rows]:
    """Batches that show each row once, lengths together."""
    return [rows[batch] for batch in sorted_batches(features.lengths(rows), batch_size)]


def _check_width(cache: TensorCache, name: str, values: Tensor, key: str) -> None:
    if values.shape[1] != cache.meta[key]:
        expected = f"meta.json says {key} = {cache.meta[key]}"
        raise ValueError(f"{cache.folder}: {name} is {values.shape[1]} wide, {expected}")
