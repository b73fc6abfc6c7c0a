"""What an older version of this project made and this one does not read: said in the same words everywhere."""

from pathlib import Path

from hasher.errors import UserError

#: What this version reads no more: the version, what came after it, and the last commit that reads it.
LAST_COMMITS = {
    "0.1": ("before the ranking loss", "0.1.0", "2518bd1"),
    "0.2": ("when a baseline was no method", "0.2.0", "7d770be"),
}


def made_before(path: str | Path, what: str, version: str, instead: str) -> UserError:
    """The error for a file or folder of an older `version`.

    `what` it is (a study) and what to do `instead` of reading it (choose another --name) stand in the message.
    """
    when, release, commit = LAST_COMMITS[version]
    return UserError(
        f"{path}: {what} of hagcn-study {version} ({when}), which only that version reads: {instead}, or check out "
        f"version {release} (commit {commit} or earlier)"
    )
