"""Batches as fast as the device takes them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

import torch

from training.batch import Batch
from training.data import Features
from training.normalise import Normalisation, Rows

AHEAD = 3  # batches that wait for the device
FREE_SHARE = 0.5  # of a GPU's free memory that the features may take for good


def settle(features: Features, device: torch.device) -> Features:
    """The features on the GPU for good, where they fit beside a model; else memory-mapped."""
    if device.type != "cuda":
        return features
    free, _ = torch.cuda.mem_get_info(device)
    return features.to(device) if features.nbytes <= FREE_SHARE * free else features


def feed(
    features: Features,
    batches: Sequence[Rows],
    normalise: Normalisation | None,
    device: torch.device,
) -> Iterator[Batch]:
    """The batches of these rows on the device, in order.

    On a CPU, and from features that lie on the GPU, each is gathered when it is asked for; features
    that do not fit there are gathered ahead by a thread, in pinned memory, from which copying does
    not wait.
    """
    if features.device.type == device.type:  # `cuda` is also `cuda:0`
        for rows in batches:
            yield features.collate(rows, normalise).to(device)
    else:
        for batch in _ahead(features, batches, normalise):
            yield batch.to(device)


def _ahead(
    features: Features, batches: Sequence[Rows], normalise: Normalisation | None
) -> Iterator[Batch]:
    """Batches in pinned memory, some of them gathered ahead by a thread that ends with this."""
    ready: Queue[Batch | Exception | None] = Queue(AHEAD)
    unwanted = Event()

    def gather() -> None:
        try:
            for rows in batches:
                if unwanted.is_set():
                    break
                ready.put(features.collate(rows, normalise).pinned())
            ready.put(None)
        except Exception as error:  # to be raised where the batch is asked for
            ready.put(error)

    thread = Thread(target=gather, daemon=True)
    thread.start()
    try:
        while (batch := ready.get()) is not None:
            if isinstance(batch, Exception):
                raise batch
            yield batch
    finally:
        unwanted.set()
        while thread.is_alive():  # it may be waiting for room
            _make_room(ready)
            thread.join(0.01)


def _make_room(queue: Queue[Any]) -> None:
    with suppress(Empty):
        while True:
            queue.get_nowait()
