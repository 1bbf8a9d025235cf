import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from training.models.recurrent import BothDirections, final_states, last_state, run_forward
from training.models.sequences import make_stream


@pytest.fixture
def stream():
    torch.manual_seed(0)
    return make_stream(torch.randn(4, 9, 5), torch.tensor([9, 1, 4, 7]))


def packed(layer, stream):
    """What torch says of packed sequences: all states, and the last ones."""
    x = pack_padded_sequence(stream.values, stream.lengths, batch_first=True, enforce_sorted=False)
    states, last = layer(x)
    hidden = last[0] if isinstance(last, tuple) else last  # (directions, B, hidden)
    return pad_packed_sequence(states, batch_first=True)[0], hidden


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_running_over_the_padding_gives_the_states_of_packed_sequences(kind, stream):
    layer = kind(5, 7, batch_first=True)
    expected, hidden = packed(layer, stream)
    found = run_forward(layer, stream.values, stream.mask)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(last_state(stream._replace(values=found)), hidden[0], atol=1e-6)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_both_directions_are_those_of_a_packed_bidirectional_layer(kind, stream):
    ours = BothDirections(kind, 5, 7)
    theirs = kind(5, 7, batch_first=True, bidirectional=True)
    weights = {**ours.ahead.state_dict()}
    weights |= {f"{name}_reverse": w for name, w in ours.back.state_dict().items()}
    theirs.load_state_dict(weights)
    expected, hidden = packed(theirs, stream)
    found = ours(stream)
    assert torch.allclose(found.values, expected, atol=1e-6)
    # (2, B, hidden) side by side, sample by sample: reshaped without transposing it mixes samples.
    ends = hidden.transpose(0, 1).flatten(1)
    assert torch.allclose(final_states(found), ends, atol=1e-6)
    assert not torch.allclose(final_states(found), hidden.reshape(4, 14), atol=1e-3)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16, torch.float64])
def test_under_bfloat16_states_are_computed_in_float32_and_come_as_the_input_did(
    kind, given, stream
):
    layer, x = kind(5, 7, batch_first=True), stream.values.to(given)
    wide = torch.promote_types(given, torch.float32)
    layer.to(wide)
    expected = run_forward(layer, x.to(wide), stream.mask).to(given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = run_forward(layer, x, stream.mask)
    assert found.dtype == given
    assert torch.equal(found, expected)
