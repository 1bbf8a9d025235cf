from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.models.cme import Cme, mean_and_max, output_spans


def test_nine_frames_give_three_outputs_that_meet_two_words_each_its_own():
    align = torch.tensor([[[0, 2], [7, 9]]])
    spans = output_spans(align, torch.tensor([9]))
    assert spans.tolist() == [[[0, 2], [1, 3]]]  # outputs 0 and 1; outputs 1 and 2
    found = mean_and_max(torch.tensor([[[2.0], [4.0], [-6.0]]]), spans)
    assert torch.allclose(found, torch.tensor([[[3.0, 4.0], [-1.0, 4.0]]]), atol=1e-5)


def test_a_word_without_frames_is_silent():
    """In the original its maximum is -1e6."""
    spans = output_spans(torch.tensor([[[0, 0], [3, 5]]]), torch.tensor([9]))
    found = mean_and_max(torch.randn(1, 3, 2), spans)
    assert (found[0, 0] == 0).all()
    assert (found[0, 1] != 0).any()


@given(st.data())
def test_an_output_belongs_to_a_word_if_it_sees_a_frame_of_it_and_none_past_the_end(data):
    length = data.draw(st.integers(1, 30))
    start = data.draw(st.integers(0, length - 1))
    end = data.draw(st.integers(start + 1, length))
    lengths = torch.tensor([length])
    (first, stop) = output_spans(torch.tensor([[[start, end]]]), lengths)[0, 0].tolist()
    seen = max(length, 7)  # a shorter utterance is padded to the sight of one output
    expected = [o for o in range(seen - 6) if o < end and o + 6 >= start]
    assert list(range(first, stop)) == expected
    assert expected, "no word loses all its frames"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=4))
def test_means_and_maxima_are_those_of_slices(pairs):
    x = torch.randn(2, 6, 3)
    spans = torch.tensor([[(min(p), max(p)) for p in pairs]] * 2)
    found = mean_and_max(x, spans)
    for b in range(2):
        for j, (first, stop) in enumerate(spans[b].tolist()):
            part = x[b, first:stop]
            if stop > first:
                expected = torch.cat([part.sum(0) / (len(part) + 1e-6), part.amax(0)])
                assert torch.allclose(found[b, j], expected, atol=1e-6)


def test_gates_that_have_learnt_nothing_let_one_and_a_half_through(baselines, sizes, make_batch):
    model, seen = Cme(baselines["cme"], sizes, 4).eval(), []
    batch = make_batch([23, 30], [3, 4])
    for part in (*model.text_gate.parameters(), model.audio_gate.weight):
        torch.nn.init.zeros_(part)
    model.mix.register_forward_pre_hook(lambda _, given: seen.append(given[0].values))
    model(batch)
    text = model.text(model.words(batch).values)
    valid = model.words(batch).mask
    assert torch.allclose(seen[0][..., :32][valid], 1.5 * text[valid], atol=1e-6)


def test_without_times_of_words_it_says_so(baselines, sizes, make_batch):
    with pytest.raises(ValueError, match="the batch lacks 'align'"):
        Cme(baselines["cme"], sizes, 4)(replace(make_batch([9], [2]), align=None))


def test_the_mean_of_many_frames_loses_nothing_to_bfloat16():
    frames = torch.ones(1, 1001, 1, dtype=torch.bfloat16)
    mean, top = mean_and_max(frames, torch.tensor([[[0, 1001]]])).flatten().tolist()
    assert mean == pytest.approx(1, abs=1e-5)
    assert top == 1
