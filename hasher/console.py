"""What is printed, of whatever origin: a name, a label or a file's own words cannot command the terminal.

A terminal obeys control characters, which may stand in file names, class names and the metadata of files that others
made: they can rename its window, write to its clipboard or hide what is printed. Here they are shown as what they are,
``\\x1b``. Colours and bars of rich are no text, and stay.
"""

import re
import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

#: Controls but for line ends and tabs, marks that turn the direction of text or have no width, and halves of
#: characters, as which Python has bytes of a file name that are not UTF-8.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with escapes, as Python writes them, in place of what a terminal would obey."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shortened(text: str, longest: int = 80) -> str:
    """`text`, or its beginning where it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def say(text: str, file: TextIO | None = None) -> None:
    """Print a line, or several, at once: whoever reads along is to see it now."""
    print(printable(text), file=file or sys.stdout, flush=True)


class SafeConsole(Console):
    """Rich's console, of which no text is a command to the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of `renderable`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
