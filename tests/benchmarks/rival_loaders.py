"""Other ways to read the same batches of log-mel: files written once, opened, and read again.

A rival gets the rows as a list of (frames, n_mels) float16 tensors and the batches as lists of row
numbers, and writes its files; what it returns opens them, and what that returns yields, once per
call, padded float32 batches of the same rows in the same order. Each is written as its
documentation shows it. A rival whose package is missing is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Loader = Callable[[], Iterator[Tensor]]  # one pass over all batches
Opening = Callable[[], Loader]
Batches = Sequence[list[int]]


def padded(rows: Sequence[Tensor]) -> Tensor:
    """Rows (frames, n_mels) of any type as one zero-padded float32 batch."""
    return pad_sequence([row.float() for row in rows], batch_first=True)


def torch_list(
    rows: Sequence[Tensor],
    batches: Batches,
    folder: Path,
    finish: Callable[[list[Tensor]], Tensor] = padded,
) -> Opening:
    """`torch.save` of a list, loaded whole into memory, behind a DataLoader."""
    from torch.utils.data import DataLoader

    torch.save([row.clone() for row in rows], folder / "rows.pt")

    def start() -> Loader:
        held = torch.load(folder / "rows.pt")
        loader = DataLoader(held, batch_sampler=batches, collate_fn=finish)
        return lambda: iter(loader)

    return start


def arrow_datasets(rows: Sequence[Tensor], batches: Batches, folder: Path) -> Opening:
    """Hugging Face `datasets`: Arrow on disk, memory-mapped, batches by index."""
    from datasets import Array2D, Dataset, Features, disable_progress_bars

    disable_progress_bars()
    width = rows[0].shape[1]
    features = Features({"mel": Array2D(shape=(None, width), dtype="float16")})
    table = {"mel": [row.numpy() for row in rows]}
    Dataset.from_dict(table, features=features).save_to_disk(folder / "arrow")

    def start() -> Loader:
        dataset = Dataset.load_from_disk(folder / "arrow").with_format("torch")
        return lambda: (padded(list(dataset[numbers]["mel"])) for numbers in batches)

    return start


def web_dataset(rows: Sequence[Tensor], batches: Batches, folder: Path) -> Opening:
    """WebDataset: a tar file in the order of the batches, read as a stream."""
    import webdataset

    path = folder / "rows.tar"
    with webdataset.TarWriter(str(path)) as tar:
        for place, number in enumerate(_in_order(batches)):
            tar.write({"__key__": f"{place:08d}", "mel.npy": rows[number].numpy()})

    def read() -> Iterator[Tensor]:
        stream = webdataset.WebDataset(str(path), shardshuffle=False).decode().to_tuple("mel.npy")
        return _cut((torch.from_numpy(mel) for (mel,) in stream), batches)

    return lambda: read


def lhotse_shar(rows: Sequence[Tensor], batches: Batches, folder: Path) -> Opening:
    """lhotse Shar: cuts and features in tar files in the order of the batches."""
    from lhotse import CutSet, MonoCut
    from lhotse.shar import SharWriter

    (folder / "shar").mkdir()
    with SharWriter(folder / "shar", fields={"mel": "numpy"}, shard_size=None) as writer:
        for place, number in enumerate(_in_order(batches)):
            cut = MonoCut(id=f"{place:08d}", start=0, duration=1, channel=0)
            writer.write(cut.attach_tensor("mel", rows[number].numpy()))

    def read() -> Iterator[Tensor]:
        cuts = CutSet.from_shar(in_dir=folder / "shar")
        return _cut((torch.from_numpy(cut.load_mel()) for cut in cuts), batches)

    return lambda: read


RIVALS: dict[str, Callable[[Sequence[Tensor], Batches, Path], Opening]] = {
    "torch.save list + DataLoader": torch_list,
    "datasets (Arrow)": arrow_datasets,
    "WebDataset": web_dataset,
    "lhotse Shar": lhotse_shar,
}


def _in_order(batches: Batches) -> Iterator[int]:
    return (number for batch in batches for number in batch)


def _cut(stream: Iterator[Tensor], batches: Batches) -> Iterator[Tensor]:
    """A stream of rows in batches of the given sizes."""
    for batch in batches:
        yield padded(list(islice(stream, len(batch))))
