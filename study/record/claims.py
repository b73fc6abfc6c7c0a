"""One driver at a time for a study whose storage several machines reach: a claim in the storage, which dies with it.

The lock of a study folder (`StudyFolder.locked`) keeps drivers of one folder apart; two folders may name one storage.
A claim is an Optuna study of its own, ``<study>/driver@1``, ``@2`` and so on: storages create a name once, whoever
else asks for it. Its driver keeps saying that it lives, by its clock; a driver that has said nothing for `LEASE`
seconds, or whose process is no longer on this machine, has died, and the next number is free.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.exc import SQLAlchemyError

from hasher.errors import UserError

#: Seconds between two signs of life, and after which a driver without one has died. Clocks must agree better than that.
BEAT, LEASE = 10.0, 60.0


class Claim:
    """A driver's hold on a study."""

    def __init__(self, storage: BaseStorage, name: str, number: int) -> None:
        self._storage, self._name, self._number = storage, name, number
        self._lost = False
        self._done = threading.Event()

    def check(self) -> None:
        """Raise `UserError` where another driver has taken the study over meanwhile: this one was silent too long."""
        if self._lost:
            raise UserError(
                f"storage: another driver has taken over the study {self._name}, since this one did not say for "
                f"{LEASE:.0f} s that it lives; what had ended is recorded"
            )

    def _keep(self) -> None:
        while not self._done.wait(BEAT):
            try:
                if _latest(self._storage, self._name) != self._number:
                    self._lost = True
                    return
                _say(self._storage, self._name, self._number, _driver())
            except (SQLAlchemyError, StorageInternalError):  # out of reach for now; what is run will notice it too
                continue


def refuse_claims_within(storage: BaseStorage, name: str) -> None:
    """Raise `UserError` where drivers that live hold parts of the study `name`: its cells."""
    for one in optuna.get_all_study_names(storage):
        part, _, number = one.rpartition("/driver@")
        if part.startswith(f"{name}/") and number.isdecimal():
            _refuse_living(storage, part, int(number))


def refuse_claim(storage: BaseStorage, name: str) -> None:
    """Raise `UserError` where a driver that lives holds the whole study `name`."""
    number = _latest(storage, name)
    if number:
        _refuse_living(storage, name, number)


@contextmanager
def claimed(storage: BaseStorage, name: str) -> Iterator[Claim]:
    """Hold the study `name` of a storage. Raises `UserError` where a driver that lives holds it."""
    number = _latest(storage, name)  # once: a claim made after this one was looked at must not be taken for looked at
    if number:
        _refuse_living(storage, name, number)
    try:
        optuna.create_study(study_name=_claim(name, number + 1), storage=storage)
    except DuplicatedStudyError:
        raise UserError(f"storage: another driver begins with the study {name} at this moment, wait for it") from None
    _say(storage, name, number + 1, _driver())
    if number:
        _forget(storage, name, number)
    claim = Claim(storage, name, number + 1)
    thread = threading.Thread(target=claim._keep, name="claim", daemon=True)
    thread.start()
    try:
        yield claim
    finally:
        claim._done.set()
        thread.join()
        with suppress(SQLAlchemyError, StorageInternalError):  # out of reach: others forget it by themselves
            if _latest(storage, name) == number + 1:
                _forget(storage, name, number + 1)


def _refuse_living(storage: BaseStorage, name: str, number: int) -> None:
    try:
        claim = optuna.load_study(study_name=_claim(name, number), storage=storage)
    except KeyError:  # it has ended meanwhile
        return
    about = claim.user_attrs.get("driver")
    if about is None:  # its driver is about to say who it is, or died at that point: it has the time of any other
        seen = claim.user_attrs.get("seen", time.time())
        claim.set_user_attr("seen", seen)
        about = {"beat": seen, "host": "a machine", "process": 0}
    silent = time.time() - about["beat"]
    if silent > LEASE or (about["host"] == socket.gethostname() and not _is_running(about["process"])):
        return
    raise UserError(
        f"storage: the study {name} is run by a driver on {about['host']} (process {about['process']}), which said "
        f"{max(0.0, silent):.0f} s ago that it lives: wait for it or stop it; one that has died is forgotten after "
        f"{LEASE:.0f} s"
    )


def _driver() -> dict[str, Any]:
    """Who this is, and that it lives now."""
    return {"beat": time.time(), "host": socket.gethostname(), "process": os.getpid()}


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _claim(name: str, number: int) -> str:
    return f"{name}/driver@{number}"


def _latest(storage: BaseStorage, name: str) -> int:
    """The number of the study's last claim; 0 without one."""
    before = _claim(name, 0).removesuffix("0")
    numbers = (one.removeprefix(before) for one in optuna.get_all_study_names(storage) if one.startswith(before))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def _forget(storage: BaseStorage, name: str, number: int) -> None:
    with suppress(KeyError):  # its driver, or one that took over from it, was faster
        optuna.delete_study(study_name=_claim(name, number), storage=storage)


def _say(storage: BaseStorage, name: str, number: int, driver: dict[str, Any]) -> None:
    """All of it at once: whoever reads it must not find half."""
    optuna.load_study(study_name=_claim(name, number), storage=storage).set_user_attr("driver", driver)
