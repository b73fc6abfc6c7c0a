"""Connecting to Ray: the user's cluster, or one of our own on this machine for a while."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import ray

from hasher.console import shortened
from hasher.errors import UserError

#: Seconds to wait for an answer of a head node.
ANSWER_WITHIN = 2.0
#: Set before Ray starts. Ours unless the user has set them.
_QUIET = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
#: A Ray of our own has no dashboard, which alone reads what it remembers of every step of every worker.
_OWN = {**_QUIET, "RAY_task_events_report_interval_ms": "0"}


def check_address(address: str | None) -> None:
    """Raise `UserError` where nothing answers, and for Ray's client (``ray://``): it takes the driver's parts to the
    cluster, without what they know and the files beside them."""
    if address is not None and address.startswith("ray://"):
        raise UserError(
            f"--address {address}: the driver must be on a machine of the cluster, give host:6379 or auto there, or "
            "send it there by ray job submit"
        )
    if address not in (None, "auto") and not answers(address):
        raise UserError(f"--address {address}: nothing answers there, it must be auto or a head node's host:port")


def answers(address: str) -> bool:
    """Whether something listens at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        if int(port) >= 1 << 16:  # some systems take the remainder
            return False
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_WITHIN):
            return True
    except (OSError, OverflowError, ValueError):
        return False


@contextmanager
def connect(address: str | None, code: Sequence[str] = ("hasher",), cpus: int | None = None) -> Iterator[None]:
    """Join the cluster at `address`, or start one on this machine and stop it in the end.

    Args:
        address: ``auto``, ``host:port``, or None.
        code: packages of this project that are sent to nodes that have no copy of it.
        cpus: what a Ray of our own takes for the number of cores; None: what there are.

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
                runtime_env=_our_code(code) if address else None, num_cpus=cpus,
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
            f"RAY_AUTH_MODE={mode} is for clusters that you start: a Ray of our own, whose ports run what they are "
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


def _our_code(packages: Sequence[str]) -> dict[str, list[str]]:
    root = Path(__file__).resolve().parents[1]
    return {"py_modules": [str(root / package) for package in packages]}


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
