"""The commands of the documentation: all of them are taken, and those that can be are run, page by page.

They run as they stand, in a folder that has what they name: small data sets in place of those that are not here, and
search spaces cut to one epoch. A study's runs are done in this process, since tests/study runs Ray.
"""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import analysis.command
import analysis.notebooks.__main__ as notebooks
import analysis.report
import hasher.__main__ as hasher_command
import run_study
from analysis.study_records import StudyRecords
from hasher.data.registry import EMBEDDABLE
from hasher.errors import UserError
from study.command import Command, parse_command
from study.command import _parser as study_parser
from study.drive.runner import StudyResult
from study.drive.runner import run_study as run_whole_study
from study.options import RunOptions
from study.plan.space_file import SHIPPED
from study.plan.spec import StudySpec
from tests.docs.pages import COMMANDS, NAME, PAGES, ROOT, blocks, name
from tests.study.here import runs_here

#: Commands that are not run here: what runs them, or why nothing does.
ELSEWHERE = {
    r"-m benchmarks\.|benchmarks/": "a benchmark, minutes to hours",
    r"fashion_mnist": "a download: benchmarks/table_time.py",
    r"gaussian:": "too long, run for docs/results.md; such data: tests/hasher/data/test_gaussian.py",
    r"embed (stl10|stanford_cars|tiny_imagenet) ": "downloads of gigabytes; such data: tests/hasher/images/test_hub.py",
    r"analysis\.notebooks": "run by tests/analysis/notebooks/test_notebooks.py",
    r"analysis runs/paper": "of three data sets, otherwise as of runs/digits",
    r"--mlflow": "a client that is slow to start: tests/study/drive/tracking/test_clients.py",
    r"--share": "a database server: tests/study/drive/test_sharing.py",
    r"analysis seeds": "several studies: tests/analysis/test_command.py",
    r"analysis tuning": "searches of several samplers: tests/analysis/test_tuning.py",
    r"FILE\.yaml": "stands for any search space",
    r"rivals\.yaml": "of all methods, as README's --methods all",
}
#: Embedding files of the pages, which are made of images that are not here.
STAND_INS = ("clipart", "clipart_fine", "fashion_lite0", "glyphs", "glyphs_pixels", *EMBEDDABLE)
#: What a command needs here beyond what it says: a backbone without a download.
ADDED = {"embed photos/": ["--backbone", "hasher.images.pixels:colour_16"]}


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are parsed, from the project's folder, and do nothing."""
    monkeypatch.chdir(ROOT)
    for module in hasher_command.COMMANDS.values():
        monkeypatch.setattr(module, "run", lambda given: 0)
    for command in ("_make", "_explain", "_verify", "_compare", "_seeds", "_report", "_tuning", "_speed", "_join"):
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


def test_every_command_is_run_here_or_elsewhere() -> None:
    for pattern, where in ELSEWHERE.items():
        assert any(re.search(pattern, command) for _, command in COMMANDS), f"no page has {pattern}"
        assert all((ROOT / path).is_file() for path in re.findall(r"(?:tests|benchmarks)/\S+\.py", where)), where
    assert sum(not is_elsewhere(command) for _, command in COMMANDS) > 40


def is_elsewhere(command: str) -> bool:
    return any(re.search(pattern, command) for pattern in ELSEWHERE)


def cut(spec: StudySpec) -> StudySpec:
    """One trial, replicate and epoch, at one length, of data without limits that small ones do not reach."""
    datasets = [dataset.source for dataset in spec.datasets]
    bits = [32] if 32 in spec.bits else spec.bits[:1]
    least = {"trials": 1, "replicates": 1, "epochs": 1, "report_every": 1, "sampler": {"name": "random"}}
    return StudySpec.model_validate(spec.model_dump() | least | {"datasets": datasets, "bits": bits})


def write_data(path: Path, items: int = 120, width: int = 40) -> None:
    """Four classes, a sixth of the items test queries."""
    rng, labels = np.random.default_rng(0), np.arange(items) % 4
    features = rng.normal(size=(4, width))[labels] + rng.normal(size=(items, width))
    np.savez(path, features=features.astype(np.float32), labels=labels, is_query=np.arange(items) % 6 == 0)


def write_photos(folder: Path) -> None:
    """Thirty pictures of noise of each of three classes."""
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog", "owl"):
        (folder / kind).mkdir(parents=True)
        for number in range(30):
            Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(folder / kind / f"{number}.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all that the pages take for granted, the studies of digits and stamps among it."""
    folder = tmp_path_factory.mktemp("reader")
    write_photos(folder / "photos")
    shutil.copy(folder / "photos" / "owl" / "7.png", folder / "new.jpg")  # its content says what it is
    (folder / "data").mkdir()
    for file in ("mine.npz", "my_embeddings.npz"):
        write_data(folder / file)
    for source in STAND_INS:
        write_data(folder / "data" / f"{source}.npz")
    (folder / "search_spaces").symlink_to(SHIPPED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        execute("python -m hasher embed photos/ --out data/stamps.npz")
        execute("python -m hasher train mine.npz --method itq --bits 16 --model model.safetensors")
        for space in ("digits", "stamps"):
            execute(f"python run_study.py search_spaces/{space}.yaml")
        for copy in "ab":
            shutil.copytree("runs/digits", f"runs/{copy}")
        yield folder


def execute(command: str) -> None:
    """Run a command in this process, and look for the files that it was told to write."""
    words = shlex.split(command, comments=True)[1:]
    words += [word for part, more in ADDED.items() if part in command for word in more]
    try:
        with pytest.MonkeyPatch.context() as patch, runs_here():
            if words[0] == "run_study.py":
                patch.setattr(run_study, "parse_command", parse_and_cut)
                patch.setattr(run_study, "write_tables", complete)
                patch.setattr(analysis.report, "write_report", complete)
                ended = run_study.main(words[1:])
            else:
                programs = {"hasher": hasher_command.main, "analysis": analysis.command.main}
                ended = programs[words[1]](words[2:])
        assert ended == 0, command
    except SystemExit as ended_early:
        assert ended_early.code == 0 and "--help" in words, command
    written = [Path(file) for option, file in itertools.pairwise(words) if option in ("--out", "--sheet")]
    assert all(path.is_file() for path in written), command


def complete(study: StudyRecords) -> Path:
    """In place of the files of tables and the report, which `python -m analysis` writes."""
    assert set(study.records["state"]) == {"complete"}
    return study.folder.path


def parse_and_cut(arguments: Sequence[str] | None) -> Command:
    command = parse_command(arguments)
    return replace(command, spec=cut(command.spec))


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_run(page: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    for found, command in COMMANDS:
        if found == page and not is_elsewhere(command):
            execute(command)


def cut_study(spec: StudySpec, options: RunOptions, console: Console) -> StudyResult:
    return run_whole_study(cut(spec), options, console)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_that_runs_studies(page: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("study.from_python.run_study", cut_study)
    shutil.rmtree("runs/quick", ignore_errors=True)
    digits = np.zeros((3, 64), np.float32)
    names: dict[str, Any] = {"queries": digits, "features": digits}
    for block in (block for block in blocks("python") if name(block.page) == page and "stud" in block.code):
        with runs_here():
            exec(compile(block.code, page, "exec"), names)
    assert names["found"].trials["state"].eq("complete").all() and len(names["found"].paired_tests())


def test_a_command_that_fails_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(AssertionError, match="python -m hasher info nothing"):
        execute("python -m hasher info nothing.npz")
