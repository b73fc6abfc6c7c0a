"""Data that the command line names: which ranges, limits, name and description a study then has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import run_study
from hasher.data import Keys
from hasher.errors import UserError
from hasher.filters import FILTERS
from hasher.methods.registry import find_method, methods
from study.command import parse_command
from study.plan.space_file import FOR_ANY_DATA, FOR_ANY_METHOD, SHIPPED, read_spec, read_study
from study.plan.spec import StudySpec
from tests.study.conftest import TINY

WITHOUT_DATA = {key: value for key, value in TINY.items() if key not in ("name", "datasets")}
RANGES = ("methods", "bits", "trials", "epochs", "sampler", "pruner", "space", "first_trials")


def space(folder: Path, **changes: Any) -> Path:
    """The tiny study as a file that names no data, with `changes`."""
    path = folder / "ranges.yaml"
    path.write_text(yaml.safe_dump({**WITHOUT_DATA, **changes}))
    return path


def as_in(path: Path, key: str, command: list[str]) -> bool:
    """Whether a study that the command line makes has what a shipped file says under a key."""
    return getattr(parse_command(command).spec, key) == getattr(read_spec(path, {"datasets": ["x.npz"]}), key)


def test_without_data_the_study_is_the_digits() -> None:
    spec = parse_command([]).spec
    assert spec == read_spec(SHIPPED / "digits.yaml") and spec.datasets[0].source == "digits"


def test_data_without_a_file_are_searched_in_the_ranges_for_embeddings() -> None:
    for key in RANGES:
        assert as_in(SHIPPED / "embeddings.yaml", key, ["--dataset", "mine.npz"]), key
    digits = read_spec(SHIPPED / "digits.yaml")
    spec = parse_command(["--dataset", "mine.npz"]).spec
    assert spec.space != digits.space and spec.first_trials != digits.first_trials
    assert "digits" not in spec.to_yaml().lower()
    assert (spec.name, spec.description) == ("mine", "mine.npz: all filters, 16 to 64 bits")


def test_what_a_file_calls_its_parts_is_said_by_the_command_line_or_by_a_search_space(tmp_path: Path) -> None:
    words = ["--features-key", "emb", "--label-column", "kind", "--id-column", "no", "--label-file", "x.csv"]
    spec = parse_command(["--dataset", "mine.parquet", *words]).spec
    assert spec.datasets[0].keys == Keys("emb", "kind", "no", "x.csv") and spec.name == "mine"
    entry = {"source": "mine.parquet", "label_column": "kind", "test_queries": 7}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"extends": "embeddings.yaml", "datasets": [entry]}))
    (dataset,) = read_spec(path).datasets
    assert dataset.keys == Keys(labels="kind") and dataset.split_config(3).model_dump() == {
        "seed": 3, "test_queries": 7, "validation_queries": None, "max_database": None, "max_training": None,
        "unseen_classes": None,
    }  # fmt: skip
    assert StudySpec.model_validate(yaml.safe_load(spec.to_yaml())) == spec


def test_methods_without_ranges_there_are_searched_in_those_for_any_method() -> None:
    for key in set(RANGES) - {"methods"}:
        assert as_in(FOR_ANY_METHOD, key, ["--dataset", "mine.npz", "--methods", "SDC", "gcn"]), key
    spec = parse_command(["--dataset", "mine.npz", "--methods", "all"]).spec
    assert spec.methods == list(methods()) and spec.all_methods == spec.methods
    assert (spec.name, spec.description) == ("mine-rivals", "mine.npz: all methods, 16 to 64 bits")
    filters = parse_command(["--dataset", "mine.npz", "--methods", "HAGCN", "itq"]).spec
    assert filters.name == "mine" and filters.methods == [*FILTERS, "itq"]


def test_every_method_of_any_method_is_searched_in_ranges_of_its_own_from_a_first_trial() -> None:
    spec = read_spec(FOR_ANY_METHOD, {"datasets": ["x.npz"]})
    for name in spec.methods:
        if find_method(name).hyperparameters:
            assert spec.space_for(name) and spec.first_for(name, 0) and spec.trials_of(name) == spec.trials
            assert spec.first_for(name, 0).keys() <= spec.space_for(name).keys()
        else:
            assert spec.trials_of(name) == 0


@pytest.mark.parametrize("name", ["digits", "fashion_mnist", "paper"])
def test_data_with_a_file_are_searched_in_its_ranges_and_not_called_by_its_words(name: str) -> None:
    path = SHIPPED / f"{name}.yaml"
    for key in RANGES:
        assert as_in(path, key, [str(path), "--dataset", "mine.npz"]), key
    spec = parse_command([str(path), "--dataset", "mine.npz"]).spec
    fewest, most = min(spec.bits), max(spec.bits)
    assert (spec.name, spec.description) == (name, f"mine.npz: all filters, {fewest} to {most} bits")


def test_a_space_for_any_data_without_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = SHIPPED / "embeddings.yaml"
    assert run_study.main([str(path), "--runs-dir", str(tmp_path)]) == 2
    said = f"error: {path}: datasets: missing; name the data with --dataset, or in the file\n"
    assert capsys.readouterr().err == said and not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["methods", "bits", "epochs"])
def test_a_key_that_must_be_there_is_named_in_one_short_line(tmp_path: Path, key: str) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in TINY.items() if name != key}))
    with pytest.raises(UserError) as raised:
        read_spec(path)
    assert str(raised.value) == f"{path}: {key}: missing, expected in the file"


@pytest.mark.parametrize(
    ("sources", "name", "data"),
    [
        (["mine.npz"], "mine", "mine.npz"),
        (["/some/where/mine.npz"], "mine", "mine.npz"),
        (["photos/embedded"], "embedded", "embedded"),
        (["a.npz", "fashion_mnist"], "a-fashion_mnist", "a.npz, fashion_mnist"),
        (["gaussian:200"], "gaussian-200", "gaussian:200"),
        (["my photos (2).npz"], "my-photos-2", "my photos (2).npz"),
        (["./-x.npz"], "x", "-x.npz"),
        (["фото.npz"], "data", "фото.npz"),
        ([f"{'long' * 50}.npz"], "long" * 25, f"{'long' * 50}.npz"),
    ],
)
def test_a_study_in_the_ranges_for_any_data_is_named_and_described_by_those_it_is_given(
    sources: list[str], name: str, data: str
) -> None:
    spec = parse_command(["--dataset", *sources]).spec
    assert (spec.name, spec.description) == (name, f"{data}: all filters, 16 to 64 bits")
    assert parse_command([str(FOR_ANY_DATA), "--dataset", *sources]).spec == spec
    StudySpec.model_validate(spec.model_dump())  # a name that --name may give as well


def test_other_ranges_for_any_data_are_in_the_name(tmp_path: Path) -> None:
    """Two such files can be run on the same data."""
    spec = read_spec(space(tmp_path), {"datasets": ["mine.npz", "fashion_mnist"]})
    assert (spec.name, spec.description) == (
        "mine-fashion_mnist-ranges", "mine.npz, fashion_mnist: none, gcn, chebyshev, 8 bits",
    )  # fmt: skip


def test_a_name_that_is_given_stands(tmp_path: Path) -> None:
    data = {"datasets": ["mine.npz"]}
    assert read_spec(space(tmp_path, name="chosen"), data).name == "chosen"
    assert read_spec(space(tmp_path, name="chosen"), {**data, "name": "typed"}).name == "typed"
    assert read_spec(space(tmp_path, datasets=["other.npz"]), data).name == "ranges"


def test_the_description_says_what_is_run(tmp_path: Path) -> None:
    data = {"datasets": ["mine.npz"], "methods": list(FILTERS), "bits": [64, 8, 16]}
    assert read_spec(space(tmp_path), data).description == "mine.npz: all filters, 8 to 64 bits"
    assert read_spec(space(tmp_path, description="Wide nets"), data).description == "mine.npz: Wide nets"


def test_a_description_stands_as_long_as_its_data_do(tmp_path: Path) -> None:
    path = space(tmp_path, description="Two sets of old", datasets=["a.npz", {"source": "b.npz", "max_database": 9}])
    assert read_spec(path).description == "Two sets of old"
    assert read_spec(path, {"datasets": ["b.npz", "a.npz"]}).description == "Two sets of old"
    for other in (["a.npz"], ["a.npz", "b.npz", "c.npz"], ["a.npz", "c.npz"]):
        assert read_spec(path, {"datasets": other}).description == f"{', '.join(other)}: none, gcn, chebyshev, 8 bits"


def test_a_file_that_names_the_same_data_without_words_gets_none(tmp_path: Path) -> None:
    assert read_spec(space(tmp_path, datasets=["a.npz"]), {"datasets": ["a.npz"]}).description == ""


def test_built_in_data_without_a_file_keep_the_limits_of_their_own() -> None:
    own = read_spec(SHIPPED / "fashion_mnist.yaml").datasets
    assert own[0].max_database == 10_000
    command = parse_command(["--dataset", "fashion_mnist", "mine.npz"])
    assert command.spec.datasets[:1] == own and command.spec.datasets[1].max_database is None
    assert command.origins.limits == {"fashion_mnist": "search_spaces/fashion_mnist.yaml"}
    assert "split_seed" not in command.spec.datasets[0].model_dump()
    elsewhere = parse_command([str(SHIPPED / "digits.yaml"), "--dataset", "fashion_mnist"])
    assert elsewhere.spec.datasets[0].max_database is None and elsewhere.origins.limits == {}


def test_a_search_space_of_the_same_name_limits_built_in_data_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stamps", "digits"):
        limited = {**TINY, "datasets": [{"source": name, "max_database": 9}]}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(limited))
    monkeypatch.setattr("study.plan.space_file.SHIPPED", tmp_path)
    spec = read_spec(space(tmp_path), {"datasets": ["stamps", "digits"]})
    assert [dataset.max_database for dataset in spec.datasets] == [None, 9]


def test_limits_of_the_file_itself_are_said_to_be_its_own(tmp_path: Path) -> None:
    path = space(tmp_path, datasets=[{"source": "a.npz", "max_database": 9}, {"source": "b.npz", "max_database": None}])
    study = read_study(path, {"datasets": ["a.npz", "b.npz"]})
    assert study.spec.datasets[0].max_database == 9 and study.origins.limits == {"a.npz": str(path)}


@pytest.mark.parametrize("listed", ["5", "[[a]]", "[{max_database: 5}]", "{source: [a]}", "[]"])
def test_what_is_no_data_set_is_one_line_with_and_without_others(tmp_path: Path, listed: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(f"{yaml.safe_dump(WITHOUT_DATA)}datasets: {listed}\n")
    with pytest.raises(UserError, match=r"odd\.yaml: datasets") as raised:
        read_spec(path)
    assert "\n" not in str(raised.value)
    assert read_spec(path, {"datasets": ["mine.npz"]}).datasets[0].source == "mine.npz"


def test_a_key_that_is_no_word_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(f"{yaml.safe_dump(TINY)}1: 2\n")
    with pytest.raises(UserError, match=r"odd\.yaml: not valid YAML \(line \d+, column 1: a key that is 1, ") as raised:
        read_spec(path)
    assert "\n" not in str(raised.value)
