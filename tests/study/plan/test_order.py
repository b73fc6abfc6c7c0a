"""The plan, driven by a simulation in place of Ray: everything runs once, in a permitted order."""

import random
from collections import Counter

import pytest

from study.plan.finished import Finished, State, has_no_winner, winner
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, all_tasks, cells
from study.watch.counts import count_runs


def simulate(spec: StudySpec, finished: dict[Task, Finished], slots: int, states: list[State], seed: int) -> list[Task]:
    """Run a plan to its end with runs that finish in random order; returns the tasks in the order they started."""
    rng = random.Random(seed)
    plan, running, started = Plan(spec, finished), [], []
    while True:
        while len(running) < slots and (task := plan.next_task()) is not None:
            if task.kind == "search":
                ahead = [other for other in running if other.kind == "search" and other.cell == task.cell]
                assert len(ahead) < spec.parallel_trials
            if task.kind == "test" and spec.trials_of(task.cell.method):
                assert winner(spec, finished, task.cell) is not None
                assert sum(t.kind == "search" and t.cell == task.cell for t in finished) == spec.trials_of(
                    task.cell.method
                )
            running.append(task)
            started.append(task)
        if not running:
            assert plan.exhausted
            return started
        task = running.pop(rng.randrange(len(running)))
        state = rng.choice(states) if task.kind == "search" else "complete"
        finished[task] = Finished(state, rng.random(), 1)
        plan.ended(task)


@pytest.mark.parametrize("slots", [1, 2, 7])
@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_every_task_starts_exactly_once(tiny: StudySpec, slots: int, parallel: int, seed: int) -> None:
    spec = tiny.model_copy(update={"parallel_trials": parallel})
    started = simulate(spec, {}, slots, ["complete"], seed)
    assert Counter(started) == Counter(all_tasks(spec))


@pytest.mark.parametrize("seed", range(5))
def test_an_interrupted_plan_goes_on_with_what_is_left(tiny: StudySpec, seed: int) -> None:
    done = dict.fromkeys(random.Random(seed).sample(all_tasks(tiny), 9), Finished("complete", 0.5, 1))
    started = simulate(tiny, dict(done), 2, ["complete"], seed)
    assert Counter(started) == Counter(set(all_tasks(tiny)) - set(done))


def test_a_cell_without_a_complete_trial_has_no_replicates(tiny: StudySpec) -> None:
    finished: dict[Task, Finished] = {}
    started = simulate(tiny, finished, 2, ["pruned", "diverged", "failed"], 0)
    assert not [task for task in started if task.kind == "test" and task.cell.method in tiny.methods]
    now = count_runs(tiny, finished)
    assert now.impossible == 3 * tiny.replicates and now.left == 0
    assert "6 without a winner to test" in now.in_words()


def test_cells_advance_side_by_side(tiny: StudySpec) -> None:
    searches = [task for task in simulate(tiny, {}, 1, ["complete"], 0) if task.kind == "search"]
    assert [task.index for task in searches] == sorted(task.index for task in searches)


def test_two_slots_are_never_idle_before_the_last_runs(tiny: StudySpec) -> None:
    plan, finished = Plan(tiny, {}), {}
    plan = Plan(tiny, finished)
    running = [plan.next_task(), plan.next_task()]
    while not plan.exhausted:
        task = running.pop(0)
        assert task is not None
        finished[task] = Finished("complete", 0.5, 1)
        plan.ended(task)
        running.append(plan.next_task())
        assert plan.exhausted or None not in running


def test_the_winner_is_the_best_complete_trial_and_the_earlier_of_equals(tiny: StudySpec) -> None:
    cell = cells(tiny)[0]
    ends = [
        Finished("complete", 0.4, 1),
        Finished("complete", 0.6, 2),
        Finished("pruned", 0.9, 3),
        Finished("complete", 0.6, 4),
    ]
    finished = {Task("search", cell, index): end for index, end in enumerate(ends)}
    assert winner(tiny, finished, cell) is ends[1]
    assert winner(tiny, finished, Cell("blobs", "gcn", 8)) is None
    assert not has_no_winner(tiny, finished, cell)
    finished[Task("search", cell, 0)] = Finished("complete")  # NaN is no score
    assert winner(tiny, finished, cell) is ends[1]
    no_scores = {Task("search", cell, index): Finished("complete") for index in range(4)}
    assert winner(tiny, no_scores, cell) is None and has_no_winner(tiny, no_scores, cell)


def test_the_time_left_comes_from_runs_of_the_same_kind(tiny: StudySpec) -> None:
    assert count_runs(tiny, {}).seconds_left is None
    cell = cells(tiny)[0]
    finished = {Task("search", cell, 0): Finished("complete", 0.5, 1, seconds=3.0)}
    left = len(all_tasks(tiny)) - 1
    assert count_runs(tiny, finished).seconds_left == pytest.approx(3.0 * left)
    finished[Task("test", Cell("blobs", "itq", 8), 0)] = Finished("complete", 0.5, seconds=1.0)
    searches, tests = 11, 12
    assert count_runs(tiny, finished).seconds_left == pytest.approx(3.0 * searches + 1.0 * tests)


def test_of_equals_the_slowest_starts_first_and_the_last_replicates_are_short(tiny: StudySpec) -> None:
    seconds = {"none": 1.0, "gcn": 9.0, "chebyshev": 4.0}
    finished: dict[Task, Finished] = {}
    plan, started = Plan(tiny, finished), []
    while (task := plan.next_task()) is not None:
        started.append(task)
        finished[task] = Finished("complete", 0.5, 1, seconds=seconds.get(task.cell.method, 0.1))
        plan.ended(task)
    second = [task.cell.method for task in started if task.kind == "search" and task.index == 1]
    assert second == ["gcn", "chebyshev", "none"]
    replicates = [task.cell.method for task in started if task.kind == "test" and task.cell.method in seconds]
    assert replicates == ["gcn"] * 2 + ["chebyshev"] * 2 + ["none"] * 2
