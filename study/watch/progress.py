"""What a person sees while a study runs: a method × bits grid of best validation scores, counts, and the time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hasher.retrieval.metrics import METRICS
from study.plan.finished import FinishedRuns, done, winner
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, final_tasks, search_tasks
from study.watch.counts import count_runs, duration

#: Seconds between two updates: of the live grid, and of the plain line where there is no terminal.
LIVE_EVERY, LINE_EVERY = 0.5, 20.0
#: Most of the driver's time that showing may take; a study of 10,000 runs is shown less often.
SHARE = 0.02


class Progress:
    """Shows a running study on the console."""

    def __init__(self, spec: StudySpec, finished: FinishedRuns, slots: int, console: Console) -> None:
        self._spec, self._finished, self._slots, self._console = spec, finished, slots, console
        self._live: Live | None = None
        self._next = 0.0

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Keep a live grid on a terminal that can have one; elsewhere `refresh` prints a line now and then."""
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def refresh(self) -> None:
        """Update what is shown, if it is time to."""
        now = time.monotonic()
        if now < self._next or self._console.quiet:
            return
        if self._live is not None:
            self._live.update(self._grid(), refresh=True)
        else:
            self._console.print(self._line(), highlight=False, soft_wrap=True)
        every = LINE_EVERY if self._live is None else LIVE_EVERY
        self._next = now + max(every, (time.monotonic() - now) / SHARE)

    def say(self, line: str) -> None:
        """Print a line above what is shown. May be called from any thread."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _line(self) -> str:
        now = count_runs(self._spec, self._finished)
        left = "" if now.seconds_left is None else f", about {duration(now.seconds_left / self._slots)} left"
        return now.in_words() + left

    def _grid(self) -> RenderableType:
        scores = validation_scores(self._spec, self._finished)
        return Group(Text(self._line()), *scores)  # a small terminal shows the first lines only


def validation_scores(spec: StudySpec, finished: FinishedRuns) -> list[RenderableType]:
    """The best validation score of every searched cell so far, a table a data set."""
    shown: list[RenderableType] = []
    metric = METRICS[spec.objective].title(spec.k)
    searched = [name for name in spec.methods if spec.is_searched(name)]
    for dataset in spec.datasets:
        shown.append(Text(f"{dataset.name}: best validation {metric}, search trials + test runs that have ended"))
        table = Table()
        table.add_column("method")
        for bits in spec.bits:
            table.add_column(f"{bits} bits", justify="right")
        for name in searched:
            table.add_row(name, *(_entry(spec, finished, Cell(dataset.name, name, bits)) for bits in spec.bits))
        shown.append(table)
    return shown


def _entry(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> str:
    best = winner(spec, finished, cell)
    searched = sum(task in finished for task in search_tasks(spec, cell))
    tested = len(done(spec, finished, final_tasks(spec, cell)))
    score = "–" if best is None else f"{best.score:.3f}"
    return f"{score} [dim]{searched}+{tested}[/dim]"
