"""Jobs opened ahead of time: what is tried stays the same, and what never started is given back."""

from pathlib import Path
from typing import Any

import pytest

from study.drive.lost_workers import LostWorkers
from study.drive.recorder import Recorder
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Job, Task, all_tasks
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.work.runs import Step


def recorder_of(spec: StudySpec, path: Path) -> Recorder:
    path.mkdir(exist_ok=True)
    folder = StudyFolder(path)
    ledger = Ledger(spec, open_storage(str(folder.journal)))
    return Recorder(ledger, Plan(spec, ledger.finished), folder, LostWorkers(lambda: 0), {})


def run_in_two_slots(recorder: Recorder, ahead: bool, most: int = 1000) -> dict[Task, Job]:
    """Runs that end in the order they began, each better the more neighbours it has."""
    jobs: dict[Task, Job] = {}
    running: list[str] = []
    while len(jobs) < most:
        while len(running) < 2 and (started := recorder.start(str(len(jobs)))):
            running.append(str(len(jobs)))
            jobs |= {job.task: job for job in started}
        if not running:
            break
        if ahead:
            recorder.prepare()
            recorder.prepare()  # there is never more than one
        run_id = running.pop(0)
        config = list(jobs.values())[int(run_id)].config
        outcome: dict[str, Any] = {"map": getattr(config, "learning_rate", 0.5), "chosen_epoch": 1}
        step = Step("complete", outcome, [{"epoch": 1, "map": outcome["map"]}])
        recorder.should_stop(run_id, [step])
        recorder.collect(run_id, [step])
        recorder.end(run_id)
    return jobs


def test_jobs_opened_ahead_are_the_same_jobs(tiny: StudySpec, tmp_path: Path) -> None:
    recorders = [recorder_of(tiny, tmp_path / name) for name in "ab"]
    expected, found = (run_in_two_slots(one, ahead) for one, ahead in zip(recorders, (False, True), strict=True))
    assert found == expected and set(found) == set(all_tasks(tiny))
    assert all(one.exhausted for one in recorders)


@pytest.mark.parametrize("stop_after", [1, 6, 14])
def test_a_job_that_never_started_is_given_back_as_it_was(tiny: StudySpec, tmp_path: Path, stop_after: int) -> None:
    expected = run_in_two_slots(recorder_of(tiny, tmp_path / "a"), ahead=False)
    stopped = recorder_of(tiny, tmp_path / "b")
    first = run_in_two_slots(stopped, ahead=True, most=stop_after)
    stopped.prepare()
    assert not stopped.exhausted
    in_flight = len(stopped.running())
    stopped.release()
    assert stopped.ledger.abandon_open() == in_flight  # the prepared one is none of those that were interrupted
    rest = run_in_two_slots(recorder_of(tiny, tmp_path / "b"), ahead=True)
    assert {**first, **rest} == expected


def test_cells_with_several_trials_in_flight_wait_for_their_results(tiny: StudySpec, tmp_path: Path) -> None:
    recorder = recorder_of(tiny.model_copy(update={"parallel_trials": 2}), tmp_path / "a")
    recorder.prepare()
    recorder.release()
    assert not (tmp_path / "a" / "journal.log").read_text().count('"task"')
