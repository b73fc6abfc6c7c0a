"""The documentation is right where a machine can tell: its length, links, search spaces and Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from analysis.style import look
from hasher.contract import Method
from hasher.data import load_dataset
from hasher.encoding import encode
from hasher.methods import registry
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from study.plan.space_file import read_spec
from tests.docs.pages import FENCED, IN_REPOSITORY, INLINE, LINK, PAGES, ROOT, Block, blocks, name, text, without_code

CPU = torch.device("cpu")


def test_the_readme_is_short() -> None:
    assert len(text(ROOT / "README.md").splitlines()) <= 180


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / target.split("#")[0]).resolve() for target in LINK.findall(text(ROOT / "README.md"))}
    assert set(PAGES) - {ROOT / "README.md"} <= linked


#: A table whose columns are methods' scores: its header and its rows.
SCORES = re.compile(r"^\| Method \|(?P<header>.*\bbits\b.*)\n\|[-:| ]+\|\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)
SCORE = re.compile(r"[*]{0,2}(0\.\d{3}|1\.000)( ± 0\.\d{3})?[*]{0,2}|–")


def test_columns_of_scores_hold_scores() -> None:
    tables = SCORES.findall(text(ROOT / "README.md") + text(ROOT / "docs" / "results.md"))
    assert len(tables) > 10
    for header, rows in tables:
        for row in rows.splitlines():
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            assert len(cells) == header.count("|") + 1 and all(map(SCORE.fullmatch, cells[1:])), row


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


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_search_spaces_are_valid(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "described.yaml"
    path.write_text(block.code, encoding="utf-8")
    given = yaml.safe_load(block.code)
    spec = read_spec(path, {} if "datasets" in given else {"datasets": ["mine.npz"]})
    assert set(given["space"]) <= {key for method in spec.methods for key in spec.space_for(method)}


def test_all_python_of_the_pages_is_run_below_or_elsewhere() -> None:
    assert [name(block.page) for block in blocks("python")] == [
        "README.md",
        "README.md",
        *["docs/data.md"] * 3,
        "docs/extending.md",
        *["docs/python.md"] * 3,
    ]


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
    code = next(block.code for block in blocks("python") if block.page == ROOT / "README.md")
    (path,) = re.findall(r'load_hasher\("(.+?)"\)', code)
    method = registry.find_method("lsh")
    config = method.configure({"bits": 32})
    (tmp_path / path).parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    save_hasher(SavedHasher(method, config, method.start(config, features(100), 0, CPU).trained), Path(path))
    names: dict[str, Any] = {"database": features(100), "queries": features(7, 1)}
    exec(compile(code, "README.md", "exec"), names)
    assert names["nearest"].items.shape == names["nearest"].distances.shape == (7, 10)


def test_the_described_file_of_several_labels_is_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (block.code for block in blocks("python") if "class_names=class_names" in block.code)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "data.md", "exec"), {"features": features(4)})
    data = load_dataset("mine.npz")
    assert data.labels.sum(axis=1).tolist() == [2, 1, 0, 1] and data.class_names == ("sea", "sky", "tree")


def test_several_seeds_are_trained_at_once() -> None:
    [code] = [block.code for block in blocks("python") if "train_all" in block.code]
    names: dict[str, Any] = {"features": features(120)}
    exec(compile(code, "python.md", "exec"), names)
    assert [len(each) for each in names["results"]] == [3] * 5
    assert {each.shape for each in names["codes"]} == {(120, 32)}
    assert (names["codes"][0] != names["codes"][1]).any()
