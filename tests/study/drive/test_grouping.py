"""Runs of one configuration that differ in the seed are trained together, and are the runs that they would be alone."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from hasher.data import load_dataset, make_splits
from study.drive.grouping import Grouping
from study.drive.runner import StudyResult
from study.plan.finished import Finished
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task, all_tasks
from study.work.data import StudyData
from study.work.together import JobsWork
from study.work.trainable import HasherTrainable, Steps
from tests.study.conftest import run_tiny
from tests.study.here import at_step, runs_here
from tests.study.test_run_study import TIMES

IDENTITY = ["kind", "method", "bits", "index"]
#: By which losses and weights may differ, after the few epochs of these tests.
TOLERANCE = 1e-5
CPU = torch.device("cpu")


@pytest.fixture
def spec(tiny: StudySpec) -> StudySpec:
    return tiny.model_copy(update={"replicates": 3})


@pytest.fixture
def grid(tiny: StudySpec) -> StudySpec:
    """Two points with three seeds each."""
    values = tiny.model_dump()
    values |= {"methods": ["gcn"], "trials": None, "replicates": 3, "sampler": {"name": "grid", "repeats": 3},
               "pruner": {"name": "none"}, "space": {"learning_rate": {"type": "categorical", "choices": [0.01, 0.03]}},
               "fixed": {**values["fixed"], "knn_size": 5}}  # fmt: skip
    return StudySpec.model_validate(values)


def run(spec: StudySpec, folder: Path, **options: Any) -> StudyResult:
    with runs_here():
        return run_tiny(spec, folder, **options)


def curves(result: StudyResult) -> pd.DataFrame:
    return pd.read_csv(result.folder.curves).drop(columns=["seconds", "family", "state"])


@pytest.mark.parametrize("name", ["spec", "grid"])
def test_each_has_the_record_and_the_course_that_it_has_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    spec: StudySpec = request.getfixturevalue(name)
    together = run(spec, tmp_path / "together")
    monkeypatch.setattr("study.drive.grouping.is_faster", lambda *_: False)
    apart = run(spec, tmp_path / "apart")
    found, expected = (each.records.set_index(IDENTITY).sort_index() for each in (together, apart))
    assert found.index.equals(expected.index) and set(expected["together"]) == {1}
    trained = found.index.get_level_values("method").isin(spec.methods)
    grouped = trained & ((found.index.get_level_values("kind") == "test") | (name == "grid"))
    assert (found["together"] == np.where(grouped, 3, 1)).all()
    same = ["state", "seed", "epochs", "chosen_epoch", "learning_rate", "train_items", "queries", "data_fingerprint"]
    pd.testing.assert_frame_equal(found[same], expected[same])
    ours, theirs = (curves(each).sort_values([*IDENTITY, "epoch"], ignore_index=True) for each in (together, apart))
    names = ours.columns.difference([*IDENTITY, "epoch", "map", "dataset"])
    assert ours[[*IDENTITY, "epoch"]].equals(theirs[[*IDENTITY, "epoch"]])
    np.testing.assert_allclose(
        ours[names].to_numpy(float), theirs[names].to_numpy(float), rtol=TOLERANCE, atol=TOLERANCE
    )
    np.testing.assert_allclose(found["map"], expected["map"], atol=0.01)  # a bit near its threshold may turn
    assert (found["seconds"] > 0).all()


def work(spec: StudySpec, kind: Any, seeds: range, of_group: bool = False) -> JobsWork:
    dataset = load_dataset(spec.datasets[0].source)
    data = StudyData(dataset, make_splits(dataset, spec.datasets[0].split_config(0)))
    config = spec.configure("gcn", 8, {"learning_rate": 0.01, "knn_size": 5})
    cell = Cell("blobs", "gcn", 8)
    group = tuple((seed, seed) for seed in range(3)) if len(seeds) > 1 or of_group else ()
    jobs = [
        Job(Task(kind, cell, seed), seed, config, spec.report_every, spec.objective, spec.k, group=group)
        for seed in seeds
    ]
    return JobsWork(jobs, data)


def untimed(steps: Any) -> Any:
    rows = [step and [{k: v for k, v in row.items() if k != "seconds"} for row in step.epochs] for step in steps]
    return rows, [step and (step.state, step.outcome.get("map")) for step in steps]


@pytest.mark.parametrize("kind", ["search", "test"])
def test_jobs_that_are_continued_elsewhere_are_the_same(tiny: StudySpec, kind: str) -> None:
    whole, first = work(tiny, kind, range(3)), work(tiny, kind, range(3))
    assert untimed(first.step()) == untimed(whole.step())
    again = work(tiny, kind, range(3))
    again.load_state_dict(first.state_dict())
    last = again.step()
    assert untimed(last) == untimed(whole.step())
    assert {step.state for step in last if step is not None} == {"complete"}


@pytest.mark.parametrize("kind", ["search", "test"])
def test_one_of_a_group_that_is_done_again_is_the_same_to_the_last_bit(tiny: StudySpec, kind: str) -> None:
    whole, again = work(tiny, kind, range(3)), work(tiny, kind, range(1, 2), of_group=True)
    for _ in range(2):
        rows, ends = untimed(whole.step())
        assert untimed(again.step()) == (rows[1:2], ends[1:2])
    assert ends[1][0] == "complete"


def test_one_that_diverges_is_recorded_so_and_the_others_go_on(tiny: StudySpec) -> None:
    together, alone = work(tiny, "test", range(3)), work(tiny, "test", range(2, 3))
    training: Any = together._works[1].training  # type: ignore[attr-defined]
    with torch.no_grad():
        training.model.encoder.to_bits.weight.fill_(torch.nan)
    first = together.step()
    assert [step and step.state for step in first] == ["running", "diverged", "running"]
    assert first[1] is not None and first[1].outcome["error"] == "loss is nan at epoch 1" and len(first[1].epochs) == 1
    again = work(tiny, "test", range(3))
    again.load_state_dict(together.state_dict())
    alone.step()
    (expected,) = alone.step()
    for each in (together, again):
        last = each.step()
        assert [step and step.state for step in last] == ["complete", None, "complete"]
        assert last[2] is not None and expected is not None
        assert last[2].epochs[-1]["loss"] == pytest.approx(expected.epochs[-1]["loss"], rel=TOLERANCE)


def test_what_fails_together_is_run_again_alone(
    spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = HasherTrainable.advance

    def failing(worker: HasherTrainable) -> Steps:
        task = worker._jobs[0].task
        if task.kind == "test" and task.cell.method == "gcn" and 1 in [job.task.index for job in worker._jobs]:
            raise MemoryError("too much")
        return advance(worker)

    monkeypatch.setattr(HasherTrainable, "advance", failing)
    records = run(spec, tmp_path).records
    tests = records[(records["kind"] == "test") & records["method"].isin(spec.methods)].set_index(["method", "index"])
    assert tests.loc["gcn", "state"].tolist() == ["complete", "failed", "complete"]
    assert set(tests.loc["gcn", "together"]) == {1} and set(tests.loc[["none", "chebyshev"], "together"]) == {3}
    assert tests.loc[("gcn", 1), "error"] == "MemoryError: too much"


def test_a_study_that_is_stopped_amid_them_goes_on_with_all(
    spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), runs_here():
        at_step(patch, 15, stop)
        run_tiny(spec, tmp_path)
    found, expected = run(spec, tmp_path).records, run(spec, tmp_path / "undisturbed").records
    assert len(found) == len(all_tasks(spec)) == len(found.drop_duplicates(IDENTITY))
    columns = [*TIMES, "commit"]
    pd.testing.assert_frame_equal(found.drop(columns=columns), expected.drop(columns=columns), check_exact=True)


class LosesWorkers(HasherTrainable):
    """Together, replicates of `none` lose every worker, those of `gcn` one, after their first step. Where they go on
    from, they mark the folder `place`."""

    place: Path

    def advance(self) -> Steps:
        if len(self._jobs) > 1:
            method = self._jobs[0].task.cell.method
            if method == "none" or (method == "gcn" and self._work is not None and not self.marked("killed")):
                os.kill(os.getpid(), signal.SIGKILL)
        return super().advance()

    def load_checkpoint(self, checkpoint: Any) -> None:
        super().load_checkpoint(checkpoint)
        if len(self._jobs) > 1:
            self.marked("gone-on")

    def marked(self, name: str) -> bool:
        there = (self.place / name).exists()
        (self.place / name).touch()
        return there


def test_a_lost_worker_is_made_up_for_and_a_second_one_parts_them(
    spec: StudySpec, tmp_path: Path, cluster: str
) -> None:
    mortal = type("Mortal", (LosesWorkers,), {"place": tmp_path, "__module__": "__main__"})  # sent by value
    spec = spec.model_copy(update={"methods": ["none", "gcn"], "trials": 1, "checkpoint_every": 1})
    records = run_tiny(spec, tmp_path, mortal, address=cluster, max_concurrent=1).records
    assert set(records["state"]) == {"complete"} and len(records) == len(all_tasks(spec))
    tests = records[records["kind"] == "test"].set_index("method")
    assert set(tests.loc["none", "together"]) == {1} and set(tests.loc["gcn", "together"]) == {3}
    assert (tmp_path / "gone-on").exists()


@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("name", ["spec", "grid"])
def test_every_task_starts_exactly_once_and_groups_start_whole(
    name: str, slots: int, request: pytest.FixtureRequest
) -> None:
    spec: StudySpec = request.getfixturevalue(name)
    rng, finished, running = random.Random(slots), dict[Task, Finished](), list[list[Task]]()
    plan, grouping = Plan(spec, finished), Grouping(spec, {"blobs": 12}, CPU)
    started: list[list[Task]] = []
    while True:
        while len(running) < slots and (task := plan.next_task()) is not None:
            config = None if task.cell.method not in spec.methods else spec.configure(task.cell.method, 8, {})
            group = grouping.group(Job(task, 0, config, 1, spec.objective, spec.k))
            together = [task, *plan.take(group)]
            assert group in ([], together) and (len(group) == 3 or task.cell.method not in spec.methods or not group)
            running.append(together)
            started.append(together)
        if not running:
            break
        for task in running.pop(rng.randrange(len(running))):
            finished[task] = Finished("complete", rng.random(), 1)
            plan.ended(task)
    assert plan.exhausted and Counter(task for group in started for task in group) == Counter(all_tasks(spec))
    assert any(len(group) == 3 for group in started)


def test_what_may_be_stopped_alone_is_run_alone(grid: StudySpec, tiny: StudySpec) -> None:
    changed: dict[str, Any] = {"pruner": {"name": "median"}, "trial_time_limit": 5.0}
    others = [StudySpec.model_validate({**grid.model_dump(), key: value}) for key, value in changed.items()]
    for spec, indices in [(grid, [1, 3, 5]), *((other, []) for other in others), (tiny, [])]:
        task = Task("search", Cell("blobs", "gcn", 8), 3)
        job = Job(task, 0, spec.configure("gcn", 8, {}), 1, spec.objective, spec.k)
        assert [each.index for each in Grouping(spec, {"blobs": 12}, CPU).group(job)] == indices
        assert {each.cell for each in Grouping(spec, {"blobs": 12}, CPU).group(job)} <= {task.cell}
