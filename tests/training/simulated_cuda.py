"""CUDA's manners on a CPU, for tests of where values lie.

Inside `simulated_cuda` torch says that it has a GPU. Tensors on it wrap tensors on the CPU: they
say `cuda:0`, are computed with only among themselves, and refuse NumPy and pinning, as CUDA's do.
So a value shows that was left on the host. Nothing shows of speed, memory, waiting, CUDA's kernels
and roundings (bfloat16 is the CPU's), several GPUs, `torch.compile`, resuming, and what meets in a
backward pass, in which torch itself makes tensors.
"""

from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

COPIES = {"aten::copy_", "aten::_to_copy"}
INDEXES = {"aten::index", "aten::index_put_", "aten::_index_put_impl_"}  # by the host's, too
SAYS = {"is_available": True, "device_count": 1, "mem_get_info": (2**40, 2**40)}
SAYS |= {"max_memory_allocated": 0, "get_rng_state": torch.zeros(1)}
SAYS |= dict.fromkeys(["_lazy_init", "synchronize", "set_rng_state", "is_current_stream_capturing"])


class OnCuda(Tensor):
    """A tensor that is on the GPU as far as Python can see; `held` is what it wraps."""

    device = property(lambda _: torch.device("cuda", 0))
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, **layout)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, op, types, args=(), kwargs=None):
        return compute(op, args, kwargs or {})

    def cpu(self):
        return self.held.clone()

    def pin_memory(self, *args):
        raise RuntimeError("cannot pin a CUDA tensor, only dense CPU tensors can be pinned")

    def __deepcopy__(self, memo):
        made = OnCuda(self.held.clone())
        return nn.Parameter(made, self.requires_grad) if isinstance(self, nn.Parameter) else made


class _Everywhere(TorchDispatchMode):  # also what is made from nothing
    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        return compute(op, args, kwargs or {})


def compute(op, args, kwargs):
    """What an operation gives: on the GPU if an operand is, or if it is asked for there."""
    name = op.name().partition(".")[0]
    on_gpu, on_host = {}, []  # the former by what they hold, which an operation in place gives back

    def unwrapped(x):
        if isinstance(x, OnCuda):
            on_gpu[id(x.held)] = x
            return x.held
        on_host.append(x)
        return x

    given = _map(args, unwrapped)
    options = {key: _map(value, unwrapped) for key, value in kwargs.items()}
    indices = _map(args[1], id) if name in INDEXES and isinstance(args[0], OnCuda) else ()
    apart = any(x.dim() and id(x) not in indices for x in on_host)
    in_backward = torch._C._current_graph_task_id() != -1
    if on_gpu and apart and name not in COPIES and not in_backward:
        raise RuntimeError(f"expected all tensors on the same device, found two: {name}")
    if not on_gpu and torch.device(options.get("device") or "cpu").type != "cuda":
        return op(*given, **options)
    options.pop("device", None)
    result = op(*given, **options)
    return _map(result, lambda x: on_gpu[id(x)] if id(x) in on_gpu else OnCuda(x))


def _map(given, change):
    """The same with every tensor in it changed."""
    if isinstance(given, list | tuple):
        return type(given)(_map(x, change) for x in given)
    return change(given) if isinstance(given, Tensor) else given


@contextmanager
def simulated_cuda():
    """Inside, `cuda` is a device, with more memory than anything needs."""
    cast, plain_to, plain_gru = torch.autocast, Tensor.to, torch._VF.gru

    def to(x, *args, **kwargs):
        device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        kind = x.device.type if device is None else device.type
        if kind != x.device.type:
            x = x.cpu() if kind == "cpu" else OnCuda(x.detach().clone())
        return plain_to(x, dtype or x.dtype, **({"memory_format": layout} if layout else {}))

    def gru(x, *given):  # asked for the batch first, torch turns its result in place, unseen here
        states, last = plain_gru(x.transpose(0, 1), *given[:-1], False)
        return states.transpose(0, 1), last

    with pytest.MonkeyPatch.context() as patch, _Everywhere():
        for name, value in SAYS.items():
            patch.setattr(torch.cuda, name, lambda *_, value=value: value)
        patch.setattr(Tensor, "to", to)
        patch.setattr(Tensor, "pin_memory", lambda x: x)
        patch.setattr(torch, "autocast", lambda _, **options: cast("cpu", **options))
        patch.setattr(torch._VF, "gru", gru)
        patch.setattr(F, "one_hot", lambda x, n: x[:, None] == torch.arange(n, device=x.device))
        patch.setattr(torch.__future__, "_overwrite_module_params_on_conversion", True)
        yield
