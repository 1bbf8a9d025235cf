"""Tiny encoders in the real formats, made on the spot: fixtures, not models of anything.

`fit_tones` makes a Whisper learn six chords by heart, so that tests can assert exact sentences.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SENTENCES = (
    "今天天气真好。",
    "你怎么能这样对我！",
    "我真的好难过。",
    "I am so happy.",
    "Leave me alone!",
    "明天下午开会。",
)

NOTHING = "\n"  # what the fitted Whisper writes for silence: white space, so an empty text


def language_of(sentence: str) -> str:
    """Language of one of SENTENCES."""
    return "en" if sentence.isascii() else "zh"


def chord(number: int) -> NDArray[np.float32]:
    """The sound of SENTENCES[number]: 2 s at 16 kHz, three rising tones."""
    t = np.arange(32_000) / 16_000
    bend = (1 + 0.3 * number) * t * (1 + 0.1 * number * t)
    tones = [0.1 * np.sin(2 * np.pi * f_hz * bend) for f_hz in (220, 550, 1200)]
    return np.sum(tones, axis=0).astype(np.float32)


def make_vectors(
    directory: Path, language: str, words: Sequence[str], *, dim: int = 12, seed: int = 0
) -> Path:
    """A spaCy directory with a random vector per word, its source named."""
    import spacy
    from spacy.vectors import Vectors

    nlp = spacy.blank(language)
    data = np.random.default_rng(seed).standard_normal((len(words), dim), np.float32)
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=list(words))
    nlp.meta["sources"] = [{"name": "random numbers", "url": "", "license": "", "author": ""}]
    nlp.to_disk(directory)
    return directory


def make_bert(
    directory: Path, words: Sequence[str], *, dim: int = 32, layers: int = 2, positions: int = 64
) -> Path:
    """A BERT directory with random weights; `words` are its vocabulary (characters for Chinese)."""
    import torch
    from transformers import BertConfig, BertModel

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, *dict.fromkeys(words)]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=dim,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=4 * dim,
        max_position_embeddings=positions,
    )
    BertModel(config).save_pretrained(directory)
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": positions}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return directory


def make_whisper(
    directory: Path,
    *,
    dim: int = 32,
    layers: int = 1,
    heads: int = 2,
    mels: int = 80,
    tokens: int | None = None,
) -> Path:
    """A random Whisper in CTranslate2's format, of any size: it answers with nonsense.

    Args:
        tokens: end a text after about so many; without it nonsense goes on for as long as it may
    """
    model = _random_whisper(0, dim=dim, layers=layers, heads=heads, mels=mels)
    if tokens is not None:
        _end_after(model, tokens)
    _save_and_convert(model, _whisper_tokenizer(), directory)
    return directory


def fit_tones(directory: Path) -> Path:
    """A Whisper in CTranslate2's format that has SENTENCES by heart.

    Its last digits differ between machines, and with them what it learns: so it is asked, and
    another seed is tried if it got a sentence wrong.
    """
    import torch

    torch.set_num_threads(1)  # so small a model only gets slower with more
    tokenizer = _whisper_tokenizer()
    for seed in range(1, 6):
        _save_and_convert(_fitted_whisper(tokenizer, seed), tokenizer, directory)
        if _knows_by_heart(directory):
            return directory
    raise RuntimeError("the tiny Whisper learnt its sentences with none of five seeds")


def _fitted_whisper(tokenizer: Any, seed: int, *, steps: int = 200) -> Any:
    """Teach the decoder; the random encoder tells the sounds apart as it is, and runs just once."""
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    model = _random_whisper(seed)
    with torch.no_grad():
        heard = model.model.encoder(_chord_features()).last_hidden_state
    labels = _sentence_labels(tokenizer)
    weights = [*model.model.decoder.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, steps, pct_start=0.1)
    model.train()
    for _ in range(steps):
        # Noise widens the margins: CTranslate2's encoder differs from this one in its last digits.
        noisy = BaseModelOutput(last_hidden_state=heard + 0.3 * torch.randn_like(heard))
        loss = model(encoder_outputs=noisy, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
    return model.eval()


def _knows_by_heart(directory: Path) -> bool:
    """Whether greedy and beam search give every sentence, in its language."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(directory), device="cpu", compute_type="float32", cpu_threads=1)
    for number, sentence in enumerate(SENTENCES):
        for beam_size in (1, 5):
            segments, info = model.transcribe(
                chord(number), beam_size=beam_size, temperature=0.0, without_timestamps=True
            )
            if "".join(s.text for s in segments) != sentence:
                return False
            if info.language != language_of(sentence):
                return False
    return True


def _chord_features() -> Any:
    """Whisper's own log-mel of the six chords and of silence, [7, 80, 3000]."""
    import torch
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.feature_extractor import FeatureExtractor

    mel = FeatureExtractor(feature_size=80)
    sounds = [*map(chord, range(len(SENTENCES))), np.zeros(32_000, np.float32)]
    rows = [pad_or_trim(mel(sound)[..., :-1], 3000) for sound in sounds]
    return torch.tensor(np.stack(rows))


def _sentence_labels(tokenizer: Any) -> Any:
    """Token ids that the decoder is to write for each sound, [7, longest], -100 = no matter."""
    import torch

    rows = [
        [
            *map(tokenizer.token_to_id, (f"<|{language_of(s)}|>", "<|transcribe|>")),
            tokenizer.token_to_id("<|notimestamps|>"),
            *tokenizer.encode(s, add_special_tokens=False).ids,
            tokenizer.token_to_id("<|endoftext|>"),
        ]
        for s in (*SENTENCES, NOTHING)
    ]
    longest = max(map(len, rows))
    return torch.tensor([row + [-100] * (longest - len(row)) for row in rows])


def _byte_characters() -> list[str]:
    """The 256 characters that byte-level BPE writes bytes with (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(spare)) for b in range(256)]


def _whisper_tokenizer() -> Any:
    """A byte-level tokenizer with Whisper's special tokens, in the order that Whisper needs."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    characters = _byte_characters()
    space = characters[ord(" ")]
    # Without these merges faster-whisper's list of suppressed tokens would hold the plain space.
    merges = [(space, "-"), (space, "'"), (space, characters[0xE2])]
    # CTranslate2 takes a model for multilingual only if its vocabulary contains "".
    tokens = [*characters, *("".join(pair) for pair in merges), ""]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tasks = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    special = ["endoftext", "startoftranscript", *_LANGUAGE_CODES, *tasks]
    tokenizer.add_special_tokens(
        [AddedToken(f"<|{name}|>", special=True, normalized=False) for name in special]
    )
    times = [AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False) for i in range(1501)]
    tokenizer.add_tokens(times)
    return tokenizer


def _random_whisper(
    seed: int, *, dim: int = 32, layers: int = 1, heads: int = 2, mels: int = 80
) -> Any:
    """A multilingual Whisper with random weights."""
    import torch
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    tokenizer = _whisper_tokenizer()
    ident = tokenizer.token_to_id
    end = ident("<|endoftext|>")
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    start = {"decoder_start_token_id": ident("<|startoftranscript|>")}
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        num_mel_bins=mels,
        d_model=dim,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * dim if dim > 32 else 2 * dim,
        decoder_ffn_dim=4 * dim if dim > 32 else 2 * dim,
        dropout=0.0,
        max_target_positions=448,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        **ids,
        **start,
    )
    model = WhisperForConditionalGeneration(config).eval()
    for name, weights in model.model.encoder.named_parameters():
        if weights.ndim > 1 and "embed_positions" not in name:
            # With the usual 0.02 all sounds are nearly alike to an encoder that never learns.
            torch.nn.init.normal_(weights, std=0.1)
    model.generation_config = GenerationConfig.from_dict(
        {
            **ids,
            **start,
            "max_length": 448,
            "is_multilingual": True,
            "lang_to_id": {f"<|{c}|>": ident(f"<|{c}|>") for c in _LANGUAGE_CODES},
            "task_to_id": {t: ident(f"<|{t}|>") for t in ("transcribe", "translate")},
            "no_timestamps_token_id": ident("<|notimestamps|>"),
            "suppress_tokens": [],
            "begin_suppress_tokens": [end],
            "alignment_heads": [[layers - 1, 0]],
        }
    )
    return model


def _end_after(model: Any, tokens: int) -> None:
    """From a position on nothing but the end of the text is likely: it is what the position says,
    louder than all else."""
    import torch

    decoder = model.model.decoder
    with torch.no_grad():
        # As padding too it has zeros until now; a mean of zero is what layer normalisation leaves.
        end = 0.02 * torch.tensor([1.0, -1.0]).repeat(model.config.d_model // 2)
        decoder.embed_tokens.weight[model.config.eos_token_id] = end
        decoder.embed_positions.weight[tokens:] = 100 * end / end.norm()


def _save_and_convert(model: Any, tokenizer: Any, directory: Path) -> None:
    """Write a model in transformers' format, and convert that to CTranslate2's."""
    import tempfile

    from ctranslate2.converters import TransformersConverter
    from transformers import PreTrainedTokenizerFast, WhisperFeatureExtractor

    end = "<|endoftext|>"
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, eos_token=end, bos_token=end, unk_token=end
        ).save_pretrained(saved)
        WhisperFeatureExtractor(feature_size=model.config.num_mel_bins).save_pretrained(saved)
        files = ["tokenizer.json", "preprocessor_config.json"]
        converter = TransformersConverter(saved, copy_files=files)
        converter.convert(str(directory), quantization="float32", force=True)
