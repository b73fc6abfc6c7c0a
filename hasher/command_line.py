"""How every command of this project ends: with its exit code, or with one line that says what is wrong and code 2."""

import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Protocol

from hasher.console import say, shortened
from hasher.errors import UserError

#: Exit code for bad input, and for a machine that does not do what it is to.
REFUSED = 2
#: Characters of a message; no value of a file is worth more.
_LONGEST = 10_000
#: Characters of a path that is shown whole; of a longer one, both ends are.
_LONGEST_PATH = 300


class Main(Protocol):
    """A command: from the words behind its name, those of this process unless they are given, to an exit code."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int: ...


def command(main: Main) -> Main:
    """`main`, a function of the command line's words, as every entry of this project is to run it.

    Bad input (`UserError`), a file or folder that cannot be read or written, a disk that is full (`OSError`) and too
    little memory are one line on standard error and exit code 2. A reader of the output that has seen enough, `head`
    for one, is no error. Any other exception is a defect, and keeps its traceback.
    """

    @wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        with _plain_warnings():
            try:
                code = main(arguments)
                sys.stdout.flush()
                return code
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to fail at the end
                return 0
            except (UserError, OSError, MemoryError, RuntimeError) as error:
                line = in_words(error)
                if line is None:
                    raise
                _say_error(line)
                return REFUSED

    return run


def in_words(error: Exception) -> str | None:
    """What a user is to be told of an error; None where it is a defect of this project."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return _of_system(error)
    text = str(error)
    if isinstance(error, MemoryError) or "allocate memory" in text:  # as torch says it
        return "not enough memory" + (f" ({shortened(text.splitlines()[0], 300)})" if text else "")
    return None


def _of_system(error: OSError) -> str:
    """``file: what is wrong``."""
    if not isinstance(error.filename, str | bytes):
        return error.strerror or str(error)
    name = os.fsdecode(error.filename)
    where = name if len(name) <= _LONGEST_PATH else f"{name[: _LONGEST_PATH // 2]}…{name[-_LONGEST_PATH // 2 :]}"
    return f"{where}: {error.strerror or error}"


def _say_error(message: str) -> None:
    """A line; what is listed under it stands in lines of its own, indented."""
    one_line = re.sub(r"\s*\n(?!  )\s*", " ", message.strip())
    say(f"error: {shortened(one_line, _LONGEST)}", sys.stderr)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print each `UserWarning` as ``warning: …`` on standard error, without the place in the code it comes from."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_plainly(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if category is UserWarning:
                say(f"warning: {message}", sys.stderr)
            else:
                show(message, category, *where, **more)

        warnings.showwarning = show_plainly
        yield
