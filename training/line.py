"""What a terminal shows while runs train: one line for all, and one for each run that ends."""

import sys

from training.pool import Done
from training.progress import Progress
from training.runs import FoldNews, News, Outcome, Planned


class Line:
    """Keeps one line on a terminal, and says how each run ended; else only the latter."""

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.networks = self.done = 0

    def __call__(self, news: News) -> None:
        if isinstance(news, Planned):
            self.networks += news.networks
        elif isinstance(news, Outcome):
            self._show("")
            if news.error is None or self.runs > 1:  # of a single run the error is told at the end
                sys.stderr.write(f"{news}\n")
        elif isinstance(news.message, Done):
            self.done += 1
        elif isinstance(news.message, Progress):
            self._show(self._told(news, news.message))

    def _told(self, news: FoldNews, progress: Progress) -> str:
        s = progress.score
        place = f"{progress.run} fold {progress.fold} network {progress.network}"
        scores = f"epoch {s.epoch}/{progress.epochs} {s}"
        return f"{self.done}/{self.networks} networks, {place} {scores}"

    def _show(self, line: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{line}")
