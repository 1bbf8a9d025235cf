"""Sentence vectors by a BERT-like encoder: the last layer's first token and the mean of its tokens.

A text's vectors are bit-identical whatever texts are computed beside it, before it or after it, so
that an incremental run leaves the same bytes as a clean one. Three things make it so:

* The shape of a batch depends on the text alone: always `batch_size` rows (short batches are filled
  up), padded to the next multiple of 8 above the text's own length. Matrix products of one shape
  are summed in one order, whichever row a text sits in (`batch_size` 1 needs not even that).
* There is always a padding column: transformers drops the attention mask of a batch without any
  padding, which may choose another attention kernel (it does on GPUs), by the neighbours' lengths.
* One thread: on two threads 107 of 256 texts differed in their last bits from those on one. Use
  processes to use cores.

Measured on one core of a Xeon, 256 texts of about 19 tokens, texts per second: 6 layers of 384 one
at a time 94, in batches of 8 175, of 16 176, of 32 151; 12 layers of 768 (32 texts only) one at a
time 11, in batches of 8 19, of 32 7. Hence fixed batches, and 8 as a good size, since a corpus that
grows by a few texts pays for whole batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from features.threads import one_thread

_LENGTH_STEP = 8  # tokens
_KNOWN_SHARE = (
    0.9  # of a model's tokens a tokenizer knows: tables are rounded up, by less than that
)


@dataclass(frozen=True)
class BertParams:
    """Parameters of the bert stage."""

    models: dict[str, str]  # language or "default" -> directory or hub name
    max_tokens: int  # longer texts are cut, special tokens included
    batch_size: int  # texts per batch; changes the last bits of the values
    dtype: Literal["float32", "bfloat16"]  # of the encoder's arithmetic
    tokens: bool  # keep the state of every token too
    allow_pickle: bool  # take weights that are a pickle, which can run code when it is read


@dataclass(frozen=True)
class TextEncoder:
    """A loaded encoder with its tokenizer."""

    model: Any
    tokenizer: Any
    dimension: int
    max_positions: int  # tokens that the model can take


@dataclass(frozen=True)
class BertFeatures:
    """Vectors of n texts, in the order of the texts."""

    first: NDArray[np.float32]  # [n, dim], last layer's state of the first token ([CLS])
    mean: NDArray[np.float32]  # [n, dim], mean over all tokens, special ones included
    n_tokens: NDArray[np.int32]  # [n], after truncation, special ones included
    truncated: NDArray[np.bool_]  # [n]
    token_states: list[NDArray[np.float16]] | None  # n times [n_tokens, dim]; None if not asked for


def embed(texts: Sequence[str], encoder: TextEncoder, params: BertParams) -> BertFeatures:
    """Encode texts; the result of each depends on that text, the encoder and `params` alone.

    Shape: n texts -> first, mean [n, dim]; n_tokens, truncated [n]; token_states n [n_tokens, dim].
    An empty text is valid (its special tokens). ValueError if `max_tokens` does not fit the model.
    """
    check_max_tokens(encoder, params.max_tokens)
    ids, truncated = _token_ids(texts, encoder.tokenizer, params.max_tokens)
    first = np.zeros((len(texts), encoder.dimension), np.float32)
    mean = np.zeros_like(first)
    states: list[NDArray[np.float16]] = [np.zeros((0, encoder.dimension), np.float16)] * len(texts)
    with one_thread():
        for length, rows in _batches(ids, params.batch_size, encoder.max_positions):
            chosen = [ids[row] for row in rows]
            each, mean[rows] = _encode(chosen, length, encoder, params.batch_size)
            first[rows] = each[:, 0]
            for row, state in zip(rows, each, strict=True) if params.tokens else ():
                states[row] = state[: len(ids[row])].astype(np.float16)
    counts = np.array([len(i) for i in ids], np.int32)
    return BertFeatures(first, mean, counts, truncated, states if params.tokens else None)


def load(path: Path, dtype: str = "float32", *, allow_pickle: bool = False) -> TextEncoder:
    """Load a local model directory with AutoModel and AutoTokenizer, in eval mode.

    No code of the directory is ever run, and weights are read from safetensors; from a pickle only
    where `allow_pickle`. ValueError if the directory holds no complete encoder.
    """
    if not (path / "config.json").is_file():
        raise ValueError(
            f"bert: {path} is no model directory (it has no config.json): "
            "expected what `save_pretrained` of transformers writes"
        )
    if not allow_pickle and not any(path.glob("*.safetensors")):
        raise ValueError(
            f"bert: {path} has no weights as safetensors (*.safetensors): convert them "
            "(`save_pretrained` writes them so), or, if you trust who made them, set "
            "bert.allow_pickle: true in params.yaml"
        )
    model, tokenizer = _load_transformers(path, dtype)
    config = model.config
    if config.is_encoder_decoder:
        raise ValueError(
            f"bert: {path} is an encoder with a decoder ({config.model_type}), whose last states "
            "are the decoder's: expected an encoder, as BERT, RoBERTa or XLM-R"
        )
    _check_tokenizer(path, tokenizer, config.vocab_size)
    positions = getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length
    return TextEncoder(
        model, tokenizer, config.hidden_size, min(positions, tokenizer.model_max_length)
    )


def _load_transformers(path: Path, dtype: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # a stage has its own
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, **options)
        model, info = AutoModel.from_pretrained(
            path, dtype=getattr(torch, dtype), output_loading_info=True, **options
        )
    except Exception as error:  # transformers, tokenizers and safetensors raise what they like
        raise ValueError(f"bert: the model {path} cannot be loaded: {error}") from error
    # A pooler that was not saved does no harm: we do not use it. Anything else would be random.
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise ValueError(
            f"bert: the weights in {path} lack {len(missing)} tensors of the model "
            f"({missing[0]}, ...): expected the weights of the encoder that config.json describes"
        )
    return model.eval(), tokenizer


def _check_tokenizer(path: Path, tokenizer: Any, vocab_size: int) -> None:
    """Refuse a tokenizer that is not this model's; transformers makes do with no vocabulary."""
    files = sorted(tokenizer.vocab_files_names.values())
    if not any((path / name).is_file() for name in files):
        raise ValueError(
            f"bert: {path} has no tokenizer: expected one of {', '.join(files)} in it, as "
            "`save_pretrained` of the tokenizer writes them"
        )
    if not _KNOWN_SHARE * vocab_size <= len(tokenizer) <= vocab_size:
        raise ValueError(
            f"bert: the tokenizer of {path} knows {len(tokenizer)} tokens, its model "
            f"{vocab_size}: the two do not belong together, or a file was cut off"
        )
    if tokenizer.pad_token_id is None:
        raise ValueError(
            f"bert: the tokenizer of {path} has no padding token, which batches need: set "
            '"pad_token" in its tokenizer_config.json to a token of its vocabulary'
        )


def check_max_tokens(encoder: TextEncoder, max_tokens: int) -> None:
    """ValueError if the model cannot take texts of `max_tokens`."""
    # One position stays free for the padding column.
    low, high = encoder.tokenizer.num_special_tokens_to_add() + 1, encoder.max_positions - 1
    if not low <= max_tokens <= high:
        raise ValueError(
            f"bert.max_tokens is {max_tokens}: expected {low} to {high} for this model "
            "(its positions less one, which padding needs)"
        )


def _token_ids(
    texts: Sequence[str], tokenizer: Any, max_tokens: int
) -> tuple[list[list[int]], NDArray[np.bool_]]:
    """Token ids of each text, cut to `max_tokens`, and which of them were cut."""
    if not texts:
        return [], np.zeros(0, bool)
    whole = tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
    cut = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"]
    return cut, np.array([len(w) > max_tokens for w in whole])


def _batches(
    ids: list[list[int]], batch_size: int, max_positions: int
) -> Iterator[tuple[int, list[int]]]:
    """Padded length and row numbers of every batch, shortest first."""
    rows_of: dict[int, list[int]] = {}
    for row, tokens in enumerate(ids):
        length = (len(tokens) // _LENGTH_STEP + 1) * _LENGTH_STEP
        rows_of.setdefault(min(length, max_positions), []).append(row)
    for length, rows in sorted(rows_of.items()):
        for start in range(0, len(rows), batch_size):
            yield length, rows[start : start + batch_size]


def _encode(
    ids: list[list[int]], length: int, encoder: TextEncoder, batch_size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run one batch of fixed shape.

    Shape: k <= batch_size texts -> tokens [batch_size, length] -> states [k, length, dim] (those of
    padding too), their mean [k, dim].
    """
    import torch

    tokens = torch.full((batch_size, length), encoder.tokenizer.pad_token_id, dtype=torch.long)
    mask = torch.zeros(batch_size, length, dtype=torch.long)
    mask[:, 0] = 1  # a filling row of nothing but padding would be 0 / 0 in the attention
    for row, text in enumerate(ids):
        tokens[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    with torch.inference_mode():
        states = encoder.model(input_ids=tokens, attention_mask=mask).last_hidden_state
        states = states.float()  # numpy knows no bfloat16; nothing for float32
        weights = mask.unsqueeze(-1).float()  # [batch_size, length, 1]
        mean = (states * weights).sum(1) / weights.sum(1)
    return states[: len(ids)].numpy(), mean[: len(ids)].numpy()
