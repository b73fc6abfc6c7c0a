"""A few steps of training and scoring, timed on this machine: what runs cost where none is known that is like them."""

from __future__ import annotations

import bisect
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
import torch
from threadpoolctl import threadpool_limits

from hasher.contract import Method, MethodConfig
from hasher.data import Split
from hasher.encoders import Encoder
from hasher.methods.registry import find_method
from hasher.scoring import encode_split, real_values_of_split, released_score, score_codes, score_real_values
from hasher.training.loop import resolve_device
from study.plan.dimensions import distributions
from study.plan.run_times import RunTimes
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, reference_cells
from study.work.data import StudyData

#: Mini-batches timed of every configuration, configurations timed of every method, and seconds after which a method
#: has had enough of them.
BATCHES, CONFIGURATIONS, ENOUGH = 4, 4, 2.0
#: Searches that are simulated to tell how many trials are pruned.
REPEATS = 100
#: Trials of a cell, of which hardly another part is pruned than of more.
MANY = 1000


def time_steps(spec: StudySpec, name: str, data: StudyData, threads: int) -> RunTimes:
    """Seconds of a run of every kind on the data set `name`, as timed steps have it.

    Configurations are drawn from the search space at random. A search trial is taken to run for `expected_share` of its
    epochs, a test run for all of them; what has no epochs takes as long as it took to fit once, and a reference as long
    as scoring the test queries.
    """
    times = RunTimes()
    bits = sorted(spec.bits)[len(spec.bits) // 2]
    with _as_a_worker(threads):
        first = spec.methods[0]
        width = data.dataset.features.shape[1]
        untrained = find_method(first).model(_configurations(spec, first, bits)[0], width).encoder
        validate = _scoring_seconds(untrained, data, data.splits.search, spec.k)
        test = _testing_seconds(untrained, data, data.splits.final, spec.k)
        for method in spec.all_methods:
            epochs = spec.epochs if find_method(method).is_trained else 1
            per_item = _seconds_an_item(method, _configurations(spec, method, bits), data)
            search, final = (per_item * len(split.train) for split in (data.splits.search, data.splits.final))
            cell = Cell(name, method, bits)
            if spec.is_searched(method):
                share = expected_share(spec, method) if find_method(method).is_trained else 1.0
                times.add(Task("search", cell, 0), share * epochs * (search + validate))
            times.add(Task("test", cell, 0), epochs * final + test)
    for cell in reference_cells(spec):
        if cell.dataset == name:
            times.add(Task("test", cell, 0), test)
    return times


def expected_share(spec: StudySpec, method: str) -> float:
    """The part of its epochs that a search trial of a method runs for, on average over its cell.

    The median pruner is taken to decide at the first report where it can, among trials of which none is expected to be
    better than another. Other pruners, which stop fewer trials or later, are taken to stop none.
    """
    if spec.pruner.name != "median":
        return 1.0
    first = spec.report_every * max(1, math.ceil(spec.pruner.warmup_epochs / spec.report_every))
    pruned = pruned_by_median(spec.trials_of(method), max(1, spec.pruner.startup_trials))
    return 1 - pruned * max(0.0, 1 - first / spec.epochs)


def pruned_by_median(trials: int, startup: int) -> float:
    """The part of a cell's trials that are worse than the median of the complete ones before them, after the first
    `startup`, if their scores are random."""
    rng, pruned, trials = random.Random(0), 0, min(trials, MANY)  # no longer changes beyond
    for _ in range(REPEATS):
        complete: list[float] = []
        for trial in range(trials):
            score = rng.random()
            if trial >= startup and score < (complete[(len(complete) - 1) // 2] + complete[len(complete) // 2]) / 2:
                pruned += 1
            else:
                bisect.insort(complete, score)
    return pruned / (REPEATS * trials)


def _configurations(spec: StudySpec, method: str, bits: int) -> list[MethodConfig]:
    space = distributions(spec.space_for(method))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=spec.seed))
    epochs = max(2, spec.epochs)  # the first one is not timed
    return [spec.configure(method, bits, study.ask(space).params, epochs) for _ in range(CONFIGURATIONS)]


def _seconds_an_item(method: str, configurations: Sequence[MethodConfig], data: StudyData) -> float:
    """Mean seconds of an epoch, or of all there is to do, over the configurations there is time for."""
    found, began = [], time.perf_counter()
    for config in configurations:
        found.append(_seconds(find_method(method), config, data))
        if time.perf_counter() - began > ENOUGH:
            break
    return sum(found) / len(found)


def _seconds(method: Method, config: Any, data: StudyData) -> float:
    train = data.splits.search.train
    if not method.is_trained:
        if method.impossible(config.bits, len(train), data.dataset.features.shape[1]):
            return 0.0
        features = data.dataset.features[train]
        return _second_time(lambda: method.start(config, features, 0, resolve_device("auto"))) / len(train)
    items = min(BATCHES * config.batch_size, len(train))
    training = method.start(config, data.dataset.features[train[:items]], 0, resolve_device("auto"))
    training.run_epoch()  # the first steps also load and compile
    return training.run_epoch().seconds / items


def _scoring_seconds(encoder: Encoder, data: StudyData, split: Split, k: int) -> float:
    return _second_time(lambda: score_codes(data.dataset, split, *encode_split(encoder, data.dataset, split), k))


def _testing_seconds(encoder: Encoder, data: StudyData, split: Split, k: int) -> float:
    def test() -> None:
        values = real_values_of_split(encoder, data.dataset, split)
        codes = values[0] > 0, values[1] > 0
        score_codes(data.dataset, split, *codes, k)
        released_score(data.dataset, split, *codes, k)
        score_real_values(data.dataset, split, *values, k)

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
