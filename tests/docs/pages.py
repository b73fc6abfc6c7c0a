"""The pages of the documentation: their blocks of code, and the commands on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS, ROOT / "search_spaces" / "README.md", *sorted((ROOT / "cluster").glob("*.md")),
         ROOT / "benchmarks" / "README.md"]  # fmt: skip

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?: {4,}\S.*\n)+")
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
#: The name of a program in a sentence, which nobody would run as it stands.
NAME = re.compile(r"python -m \w+( \w+)?")
#: A path of the repository in a sentence.
IN_REPOSITORY = re.compile(r"(analysis|benchmarks|cluster|docs|hasher|search_spaces|study|tests)/[\w./-]+")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_code(page: Path) -> str:
    return INDENTED.sub("", FENCED.sub("", text(page)))


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    code: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{text(self.page)[: text(self.page).index(self.code)].count(chr(10)) + 1}"


def blocks(language: str) -> list[Block]:
    return [Block(page, code) for page in PAGES for found, code in FENCED.findall(text(page)) if found == language]


def commands_of(markdown: str) -> Iterator[str]:
    """Every command line that begins with ``python``: of blocks, and those in sentences and tables."""
    code = [match[2] for match in FENCED.finditer(markdown) if match[1] in ("", "bash", "sh")]
    prose = FENCED.sub("\n", markdown)
    for line in "".join([*code, *INDENTED.findall(prose)]).splitlines():
        found = re.fullmatch(r"\s*(?:[A-Z_]+=\S+ )*(python3? .+)", line)
        if found:
            yield found[1]
    spans = INLINE.findall(INDENTED.sub("", prose))
    yield from (span for span in spans if span.startswith("python ") and not NAME.fullmatch(span))


COMMANDS = [(page, command) for page in PAGES for command in dict.fromkeys(commands_of(text(page)))]
