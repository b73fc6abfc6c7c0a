"""The order of the floors: no module imports from above its own, none in a circle, and tests lie as what they test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: From the ground up. A folder that stands for another one's parts is named with it: ``study.plan``.
PACKAGES = ["hasher", "study", "analysis", "run_study"]
FLOORS = {
    "study": ["options", "plan", "record", "work", "watch", "drive", "from_python", "command"],
}
#: Side by side, neither above the other.
APART = {("study.record", "study.work")}


def modules() -> dict[str, Path]:
    paths = [path for name in PACKAGES[:-1] for path in (ROOT / name).rglob("*.py")]
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    found = {name.removesuffix(".__init__"): path for name, path in found.items()}
    return {**found, "run_study": ROOT / "run_study.py"}


MODULES = modules()


def imports(path: Path, everywhere: bool = True) -> Iterator[str]:
    """Our own modules that a file imports; without `everywhere` only those it needs to be imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PACKAGES)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def above(importer: str, imported: str, order: list[str], depth: int) -> bool:
    ours, theirs = importer.split(".")[depth], imported.split(".")[depth]
    return ours in order and theirs in order and order.index(theirs) > order.index(ours)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_look_down(name):
    for imported in imports(MODULES[name]):
        assert not above(name, imported, PACKAGES, 0), f"{name} imports {imported}, which is above it"
        top = name.split(".")[0]
        if imported.split(".")[0] == top and top in FLOORS and "." in name and "." in imported:
            assert not above(name, imported, FLOORS[top], 1), f"{name} imports {imported}, which is above it"
            pair = (".".join(name.split(".")[:2]), ".".join(imported.split(".")[:2]))
            assert pair not in APART and pair[::-1] not in APART, f"{name} imports {imported}, which is beside it"


def test_every_floor_is_there():
    for package, order in FLOORS.items():
        parts = {name.split(".")[1] for name in MODULES if name.startswith(f"{package}.")}
        assert parts == set(order)


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: set(imports(path, everywhere=False)) & MODULES.keys() for name, path in MODULES.items()}
    TopologicalSorter({name: found - {name} for name, found in graph.items()}).prepare()


@pytest.mark.parametrize("package", PACKAGES[:-1])
def test_no_folder_imports_itself_by_way_of_others(package):
    """As for modules, with each folder (or module beside it) taken as one, and imports inside functions counted."""
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        if name.startswith(f"{package}."):
            own = name.split(".")[1]
            others = {found.split(".")[1] for found in imports(path) if found.startswith(f"{package}.")}
            graph.setdefault(own, set()).update(others - {own})
    TopologicalSorter(graph).prepare()


def test_the_test_of_circles_can_fail():
    with pytest.raises(ValueError, match="cycle"):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_tests_mirror_the_packages() -> None:
    tests = ROOT / "tests"
    tested = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert [folder.as_posix() for folder in sorted(tested) if not (ROOT / folder).is_dir()] == []
    folders = {path.parent.relative_to(ROOT) for name in PACKAGES[:-1] for path in (ROOT / name).glob("*/*.py")}
    assert [folder.as_posix() for folder in sorted(folders - tested)] == []
