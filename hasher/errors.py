"""The one exception that stands for bad input."""

from pydantic import ValidationError

from hasher.console import shortened


class UserError(Exception):
    """Bad input: the message is one line that names the file, field or value and what would be right.

    Command-line entry points print the message without a traceback and exit with code 2.
    """


class DataNotFound(UserError):
    """Data that are not here, at least not yet; nothing is said of what they are."""


def first_error(error: ValidationError) -> str:
    """The first problem of a pydantic error as one line, ``key: what is wrong, and the value found``."""
    problem = error.errors()[0]
    key = ".".join(shortened(str(part)) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key"
    elif problem["type"] == "missing":  # its input is all that surrounds it
        message = "missing"
    elif not problem["type"].startswith("value_error"):
        message += f", not {shortened(repr(problem['input']))}"
    return f"{key}: {message}" if key else message


def reason(error: Exception) -> str:
    """The first line of what another library says of an error, or the system, for the end of a message."""
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return next(iter(text.splitlines()), "") or type(error).__name__
