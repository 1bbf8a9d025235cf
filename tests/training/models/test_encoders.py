from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from training.models.encoders import AudioEncoder, BertEncoder, WordEncoder, halved


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


def vary(norm):
    """Weights and biases of a batch norm that tell its channels apart."""
    nn.init.uniform_(norm.weight, 0.5, 2.0)
    nn.init.normal_(norm.bias)


def plain_norm(norm, kind, x):
    """Batch norm of torch with the weights of ours."""
    theirs = kind(len(norm.weight))
    theirs.load_state_dict({"weight": norm.weight, "bias": norm.bias}, strict=False)
    return theirs(x)


def test_the_audio_encoder_in_plain_torch(tiny):
    torch.manual_seed(0)
    encoder = AudioEncoder(replace(tiny, dropout=0.0), 8)
    x = mel = torch.randn(3, 13, 8)
    x = x[:, None]
    for conv, norm in ((encoder.conv1, encoder.norm1), (encoder.conv2, encoder.norm2)):
        vary(norm)
        plain = nn.Conv2d(conv.in_channels, conv.out_channels, 3, stride=2, padding=1, bias=False)
        plain.weight = conv.weight
        x = torch.relu(plain_norm(norm, nn.BatchNorm2d, plain(x)))  # (B, channels, T, bins)
    frames = torch.stack([x[:, :, t].flatten(1) for t in range(4)], dim=1)  # channel-major
    expected = encoder.lstm(frames)[0]
    found = encoder(mel, torch.tensor([13, 13, 13]))
    assert found.values.shape == (3, 4, tiny.d)
    assert torch.allclose(found.values, expected, atol=1e-5)


def test_an_image_of_averaged_frames(tiny):
    torch.manual_seed(0)
    every = AudioEncoder(replace(tiny, dropout=0.0), 8).eval()
    third = AudioEncoder(replace(tiny, dropout=0.0, frames_per_step=3), 8).eval()
    third.load_state_dict(every.state_dict())
    mel, length = torch.randn(1, 13, 8), torch.tensor([11])
    means = torch.stack([mel[:, i : min(i + 3, 11)].mean(dim=1) for i in (0, 3, 6, 9)], dim=1)
    found, expected = third(mel, length), every(means, torch.tensor([4]))
    assert found.lengths.tolist() == [1]
    assert torch.allclose(found.values[:, :1], expected.values, atol=1e-6)


def test_both_directions_are_those_of_a_bidirectional_lstm(tiny):
    torch.manual_seed(0)
    encoder = AudioEncoder(replace(tiny, dropout=0.0, audio_lstm="both"), 8)
    half = tiny.d // 2
    plain = nn.LSTM(encoder.lstm.ahead.input_size, half, batch_first=True, bidirectional=True)
    for name, value in encoder.lstm.ahead.state_dict().items():
        getattr(plain, name).data = value
        getattr(plain, f"{name}_reverse").data = encoder.lstm.back.state_dict()[name]
    mel = torch.randn(3, 13, 8)
    frames = []
    encoder.lstm.register_forward_hook(lambda _, inputs, __: frames.append(inputs[0].values))
    found = encoder(mel, torch.tensor([13, 13, 13]))
    assert torch.allclose(found.values, plain(frames[0])[0], atol=1e-6)


def test_the_word_encoder_in_plain_torch(tiny):
    torch.manual_seed(0)
    encoder = WordEncoder(replace(tiny, dropout=0.0), 6)
    vary(encoder.norm)
    word = torch.randn(3, 5, 6)
    states = encoder.lstm(word)[0].transpose(1, 2)
    mixed = F.conv1d(states, encoder.conv.weight, padding=1)
    assert encoder.conv.weight.shape == (tiny.d, tiny.d, 3)
    expected = torch.relu(plain_norm(encoder.norm, nn.BatchNorm1d, mixed)).transpose(1, 2)
    found = encoder(word, torch.tensor([5, 5, 5]))
    assert torch.allclose(found.values, expected, atol=1e-5)


def test_the_bert_encoder_in_plain_torch(tiny):
    encoder = BertEncoder(replace(tiny, dropout=0.0), 6)
    bert = torch.randn(3, 6)
    expected = F.linear(bert, encoder.linear.weight, encoder.linear.bias)[:, None]
    assert torch.allclose(encoder(bert, None).values, expected, atol=1e-6)


def test_the_other_word_encoder_mixes_all_of_sixty_steps(tiny, sizes, make_batch):
    settings = replace(tiny, dropout=0.0, word_conv="time_mix", align="fixed60")
    encoder = WordEncoder(settings, 6)
    vary(encoder.norm)
    word, lengths = torch.randn(3, 7, 6), torch.tensor([7, 2, 5])
    steps = torch.zeros(3, 60, tiny.d)
    for i, n in enumerate(lengths):
        steps[i, :n] = encoder.lstm(word[i : i + 1, :n])[0]
    mixed = torch.einsum("ot,btd->bod", encoder.conv.weight[:, :, 0], steps)  # time as channels
    expected = torch.relu(plain_norm(encoder.norm, nn.BatchNorm1d, mixed))
    found = encoder(word, lengths)
    assert found.lengths.tolist() == [60, 60, 60]
    assert torch.allclose(found.values, expected, atol=1e-5)
