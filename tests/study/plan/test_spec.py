"""Search spaces: what is accepted, what each cell gets of it, and what is said of a mistake."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import ValidationError

from hasher.data import load_dataset
from hasher.errors import UserError
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.registry import find_method
from study.plan.dimensions import Dimension
from study.plan.extending import EXTENDS
from study.plan.space_file import read_spec
from study.plan.spec import StudySpec, differences
from study.plan.tasks import all_tasks, cells, searched_cells
from tests.study.conftest import TINY

SPACES = sorted((Path(__file__).parents[3] / "search_spaces").glob("*.yaml"))
#: Those that name no data.
FOR_ANY_DATA = {path.stem for path in SPACES if "datasets" not in yaml.safe_load(path.read_text())}


def write(path: Path, **changes: Any) -> Path:
    file = path / "space.yaml"
    file.write_text(yaml.safe_dump({**{k: v for k, v in TINY.items() if k != "name"}, **changes}))
    return file


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_shipped_spaces_are_valid_and_every_extreme_makes_a_configuration(path: Path) -> None:
    spec = read_spec(path, {"datasets": ["mine.npz"]} if path.stem in FOR_ANY_DATA else None)
    assert spec.name == path.stem or path.stem in FOR_ANY_DATA
    for name in spec.methods:
        for key, dimension in spec.space_for(name).items():
            for value in dimension.extremes:
                others = {k: d.extremes[0] for k, d in spec.space_for(name).items()}
                config = spec.configure(name, spec.bits[0], {**others, key: value})
                assert getattr(config, key) == value


def test_the_shipped_spaces_are_the_promised_ones() -> None:
    promised = {"digits", "embeddings", "fashion_mnist", "paper", "filter_order", "knn_size"}
    assert {path.stem for path in SPACES} >= promised and "embeddings" in FOR_ANY_DATA


def test_their_readme_lists_every_file_and_every_key() -> None:
    readme = (Path(__file__).parents[3] / "search_spaces" / "README.md").read_text(encoding="utf-8")
    keys = {key for row in re.findall(r"^\| (`.*?`) \|", readme, re.MULTILINE) for key in re.findall(r"`(.+?)`", row)}
    assert {*StudySpec.model_fields, EXTENDS} <= keys
    assert {path.name for path in SPACES} == {key for key in keys if key.endswith(".yaml") and " " not in key}


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"colour": 1}, "colour", "unknown key"),
        ({"methods": ["gcn", "wavelet"]}, "methods", "wavelet"),
        ({"methods": ["gcn", "gcn"]}, "methods", "twice"),
        ({"bits": [0]}, "bits", "greater than or equal to 1"),
        ({"bits": []}, "bits", "at least 1"),
        ({"trials": None}, "trials", "missing"),
        ({"sampler": {"name": "grid"}}, "trials", "grid"),
        ({"sampler": {"name": "annealing"}}, "sampler.name", "annealing"),
        ({"pruner": {"name": "median", "warmup": 3}}, "pruner.warmup", "unknown key"),
        ({"fixed": {"bits": 8}}, "fixed.bits", "own key"),
        ({"fixed": {"batchsize": 8}}, "fixed.batchsize", "batch_size"),
        ({"fixed": {"batch_size": 0}}, "batch_size", "greater than or equal to 2"),
        ({"space": {"alpha": {"type": "float", "low": 2, "high": 1}}}, "space.alpha", "low must not exceed high"),
        ({"space": {"alpha": {"type": "float", "low": 0, "high": 1, "log": True}}}, "space.alpha", "log scale"),
        ({"space": {"alpha": {"type": "float", "low": 0, "high": 1}}}, "space.alpha", "greater than 0"),
        ({"space": {"alpha": {"type": "float", "low": 1}}}, "space.alpha", "both are needed"),
        ({"space": {"alpha": {"type": "decimal", "low": 1, "high": 2}}}, "space.alpha", "decimal"),
        ({"space": {"knn_size": {"type": "int", "low": 1.5, "high": 3}}}, "space.knn_size", "whole numbers"),
        ({"space": {"knn_size": {"type": "int", "low": 1, "high": 3, "methods": ["x"]}}}, "space.knn_size", "x"),
        ({"space": {"batch_size": {"type": "int", "low": 8, "high": 9}}}, "batch_size", "both fixed and sampled"),
        ({"space": {"ae_widht": {"type": "int", "low": 8, "high": 9}}}, "space.ae_widht", "ae_width"),
        (
            {"space": {"filter_order": {"type": "int", "low": 0, "high": 3}}},
            "space.filter_order", "greater than or equal to 1",
        ),
        (
            {"methods": ["spline"], "space": {"filter_order": {"type": "int", "low": 2, "high": 3}}},
            "space.filter_order", "at least 4",
        ),
        (
            {"space": {"alpha": [{"type": "float", "low": 1, "high": 2}, {"type": "float", "low": 1, "high": 3}]}},
            "space.alpha", "two ranges",
        ),
        ({"first_trials": [{"alpha": 1.0}]}, "first_trials.0.alpha", "not sampled"),
        ({"first_trials": [{"methods": ["none"], "knn_size": 4}]}, "first_trials.0.knn_size", "none has no such"),
        ({"first_trials": [{"methods": ["nonne"], "knn_size": 4}]}, "first_trials.0.methods", "none?"),
        ({"first_trials": [{"knn_size": 99}]}, "first_trials.0.knn_size", "outside the range"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_and_key(tmp_path: Path, changes: dict[str, Any], key: str, says: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(UserError) as caught:
        read_spec(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and key in message and says in message
    assert "\n" not in message


@pytest.mark.parametrize("content", ["", "- 1\n", "a: [", "\xff".encode("latin1")])
def test_a_file_that_is_no_mapping_is_one_line(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=r"bad\.yaml: ") as caught:
        read_spec(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such search space"):
        read_spec(tmp_path / "none.yaml")


def test_order_is_sampled_only_where_the_method_has_one(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path, space={"filter_order": {"type": "int", "low": 1, "high": 3}}))
    assert {name: list(spec.space_for(name)) for name in spec.methods} == {
        "none": [], "gcn": [], "chebyshev": ["filter_order"],
    }  # fmt: skip


def test_fixed_values_may_differ_by_method(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path, fixed={"filter_order": {"chebyshev": 2}, "knn_size": 5}, space={}))
    assert spec.configure("chebyshev", 8, {}).filter_order == 2
    assert spec.configure("gcn", 8, {}).filter_order is None
    assert spec.configure("gcn", 8, {}).knn_size == 5
    assert "knn_size" not in spec.fixed_for("none")  # which looks at no graph


def test_a_grid_counts_its_own_points_and_repeats(tmp_path: Path) -> None:
    space = {"filter_order": {"type": "int", "low": 1, "high": 3, "methods": ["chebyshev"]},
             "alpha": {"type": "categorical", "choices": [1.0, 2.0]}}  # fmt: skip
    spec = read_spec(write(tmp_path, trials=None, sampler={"name": "grid", "repeats": 2}, space=space, first_trials=[]))
    assert [spec.trials_of(name) for name in spec.methods] == [4, 4, 12]
    points = spec.grid_for("chebyshev")
    assert len({tuple(point.items()) for point in points}) == 6


def test_a_frozen_spec_reads_back_the_same(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path))
    path = tmp_path / "study.yaml"
    path.write_text(spec.to_yaml())
    assert read_spec(path) == spec and differences(spec, read_spec(path)) == []


def test_differences_name_the_key_and_both_values(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path))
    assert differences(spec, read_spec(write(tmp_path), {"trials": 9})) == ["trials: 4 → 9"]
    assert differences(spec, read_spec(write(tmp_path), {"description": "other"})) == []
    widths = {"low": 8, "high": 64, "type": "int"}
    nested = read_spec(write(tmp_path, fixed={"batch_size": 16}, space={"ae_width": widths}))
    plain = read_spec(write(tmp_path, fixed={"edges": "features"}, space={}))
    assert differences(plain, nested) == [
        "fixed.edges: features → not given",
        "fixed.batch_size: not given → 16",
        "space.ae_width: not given → [{'type': 'int', 'low': 8.0, 'high': 64.0, 'log': False}]",
    ]


def test_an_overriding_data_set_keeps_the_limits_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, datasets=[{"source": "fashion_mnist", "max_database": 500}, "digits"])
    spec = read_spec(path, {"datasets": ["fashion_mnist", "other.npz"]})
    assert [(d.name, d.max_database) for d in spec.datasets] == [("fashion_mnist", 500), ("other", None)]


def test_the_name_of_a_data_set_is_fit_for_files_and_the_one_it_is_loaded_with(tmp_path: Path) -> None:
    for source in ("gaussian:3:4:60", "gaussian:3:256:60"):
        spec = StudySpec(**{**TINY, "datasets": [source]})
        assert [dataset.source for dataset in spec.datasets] == [source]
        assert spec.datasets[0].name == load_dataset(source).name == source.replace(":", "-")
    with pytest.raises(ValidationError, match="gaussian-200 is listed twice"):  # 256 is the default width
        StudySpec(**{**TINY, "datasets": ["gaussian:200", "gaussian:200:256"]})
    with pytest.raises(UserError, match=r"datasets\.0\.source: gaussian:1: 1 class\(es\), at least 2") as caught:
        read_spec(write(tmp_path, datasets=["gaussian:1"]))
    assert "\n" not in str(caught.value)


def test_cells_and_tasks_multiply_out(tiny: StudySpec) -> None:
    assert [str(cell) for cell in searched_cells(tiny)] == ["blobs/none/8", "blobs/gcn/8", "blobs/chebyshev/8"]
    assert [cell.method for cell in cells(tiny)] == [*tiny.methods, "lsh", "pca_sign", "itq"]
    tasks = all_tasks(tiny)
    assert (
        len(tasks) == len(set(tasks)) == 3 * 4 + 3 * 2 + (2 + 1 + 2) + 2
    )  # ITQ and LSH are random, PCA-sign and references not


def test_seeds_are_shared_by_cells_and_differ_by_kind_and_index(tiny: StudySpec) -> None:
    seeds = {(task.kind, task.index): task.seed(0) for task in all_tasks(tiny)}
    assert len(set(seeds.values())) == len(seeds)
    assert all(task.seed(0) == seeds[task.kind, task.index] for task in all_tasks(tiny))
    assert all(task.seed(1) != task.seed(0) for task in all_tasks(tiny))


@given(low=st.integers(1, 50), width=st.integers(0, 50), log=st.booleans())
def test_int_dimensions_are_optunas(low: int, width: int, log: bool) -> None:
    dimension = Dimension(type="int", low=low, high=low + width, log=log)
    assert dimension.distribution == IntDistribution(low, low + width, log=log)
    assert dimension.grid == list(range(low, low + width + 1))
    assert dimension.contains(low) and dimension.contains(low + width) and not dimension.contains(low + width + 1)


def test_other_dimensions_are_optunas() -> None:
    assert Dimension(type="float", low=0.5, high=2).distribution == FloatDistribution(0.5, 2.0)
    stepped = Dimension(type="float", low=0, high=1, step=0.25)
    assert stepped.grid == [0, 0.25, 0.5, 0.75, 1.0] and stepped.distribution == FloatDistribution(0, 1, step=0.25)
    choice = Dimension(type="categorical", choices=["a", 2])
    assert choice.distribution == CategoricalDistribution(["a", 2]) and not choice.contains("b")


def test_every_hyperparameter_can_be_fixed() -> None:
    for key in find_method("chebyshev").hyperparameters:
        default = 2 if key == "filter_order" else HAGCNConfig.model_fields[key].default
        spec = StudySpec.model_validate({**TINY, "fixed": {key: default}, "space": {}})
        assert getattr(spec.configure("chebyshev", 8, {}), key) == default


def test_first_trials_of_certain_methods_count_for_those_alone(tmp_path: Path) -> None:
    first = [{"methods": ["HAGCN"], "knn_size": 4}, {"methods": ["gcn"], "knn_size": 5}, {"knn_size": 6}]
    spec = read_spec(write(tmp_path, methods=["gcn", "chebyshev", "none"], first_trials=first))
    assert [spec.first_for("gcn", index).get("knn_size") for index in range(4)] == [4, 5, 6, None]
    assert [spec.first_for("chebyshev", index).get("knn_size") for index in range(3)] == [4, 6, None]
    assert spec.given_trials("gcn") == 3 and spec.given_trials("chebyshev") == 2
    assert read_spec(write(tmp_path, **yaml.safe_load(spec.to_yaml()))) == spec


def test_what_is_fixed_or_sampled_may_be_by_family(tmp_path: Path) -> None:
    space = {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "methods": ["HAGCN"]}}
    spec = read_spec(write(tmp_path, methods=["gcn", "sdc"], space=space, first_trials=[],
                           fixed={"averaging": {"HAGCN": 0.5, "gcn": 0.6}}))  # fmt: skip
    assert spec.fixed_for("gcn") == {"averaging": 0.6} and spec.fixed_for("sdc") == {}
    assert list(spec.space_for("gcn")) == ["learning_rate"] and spec.space_for("sdc") == {}
