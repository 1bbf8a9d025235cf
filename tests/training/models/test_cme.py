from dataclasses import replace
from types import SimpleNamespace

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


@pytest.fixture
def excitation(baselines, sizes, make_batch):
    """A model, and a function that runs it on two utterances of three and four words.

    It tells of the words g, the audio a under them, the numbers of the words, what enters the
    BiLSTM and its states.
    """
    torch.manual_seed(0)
    model, parts = Cme(baselines["cme"], sizes, 4).eval(), {}
    batch = make_batch([23, 30], [3, 4])

    def run():
        for name in ("text", "convs", "mix"):
            getattr(model, name).register_forward_hook(
                lambda _, given, out, name=name: parts.update({name: (given[0], out)})
            )
        out = model(batch)
        spans = output_spans(batch.align, batch.mel_len)
        return SimpleNamespace(
            out=out,
            g=parts["text"][1],
            a=mean_and_max(parts["convs"][1].transpose(1, 2), spans),
            ids=batch.word_id,
            excited=parts["mix"][0],
            states=parts["mix"][1],
        )

    return model, run


def same_words(excited, g, a):
    expected = torch.cat([g, a], dim=2)[excited.mask]
    return torch.allclose(excited.values[excited.mask], expected, atol=1e-5)


def test_gates_that_have_learnt_nothing_let_one_and_a_half_through(excitation):
    model, run = excitation
    for part in (*model.text_gate.parameters(), model.audio_gate.weight):
        torch.nn.init.zeros_(part)
    found = run()
    assert same_words(found.excited, 1.5 * found.g, 1.5 * found.a)


def test_audio_opens_the_gate_of_a_word_and_the_number_of_the_word_that_of_the_audio(excitation):
    """Both read what the other was before it went through its own gate."""
    model, run = excitation
    found = run()
    text = 1 + torch.sigmoid(model.text_gate(found.a))
    audio = 1 + torch.sigmoid(model.audio_gate.weight[found.ids])
    assert same_words(found.excited, found.g * text, found.a * audio)


def test_an_utterance_is_the_maximum_of_its_words(excitation):
    model, run = excitation
    found = run()
    for pooled, states, n in zip(found.out.pooled, found.states.values, (3, 4), strict=True):
        assert torch.equal(pooled, states[:n].amax(dim=0))
    assert torch.equal(found.out.logits, model.predictor(found.out.pooled))


def test_without_times_of_words_it_says_so(baselines, sizes, make_batch):
    with pytest.raises(ValueError, match="the batch lacks 'align'"):
        Cme(baselines["cme"], sizes, 4)(replace(make_batch([9], [2]), align=None))


def test_the_mean_of_many_frames_loses_nothing_to_bfloat16():
    frames = torch.ones(1, 1001, 1, dtype=torch.bfloat16)
    mean, top = mean_and_max(frames, torch.tensor([[[0, 1001]]])).flatten().tolist()
    assert mean == pytest.approx(1, abs=1e-5)
    assert top == 1
