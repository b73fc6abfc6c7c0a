"""A study run from Python is the one that the command runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import study
from hasher.errors import UserError
from study.drive.runner import StudyResult
from study.options import RunOptions
from study.plan.spec import StudySpec
from tests.study.here import runs_here

WHEN = ["started", "seconds", "device_seconds", "optuna_trial"]


@pytest.mark.parametrize("form", ["spec", "mapping", "file"])
def test_it_is_the_study_of_the_command(finished: StudyResult, tiny: StudySpec, tmp_path: Path, form: str) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny.to_yaml())
    spec = {"spec": tiny, "mapping": tiny.model_dump(), "file": path}[form]
    with runs_here():
        result = study.run(spec, RunOptions(runs_dir=tmp_path), methods=["gcn"])
    assert result.counts.left == 0
    theirs = pd.read_csv(finished.folder.records)
    theirs = theirs[~theirs.method.isin(["none", "chebyshev"])].reset_index(drop=True)
    ours = pd.read_csv(result.folder.records)
    pd.testing.assert_frame_equal(
        ours.drop(columns=WHEN), theirs.drop(columns=WHEN)[ours.drop(columns=WHEN).columns], check_exact=True
    )


def test_what_comes_with_the_project_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("study.from_python.run_study", lambda spec, options, console: seen.append(spec))
    study.run("digits", bits=[8], trials=1)
    assert seen[0].name == "digits" and seen[0].bits == [8] and seen[0].datasets[0].source == "digits"


@pytest.mark.parametrize(
    ("changes", "says"), [({"bits": [0]}, "bits"), ({"bit": [8]}, "bit"), ({"methods": ["x"]}, "x")]
)
def test_a_wrong_key_is_one_line(tiny: StudySpec, changes: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says) as raised:
        study.run(tiny, **changes)
    assert "\n" not in str(raised.value)


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        study.walk  # noqa: B018
