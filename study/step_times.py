"""A few steps of training and scoring, timed on this machine: what runs cost where none is known that is like them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
import torch
from threadpoolctl import threadpool_limits

from hasher.config import HasherConfig
from hasher.data import Split
from hasher.model import Encoder
from hasher.scoring import encode_split, released_score, score_codes
from hasher.training import Trainer, resolve_device
from study.dimensions import distributions
from study.jobs import Cell, Task, baseline_tasks
from study.run_times import RunTimes
from study.spec import StudySpec
from study.work import StudyData

#: Mini-batches timed of every configuration, configurations timed of every filter, and seconds after which a filter
#: has had enough of them.
BATCHES, CONFIGURATIONS, ENOUGH = 4, 4, 2.0


def time_steps(spec: StudySpec, name: str, data: StudyData, threads: int) -> RunTimes:
    """Seconds of a run of every kind on the data set `name`, told from timed steps.

    Configurations are drawn from the search space at random. A search trial is taken to run for `expected_share` of its
    epochs, a replicate for all of them, and a baseline for as long as scoring the test queries takes.
    """
    times = RunTimes()
    bits = sorted(spec.bits)[len(spec.bits) // 2]
    with _as_a_worker(threads):
        untrained = _trainer(_configurations(spec, spec.filters[0], bits)[0], data, items=2).model.encoder
        validate = _scoring_seconds(untrained, data, data.splits.search, spec.k)
        test = _testing_seconds(untrained, data, data.splits.final, spec.k)
        for filter_name in spec.filters:
            per_item = _training_seconds(_configurations(spec, filter_name, bits), data)
            epoch, final = (per_item * len(split.train) for split in (data.splits.search, data.splits.final))
            cell = Cell(name, filter_name, bits)
            times.add(Task("search", cell, 0), expected_share(spec) * spec.epochs * (epoch + validate))
            times.add(Task("replicate", cell, 0), spec.epochs * final + test)
    for task in baseline_tasks(spec):
        if task.cell.dataset == name:
            times.add(task, test)
    return times


def expected_share(spec: StudySpec) -> float:
    """The part of its epochs that a search trial runs for: with the median pruner, half of the trials that can be
    pruned are taken to be so at the first report where they can; with others, which stop fewer or later, none."""
    if spec.pruner.name != "median":
        return 1.0
    first = spec.report_every * max(1, math.ceil(spec.pruner.warmup_epochs / spec.report_every))
    saved = max(0.0, 1 - first / spec.epochs) / 2
    trials = [spec.trials_of(name) for name in spec.filters]
    prunable = sum(max(0, count - spec.pruner.startup_trials) for count in trials)
    return 1 - saved * prunable / sum(trials)


def _configurations(spec: StudySpec, filter_name: str, bits: int) -> list[HasherConfig]:
    space = distributions(spec.space_for(filter_name))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=spec.seed))
    return [spec.configure(filter_name, bits, study.ask(space).params) for _ in range(CONFIGURATIONS)]


def _training_seconds(configurations: list[HasherConfig], data: StudyData) -> float:
    """Mean seconds of an epoch, an item, over the configurations there is time for."""
    found, began = [], time.perf_counter()
    for config in configurations:
        items = min(BATCHES * config.batch_size, len(data.splits.search.train))
        trainer = _trainer(config, data, items)
        trainer.run_epoch()  # the first steps also load and compile
        found.append(trainer.run_epoch().seconds / items)
        if time.perf_counter() - began > ENOUGH:
            break
    return sum(found) / len(found)


def _trainer(config: HasherConfig, data: StudyData, items: int) -> Trainer:
    return Trainer(config, data.dataset.features[data.splits.search.train[:items]], 0, resolve_device("auto"))


def _scoring_seconds(encoder: Encoder, data: StudyData, split: Split, k: int) -> float:
    return _second_time(lambda: score_codes(data.dataset, split, *encode_split(encoder, data.dataset, split), k))


def _testing_seconds(encoder: Encoder, data: StudyData, split: Split, k: int) -> float:
    def test() -> None:
        codes = encode_split(encoder, data.dataset, split)
        score_codes(data.dataset, split, *codes, k)
        released_score(data.dataset, split, *codes, k)

    return _second_time(test)


def _second_time(action: Callable[[], object]) -> float:
    action()  # the first time also compiles
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


@contextmanager
def _as_a_worker(threads: int) -> Iterator[None]:
    """As many threads as a worker takes."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
