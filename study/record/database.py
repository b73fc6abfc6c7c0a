"""A database as the storage of a study (`--storage`): opened, and what it says where it fails later.

One that is locked by others for a while is waited for, and a connection that a server has dropped is made anew. One
that is stopped, full or gone ends the study in a line; it goes on by the same command.
"""

from __future__ import annotations

import time

from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from hasher.errors import UserError
from study.record.study_folder import without_password

#: Seconds to wait for another driver that creates the tables of a new database, again and again.
_PATIENCE = (0.2, 0.5, 1.0, 2.0)
#: Seconds to wait for an SQLite file that others have locked, less than a claim lives without a beat; 5 unless told.
LOCKED_FOR = 30.0


def open_database(url: str) -> BaseStorage:
    """An Optuna storage by its URL. Raises `UserError` where it cannot be opened."""
    try:
        for seconds in _PATIENCE:
            try:
                return _connect(url)
            except (IntegrityError, OperationalError, ProgrammingError) as error:
                if not isinstance(error, IntegrityError) and "already exists" not in str(error):
                    raise
                time.sleep(seconds)  # another driver creates the tables at this moment
        return _connect(url)
    except (SQLAlchemyError, ImportError, RuntimeError, ValueError, OSError) as error:
        raise UserError(f"--storage {without_password(url)}: cannot be opened ({_first_line(error)})") from None


def _connect(url: str) -> BaseStorage:
    found = make_url(url)
    if found.get_backend_name() != "sqlite":
        return get_storage(RDBStorage(url, engine_kwargs={"pool_pre_ping": True}))
    if "timeout" in found.query:
        return get_storage(url)
    return get_storage(RDBStorage(url, engine_kwargs={"connect_args": {"timeout": LOCKED_FOR}}))


def failure_of(error: BaseException) -> str | None:
    """What a database that cannot be used any more says; None for any other error."""
    if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
        return _first_line(error)
    return None


def _first_line(error: BaseException) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
