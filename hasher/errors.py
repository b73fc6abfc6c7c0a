"""The one exception that stands for bad input."""

from pydantic import ValidationError


class UserError(Exception):
    """Bad input: the message is one line that names the file, field or value and what would be right.

    Command-line entry points print the message without a traceback and exit with code 2.
    """


def first_error(error: ValidationError) -> str:
    """The first problem of a pydantic error as one line, ``key: what is wrong, and the value found``."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key"
    elif not problem["type"].startswith("value_error"):
        message += f", not {problem['input']!r}"
    return f"{key}: {message}" if key else message


def reason(error: Exception) -> str:
    """The first line of what another library says of an error, for the end of a message."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
