"""Forward and backward through VCEMO: ours against a straightforward eager implementation.

    python tests/benchmarks/training_step.py --corpus data/raw/emodb/wav [--size small] [--epochs 3]

One epoch over the 339 recordings of four classes of Emo-DB (any folder of wav files will do), with
word and BERT vectors of the right shapes drawn at random, on one thread. The rival holds the same
weights, pads every batch to the longest utterance, writes attention out as matrix products and a
softmax, and normalises whole padded tensors under a mask, as one writes it first. Then ours is
reached step by step. All ways run in turns in one process, and each is timed by its fastest epoch.
Before the clock starts their outputs are compared, in evaluation mode and, without dropout, in
training mode.

On the CPU torch attends in one fused kernel where nothing drops attention weights; with dropout it
falls back on the parts. So both are timed.
"""

import argparse
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy starts its threads

import numpy as np
import torch
import torch.nn.functional as F
from plain_layers import written_out
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from features.audio import read_audio
from features.mel import log_mel
from pipeline import params
from training.batch import Batch
from training.draw import cut, shuffled_batches
from training.losses import joint_loss, supervised_contrastive
from training.models.attention import MultiHeadAttention
from training.models.interface import InputSizes, ModelOutput
from training.models.norm import MaskedBatchNorm
from training.models.vcemo import Vcemo

BATCH = 32
CLASSES = 4
MODALITIES = ("audio", "words", "bert")
EMOTIONS = "WFNT"  # Emo-DB: Wut, Freude, neutral, Trauer (angry, happy, neutral, sad)
SIZES = InputSizes(n_mels=80, word_dim=300, bert_dim=768)


class Corpus:
    """Features of the recordings, in memory."""

    def __init__(self, folder: Path) -> None:
        found = params.load(Path(__file__).parents[2] / "profiles" / "emodb.yaml")
        paths = sorted(folder.rglob("*.wav"))
        paths = [p for p in paths if p.stem[5:6] in EMOTIONS] or paths
        rng = np.random.default_rng(0)
        self.mel, self.words = [], []
        for path in paths:
            rate = found.audio.sample_rate_hz
            x = read_audio(path, rate)
            mel = torch.from_numpy(log_mel(x, rate, found.mel)).float()
            self.mel.append((mel - mel.mean(dim=0)) / mel.std(dim=0))
            steps = int(rng.integers(5, 15))
            self.words.append(torch.from_numpy(rng.normal(size=(steps, 300))).float())
        self.bert = torch.from_numpy(rng.normal(size=(len(paths), 768))).float()
        self.label = torch.from_numpy(rng.integers(0, CLASSES, len(paths)))
        self.frames = np.array([len(mel) for mel in self.mel])

    def batch(self, rows: np.ndarray, least_frames: int = 0) -> Batch:
        """Some recordings, padded to the longest of them or to a length if it is more."""
        mel = pad_sequence([self.mel[i] for i in rows], batch_first=True)
        mel = F.pad(mel, (0, 0, 0, max(0, least_frames - mel.shape[1])))
        return Batch(
            mel=mel,
            mel_len=torch.from_numpy(self.frames[rows]),
            word=pad_sequence([self.words[i] for i in rows], batch_first=True),
            word_len=torch.tensor([len(self.words[i]) for i in rows]),
            bert=self.bert[rows],
            bert_len=None,
            label=self.label[rows],
            row=torch.from_numpy(rows),
        )


def step(model: nn.Module, batch: Batch) -> ModelOutput:
    """Forward and backward with the joint loss."""
    model.zero_grad(set_to_none=True)
    out: ModelOutput = model(batch)
    apart = supervised_contrastive(out.z, batch.label, 1.0)
    loss = torch.stack([F.cross_entropy(answer, batch.label) for answer in out.judged]).sum()
    joint_loss(loss, apart, 0.1).backward()
    return out


def difference(corpus: Corpus, settings: object, *, training: bool) -> tuple[float, float]:
    """The largest difference of logits and z, and of gradients, between ours and the rival."""
    longest = int(corpus.frames.max())
    apart, slopes = 0.0, 0.0
    for rows in cut(np.argsort(corpus.frames), BATCH):
        torch.manual_seed(0)
        model = Vcemo(replace(settings, dropout=0.0), SIZES, MODALITIES, CLASSES).train(training)
        ours = step(model, corpus.batch(rows))
        mine = [p.grad for p in model.parameters()]
        with written_out(MultiHeadAttention, MaskedBatchNorm):
            theirs = step(model, corpus.batch(rows, longest))
        for a, b in ((ours.logits, theirs.logits), (ours.z, theirs.z)):
            apart = max(apart, (a - b).abs().max().item())
        for a, p in zip(mine, model.parameters(), strict=True):
            slopes = max(slopes, (a - p.grad).abs().max().item() / max(1.0, a.abs().max().item()))
    return apart, slopes


def ways(
    corpus: Corpus,
) -> dict[str, tuple[Callable[[], list[Batch]], tuple[type[nn.Module], ...]]]:
    """Each way: how an epoch is cut into batches, and which layers are written out."""
    longest = int(corpus.frames.max())
    both = (MultiHeadAttention, MaskedBatchNorm)

    def shuffled() -> list[Batch]:
        order = np.random.default_rng(0).permutation(len(corpus.frames))
        return [corpus.batch(rows, longest) for rows in cut(order, BATCH)]

    def by_length() -> list[Batch]:
        return [corpus.batch(rows) for rows in shuffled_batches(corpus.frames, BATCH, 2, seed=0)]

    return {
        "straightforward": (shuffled, both),
        "+ like lengths together": (by_length, both),
        "+ attention fused": (by_length, (MaskedBatchNorm,)),
        "+ norm of valid steps: ours": (by_length, ()),
    }


def seconds(model: nn.Module, batches: list[Batch], parts: tuple[type[nn.Module], ...]) -> float:
    """One epoch, in seconds of the processor, which other programs disturb least."""
    model.train()
    with written_out(*parts):
        started = time.process_time()
        for batch in batches:
            step(model, batch)
        return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="a folder of wav files")
    parser.add_argument("--size", default="small", help="an entry of `sizes` (default: small)")
    parser.add_argument("--epochs", type=int, default=3, help="of each way (default: 3)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    corpus = Corpus(options.corpus)
    settings = params.load(Path(__file__).parents[2] / "profiles" / "emodb.yaml").sizes[
        options.size
    ]
    n, frames = len(corpus.frames), corpus.frames
    console.print(f"{n} recordings, {frames.mean():.0f} frames on average, {frames.max()} at most")
    for mode in (False, True):
        apart, slopes = difference(corpus, settings, training=mode)
        name = "training" if mode else "evaluation"
        console.print(f"{name}: outputs differ by {apart:.1e} at most, gradients by {slopes:.1e}")

    for dropout in (settings.dropout, 0.0):
        model = Vcemo(replace(settings, dropout=dropout), SIZES, MODALITIES, CLASSES)
        made = {name: (cut_(), parts) for name, (cut_, parts) in ways(corpus).items()}
        best = dict.fromkeys(made, math.inf)
        for _ in range(options.epochs):
            for name, (batches, parts) in made.items():
                best[name] = min(best[name], seconds(model, batches, parts))
        table = Table(title=f"{options.size}, dropout {dropout}", title_justify="left")
        for column in ("way", "seconds", "utterances/s", "times as fast"):
            table.add_column(column, justify="left" if column == "way" else "right")
        for name, s in best.items():
            ratio = best["straightforward"] / s
            table.add_row(name, f"{s:.2f}", f"{n / s:.0f}", f"{ratio:.1f}")
        console.print(table)


if __name__ == "__main__":
    main()
