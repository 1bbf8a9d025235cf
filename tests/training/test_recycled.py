import pickle

import torch

from training.recycled import Recycled


def test_memory_is_used_again_once_nothing_lies_in_it():
    room = Recycled()
    first = room((4, 3), torch.float32)
    place = first.data_ptr()
    first.fill_(1)
    view = first[1:]
    del first
    other = room((4, 3), torch.float32)
    assert other.data_ptr() != place  # a view is left
    other.fill_(2)
    assert (view == 1).all()
    del view
    assert room((2, 2), torch.int64).data_ptr() == place


def test_what_a_gradient_waits_for_is_left_alone():
    room, weight = Recycled(), torch.ones(3, requires_grad=True)
    batch = room((3,), torch.float32).fill_(5)
    loss = (batch * weight).sum()
    del batch
    room((3,), torch.float32).fill_(7)
    loss.backward()
    assert weight.grad.tolist() == [5, 5, 5]
    del loss


def test_there_is_one_block_for_each_tensor_held_at_once():
    room = Recycled()
    for size in (5, 50, 7, 500, 500):
        held = [room((size,), torch.float32), room((size,), torch.float32)]
        assert all(x.shape == (size,) for x in held)
        del held
    assert len(room._blocks) == 2
    assert room((0, 3), torch.float32).shape == (0, 3)


def test_another_process_begins_with_none():
    room = Recycled()
    room((9,), torch.float32)
    assert pickle.loads(pickle.dumps(room))._blocks == []
