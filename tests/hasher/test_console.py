"""What is printed cannot command a terminal."""

import io

import pytest
from rich.table import Table

from hasher.console import SafeConsole, printable, say, shortened

#: Renames a window, writes to the clipboard, clears the screen, turns the direction of text, rings.
COMMANDS = ["\x1b]0;title\x07", "\x1b]52;c;aGk=\x07", "\x9b2J", "\u202e", "\r", "\x00", "\udcff"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_shown_as_what_it_is(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printable(f"a{command}b\n\tc")
    assert shown.startswith("a\\") and shown.endswith("b\n\tc") and shown.isascii()
    assert not any(ord(char) < 32 and char not in "\n\t" for char in shown)
    say(f"a{command}b")
    assert capsys.readouterr().out == f"{printable(f'a{command}b')}\n"


def test_other_text_stays_as_it_is() -> None:
    text = "Größe ± 3 × 10⁻², 東京, ✗ … \N{NO-BREAK SPACE}│╭\n"
    assert printable(text) == text and shortened(text) == text
    assert shortened("x" * 90) == "x" * 79 + "…"


@pytest.mark.parametrize("terminal", [True, False])
def test_rich_keeps_its_colours_and_no_text_has_any(terminal: bool) -> None:
    output = io.StringIO()
    console = SafeConsole(file=output, force_terminal=terminal, color_system="standard" if terminal else None, width=80)
    table = Table("name")
    table.add_row("evil\x1b]0;title\x07")
    console.print(table)
    console.print("evil\x1b[2J", style="red", markup=False)
    printed = output.getvalue()
    assert "\x1b]0" not in printed and "\x1b[2J" not in printed and printed.count("evil\\x1b") == 2
    assert ("\x1b[31m" in printed) == terminal
