"""A progress bar for a stage that computes, when somebody is watching."""

import sys
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from pipeline.backends import Spread


def counted(spread: Spread, rows: int, title: str) -> Spread:
    """The same map, with a bar on stderr that counts finished rows if stderr is a terminal."""

    def show(
        function: Callable[[pa.Table], pa.Table], tasks: Iterable[pa.Table]
    ) -> Iterator[pa.Table]:
        if not (rows and sys.stderr.isatty()):
            yield from spread(function, tasks)
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(title, total=rows)
            for table in spread(function, tasks):
                progress.advance(bar, len(table))
                yield table

    return show
