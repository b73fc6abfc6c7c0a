"""Connecting to Ray: the user's cluster, or one of our own on this machine for the length of the study."""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray.autoscaler.sdk import request_resources

from hasher.console import shortened
from hasher.errors import UserError
from study.drive.head_node import answers
from study.options import Resources

#: Seconds for which what was seen of the nodes is good.
LOOK_EVERY = 2.0
#: Set before Ray starts. Ours unless the user has set them.
_QUIET = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
#: A Ray of our own has no dashboard, which alone reads what it remembers of every step of every worker.
_OWN = {**_QUIET, "RAY_task_events_report_interval_ms": "0"}


def check_address(address: str | None) -> None:
    """Raise `UserError` where nothing answers, and for Ray's client (``ray://``): it takes the driver's parts to the
    cluster, without what they know, and runs Tune there."""
    if address is not None and address.startswith("ray://"):
        raise UserError(
            f"--address {address}: the driver must be on a machine of the cluster, give host:6379 or auto there, or "
            "send it there by ray job submit"
        )
    if address not in (None, "auto") and not answers(address):
        raise UserError(f"--address {address}: nothing answers there, it must be auto or a head node's host:port")


@contextmanager
def connect(address: str | None) -> Iterator[None]:
    """Join the cluster at `address`, or start one on this machine and stop it in the end.

    A Ray of our own listens on every interface, and whoever reaches it can run code: Ray then asks every client for
    the token in RAY_AUTH_TOKEN, and we choose a random one. Raises `UserError` where there is no cluster at `address`,
    or Ray does not start.
    """
    if address is None:
        _ask_for_a_token()
    else:
        _warn_of_open_token()
    with environment(_QUIET if address else _OWN):
        try:
            ray.init(
                address=address or "local", include_dashboard=False if address is None else None,
                log_to_driver=False, logging_level=logging.ERROR,
                runtime_env=_our_code() if address else None,
            )  # fmt: skip
        except Exception as error:  # of its own, of sockets, or a bare Exception: "timed out during startup"
            ray.shutdown()  # what has come up so far
            what = f"--address {address}: no Ray cluster can be reached there" if address else "Ray does not start here"
            how = "; name a shorter folder by TMPDIR" if "AF_UNIX" in str(error) else ""
            raise UserError(f"{what} ({shortened(_first(error), 300)}){how}") from None
        try:
            yield
        finally:
            ray.shutdown()


def _ask_for_a_token() -> None:
    """Have a Ray of our own ask for a token, whatever the environment says. Not taken back at the end: Ray reads the
    token once a process."""
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode.lower() != "token":
        del os.environ["RAY_AUTH_MODE"]  # Ray then chooses tokens
        warnings.warn(
            f"RAY_AUTH_MODE={mode} is for clusters that you start: the study's own Ray, whose ports run what they are "
            "sent, asks for a token all the same",
            stacklevel=2,
        )
    if not os.environ.get("RAY_AUTH_TOKEN"):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _warn_of_open_token() -> None:
    """Say so where others on this machine can read the token of the cluster."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            warnings.warn(f"{path}: others on this machine can read this token: chmod 600 it", stacklevel=2)


class Nodes:
    """The nodes of the connected cluster as they are now: some join and some die while a study runs."""

    def __init__(self, resources: Resources, limit: int | None) -> None:
        self._resources, self._limit = resources, limit
        self._found: list[dict[str, Any]] = []
        self._looked = -math.inf

    def _look(self) -> list[dict[str, Any]]:
        now = time.monotonic()
        if now - self._looked > LOOK_EVERY:
            self._found, self._looked = ray.nodes(), now
        return self._found

    def slots(self) -> int:
        """How many trials they can run at once, at most the limit."""
        fits = sum(_fitting(node["Resources"], self._resources) for node in self._look() if node["Alive"])
        return fits if self._limit is None else min(fits, self._limit)

    def check(self) -> None:
        """Raise `UserError` where not even one trial fits."""
        if self.slots() < 1:
            have = ray.cluster_resources()
            raise UserError(
                f"--cpus-per-trial {self._resources.cpus:g}, --gpus-per-trial {self._resources.gpus:g}: more than the "
                f"cluster has on any node ({have.get('CPU', 0):g} CPUs, {have.get('GPU', 0):g} GPUs in all); where "
                "it can grow, say with --max-concurrent how far"
            )

    def dead(self) -> int:
        """How many have died so far."""
        return sum(not node["Alive"] for node in self._look())

    @contextmanager
    def requested(self) -> Iterator[None]:
        """Have a cluster that can grow do so until as many trials fit as the limit says; others stay as they are."""
        if self._limit is None:
            yield
            return
        wanted = {"CPU": self._resources.cpus, "GPU": self._resources.gpus}
        request_resources(bundles=[{name: count for name, count in wanted.items() if count}] * self._limit)
        try:
            yield
        finally:
            request_resources(bundles=[])


def _fitting(have: dict[str, float], trial: Resources) -> int:
    """Trials that fit one node. A share of a GPU lies on one GPU; whole ones may be any."""
    fits = []
    if trial.cpus:
        fits.append(have.get("CPU", 0) / trial.cpus)
    if trial.gpus >= 1:
        fits.append(have.get("GPU", 0) / trial.gpus)
    elif trial.gpus:
        fits.append(int(have.get("GPU", 0)) * int(1 / trial.gpus + 1e-4))  # Ray counts in ten-thousandths
    return int(min(fits) + 1e-4)


def _our_code() -> dict[str, list[str]]:
    """Sent to nodes that have no copy of this project."""
    root = Path(__file__).resolve().parents[2]
    return {"py_modules": [str(root / "hasher"), str(root / "study")]}


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables that the user has not set, for a while."""
    added = {key: value for key, value in values.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            os.environ.pop(key, None)


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
