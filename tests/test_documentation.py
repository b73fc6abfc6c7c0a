"""The documentation is right where a machine can tell: its length, links, commands, search spaces and Python."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import analysis.command
import analysis.notebooks.__main__ as notebooks
import hasher.__main__ as hasher_command
from analysis.style import look
from hasher.contract import Method
from hasher.encoding import encode
from hasher.errors import UserError
from hasher.methods import registry
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from study.command import _parser as study_parser
from study.command import parse_command
from study.plan.space_file import read_spec

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS, ROOT / "search_spaces" / "README.md", *sorted((ROOT / "cluster").glob("*.md")),
         ROOT / "benchmarks" / "README.md"]  # fmt: skip
CPU = torch.device("cpu")

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


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Method]:
    """The method that docs/extending.md describes, as where its package is installed."""
    page = ROOT / "docs" / "extending.md"
    (code,) = (block.code for block in blocks("python") if block.page == page)
    (project,) = (tomllib.loads(block.code) for block in blocks("toml") if block.page == page)
    ((group, entries),) = project["project"]["entry-points"].items()
    ((entry, value),) = entries.items()
    (tmp_path / f"{value.split(':')[0]}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = EntryPoints([EntryPoint(entry, value, group)])
    monkeypatch.setattr(registry, "entry_points", lambda **wanted: found.select(**wanted))
    registry.methods.cache_clear()
    yield registry.find_method(entry)
    registry.methods.cache_clear()
    sys.modules.pop(value.split(":")[0], None)


def test_the_readme_is_short() -> None:
    assert len(text(ROOT / "README.md").splitlines()) <= 180


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / target.split("#")[0]).resolve() for target in LINK.findall(text(ROOT / "README.md"))}
    assert set(PAGES) - {ROOT / "README.md"} <= linked


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", FENCED.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere, and paths of the repository that it names and that are not there."""
    found = []
    for target in LINK.findall(without_code(page)):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z]+:", target):
            continue
        if not there.is_relative_to(ROOT) or not there.exists() or (anchor and anchor not in anchors(there)):
            found.append(target)
    named = [span for span in INLINE.findall(without_code(page)) if IN_REPOSITORY.fullmatch(span)]
    return found + [span for span in named if not (ROOT / span).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    links = "[a](docs/model.md#loss) [b](docs/model.md#nothing) [c](docs/none.md) ![d](none.png) `hasher/none.py`"
    monkeypatch.setattr(Path, "read_text", lambda *_, read=Path.read_text, **how: read(*_, **how) + f"\n{links}\n")
    assert set(broken(ROOT / "README.md")) == {"docs/model.md#nothing", "docs/none.md", "none.png", "hasher/none.py"}


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are parsed, from the project's folder, and do nothing."""
    monkeypatch.chdir(ROOT)
    for module in hasher_command.COMMANDS.values():
        monkeypatch.setattr(module, "run", lambda given: 0)
    for command in ("_make", "_explain", "_verify", "_compare"):
        monkeypatch.setattr(analysis.command, command, lambda options, console: 0)
    monkeypatch.setattr(notebooks, "load_study", lambda path: None)
    monkeypatch.setattr(notebooks, "notebooks", lambda: [])


def check(command: str) -> None:
    """Raises for a command line that would be refused, whatever files there are."""
    words = shlex.split(command, comments=True)[1:]
    if words[0] == "-m" and words[1].startswith("benchmarks."):
        words = [f"{words[1].replace('.', '/')}.py", *words[2:]]
    try:
        if words[0] == "run_study.py":
            given = study_parser().parse_args(words[1:])
            if given.space is None or given.space.is_file():  # else a study folder, or a file of the reader's
                parse_command(words[1:])
        elif words[0] == "-m":
            programs: dict[str, Any] = {
                "hasher": hasher_command.main, "analysis": analysis.command.main, "analysis.notebooks": notebooks.main,
            }  # fmt: skip
            assert programs[words[1]](words[2:]) == 0
        else:
            assert words[0].startswith("benchmarks/") and Path(words[0]).is_file(), f"{command}: no such script"
    except SystemExit as ended:  # of --help, or argparse has refused it
        assert ended.code == 0, command


@pytest.mark.usefixtures("described", "nothing_runs")
@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_commands_parse(page: Path, command: str) -> None:
    check(command)


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(
    "command",
    ["python run_study.py --nothing", "python run_study.py --methods Wavelet", "python -m hasher train",
     "python -m analysis explain runs/a", "python benchmarks/none.py", "python -m hasher train a --floor 1"],
)  # fmt: skip
def test_a_wrong_command_is_found(command: str) -> None:
    with pytest.raises((AssertionError, UserError)):
        check(command)


def test_commands_are_found_wherever_they_stand() -> None:
    found = [command for page, command in COMMANDS if page == ROOT / "docs" / "running.md"]
    assert {"python run_study.py --address auto", "python run_study.py --help", "python run_study.py runs/digits"} <= {
        *found
    }
    assert len(COMMANDS) > 40 and not any(NAME.fullmatch(command) for _, command in COMMANDS)


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_search_spaces_are_valid(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "described.yaml"
    path.write_text(block.code, encoding="utf-8")
    given = yaml.safe_load(block.code)
    spec = read_spec(path, {} if "datasets" in given else {"datasets": ["mine.npz"]})
    assert set(given["space"]) <= {key for method in spec.methods for key in spec.space_for(method)}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.code, str(block), "exec")


def features(count: int, seed: int = 0) -> np.ndarray:
    """Of unequal variances."""
    return (np.random.default_rng(seed).standard_normal((count, 16)) * np.linspace(3, 1, 16)).astype(np.float32)


def test_the_described_method_hashes(described: Method, tmp_path: Path) -> None:
    assert registry.resolve(described.label) == described.name and described.hyperparameters == ("floor",)
    assert look(described.name).colour

    def codes(seed: int, **settings: Any) -> np.ndarray:
        config = described.configure({"bits": 8, **settings})
        training = described.start(config, features(200), seed, CPU)
        path = tmp_path / "described.safetensors"
        save_hasher(SavedHasher(described, config, training.trained), path)
        found = encode(training.encoder, features(50, 1))
        assert np.array_equal(load_hasher(path).encode(features(50, 1)), found)
        return found

    found = codes(0)
    assert found.shape == (50, 8) and found.dtype == bool and (abs(found.mean(axis=0) - 0.5) < 0.4).all()
    assert np.array_equal(codes(0), found)
    assert not np.array_equal(codes(1), found) and not np.array_equal(codes(0, floor=10.0), found)
    assert described.impossible(16, 200, 16) is None and described.impossible(17, 200, 16) is not None


def test_the_described_method_is_short_and_is_searched(described: Method, tmp_path: Path) -> None:
    (code,) = (block.code for block in blocks("python") if block.page.name == "extending.md")
    assert len(code.splitlines()) <= 25
    (space,) = (block.code for block in blocks("yaml") if block.page.name == "extending.md")
    path = tmp_path / "described.yaml"
    path.write_text(space, encoding="utf-8")
    spec = read_spec(path)
    assert spec.is_searched(described.name) and list(spec.space_for(described.name)) == ["floor"]


def test_the_readme_s_python_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (block.code for block in blocks("python") if block.page == ROOT / "README.md")
    (path,) = re.findall(r'load_hasher\("(.+?)"\)', code)
    method = registry.find_method("lsh")
    config = method.configure({"bits": 32})
    (tmp_path / path).parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    save_hasher(SavedHasher(method, config, method.start(config, features(100), 0, CPU).trained), Path(path))
    names: dict[str, Any] = {"database": features(100), "queries": features(7, 1)}
    exec(compile(code, "README.md", "exec"), names)
    assert names["nearest"].items.shape == names["nearest"].distances.shape == (7, 10)
