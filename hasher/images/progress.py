"""What a person sees while images are embedded: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: Seconds between two lines where there is no terminal.
LINE_EVERY = 20.0


class EmbeddingProgress:
    """Counts images and shows how fast they go; a `hasher.images.shard_making.Watcher`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done = self._total = self._new = self._skipped = 0
        self._began = self._next = time.monotonic()
        self._bar = Progress(
            TextColumn("images"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f} images/s"), TextColumn("{task.fields[skipped]} skipped"),
            TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("images", total=None, rate=0.0, skipped=0)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Keep the bar on the terminal."""
        with self._bar:
            yield

    def begin(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self._began = time.monotonic()
        self._next = self._began + LINE_EVERY
        if done:
            self._console.print(f"{done:,} of {total:,} images are done already", highlight=False)
        self._bar.update(self._task, completed=done, total=total)

    def advance(self, images: int, skipped: int) -> None:
        self._done += images
        self._new += images
        self._skipped += skipped
        self._bar.update(self._task, completed=self._done, rate=self.rate, skipped=self._skipped)
        now = time.monotonic()
        if not self._console.is_terminal and now >= self._next:
            self._next = now + LINE_EVERY
            self._console.print(self._line(), highlight=False)

    @property
    def rate(self) -> float:
        """Images a second in this run."""
        return self._new / max(time.monotonic() - self._began, 1e-9)

    def _line(self) -> str:
        left = (self._total - self._done) / self.rate
        return (
            f"{self._done:,} of {self._total:,} images, {self.rate:.0f} images/s, {self._skipped} skipped, "
            f"about {left:.0f} s left"
        )
