"""Laws of the sentence vectors, above all: a text's vectors depend on nothing beside it."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from features.bert import BertFeatures, BertParams, TextEncoder, embed, load
from tests.tiny_models import make_bert

PARAMS = BertParams(
    models={}, max_tokens=48, batch_size=4, dtype="float32", tokens=True, allow_pickle=False
)
# Lengths on both sides of the padding steps, empty and too long texts among them.
TEXTS = [
    "",
    "a",
    "我好",
    "happy",
    *("ab " * n for n in (1, 2, 3, 4, 5, 11, 12, 23, 24, 40)),
    "天气",
]


@pytest.fixture(scope="module")
def encoder(bert_dir: Path) -> TextEncoder:
    return load(bert_dir)


@pytest.fixture(scope="module")
def together(encoder: TextEncoder) -> BertFeatures:
    return embed(TEXTS, encoder, PARAMS)


def assert_same_bits(part: BertFeatures, whole: BertFeatures, rows: list[int]) -> None:
    np.testing.assert_array_equal(part.first, whole.first[rows])
    np.testing.assert_array_equal(part.mean, whole.mean[rows])
    np.testing.assert_array_equal(part.n_tokens, whole.n_tokens[rows])
    np.testing.assert_array_equal(part.truncated, whole.truncated[rows])
    assert part.token_states is not None
    assert whole.token_states is not None
    for states, row in zip(part.token_states, rows, strict=True):
        np.testing.assert_array_equal(states, whole.token_states[row])


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.integers(0, len(TEXTS) - 1), max_size=12))
def test_any_choice_and_order_of_texts_gives_the_same_bits(
    encoder: TextEncoder, together: BertFeatures, rows: list[int]
) -> None:
    assert_same_bits(embed([TEXTS[r] for r in rows], encoder, PARAMS), together, rows)


def test_one_text_at_a_time_gives_the_same_bits(
    encoder: TextEncoder, together: BertFeatures
) -> None:
    for row, text in enumerate(TEXTS):
        assert_same_bits(embed([text], encoder, PARAMS), together, [row])


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    """Wide enough for the matrix library to block and share out its products as for real models."""
    path = tmp_path_factory.mktemp("bert") / "wide"
    return load(make_bert(path, LETTERS, dim=384, layers=4, positions=128))


LETTERS = list("abcdefghijklmnopqrstuvwxyz")
WIDE_PARAMS = replace(PARAMS, max_tokens=100, batch_size=8)


def random_texts(lengths: Iterable[int]) -> list[str]:
    """Texts of so many letters; two special tokens come on top."""
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(LETTERS, n)) for n in lengths]


def test_a_real_shape_gives_the_same_bits_in_any_order(wide: TextEncoder) -> None:
    rng = np.random.default_rng(0)
    texts = random_texts(rng.integers(1, 40, 40))
    whole = embed(texts, wide, WIDE_PARAMS)
    for size in (40, 17, 9, 1, 1):
        rows = rng.permutation(len(texts))[:size].tolist()
        assert_same_bits(embed([texts[r] for r in rows], wide, WIDE_PARAMS), whole, rows)


def test_a_full_batch_of_one_length_gives_the_bits_of_each_text_alone(wide: TextEncoder) -> None:
    # 16 and 24 tokens are whole padding steps: here a batch could be without any padding.
    texts = random_texts([14] * 8 + [22] * 8)
    whole = embed(texts, wide, WIDE_PARAMS)
    for row, text in enumerate(texts):
        assert_same_bits(embed([text], wide, WIDE_PARAMS), whole, [row])


def test_the_callers_threads_change_no_bit_and_are_given_back(wide: TextEncoder) -> None:
    texts = random_texts(range(1, 41))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = embed(texts, wide, WIDE_PARAMS)
        torch.set_num_threads(2)
        assert_same_bits(embed(texts, wide, WIDE_PARAMS), one, list(range(len(texts))))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_padding_agrees_with_the_text_alone_unpadded(
    encoder: TextEncoder, together: BertFeatures
) -> None:
    for row, text in enumerate(TEXTS):
        ids = encoder.tokenizer(text, truncation=True, max_length=48, return_tensors="pt")
        with torch.inference_mode():
            states = encoder.model(**ids).last_hidden_state[0].numpy()
        np.testing.assert_allclose(together.first[row], states[0], atol=1e-5)
        np.testing.assert_allclose(together.mean[row], states.mean(0), atol=1e-5)
        assert together.n_tokens[row] == len(states)
        assert together.token_states is not None
        assert together.token_states[row].dtype == np.float16
        np.testing.assert_allclose(together.token_states[row], states, atol=4e-3)


def test_dimension_and_type_come_from_the_model(
    encoder: TextEncoder, together: BertFeatures
) -> None:
    assert encoder.dimension == 32
    assert together.first.shape == together.mean.shape == (len(TEXTS), 32)
    assert together.first.dtype == together.mean.dtype == np.float32
    assert not encoder.model.training


def test_only_texts_over_the_limit_are_marked_as_cut(encoder: TextEncoder) -> None:
    texts = ["a " * 45, "a " * 46, "a " * 47, "a " * 500]  # and two special tokens each
    features = embed(texts, encoder, PARAMS)
    assert features.truncated.tolist() == [False, False, True, True]
    assert features.n_tokens.tolist() == [47, 48, 48, 48]
    np.testing.assert_array_equal(features.mean[2], features.mean[3])


def test_an_empty_text_is_its_special_tokens(together: BertFeatures) -> None:
    assert together.n_tokens[0] == 2
    assert together.mean[0].any()


def test_no_texts_give_no_rows(encoder: TextEncoder) -> None:
    features = embed([], encoder, PARAMS)
    assert features.first.shape == (0, 32)
    assert features.truncated.shape == features.n_tokens.shape == (0,)


@pytest.mark.parametrize("max_tokens", [2, 64, 512])
def test_a_limit_that_does_not_fit_the_model_is_refused(
    encoder: TextEncoder, max_tokens: int
) -> None:
    params = replace(PARAMS, max_tokens=max_tokens)
    with pytest.raises(ValueError, match=rf"bert\.max_tokens is {max_tokens}: expected 3 to 63"):
        embed(["a"], encoder, params)


def test_the_longest_allowed_text_keeps_a_column_of_padding(encoder: TextEncoder) -> None:
    params = replace(PARAMS, max_tokens=63, batch_size=2)
    texts = ["a " * 61, "b " * 61, "c"]
    whole = embed(texts, encoder, params)
    for row, text in enumerate(texts):
        assert_same_bits(embed([text], encoder, params), whole, [row])


def test_a_directory_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no config\.json"):
        load(tmp_path)


def test_missing_weights_are_never_made_up(bert_dir: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(bert_dir, tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    gone = next(name for name in tensors if "layer.1" in name)
    save_file({k: v for k, v in tensors.items() if k != gone}, copy / "model.safetensors")
    with pytest.raises(ValueError, match="lack 1 tensors"):
        load(copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(copy, allow_pickle=True)


def test_a_pickle_is_read_only_where_it_is_allowed(
    bert_dir: Path, encoder: TextEncoder, tmp_path: Path
) -> None:
    copy = shutil.copytree(bert_dir, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    torch.save(encoder.model.state_dict(), copy / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"no weights as safetensors.*bert\.allow_pickle: true"):
        load(copy)
    unpickled = load(copy, allow_pickle=True)
    assert_same_bits(
        embed(TEXTS, unpickled, PARAMS), embed(TEXTS, encoder, PARAMS), [*range(len(TEXTS))]
    )


def test_bfloat16_gives_nearly_the_same_vectors_in_float32(
    bert_dir: Path, together: BertFeatures
) -> None:
    params = replace(PARAMS, dtype="bfloat16", tokens=False)
    short = embed(TEXTS, load(bert_dir, "bfloat16"), params)
    assert short.token_states is None
    assert short.mean.dtype == np.float32
    assert not np.array_equal(short.mean, together.mean)
    np.testing.assert_allclose(short.mean, together.mean, atol=0.05)


def test_a_tokenizer_without_a_padding_token_is_refused(bert_dir: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    copy = shutil.copytree(bert_dir, tmp_path / "copy")
    tokenizer = AutoTokenizer.from_pretrained(copy)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(copy)
    with pytest.raises(ValueError, match=r"has no padding token.*tokenizer_config\.json"):
        load(copy)


def test_another_models_tokenizer_is_refused(bert_dir: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert_dir, tmp_path / "copy")
    vocabulary = (copy / "vocab.txt").read_text(encoding="utf-8")
    (copy / "vocab.txt").write_text(vocabulary + "more\n", encoding="utf-8")
    with pytest.raises(ValueError, match="do not belong together"):
        load(copy)


FAMILIES = ("roberta", "xlm-roberta", "distilbert", "electra")
WORDS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *LETTERS)


def make_family(family: str, directory: Path) -> Path:
    """A random encoder of another family than BERT, with a tokenizer as RoBERTa's."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    sizes = {"vocab_size": len(WORDS), "pad_token_id": 1, "max_position_embeddings": 66}
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, num_attention_heads=4, hidden_size=32, **sizes)
    AutoModel.from_config(config).save_pretrained(directory)
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", model_max_length=64
    ).save_pretrained(directory)
    return directory


@pytest.mark.parametrize("family", FAMILIES)
def test_encoders_of_other_families_give_what_the_text_alone_gives(
    family: str, tmp_path: Path
) -> None:
    encoder = load(make_family(family, tmp_path / family))
    texts = ["a b c", "d", "e " * 30, "f " * 60]
    made = embed(texts, encoder, PARAMS)
    assert made.n_tokens.tolist() == [5, 3, 32, 48]
    for row, text in enumerate(texts[:3]):
        ids = torch.tensor([[0, *(WORDS.index(letter) for letter in text.split()), 2]])
        with torch.inference_mode():
            states = encoder.model(input_ids=ids).last_hidden_state[0].numpy()
        np.testing.assert_allclose(made.first[row], states[0], atol=1e-5)
        np.testing.assert_allclose(made.mean[row], states.mean(0), atol=1e-5)


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel

    sizes = {"vocab_size": 8, "d_model": 8, "d_kv": 2, "num_heads": 4, "d_ff": 8, "num_layers": 1}
    path = make_family("distilbert", tmp_path / "t5")  # for its tokenizer
    AutoModel.from_config(AutoConfig.for_model("t5", **sizes)).save_pretrained(path)
    with pytest.raises(ValueError, match=r"an encoder with a decoder \(t5\)"):
        load(path)


def test_a_missing_or_cut_off_vocabulary_is_refused(bert_dir: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert_dir, tmp_path / "copy")
    words = (copy / "vocab.txt").read_text(encoding="utf-8")
    (copy / "vocab.txt").write_text(words[: len(words) // 2], encoding="utf-8")
    with pytest.raises(ValueError, match="do not belong together, or a file was cut off"):
        load(copy)
    (copy / "vocab.txt").unlink()
    with pytest.raises(ValueError, match=r"has no tokenizer: expected one of .*vocab\.txt"):
        load(copy)


def test_cut_off_weights_are_refused(bert_dir: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert_dir, tmp_path / "copy")
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ValueError, match=r"copy cannot be loaded: .*deserializing"):
        load(copy)
