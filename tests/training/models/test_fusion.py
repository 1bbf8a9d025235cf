from dataclasses import replace

import pytest
import torch

from training.models.fusion import AudioWordFusion, BertFusion, add_streams
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


def test_joined_in_time_as_many_steps_are_valid_as_the_lengths_say_though_not_the_first(
    tiny, streams
):
    sequence, _, bert = streams
    joined = BertFusion(replace(tiny, concat="time"))(sequence, bert)
    assert joined.lengths.tolist() == joined.mask.sum(dim=1).tolist() == [9, 6]
    assert joined.mask[1].tolist() == [True] * 5 + [False] * 3 + [True]


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


def test_joined_by_features_every_step_has_the_mean_of_the_valid_tokens(tiny, streams):
    sequence, tokens, _ = streams
    fusion = BertFusion(replace(tiny, concat="feature")).eval()
    s, b = fusion.attention(sequence, tokens)
    means = torch.stack([x[:n].mean(dim=0) for x, n in zip(b.values, b.lengths, strict=True)])
    expected = torch.cat([s.values, means[:, None].expand_as(s.values)], dim=2)
    found = fusion(sequence, tokens)
    assert found.lengths.tolist() == [8, 5]
    assert same(found.values, s._replace(values=expected))


def test_audio_pooled_to_the_words_is_added_to_them(streams):
    audio, words, _ = streams
    found = add_streams(audio, words, "pool_audio_to_word")
    assert found.lengths.tolist() == [3, 2]
    # 8 frames over 3 words, 5 over 2: a frame on the border belongs to both
    groups = [[(0, 3), (2, 6), (5, 8)], [(0, 3), (2, 5)]]
    for b, spans in enumerate(groups):
        means = torch.stack([audio.values[b, i:j].mean(dim=0) for i, j in spans])
        expected = words.values[b, : len(spans)] + means
        assert torch.allclose(found.values[b, : len(spans)], expected, atol=1e-6)


def test_at_a_fixed_length_streams_are_added_step_by_step_as_far_as_the_longer_one_reaches(tiny):
    """Sixty steps: longer audio is cut, and what is shorter than the other ends in zeros."""
    torch.manual_seed(0)
    audio, words = (
        make_stream(torch.randn(2, max(n), tiny.d), torch.tensor(n)) for n in ([70, 2], [3, 5])
    )
    found = add_streams(audio, words, "fixed60")
    assert found.lengths.tolist() == [60, 5]
    expected = torch.zeros(2, 60, tiny.d)
    for stream in (audio, words):
        for total, x, n in zip(expected, stream.values, stream.lengths, strict=True):
            total[:n] += x[: min(n, 60)]
    assert torch.allclose(found.values, expected, atol=1e-6)
