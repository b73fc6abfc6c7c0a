"""Connecting to Ray: the user's cluster, or one of our own on this machine for the length of the study."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from hasher.errors import UserError
from study.trial import Resources

#: Set before Ray starts. Ours unless the user has set them.
_QUIET = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def connect(address: str | None) -> Iterator[None]:
    """Join the cluster at `address`, or start one on this machine and stop it in the end.

    A Ray of our own listens on every interface, and whoever reaches it can run code: Ray then asks every client for
    the token in RAY_AUTH_TOKEN, and we choose a random one. Raises `UserError` where there is no cluster at `address`.
    """
    if address is None:
        # Not taken back at the end: Ray reads the token once a process.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    with environment(_QUIET):
        try:
            ray.init(
                address=address or "local", include_dashboard=False if address is None else None,
                log_to_driver=False, logging_level=logging.ERROR,
                runtime_env=_our_code() if address else None,
            )  # fmt: skip
        except (ConnectionError, ValueError, RuntimeError) as error:
            what = f"--address {address}: no Ray cluster can be reached there" if address else "Ray does not start here"
            raise UserError(f"{what} ({_first(error)})") from None
        try:
            yield
        finally:
            ray.shutdown()


def slots(resources: Resources, limit: int | None) -> int:
    """How many trials the connected cluster can run at once, at most `limit`.

    Raises `UserError` where not even one fits.
    """
    have = ray.cluster_resources()
    fits = [int(have.get("CPU", 0) / resources.cpus)] if resources.cpus else []
    if resources.gpus:
        fits.append(int(have.get("GPU", 0) / resources.gpus))
    count = min(fits, default=1)
    if count < 1:
        raise UserError(
            f"--cpus-per-trial {resources.cpus:g}, --gpus-per-trial {resources.gpus:g}: more than the cluster has "
            f"({have.get('CPU', 0):g} CPUs, {have.get('GPU', 0):g} GPUs)"
        )
    return min(count, limit) if limit else count


def _our_code() -> dict[str, list[str]]:
    """Sent to nodes that have no copy of this project."""
    root = Path(__file__).resolve().parents[1]
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
