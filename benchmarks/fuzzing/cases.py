"""One case: a reader in a process of its own, with so much time and memory, and what became of it."""

from __future__ import annotations

import os
import re
import resource
import select
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: Seconds that a case may compute, and bytes that it may have more than the process it comes from.
SECONDS, MEMORY = 10, 10**9
#: Seconds after which a case that computes nothing waits for something; a busy machine is slow to give it its turn.
PATIENCE = 90.0
#: Bytes beyond which the system gives a case no more, so that the machine outlives it.
_CEILING = 4 * 10**9

Verdict = Literal["taken", "refused", "traceback", "hang", "memory", "crash", "commands"]
#: What a user should never see; `commands` are to the terminal.
WRONG: tuple[Verdict, ...] = ("traceback", "hang", "memory", "crash", "commands")

_DEFECT = 97
_COMMANDS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Outcome:
    """What became of a case; `detail` tells defects apart and `text` is all that was printed."""

    verdict: Verdict
    detail: str = ""
    text: str = ""


def run_case(read: Callable[[], object], folder: Path) -> Outcome:
    """Run `read`, which may return a command's exit code, in `folder` and in a process that is ended in time."""
    printed = folder / "printed.txt"
    begun, begins = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begins, str(_pages()[1]).encode())
        _read_here(read, folder, printed)
    os.close(begins)
    descriptor = os.pidfd_open(child)
    try:
        in_time = bool(select.select([descriptor], [], [], PATIENCE)[0])
        if not in_time:
            os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
        before = int(os.read(begun, 100) or 0)
    finally:
        os.close(descriptor)
        os.close(begun)
    content = printed.read_bytes() if printed.exists() else b""
    text = content.decode(errors="replace")
    if not in_time or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return Outcome("hang", "still computing" if in_time else "still waiting", text)
    if usage.ru_maxrss * 1024 - before > MEMORY:
        return Outcome("memory", f"over {MEMORY / 1e9:g} GB", text)
    if os.WIFSIGNALED(status):
        return Outcome("crash", signal.Signals(os.WTERMSIG(status)).name, text)
    code = os.WEXITSTATUS(status)
    if code == _DEFECT:
        return Outcome("traceback", text.rstrip().rsplit("\n", 1)[-1], text)
    if _COMMANDS.search(content):
        return Outcome("commands", "control characters are printed", text)
    return Outcome("taken" if code in (0, 1) else "refused", "", text)


def _pages() -> tuple[int, int]:
    """Bytes of address space that this process has, and of memory."""
    size, resident = Path("/proc/self/statm").read_text().split()[:2]
    return int(size) * resource.getpagesize(), int(resident) * resource.getpagesize()


def _read_here(read: Callable[[], object], folder: Path, printed: Path) -> None:
    """In the child: never returns."""
    code = _DEFECT
    try:
        output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        size = _pages()[0]
        resource.setrlimit(resource.RLIMIT_AS, (size + _CEILING, size + _CEILING))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        os.chdir(folder)
        with open(1, "w", closefd=False) as out:
            import sys

            sys.stdout = sys.stderr = out
            try:
                found = read()
                code = found if isinstance(found, int) else 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 2
            except BaseException as error:
                frame = traceback.extract_tb(error.__traceback__)[-1]
                traceback.print_exc(file=out)
                where = f"{Path(frame.filename).name}:{frame.lineno}"
                out.write(f"\n{type(error).__name__} in {where}: {str(error)[:200]!r}")
                code = _DEFECT
    finally:
        os._exit(code)
