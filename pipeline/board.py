"""What a terminal shows while runs train: a bar for all networks, and one for each under way."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from training.runs import FoldNews, News, Outcome

Network = tuple[str, int, int]  # run, fold, its number


class Board:
    """Hears all that happens, shows it in bars if it has any, and says how each run ended."""

    def __init__(self, runs: int, bars: "Bars | None") -> None:
        self.runs, self.bars = runs, bars
        self.all = bars.add_task("all networks", told="", total=None) if bars else None
        self.under_way: dict[Network, TaskID] = {}
        self.wanted: dict[str, int] = {}  # networks of each run
        self.shares: dict[Network, float] = {}  # done of each that was begun

    def __call__(self, news: "News") -> None:
        """Take note of a message."""
        from training.runs import FoldNews, Outcome, Planned

        if isinstance(news, Planned):
            self.wanted[news.run] = news.networks
        elif isinstance(news, FoldNews):
            self._follow(news)
        elif isinstance(news, Outcome):
            self._end(news)

    def say(self, line: str) -> None:
        """A line on stdout, above the bars if they are on the same screen."""
        if self.bars and sys.stdout.isatty():
            self.bars.console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def _follow(self, news: "FoldNews") -> None:
        from training.pool import Done, Started
        from training.progress import Progress

        job, message = news.job, news.message
        network = (job.run.name, job.fold, job.network)
        if not self.bars:
            return
        if isinstance(message, Started):
            title = f"{job.run.name} fold {job.fold} network {job.network}"
            epochs = job.run.training.epochs
            self.under_way[network] = self.bars.add_task(title, total=epochs, told="")
        elif isinstance(message, Progress):
            s = message.score
            told = f"epoch {s.epoch}/{message.epochs}, {s}"
            self.bars.update(self.under_way[network], completed=s.epoch, told=told)
            self.shares[network] = s.epoch / message.epochs
        elif isinstance(message, Done):
            self.bars.remove_task(self.under_way.pop(network))
            self.shares[network] = 1.0
        self._count()

    def _end(self, outcome: "Outcome") -> None:
        if outcome.error is None or self.runs > 1:  # of a single run the error is told at the end
            self.say(f"train {outcome}")
        if outcome.error is None or not self.bars:
            return
        self.wanted[outcome.run] = outcome.computed
        for network in [n for n in self.under_way if n[0] == outcome.run]:
            self.bars.remove_task(self.under_way.pop(network))
            self.shares.pop(network, None)
        self._count()

    def _count(self) -> None:
        assert self.bars is not None and self.all is not None
        total, done = sum(self.wanted.values()), sum(share == 1 for share in self.shares.values())
        told = f"{done} of {total} done"
        self.bars.update(self.all, total=total, completed=sum(self.shares.values()), told=told)


@contextmanager
def board(runs: int) -> Iterator[Board]:
    """A board for so many runs, with bars if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield Board(runs, None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Board(runs, bars)
