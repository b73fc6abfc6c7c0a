"""Search spaces that extend others: what is merged how, which file a key is said to be from, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import run_study
from hasher.errors import UserError
from study.command import parse_command
from study.plan.extending import NOT_INHERITED, SearchSpace, extended, read_search_space
from study.plan.origins import SECTIONS
from study.plan.space_file import SHIPPED, read_spec, read_study
from study.record.study_folder import StudyFolder
from tests.study.conftest import TINY

FLOAT = {"type": "float", "low": 0.5, "high": 2.0}
BASE, OWN = Path("base.yaml"), Path("own.yaml")


def merged(base: dict[str, Any], own: dict[str, Any]) -> SearchSpace:
    return extended(SearchSpace.of_file(BASE, base), SearchSpace.of_file(OWN, own))


def write(folder: Path, file: str, /, **values: Any) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        read_study(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("base", "own", "expected"),
    [
        ({"bits": [8, 16], "k": 5}, {"bits": [4]}, {"bits": [4], "k": 5}),
        ({"sampler": {"name": "tpe", "startup_trials": 4}}, {"sampler": {"name": "gp"}}, {"sampler": {"name": "gp"}}),
        ({"name": "a", "description": "b", "datasets": ["c"], "k": 1}, {}, {"k": 1}),
        ({"name": "a", "datasets": ["c"]}, {"name": "d", "datasets": ["e"]}, {"name": "d", "datasets": ["e"]}),
        ({"trials": 4, "k": 5}, {"trials": None}, {"k": 5}),
        ({}, {"trials": None}, {"trials": None}),
        ({"fixed": {"a": 1, "b": 2}}, {"fixed": {"b": 3, "c": 4}}, {"fixed": {"a": 1, "b": 3, "c": 4}}),
        ({"fixed": {"a": {"gcn": 1, "none": 2}}}, {"fixed": {"a": {"gcn": 3}}}, {"fixed": {"a": {"gcn": 3}}}),
        ({"fixed": {"a": 1, "b": 2}}, {"fixed": {"a": None}}, {"fixed": {"b": 2}}),
        ({"fixed": {"a": 1}, "k": 1}, {"fixed": None}, {"k": 1}),
        ({"fixed": {"a": 1}}, {"fixed": {}}, {"fixed": {"a": 1}}),
        ({"fixed": {"a": 1}, "space": {"b": [1]}}, {"fixed": None, "space": {"b": [2]}}, {"space": {"b": [2]}}),
        ({"fixed": {"a": 1, "b": 2}}, {"space": {"a": [1]}}, {"fixed": {"b": 2}, "space": {"a": [1]}}),
        ({"space": {"a": [1], "b": [2]}}, {"fixed": {"a": 1}}, {"space": {"b": [2]}, "fixed": {"a": 1}}),
        ({"space": {"a": [1]}}, {"fixed": {"a": 1}}, {"space": {}, "fixed": {"a": 1}}),
        (  # both in one file: for different methods, as the spec allows
            {"fixed": {"a": 1}},
            {"fixed": {"a": {"gcn": 2}}, "space": {"a": [1]}},
            {"fixed": {"a": {"gcn": 2}}, "space": {"a": [1]}},
        ),
        (
            {"fixed": {"a": {"gcn": 2}}, "space": {"a": [1]}},
            {"k": 1},
            {"fixed": {"a": {"gcn": 2}}, "space": {"a": [1]}, "k": 1},
        ),
        (  # what is taken away from one section is not taken out of the other
            {"fixed": {"a": {"gcn": 2}}, "space": {"a": [1]}},
            {"fixed": {"a": None}},
            {"fixed": {}, "space": {"a": [1]}},
        ),
        (
            {"space": {"a": [1], "b": [2]}, "first_trials": [{"a": 1, "b": 2}, {"a": 1}, {}]},
            {"fixed": {"a": 1}},
            {"space": {"b": [2]}, "first_trials": [{"b": 2}, {}], "fixed": {"a": 1}},
        ),
        (
            {"space": {"a": [1], "b": [2]}, "first_trials": [{"a": 1, "b": 2}]},
            {"space": {"a": None}, "first_trials": [{"b": 3}]},
            {"space": {"b": [2]}, "first_trials": [{"b": 3}]},
        ),
        ({"space": {"a": [1]}, "first_trials": [{"a": 1}]}, {"space": None}, {"first_trials": []}),
        ({"space": {"a": [1]}, "first_trials": [{"a": 1}]}, {"first_trials": None}, {"space": {"a": [1]}}),
        (  # the file's own mistake stays one
            {"space": {"a": [1]}, "first_trials": [{"a": 1}]},
            {"space": {"a": None}, "first_trials": [{"a": 2}]},
            {"space": {}, "first_trials": [{"a": 2}]},
        ),
        (  # a mistake of the base stays one
            {"space": {"a": [1]}, "first_trials": [{"a": 1, "typo": 1}]},
            {"space": {"a": None}},
            {"space": {}, "first_trials": [{"typo": 1}]},
        ),
        (
            {
                "space": {"a": [1], "b": [2]},
                "first_trials": [{"methods": ["gcn"], "a": 1}, {"methods": ["gcn"], "b": 2}],
            },
            {"space": {"a": None}},
            {"space": {"b": [2]}, "first_trials": [{"methods": ["gcn"], "b": 2}]},
        ),
        ({"space": {"a": [1]}, "first_trials": 5}, {"space": {"a": None}}, {"space": {}, "first_trials": 5}),
    ],
)
def test_what_is_merged_how(base: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merged(base, own).values == expected


@pytest.mark.parametrize(
    ("own", "order"),
    [
        ({"b": 0}, "abc"),
        ({"x": 0}, "abcx"),
        ({"x": 0, "y": 0}, "abcxy"),
        ({"a": 0, "x": 0, "y": 0}, "axybc"),
        ({"c": 0, "a": 0, "x": 0}, "axbc"),
        ({"b": None, "x": 0}, "axc"),
        ({"x": 0, "a": 0, "y": 0}, "aybcx"),
    ],
)
def test_a_new_entry_stands_behind_the_one_that_its_file_names_before_it(own: dict[str, Any], order: str) -> None:
    assert "".join(merged({"space": {"a": 1, "b": 1, "c": 1}}, {"space": own}).values["space"]) == order


ENTRIES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), max_size=4)
SPACES = st.fixed_dictionaries(
    {}, optional={"fixed": ENTRIES, "space": ENTRIES, "bits": st.integers(0, 9), "name": st.integers(0, 9)}
)


@given(base=SPACES, own=SPACES, away=st.sets(st.tuples(st.sampled_from(SECTIONS), st.sampled_from("abcd"))))
def test_each_entry_is_from_the_file_that_said_it_last(
    base: dict[str, Any], own: dict[str, Any], away: set[tuple[str, str]]
) -> None:
    for section, name in away:
        if name in base.get(section, {}):
            own = {**own, section: {**own.get(section, {}), name: None}}
    found = merged(base, own)
    expected: dict[str, tuple[Any, Path]] = {}
    for section, other in (SECTIONS, SECTIONS[::-1]):
        for name in "abcd":
            said = own.get(section, {})
            if said.get(name) is not None:
                expected[f"{section}.{name}"] = said[name], OWN
            elif name in base.get(section, {}) and name not in said and own.get(other, {}).get(name) is None:
                expected[f"{section}.{name}"] = base[section][name], BASE
    for key in ("bits", "name"):
        if key in own or (key in base and key not in NOT_INHERITED):
            expected[key] = (own[key], OWN) if key in own else (base[key], BASE)
    flat = {key: value for key, value in found.values.items() if key not in SECTIONS}
    flat |= {
        f"{section}.{name}": value for section in SECTIONS for name, value in found.values.get(section, {}).items()
    }
    assert flat == {key: value for key, (value, _) in expected.items()}
    assert {key: found.files[key] for key in flat} == {key: file for key, (_, file) in expected.items()}
    assert found.files.keys() == flat.keys() | found.values.keys()


def test_a_base_is_found_beside_the_file_before_those_that_are_shipped(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    for folder, k in (("mine", 1), ("shipped", 2), ("other", 3)):
        write(tmp_path / folder, "base.yaml", k=k)
    write(shipped, "known.yaml", k=4)
    paths = {"base.yaml": 1, "known.yaml": 4, "../other/base.yaml": 3, "./base.yaml": 1, f"{shipped}/base.yaml": 2}
    for name, k in paths.items():
        path = write(tmp_path / "mine", "own.yaml", extends=name)
        assert read_search_space(path, shipped).values == {"k": k}
    assert "no such search space" in refusal(write(tmp_path / "mine", "own.yaml", extends="./known.yaml"))


def test_a_file_anywhere_may_extend_a_shipped_one_by_its_name(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path, "mine.yaml", extends="embeddings.yaml", datasets=["a.npz"], fixed={"alpha": 1.0}))
    base = read_spec(SHIPPED / "embeddings.yaml", {"datasets": ["a.npz"]})
    assert (spec.name, spec.methods, spec.fixed) == ("mine", base.methods, {**base.fixed, "alpha": 1.0})
    assert spec.space == {key: value for key, value in base.space.items() if key != "alpha"}
    assert [set(first.values) for first in spec.first_trials] == [
        set(first.values) - {"alpha"} for first in base.first_trials
    ]


def test_the_example_of_the_readme_is_what_the_readme_says(tmp_path: Path) -> None:
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    example = re.search(r"\n\n((?: {4}.*\n)+)\nis `embeddings", readme)
    assert example is not None
    path = tmp_path / "mine.yaml"
    path.write_text("".join(line[4:] for line in example[1].splitlines(keepends=True)))
    own, base = (read_spec(one, {"datasets": ["a.npz"]}) for one in (path, SHIPPED / "embeddings.yaml"))
    assert own.bits == [12, 24] and own.fixed == {**base.fixed, "ae_width": 1024}
    assert own.space.keys() == base.space.keys() - {"leaf_size"} and own.space["alpha"][0].high == 8.0
    assert own.trials == base.trials and len(own.first_trials) == len(base.first_trials)


def test_a_chain_is_merged_from_its_end_and_every_key_has_its_own_file(tmp_path: Path) -> None:
    root = {key: value for key, value in TINY.items() if key != "name"}
    write(tmp_path, "far/root.yaml", **root, description="Blobs", k=7)
    write(tmp_path, "far/middle.yaml", extends="root.yaml", k=8, fixed={"alpha": 1.0}, space={"knn_size": None})
    path = write(tmp_path, "own.yaml", extends="far/middle.yaml", datasets=["a.npz"], bits=[4], space={"alpha": FLOAT})
    study = read_study(path)
    spec, origins = study.spec, study.origins
    assert (spec.name, spec.description, spec.datasets[0].source) == ("own", "", "a.npz")
    assert (spec.k, spec.bits, spec.epochs) == (8, [4], TINY["epochs"])
    assert spec.fixed == TINY["fixed"]
    assert list(spec.space) == ["filter_order", "learning_rate", "alpha"]
    assert origins.file == str(path)
    assert {key for key, origin in origins.keys.items() if origin == "file"} == {"datasets", "bits", "space.alpha"}
    assert origins.bases == {
        str(tmp_path / "far/root.yaml"): [
            "methods", "trials", "replicates", "epochs", "sampler", "pruner", "report_every", "fixed.batch_size",
            "fixed.ae_width", "space.filter_order", "space.learning_rate",
        ],
        str(tmp_path / "far/middle.yaml"): ["k"],
    }  # fmt: skip
    assert {key for key, origin in origins.keys.items() if origin == "base"} == {
        key for keys in origins.bases.values() for key in keys
    }
    assert {origins.keys[key] for key in ("name", "description", "first_trials")} == {"default"}


def test_origins_in_words_name_the_bases_behind_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "mine.yaml", extends="fashion_mnist.yaml", fixed={"start": "random"}, bits=[8])
    study = read_study(path, {"datasets": ["a.npz"], "epochs": 3})
    words = dict(study.origins.in_words(study.spec))
    assert list(words)[:4] == [
        str(path), "search_spaces/embeddings.yaml", "search_spaces/fashion_mnist.yaml", "the command line",
    ]  # fmt: skip
    assert words[str(path)] == "bits, fixed (start)"
    assert words["search_spaces/fashion_mnist.yaml"] == (
        "trials, pruner, report_every, first_trials, fixed (ae_width), space (filter_order, batches)"
    )
    assert words["search_spaces/embeddings.yaml"].startswith("methods, replicates, sampler, fixed (batch_size, ")
    assert words["the command line"] == "datasets [a.npz], epochs 3"


def test_limits_are_those_of_the_file_itself(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", **{**TINY, "datasets": [{"source": "a.npz", "max_database": 9}]})
    spec = read_spec(write(tmp_path, "own.yaml", extends="base.yaml"), {"datasets": ["a.npz"]})
    assert spec.datasets[0].max_database is None and spec.name == "a-own"


def test_a_frozen_study_is_whole_and_may_be_extended(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", **TINY)
    study = read_study(write(tmp_path, "own.yaml", extends="base.yaml", datasets=["a.npz"], k=9))
    folder = StudyFolder(tmp_path / "own")
    folder.path.mkdir()
    folder.freeze(study.spec, None, study.origins)
    assert "extends" not in folder.spec.read_text() and folder.read_origins() == study.origins
    assert folder.read_spec() == read_spec(folder.spec) == study.spec
    further = write(tmp_path, "more.yaml", extends="own/study.yaml", datasets=["a.npz"])
    assert read_spec(further) == study.spec.model_copy(update={"name": "more"})


@pytest.mark.parametrize(("names", "circle"), [("a", "aa"), ("ab", "aba"), ("abc", "abca"), ("abcb", "abcb")])
def test_a_circle_is_one_line_that_names_its_files(tmp_path: Path, names: str, circle: str) -> None:
    for name, base in zip(names, circle[1:], strict=False):
        write(tmp_path, f"{name}.yaml", extends=f"{base}.yaml")
    files = [str(tmp_path / f"{name}.yaml") for name in circle]
    assert refusal(Path(files[0])) == f"{files[-2]}: extends: a circle: {' → '.join(files)}"


def test_a_circle_by_another_name_is_one(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", extends="link.yaml")
    (tmp_path / "link.yaml").symlink_to(path)
    assert "a circle: " in refusal(path)


@pytest.mark.parametrize("name", ["none.yaml", "no/such.yaml", "embeddings.yaml\n", "x" * 300, "a\0b"])
def test_a_base_that_is_missing_is_one_line_and_exit_code_2(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "own.yaml", extends=name)
    said = refusal(path)
    assert said.startswith((f"{path}: extends: {name!r}: no such search space in {tmp_path}", f"{tmp_path / name}: "))
    assert (str(SHIPPED) in said) == (Path(name).name == name and len(name) < 300)
    assert run_study.main([str(path), "--runs-dir", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err == f"error: {said}\n" and not (tmp_path / "runs").exists()


def test_a_missing_base_of_a_base_names_the_one_that_wants_it(tmp_path: Path) -> None:
    base = write(tmp_path, "base.yaml", extends="none.yaml")
    assert refusal(write(tmp_path, "own.yaml", extends="base.yaml")).startswith(f"{base}: extends: 'none.yaml': ")


@pytest.mark.parametrize("value", [None, 5, "", ["a.yaml", "b.yaml"], {"file": "a.yaml"}])
def test_what_is_no_path_is_one_line(tmp_path: Path, value: Any) -> None:
    path = write(tmp_path, "own.yaml", extends=value)
    assert refusal(path) == f"{path}: extends: expected the path of one search space, not {value!r}"


@pytest.mark.parametrize(
    ("content", "says"), [("a: [", "not valid YAML"), ("- 1", "expected a mapping"), (None, "cannot be read")]
)
def test_a_base_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    base = tmp_path / "base.yaml"
    if content is None:
        base.mkdir()
    else:
        base.write_text(content)
    assert refusal(write(tmp_path, "own.yaml", extends="base.yaml")).startswith(f"{base}: {says}")


@pytest.mark.parametrize(
    ("base", "own", "says"),
    [
        ({}, {"space": {"apha": None}}, "own.yaml: space.apha: null, but the base has no such entry to take away"),
        ({}, {"fixed": {"knn_size": None}}, "own.yaml: fixed.knn_size: null, but the base has no such entry"),
        ({"space": [1]}, {}, "base.yaml: space: expected hyperparameters by name, not [1]"),
        ({}, {"space": [1]}, "own.yaml: space: expected hyperparameters by name, not [1]"),
        ({}, {"fixed": 5}, "own.yaml: fixed: expected hyperparameters by name, not 5"),
        ({}, {"extend": 1}, "own.yaml: extend: unknown key"),
    ],
)
def test_what_cannot_be_merged_names_file_and_key(
    tmp_path: Path, base: dict[str, Any], own: dict[str, Any], says: str
) -> None:
    write(tmp_path, "base.yaml", **{**TINY, **base})
    path = write(tmp_path, "own.yaml", extends="base.yaml", datasets=["a.npz"], **own)
    assert refusal(path).startswith(f"{tmp_path}/{says}")


@pytest.mark.parametrize(
    ("base", "own", "key"),
    [
        ({"colour": 1}, {}, "colour"),
        ({"k": 0}, {}, "k"),
        ({"fixed": {"batchsize": 8}}, {}, "fixed.batchsize"),
        ({"space": {"alpha": {"type": "float", "low": 2, "high": 1}}}, {}, "space.alpha"),
        ({}, {"sampler": {"name": "grid"}}, "trials"),
        (
            {"space": {"alpha": FLOAT}, "first_trials": [{"alpha": 2.0}]},
            {"space": {"alpha": {**FLOAT, "high": 1.0}}},
            "first_trials",
        ),
    ],
)
def test_a_fault_that_the_base_has_a_part_in_names_both_files(
    tmp_path: Path, base: dict[str, Any], own: dict[str, Any], key: str
) -> None:
    file = write(tmp_path, "base.yaml", **{**TINY, **base})
    path = write(tmp_path, "own.yaml", extends="base.yaml", datasets=["a.npz"], **own)
    said = refusal(path)
    assert said.startswith(f"{path}: {key}") and said.endswith(f" ({key} is from {file})")


def test_a_fault_of_the_file_itself_or_of_the_command_line_does_not_name_the_base(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", **TINY)
    path = write(tmp_path, "own.yaml", extends="base.yaml", datasets=["a.npz"])
    with pytest.raises(UserError) as raised:
        read_study(path, {"bits": [0]})
    assert "is from" not in str(raised.value)
    assert "is from" not in refusal(write(tmp_path, "own.yaml", extends="base.yaml", datasets=["a.npz"], k=0))


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_shipped_file_says_again_what_its_base_says(path: Path) -> None:
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "extends" not in own:
        return
    base = read_search_space(path.parent / own["extends"], SHIPPED).values
    assert not [key for key in own.keys() - set(NOT_INHERITED) if key in base and own[key] == base[key]]
    for section in SECTIONS:
        theirs = base.get(section, {})
        assert not [name for name, value in own.get(section, {}).items() if name in theirs and value == theirs[name]]


def test_the_default_study_says_which_keys_are_those_for_embeddings() -> None:
    origins = parse_command([]).origins
    assert origins.file == "search_spaces/digits.yaml" and list(origins.bases) == ["search_spaces/embeddings.yaml"]
