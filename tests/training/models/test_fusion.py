from dataclasses import replace

import pytest
import torch

from training.models.fusion import AudioWordFusion, BertFusion
from training.models.sequences import make_stream, resample


@pytest.fixture
def streams(tiny):
    """Audio (or the sequence), words, and BERT."""
    torch.manual_seed(0)
    sizes = ([8, 5], [3, 2], [1, 1])
    return [make_stream(torch.randn(2, max(n), tiny.d), torch.tensor(n)) for n in sizes]


def same(found, expected):
    return torch.allclose(found[expected.mask], expected.values[expected.mask], atol=1e-6)


@pytest.mark.parametrize("guide", ["word", "audio"])
def test_the_named_stream_guides_the_first_fusion(tiny, streams, guide):
    audio, words, _ = streams
    fusion = AudioWordFusion(replace(tiny, fusion1_guide=guide)).eval()
    if guide == "word":
        w, a = fusion.attention(words, audio)
    else:
        a, w = fusion.attention(audio, words)
    expected = audio._replace(values=a.values + resample(w, audio.lengths, 8))
    assert same(fusion(audio, words).values, expected)


@pytest.mark.parametrize("guide", ["sequence", "bert"])
def test_the_named_stream_guides_the_second_fusion(tiny, streams, guide):
    sequence, _, bert = streams
    fusion = BertFusion(replace(tiny, fusion2_guide=guide)).eval()
    if guide == "sequence":
        s, b = fusion.attention(sequence, bert)
    else:
        b, s = fusion.attention(bert, sequence)
    found = fusion(sequence, bert).values
    assert same(found[:, :8], s)
    assert same(found[:, 8:], b)
