"""Every command ends in an exit code or in one line; a defect keeps its traceback."""

from __future__ import annotations

import errno
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from hasher.command_line import command
from hasher.errors import UserError


def ending(error: Exception) -> int:
    @command
    def main(arguments: Sequence[str] | None = None) -> int:
        raise error

    return main()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("a.npz: no good"), "a.npz: no good"),
        (UserError("a.npz: holds\nerror: forged \x1b[2J"), "a.npz: holds error: forged \\x1b[2J"),
        (UserError("differs:\n  a: 1 → 2\n  b: 2 → 3"), "differs:\n  a: 1 → 2\n  b: 2 → 3"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), "runs/a: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("AF_UNIX path length"), "AF_UNIX path length"),
        (FileExistsError(errno.EEXIST, "File exists", b"runs"), "runs: File exists"),
        (MemoryError(), "not enough memory"),
        (MemoryError("Unable to allocate 9 TiB"), "not enough memory (Unable to allocate 9 TiB)"),
    ],
)
def test_what_a_user_can_mend_is_a_line(error: Exception, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(error) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {line}\n" and not captured.out


def test_a_tensor_beyond_memory_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(arguments: Sequence[str] | None = None) -> int:
        return len(torch.empty(1 << 55))

    assert main() == 2
    assert capsys.readouterr().err.startswith("error: not enough memory (")


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shapes differ"), KeyError("x"), RecursionError("x")])
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        ending(error)


def test_long_messages_and_paths_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    ending(UserError("x" * 10**6))
    ending(OSError(errno.ENAMETOOLONG, "File name too long", "y" * 10**6))
    first, second = capsys.readouterr().err.splitlines()
    assert len(first) < 11_000 and len(second) < 400 and second.endswith("y: File name too long")


def test_warnings_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(arguments: Sequence[str] | None = None) -> int:
        warnings.warn("a\x1b[2Jb", stacklevel=2)
        return 0

    assert main() == 0
    assert capsys.readouterr().err == "warning: a\\x1b[2Jb\n"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    script = tmp_path / "talks.py"
    script.write_text(
        "from hasher.command_line import command\nfrom hasher.console import say\n"
        "@command\ndef main(arguments=None):\n    for number in range(100_000):\n        say('line')\n    return 0\n"
        "raise SystemExit(main())\n"
    )
    talking = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert talking.stdout is not None and talking.stderr is not None
    talking.stdout.readline()
    talking.stdout.close()
    assert talking.stderr.read() == b"" and talking.wait() == 0
    talking.stderr.close()
