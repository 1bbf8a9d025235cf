import re

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch.nn.utils.rnn import pad_sequence

from training.cache import open_cache
from training.ragged import Ragged, open_ragged
from training.recycled import Recycled

LENGTHS = (3, 1, 7, 2, 5)
RAGGED = Ragged(
    torch.randn(sum(LENGTHS), 4, generator=torch.Generator().manual_seed(0)).half(),
    torch.tensor([0, *np.cumsum(LENGTHS)]),
)


@pytest.mark.parametrize("rows", [[0], [4, 0], [2, 2, 1, 2], [0, 1, 2, 3, 4], [3, 4]])
def test_rows_come_as_pad_sequence_makes_them(rows):
    padded = RAGGED.pad(torch.tensor(rows), torch.float32, Recycled())
    offsets = RAGGED.offsets.tolist()
    parts = [RAGGED.values[offsets[i] : offsets[i + 1]].float() for i in rows]
    assert torch.equal(padded.clear(), pad_sequence(parts, batch_first=True))
    assert padded.lengths.tolist() == [len(part) for part in parts]


def test_a_row_of_100_000_frames_stands_whole_beside_a_short_one():
    lengths = torch.tensor([0, 3, 100_003])
    values = torch.arange(100_003, dtype=torch.float32)[:, None].expand(-1, 4).contiguous()
    padded = Ragged(values, lengths).pad(torch.tensor([1, 0]), torch.float32, Recycled())
    found = padded.clear()
    assert padded.lengths.tolist() == [100_000, 3]
    assert torch.equal(found[0], values[3:])
    assert torch.equal(found[1, :3], values[:3])
    assert not found[1, 3:].any()


def test_a_larger_size_is_more_padding():
    rows = torch.tensor([2, 1])
    small = RAGGED.pad(rows, torch.float32, Recycled()).clear()
    large = RAGGED.pad(rows, torch.float32, Recycled(), size=12).clear()
    assert large.shape == (2, 12, 4)
    assert torch.equal(large[:, :7], small)
    assert (large[:, 7:] == 0).all()


def test_a_row_that_holds_nothing_is_named(make_cache):
    path = make_cache() / "words-reference.safetensors"
    words = load_file(path)
    words["offsets"][3] = words["offsets"][2]
    save_file(words, path)
    message = "row 2 of words-reference.safetensors holds nothing"
    with pytest.raises(ValueError, match=re.escape(message)):
        open_ragged(open_cache(path.parent), "words-reference", "ids", 48)
