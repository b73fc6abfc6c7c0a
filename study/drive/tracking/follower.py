"""One tracker at work beside the study."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from study.drive.tracking.tracker import Tracker

Call = Callable[[Tracker], None]

#: Seconds for which the end of a study waits for a single call.
PATIENCE = 300.0


class Follower:
    """Makes a tracker's calls in their order, in a thread of its own: a study waits for no server.

    A tracker that raises is given up: `on_error` is told why, once and from any thread, and further calls are dropped.
    """

    def __init__(self, tracker: Tracker, on_error: Callable[[Exception], None]) -> None:
        self._tracker, self._on_error = tracker, on_error
        self._given_up = False
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        # A daemon: a second Ctrl-C, while the end of the study waits for a server, ends the program.
        self._thread = Thread(target=self._make_calls, name="tracker", daemon=True)

    def tell(self, call: Call) -> None:
        """Have a call made when those before it are."""
        if not self._thread.is_alive():
            self._thread.start()
        self._calls.put(call)

    def finish(self) -> None:
        """Close the tracker, and wait until all calls are made: none comes after. One that hangs is given up."""
        self.tell(lambda tracker: tracker.close())
        self._calls.put(None)
        while self._thread.is_alive():
            left = self._calls.qsize()
            self._thread.join(PATIENCE)
            if self._thread.is_alive() and self._calls.qsize() == left:
                self._give_up(TimeoutError(f"no answer for {PATIENCE:g} s"))
                return

    def _make_calls(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._given_up:
                continue
            try:
                call(self._tracker)
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if not self._given_up:
            self._given_up = True
            self._on_error(error)
