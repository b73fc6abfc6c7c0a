"""What running trials cost a study: checkpoint files of those that run, no snapshot of all that ever ran, and no memory
of the numbers of those that have ended."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune import Checkpoint
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from study.drive.tune_parts import ForgottenTrials, LastCheckpoints
from study.plan.spec import StudySpec
from study.plan.tasks import all_tasks
from study.work.trainable import HasherTrainable
from tests.study.conftest import run_tiny


def test_only_the_last_checkpoint_of_a_running_trial_is_kept(tmp_path: Path) -> None:
    def save(number: int) -> Checkpoint:
        (tmp_path / str(number)).mkdir()
        return Checkpoint.from_directory(str(tmp_path / str(number)))

    first, second = (SimpleNamespace(trial_id=name) for name in "ab")
    callback = LastCheckpoints()
    for trial, number in ((first, 1), (second, 2), (first, 3)):
        callback.on_checkpoint(0, [], trial, save(number))  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]
    callback.on_checkpoint(0, [], first, Checkpoint.from_directory(str(tmp_path / "3")))  # type: ignore[arg-type]
    assert (tmp_path / "3").exists()  # written again in its place, after a worker was lost
    callback.on_trial_complete(0, [], first)  # type: ignore[arg-type]
    callback.on_trial_error(0, [], second)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_checkpoints_force_no_snapshots_of_the_experiment(
    tiny: StudySpec, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots, saved = [], []
    save, took = TuneController.save_to_dir, LastCheckpoints.on_checkpoint

    def note_snapshot(self: Any) -> None:
        snapshots.append(1)
        save(self)

    def note_checkpoint(self: Any, **info: Any) -> None:
        took(self, **info)
        saved.append(info["checkpoint"].path)
        running = {path.parent for path in Path(tmp_path).rglob("checkpoint_*")}
        assert len(running) <= 2 and len(list(Path(tmp_path).rglob("checkpoint_*"))) == len(running)

    monkeypatch.setattr(TuneController, "save_to_dir", note_snapshot)
    monkeypatch.setattr(LastCheckpoints, "on_checkpoint", note_checkpoint)
    spec = tiny.model_copy(update={"checkpoint_every": 1, "methods": ["gcn"], "trials": 2})
    result = run_tiny(spec, tmp_path, address=cluster)
    assert result.counts.done == len(all_tasks(spec)) and len(saved) > 2
    assert len(snapshots) <= 2  # when Tune begins and when it ends


def test_a_run_that_ends_leaves_no_checkpoint(
    tiny: StudySpec, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would read it, and Tune writes one unless told not to."""
    saves = []
    monkeypatch.setattr(TuneController, "_schedule_trial_save", lambda *arguments, **keywords: saves.append(arguments))
    spec = tiny.model_copy(update={"methods": ["gcn"], "trials": 1, "replicates": 1})
    result = run_tiny(spec, tmp_path, address=cluster)
    assert result.counts.left == 0 and not saves


def test_what_tune_keeps_of_a_trial_goes_with_its_end(tmp_path: Path) -> None:
    storage: Any = SimpleNamespace(trial_driver_staging_path=str(tmp_path / "trial"))
    (tmp_path / "trial").mkdir()
    trial = Trial("stub", stub=True, config={"job": "a job"}, evaluated_params={"job": "a job"}, storage=storage)
    trial.update_last_result({"training_iteration": 1, "done": True, "map": 0.5})
    assert trial.metric_analysis and "a job" in trial.get_json_state()[0]
    ForgottenTrials().on_trial_complete(0, [trial], trial)
    assert not trial.metric_analysis and trial.last_result["map"] == 0.5
    assert "a job" not in trial.get_json_state()[0] and not list(tmp_path.iterdir())


def test_a_worker_removes_the_folder_of_the_run_before_where_nothing_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HasherTrainable, "_begin", lambda worker, jobs: None)
    worker = HasherTrainable.__new__(HasherTrainable)
    for name in "abc":
        (tmp_path / name).mkdir()
        worker._logdir = str(tmp_path / name)
        worker.reset_config({"jobs": None})
        if name == "b":
            (tmp_path / name / "kept").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
