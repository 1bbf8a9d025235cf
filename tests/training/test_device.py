import pytest
import torch

from training.device import (
    autocast,
    choose_device,
    default_workers,
    own_chance,
    precision,
)
from training.processors import processors


def test_devices_are_chosen_and_checked():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="no device 'gpu'"):
        choose_device("gpu")
    with pytest.raises(ValueError, match="device 'meta' is not supported: use auto, cpu or cuda"):
        choose_device("meta")


def test_a_cuda_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="torch finds no CUDA here"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    with pytest.raises(ValueError, match="no device 'cuda:1': torch finds 1 here"):
        choose_device("cuda:1")


def test_only_cuda_computes_in_bfloat16_and_one_fold_at_a_time():
    cpu, cuda = torch.device("cpu"), torch.device("cuda:0")
    assert (precision(cpu, "auto"), precision(cuda, "auto")) == ("float32", "bfloat16")
    assert (precision(cpu, "bfloat16"), precision(cuda, "float32")) == ("bfloat16", "float32")
    assert (default_workers(cpu), default_workers(cuda)) == (processors(), 1)
    for wanted, found in (("auto", torch.float32), ("bfloat16", torch.bfloat16)):
        with autocast(cpu, wanted):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == found


def test_chance_starts_from_the_seed():
    with own_chance(1):
        first = torch.rand(1)
    with own_chance(1):
        assert torch.equal(torch.rand(1), first)


def test_only_the_gpu_in_use_is_asked_for_its_chance(monkeypatch):
    asked, given_back = [], []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: asked.append(device))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda _, device: given_back.append(device))
    for device in (None, torch.device("cpu"), torch.device("cuda", 3)):
        with own_chance(1, device):
            pass
    assert asked == given_back == [torch.device("cuda", 3)]


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
def test_on_cuda_attention_is_not_that_of_cudnn(wanted):
    torch.backends.cuda.enable_cudnn_sdp(True)
    with autocast(torch.device("cpu"), wanted):
        assert torch.backends.cuda.cudnn_sdp_enabled()
    with autocast(torch.device("cuda"), wanted):
        assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.cudnn_sdp_enabled()
