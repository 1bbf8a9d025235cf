"""Loading alone: the same batches of many rows, from ours and from its rivals.

The rows of a cache are written again and again into a file of `rows` different places, which no
cache of the processor holds. Each way is timed from a standing start (opening its files, then one
pass over all batches) and in later passes; a rival's later passes take turns with ours. Writing
the files is not timed. Files are in the system's cache of pages, for all alike.
"""

import gc
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from rival_loaders import RIVALS, Opening, padded, torch_list
from timing import Clock, Lines, fastest, seconds
from torch import Tensor

from training.data import Features
from training.draw import shuffled_batches
from training.feed import feed, settle
from training.mapped import map_tensors
from training.normalise import Normalisation, fit_normalisation
from training.ragged import Ragged
from training.recycled import Recycled

BATCH = 32
CPU = torch.device("cpu")
Passes = Callable[[], Iterator[object]]


def loading(features: Features, rows: int, device: torch.device, clock: Clock) -> Lines:
    """Batches per second of each way, and how many times as many ours gives."""
    assert features.mel is not None, "the run needs audio"
    normalise = fit_normalisation(features.cache, np.arange(len(features.cache.frames)), "train")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mel.safetensors")
        chosen = np.arange(rows) % len(features.cache.frames)
        frames = features.cache.frames[chosen]
        write_again(features.mel, chosen, path)
        batches = shuffled_batches(frames, BATCH, 2, seed=0)
        many = replace(
            features.cache,
            **{n: getattr(features.cache, n)[chosen] for n in ("utterance", "label", "frames")},
        )
        offsets = torch.from_numpy(np.cumsum([0, *frames]))

        def opened() -> Ragged:
            return Ragged(map_tensors(path)["values"], offsets)

        def ours() -> Passes:
            held = settle(replace(features, cache=many, mel=opened()), device)
            return lambda: feed(held, batches, normalise, device)

        def ours_plain() -> Passes:
            mel, room = opened().to(device), Recycled()
            return lambda: (
                mel.pad(torch.from_numpy(b), torch.float32, room).clear() for b in batches
            )

        mel = opened()
        held = [mel.values[a:b] for a, b in pairwise(offsets.tolist())]
        lines: Lines = []
        best = {}
        for name, start in (("ours, normalised", ours), ("ours, not normalised", ours_plain)):
            first, again = timed(start, device, clock)
            best[name] = [first, fastest({"": again}, device, clock)[""]]
            lines.append(line(name, len(batches), *best[name], None))
        rivals = {"torch.save list, normalised": partial(torch_list, finish=finished(normalise))}
        for name, make in (RIVALS | rivals).items():
            duty = "ours, normalised" if "normalised" in name else "ours, not normalised"
            place = Path(folder, "rival")
            place.mkdir()
            try:
                start = make(held, [b.tolist() for b in batches], place)
            except ImportError as error:
                sys.stderr.write(f"{name}: left out ({error})\n")
                shutil.rmtree(place)
                continue
            first, again = timed(start, CPU, clock)
            own = {"ours, normalised": ours, "ours, not normalised": ours_plain}[duty]()
            found = fastest({"rival": again, "ours": own}, device, clock)
            ratios = (first / best[duty][0], found["rival"] / found["ours"])
            lines.append(line(name, len(batches), first, found["rival"], ratios))
            del start, again, own
            gc.collect()
            shutil.rmtree(place)
        made = sum(4 * len(b) * int(frames[b].max()) * mel.values.shape[1] for b in batches)
        made_s = made / best["ours, normalised"][1] / 1e9
        return [*lines, ("loading: bytes", f"{made_s:.1f} GB/s", f"memory copy {copying(clock)}")]


def timed(start: Opening, device: torch.device, clock: Clock) -> tuple[float, Passes]:
    """Seconds of opening and one pass; and what gives another pass."""
    passes: list[Passes] = []

    def first() -> Iterator[object]:
        passes.append(start())
        yield from passes[0]()

    return seconds(first, device, clock), passes[0]


def line(
    name: str, count: int, first: float, later: float, ratios: tuple[float, float] | None
) -> tuple[str, str, str]:
    """What the table says of one way."""
    times = "" if ratios is None else f"ours is {ratios[0]:.1f} and {ratios[1]:.1f} times as fast"
    return f"loading: {name}", f"{count / first:.0f}, then {count / later:.0f} batches/s", times


def write_again(mel: Ragged, chosen: np.ndarray, path: Path) -> None:
    """The chosen rows end to end in a safetensors file."""
    offsets = mel.offsets.tolist()
    total = int(np.diff(mel.offsets.numpy())[chosen].sum())
    width = mel.values.shape[1]
    entry = {"dtype": "F16", "shape": [total, width], "data_offsets": [0, 2 * total * width]}
    header = json.dumps({"values": entry}).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for row in chosen:
            file.write(mel.values[offsets[row] : offsets[row + 1]].numpy().tobytes())


def finished(normalise: Normalisation) -> Callable[[list[Tensor]], Tensor]:
    """A batch of rows as one writes it first: padded, normalised, masked."""

    def finish(rows: list[Tensor]) -> Tensor:
        mel = padded(rows)
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(mel.shape[1]) < lengths[:, None]
        return (mel - normalise.mean[0]) / normalise.std[0] * mask[..., None]

    return finish


def copying(clock: Clock) -> str:
    """How fast memory is copied, into memory that is there and into fresh one."""
    block = torch.ones(64 << 20, dtype=torch.uint8)
    there = torch.empty_like(block)
    works = {"there": lambda: [there.copy_(block)], "fresh": lambda: [block.clone()]}
    found = fastest(works, CPU, clock)
    there_s, fresh_s = (block.nbytes / found[name] / 1e9 for name in works)
    return f"{there_s:.1f} GB/s, into fresh memory {fresh_s:.1f}"
