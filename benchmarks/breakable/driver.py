"""A process that runs a study: what it printed, and whether it ended as it may."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hasher.command_line import REFUSED


class Driver:
    """Started in `folder`, it appends to the file `log`, and has one of its own for errors.

    It may end with code 0, with code 2 and one line that says why, or because something that it cannot do without was
    killed (`excused`).
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self.excused, self.began = False, time.time()
        number = len(list(log.parent.glob("*.err")))
        self._errors = log.with_name(f"{log.stem}-{number}.err")
        with log.open("ab") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=errors)

    @property
    def has_stopped_in_a_line(self) -> bool:
        """With the exit code for that, and so it did."""
        return self.process.returncode == REFUSED and len(self._lines()) == 1 and "Traceback" not in self._text()

    @property
    def complaint(self) -> str | None:
        """What is wrong with how it ended."""
        code = self.process.returncode
        if code == 0 or self.excused or self.has_stopped_in_a_line:
            return None
        return f"{self._errors}: exit code {code}, {self._text()[-2000:]}"

    def reason(self) -> str:
        """The line that it stopped with."""
        return "".join(self._lines())

    def _lines(self) -> list[str]:
        return [line for line in self._text().splitlines() if line.startswith("error: ")]

    def _text(self) -> str:
        return self._errors.read_text(encoding="utf-8", errors="replace")
