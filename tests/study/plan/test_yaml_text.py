"""YAML is read as far as a study needs it, in the time and memory of a small file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hasher.errors import UserError
from study.plan.space_file import SHIPPED, read_spec
from study.plan.yaml_text import read_mapping

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
SPACE = "datasets: [digits]\nmethods: [gcn]\nbits: [8]\nepochs: 1\n"


def read(text: str, tmp_path: Path) -> dict[str, object]:
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")
    return read_mapping(path, "keys")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.name)
def test_search_spaces_are_read_as_any_reader_does(path: Path) -> None:
    assert read_mapping(path, "keys") == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_aliases_and_merged_keys_are_read_and_dates_are_text(tmp_path: Path) -> None:
    assert read("a: &a {b: 1}\nc: {<<: *a, d: 2}\ne: 2024-13-45\nf: 2024-01-01", tmp_path) == {
        "a": {"b": 1}, "c": {"b": 1, "d": 2}, "e": "2024-13-45", "f": "2024-01-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "line 5, column 4: more than 100,000 values with every alias written out"),
        ("x: " + "[" * 5000, "more than 16 levels"),
        ("x: " + "{a: " * 5000, "more than 16 levels"),
        ("- " * 5000, "more than 16 levels"),
        ("a: &a [*a]", "line 1, column 8: an alias of what it is in"),
        ("1: 2", "line 1, column 1: a key that is 1, to YAML no word: write it in quotes"),
        ("a: {on: 2}", "a key that is on, to YAML no word"),
        ("~: 2", "a key that is ~, to YAML no word"),
        ("? ''\n: {1.5: x}", "a key that is 1.5, to YAML no word"),
        ("? [a]\n: 2", "a key that is a list or a mapping, to YAML no word"),
        ("x: !foo y", "could not determine a constructor for the tag '!foo'"),
        ("x: !!python/name:os.system y", "could not determine a constructor"),
        ("x: !!timestamp never", "could not determine a constructor"),
        ("x: !!int many", "invalid literal"),
        ("x: !!bool perhaps", "perhaps"),
        ("x: " + "9" * 5000, "integer string conversion"),
        ("x: [", "line 1, column 5: "),
        ("x: *none", "found undefined alias"),
        ("x: \x1b[2J", "special characters are not allowed"),
    ],
    ids=lambda value: value[:12].encode().hex(),
)
def test_what_is_more_than_a_study_needs_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"odd\.yaml: not valid YAML \(") as caught:
        read(text, tmp_path)
    said = str(caught.value)
    assert says in said and "\n" not in said and len(said) < 500


def test_a_file_is_no_larger_than_a_person_writes_it_and_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read \(larger than the 262,144 bytes"):
        read("x: " + "y" * 300_000, tmp_path)
    with pytest.raises(UserError, match=r"cannot be read \(a folder, expected a file\)"):
        read_mapping(tmp_path, "keys")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("trials: 1000000000", "1,000,000,016 runs of all cells, at most 1,000,000 are possible"),
        ("trials: 2\nreplicates: 1000000000", "runs of all cells, at most 1,000,000 are possible"),
        ("sampler: {name: grid}\nspace: {knn_size: {type: int, low: 1, high: 1000000000}}",
         "the points of the grid and replicates: 1,000,000,016 runs"),
        ("sampler: {name: grid}\nspace: {alpha: {type: float, low: 1, high: 2, step: 1.0e-12}}", "runs of all cells"),
        ("sampler: {name: grid, repeats: 100000000}\nspace: {knn_size: {type: int, low: 1, high: 9}}", "runs of all"),
        ("trials: 2\nspace: {knn_size: {type: int, low: 1, high: 1.0e+30}}", "low and high: at most 9.0072e+15"),
        ("trials: 2\nspace: {alpha: {type: float, low: -1.0e+308, high: 1.0e+308}}", "low and high: at most 1e+150"),
    ],
)  # fmt: skip
def test_a_study_is_counted_before_it_is_made(more: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(f"{SPACE}{more}\n")
    with pytest.raises(UserError) as caught:
        read_spec(path)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_key_does_not_print_all_that_surrounds_it(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(f"{SPACE.replace('[digits]', '[{test_queries: 3}]')}trials: 2\ndescription: {'x' * 5000}\n")
    with pytest.raises(UserError, match=r"space\.yaml: datasets\.0\.source: missing$"):
        read_spec(path)
    path.write_text(f"{SPACE}trials: [{', '.join(map(str, range(5000)))}]\n")
    with pytest.raises(UserError, match=r"trials: .*…$") as caught:
        read_spec(path)
    assert len(str(caught.value)) < 300
