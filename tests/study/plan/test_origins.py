"""Where the keys of a study are from: found, shown, kept with a study that is begun, and no part of what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import run_study
from hasher.errors import UserError
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.registry import find_method
from study.command import parse_command
from study.plan.origins import KEYS, Origins, default_hyperparameters
from study.plan.space_file import SHIPPED, PlannedStudy, read_study
from study.plan.spec import StudySpec
from study.record.study_folder import StudyFolder
from tests.hasher.hashing import ORDERS
from tests.study.conftest import TINY


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump({**TINY, **changes}, sort_keys=False))
    return path


@pytest.fixture
def study(tmp_path: Path) -> PlannedStudy:
    return read_study(written(tmp_path), {"bits": [8], "datasets": ["a.npz", "b.npz"]})


def test_every_key_has_the_origin_it_has(study: PlannedStudy) -> None:
    assert study.origins.keys == {
        "name": "file", "description": "default", "datasets": "command line", "methods": "file",
        "bits": "command line", "trials": "file", "replicates": "file", "epochs": "file", "seed": "default",
        "split_seed": "default", "k": "default", "baselines": "default",
        "objective": "default", "sampler": "file", "pruner": "file", "parallel_trials": "default",
        "report_every": "file", "checkpoint_every": "default", "trial_time_limit": "default",
        "fixed.batch_size": "file", "fixed.ae_width": "file", "space.filter_order": "file",
        "space.learning_rate": "file", "space.knn_size": "file", "first_trials": "default",
    }  # fmt: skip
    assert {key.split(".")[0] for key in study.origins.keys} == set(KEYS) == set(StudySpec.model_fields) - {"format"}


def test_sections_without_entries_have_an_origin_too(tmp_path: Path) -> None:
    bare = {key: value for key, value in TINY.items() if key != "fixed"} | {"space": {}}
    (tmp_path / "bare.yaml").write_text(yaml.safe_dump(bare))
    keys = read_study(tmp_path / "bare.yaml").origins.keys
    assert (keys["fixed"], keys["space"]) == ("default", "file")


def test_a_description_is_of_the_file_only_where_its_words_stand(tmp_path: Path) -> None:
    path = written(tmp_path, description="Blobs")
    assert read_study(path).origins.keys["description"] == "file"
    assert read_study(path, {"datasets": ["other.npz"]}).origins.keys["description"] == "default"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_hyperparameter_of_each_method_is_fixed_sampled_or_a_default(path: Path) -> None:
    study = read_study(path, {"datasets": ["mine.npz"]})
    for name in study.spec.methods:
        method = find_method(name)
        own = method.configure({})
        for key in method.hyperparameters:
            named = key in study.spec.fixed_for(name) or key in study.spec.space_for(name)
            value = study.origins.hyperparameters.get(key)
            value = value.get(name) if isinstance(value, dict) else value
            assert value == (None if named else getattr(own, key)), (name, key)


def test_defaults_are_told_by_method_only_where_they_differ(tiny: StudySpec) -> None:
    found = default_hyperparameters(tiny.model_copy(update={"space": {}, "methods": ["gcn", "lanczos", "spline"]}))
    assert found["filter_order"] == {name: ORDERS[name] for name in ("lanczos", "spline")}
    assert found["temperature"] == HAGCNConfig.model_fields["temperature"].default
    assert found["averaging"] == HAGCNConfig.model_fields["averaging"].default and "ae_width" not in found


def test_what_is_fixed_for_one_method_is_a_default_for_the_others(tmp_path: Path) -> None:
    study, alpha = read_study(written(tmp_path, fixed={"alpha": {"gcn": 2.5}})), HAGCNConfig().alpha
    assert study.origins.hyperparameters["alpha"] == {"none": alpha, "chebyshev": alpha}
    words = dict(study.origins.in_words(study.spec))["defaults of the methods"]
    assert f"alpha {alpha} for none and {alpha} for chebyshev" in words


def test_in_words_each_source_names_its_keys_and_defaults_their_values(study: PlannedStudy) -> None:
    words = dict(study.origins.in_words(study.spec))
    file, typed, defaults, model = words.values()
    assert next(iter(words)) == study.origins.file and study.origins.file.endswith("tiny.yaml")
    assert file == (
        "name, methods, trials, replicates, epochs, sampler, pruner, report_every, fixed (batch_size, ae_width), "
        "space (filter_order, learning_rate, knn_size)"
    )
    assert typed == "datasets [a.npz, b.npz], bits [8]"
    assert defaults == (
        "description 'a.npz, b.npz: none, gcn, chebyshev, 8 bits', baselines [lsh, pca_sign, itq], seed 0, "
        "split_seed 0, objective map, k 200, parallel_trials 1, "
        "checkpoint_every 0, trial_time_limit none, first_trials none"
    )
    temperature = HAGCNConfig.model_fields["temperature"].default
    assert f"temperature {temperature}" in model.split(", ") and "learning_rate" not in model


def test_what_comes_with_the_project_is_named_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_command([]).origins.file == "search_spaces/digits.yaml"
    written(tmp_path)
    assert parse_command(["tiny.yaml"]).origins.file == "tiny.yaml"


def test_origins_are_kept_and_read_back(study: PlannedStudy, study_folder: StudyFolder) -> None:
    study_folder.freeze(study.spec, None, study.origins)
    assert study_folder.read_origins() == study.origins
    assert study_folder.read_spec() == study.spec


def test_a_study_that_is_begun_keeps_the_origins_it_has(study: PlannedStudy, study_folder: StudyFolder) -> None:
    study_folder.freeze(study.spec, None, study.origins)
    before = study_folder.origins.read_bytes()
    otherwise = study.origins.model_copy(update={"file": "elsewhere.yaml", "keys": {}})
    study_folder.freeze(study.spec, None, otherwise)
    study_folder.freeze(study.spec, None)
    assert study_folder.origins.read_bytes() == before


def test_a_study_begun_from_code_has_none(tiny: StudySpec, study_folder: StudyFolder) -> None:
    study_folder.freeze(tiny, None)
    assert study_folder.read_origins() is None and not study_folder.origins.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [("file: [", "not valid YAML"), ("", "expected a mapping"), ("file: x\n", "keys"),
     ("file: x\nkeys: {bits: oracle}\n", "keys.bits")],
)  # fmt: skip
def test_a_damaged_file_is_one_line(study_folder: StudyFolder, content: str, says: str) -> None:
    study_folder.path.mkdir()
    study_folder.origins.write_text(content)
    with pytest.raises(UserError, match=says) as raised:
        study_folder.read_origins()
    assert str(raised.value).startswith(f"{study_folder.origins}: ") and "\n" not in str(raised.value)


def run(*arguments: str) -> int:
    """As on the command line, stopped before the first trial."""
    return run_study.main([*arguments, "--time-budget", "0.001s", "--quiet"])


def test_the_command_keeps_them_and_going_on_in_another_way_changes_nothing(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_ray(*arguments: object, **keywords: object) -> None:
        raise AssertionError("there is nothing to start")

    monkeypatch.setattr("ray.init", no_ray)
    runs = ["--runs-dir", str(tmp_path / "runs")]
    assert run("--dataset", str(blobs), "--bits", "8", "--trials", "2", *runs) == 1
    directory = StudyFolder(tmp_path / "runs" / "blobs")
    before, kept = directory.origins.read_bytes(), directory.read_origins()
    assert kept is not None and kept.file == "search_spaces/embeddings.yaml"
    assert {key for key, origin in kept.keys.items() if origin == "command line"} == {"datasets", "bits", "trials"}
    copy = tmp_path / "copy.yaml"
    copy.write_bytes(directory.spec.read_bytes())
    assert [run(str(directory.path)), run(str(directory.spec), *runs), run(str(copy), *runs)] == [1, 1, 1]
    assert directory.origins.read_bytes() == before and capsys.readouterr().err == ""


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """A dry run's output as one line of words."""
    assert run_study.main([*arguments, "--dry-run"]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_dry_run_shows_those_of_the_command_or_those_that_were_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    path = written(tmp_path)
    command = [str(path), "--dataset", "nowhere.npz", "--trials", "3", "--runs-dir", str(tmp_path / "runs")]
    new = shown(capsys, *command)
    assert "Where its keys are from" in new and f"{path} name, methods" in new
    assert "the command line datasets [nowhere.npz], trials 3" in new  # a list in brackets, not rich's markup
    assert f"temperature {HAGCNConfig.model_fields['temperature'].default}" in new
    assert not (tmp_path / "runs").exists()
    directory, spec = StudyFolder(tmp_path / "runs" / "tiny"), parse_command(command).spec
    directory.path.mkdir(parents=True)
    directory.freeze(spec, None, Origins(file="first.yaml", keys={"trials": "file"}))
    kept = shown(capsys, *command)
    assert "first.yaml trials" in kept and "the command line" not in kept
    directory.origins.unlink()
    assert "Where its keys are from" not in shown(capsys, *command)
