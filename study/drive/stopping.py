"""SIGTERM, which batch systems and `kill` send, stops a study as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sigterm_as_sigint() -> Iterator[None]:
    """Whoever handles SIGINT meanwhile is told of SIGTERM as well. Ray has a handler that ends the process at once."""
    if threading.current_thread() is not threading.main_thread():  # which alone may have handlers
        yield
        return
    former = signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
