import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from training.models.encoders import AudioEncoder, WordEncoder, halved, run_lstm
from training.models.sequences import length_mask


def test_running_over_the_padding_gives_the_states_of_packed_sequences():
    torch.manual_seed(0)
    lstm = nn.LSTM(5, 7, batch_first=True)
    x, lengths = torch.randn(4, 9, 5), torch.tensor([9, 1, 4, 7])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    found = run_lstm(lstm, x, length_mask(lengths, 9, "cpu"))
    assert torch.allclose(found, expected, atol=1e-6)


def test_two_convolutions_of_stride_two_quarter_the_length():
    assert [halved(halved(n)) for n in (1, 2, 4, 5, 8, 9, 80)] == [1, 1, 1, 2, 2, 3, 20]


def test_streams_keep_lengths_and_zeros_beyond_them(tiny, sizes, make_batch):
    batch = make_batch([23, 8], [3, 1])
    audio = AudioEncoder(tiny, sizes.n_mels)(batch.mel, batch.mel_len)
    words = WordEncoder(tiny, sizes.word_dim)(batch.word, batch.word_len)
    assert audio.lengths.tolist() == [6, 2]
    assert words.lengths.tolist() == [3, 1]
    for stream in (audio, words):
        assert (stream.values[~stream.mask] == 0).all()
        assert torch.equal(stream.mask.sum(dim=1), stream.lengths)
