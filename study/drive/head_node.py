"""Whether a cluster's head node answers. Ray tries for minutes to reach one that does not; and where it falls silent
later, Ray ends the process over that after a while, without a word that would help."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hasher.cluster import answers

#: Seconds between two looks, and looks in vain after which something is said.
LOOK_EVERY, IN_VAIN = 1.0, 2

LOST = (
    "warning: the cluster's head node ({address}) does not answer. If that lasts, Ray ends this command: after "
    "60 seconds, or what RAY_gcs_rpc_server_reconnect_timeout_s says. What has ended is recorded, and the same command "
    "goes on, on any cluster."
)
BACK = "the cluster's head node ({address}) answers again."


@contextmanager
def watched(address: str, say: Callable[[str], None]) -> Iterator[None]:
    """Look now and then, beside what is done in the block, whether something listens at `address` (``host:port``)."""
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(address, say, done), name="head node", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(address: str, say: Callable[[str], None], done: threading.Event) -> None:
    in_vain = 0
    while not done.wait(LOOK_EVERY):
        if answers(address):
            if in_vain >= IN_VAIN:
                say(BACK.format(address=address))
            in_vain = 0
        else:
            in_vain += 1
            if in_vain == IN_VAIN:
                say(LOST.format(address=address))
