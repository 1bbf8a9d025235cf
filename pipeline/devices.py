"""Where speech is recognised: by one worker per GPU in batches, else by one per processor."""

import multiprocessing
import re
from dataclasses import dataclass

GPU_BATCH = 16  # windows decoded at a time


@dataclass(frozen=True)
class Speed:
    """What changes how fast a row is made, and never what it is."""

    device: str = "auto"  # auto (all GPUs when there are any), cpu, cuda, cuda:1
    batch_size: int | None = None  # windows decoded at a time; None: GPU_BATCH on GPUs, 1 on a CPU


@dataclass(frozen=True)
class Devices:
    """What recognises speech."""

    names: tuple[str, ...]  # "cpu", or "cuda:0", "cuda:1", ...
    batch_size: int

    @property
    def gpus(self) -> int:
        """How many GPUs there are: each wants one worker."""
        return 0 if self.names == ("cpu",) else len(self.names)

    def of_this_worker(self) -> str:
        """The device of the process that asks: workers take them in turn."""
        number = re.search(r"\d+$", multiprocessing.current_process().name)  # as SpawnProcess-2
        return self.names[(int(number[0]) - 1 if number else 0) % len(self.names)]


def find(speed: Speed) -> Devices:
    """The devices that are meant.

    Raises:
        ValueError: there is no such device on this machine.
    """
    import ctranslate2

    kind, _, number = speed.device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (
        number and not (kind == "cuda" and number.isdecimal())
    ):
        raise ValueError(f"device: found {speed.device!r}, expected auto, cpu, cuda or cuda:1")
    gpus = 0 if kind == "cpu" else ctranslate2.get_cuda_device_count()
    if kind == "cuda" and int(number or 0) >= gpus:
        raise ValueError(
            f"device: {speed.device!r} is not here: CTranslate2 finds {gpus} GPUs; "
            "use `--device cpu`, or unset VCEMO_DEVICE"
        )
    names = [f"cuda:{i}" for i in ([int(number)] if number else range(gpus))] or ["cpu"]
    return Devices(tuple(names), speed.batch_size or (GPU_BATCH if gpus else 1))
