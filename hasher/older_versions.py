"""What an older version of this project made and this one does not read: said in the same words everywhere."""

from pathlib import Path

from hasher.errors import UserError


def made_by_0_1(path: str | Path, what: str, instead: str) -> UserError:
    """The error for a file or folder of version 0.1.

    `what` it is (a study) and what to do `instead` of reading it (choose another --name) stand in the message.
    """
    return UserError(
        f"{path}: {what} of hagcn-study 0.1 (before the ranking loss), which only that version reads: {instead}, or "
        "check out version 0.1.0 (commit 2518bd1 or earlier)"
    )
