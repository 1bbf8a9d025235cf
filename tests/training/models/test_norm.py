import pytest
import torch
from torch import nn

from training.models.norm import MaskedBatchNorm


def test_statistics_come_from_valid_positions_only():
    norm = MaskedBatchNorm(1)
    x = torch.tensor([1.0, 2.0, 3.0, 100.0, 100.0]).view(1, 5, 1)
    out = norm(x, torch.tensor([3]))
    assert out.flatten().tolist() == pytest.approx([-1.224736, 0, 1.224736, 0, 0], abs=1e-6)
    assert norm.running_mean.item() == pytest.approx(0.2)
    assert norm.running_var.item() == pytest.approx(1.0)


def test_without_padding_it_is_the_batch_norm_of_torch():
    ours, theirs = MaskedBatchNorm(3), nn.BatchNorm2d(3)
    x = torch.randn(4, 6, 5, 3)
    lengths = torch.full((4,), 6)
    expected = theirs(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert torch.allclose(ours(x, lengths), expected, atol=1e-6)
    assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-6)
    assert torch.allclose(ours.running_var, theirs.running_var, atol=1e-6)
    ours.eval()
    theirs.eval()
    expected = theirs(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert torch.allclose(ours(x, lengths), expected, atol=1e-6)


def test_padding_does_not_change_a_bit():
    a, b = MaskedBatchNorm(3), MaskedBatchNorm(3)
    x, lengths = torch.randn(4, 6, 3), torch.tensor([6, 2, 1, 5])
    longer = torch.cat([x, 1e6 * torch.randn(4, 7, 3)], dim=1)
    assert torch.equal(a(x, lengths), b(longer, lengths)[:, :6])
    assert torch.equal(a.running_mean, b.running_mean)
    assert torch.equal(a.running_var, b.running_var)


def test_a_single_value_moves_the_mean_and_leaves_the_variance():
    norm = MaskedBatchNorm(2)
    out = norm(torch.tensor([[[5.0, 7.0]]]), torch.tensor([1]))
    assert out.flatten().tolist() == [0.0, 0.0]
    assert norm.running_mean.tolist() == pytest.approx([0.5, 0.7])
    assert norm.running_var.tolist() == [1.0, 1.0]
