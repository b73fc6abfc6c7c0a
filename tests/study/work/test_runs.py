"""What a worker does: that a continued run is the same run, and that search never sees the test queries."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hasher.contract import EpochResult
from hasher.data import SplitConfig, load_dataset, make_splits
from hasher.encoding import encode, real_values
from hasher.methods.registry import find_method
from hasher.model_file import load_hasher
from hasher.references import REFERENCES
from hasher.retrieval import evaluate, evaluate_cosine, released_map
from hasher.retrieval.metrics import METRICS, REAL_VALUED_ARRAY
from hasher.training.loop import GradientTraining
from study.plan.spec import StudySpec
from study.plan.tasks import NO_BITS, Cell, Job, Task
from study.work.data import StudyData
from study.work.runs import Step, Work, start_work


@pytest.fixture
def data(tiny: StudySpec) -> StudyData:
    dataset = load_dataset(tiny.datasets[0].source)
    return StudyData(dataset, make_splits(dataset, tiny.datasets[0].split_config(0)))


def job(spec: StudySpec, kind: Any, method: str = "chebyshev", **changes: Any) -> Job:
    config = spec.configure(method, 8, {"learning_rate": 0.01, "knn_size": 5, **changes})
    return Job(Task(kind, Cell("blobs", method, 8), 0), 3, config, spec.report_every, spec.objective, spec.k)


def steps(work: Work) -> list[Step]:
    found = [work.step()]
    while found[-1].state == "running":
        found.append(work.step())
    return found


def without_times(found: list[Step]) -> list[Any]:
    return [[{k: v for k, v in epoch.items() if k != "seconds"} for epoch in step.epochs] for step in found]


@pytest.mark.parametrize("kind", ["search", "test"])
def test_a_run_continued_elsewhere_is_the_same_run(tiny: StudySpec, data: StudyData, kind: str) -> None:
    whole = steps(start_work(job(tiny, kind), data))
    first = start_work(job(tiny, kind), data)
    head = first.step()
    saved = io.BytesIO()
    torch.save(first.state_dict(), saved)
    saved.seek(0)
    torch.manual_seed(99)  # another process has another global random state
    second = start_work(job(tiny, kind), data)
    second.load_state_dict(torch.load(saved, weights_only=True))
    assert without_times([head, *steps(second)]) == without_times(whole)
    assert whole[-1].outcome == (steps(second) or [second.step()])[-1].outcome or kind == "search"


def test_a_search_trial_of_a_code_that_there_is_not_is_complete_and_says_so(tiny: StudySpec, data: StudyData) -> None:
    bits = data.dataset.features.shape[1] + 1
    config = find_method("knnh").configure({"bits": bits, "neighbours": 3})
    cell = Cell("blobs", "knnh", bits)
    work = start_work(Job(Task("search", cell, 0), 3, config, tiny.report_every, tiny.objective, tiny.k), data)
    (found,) = steps(work)
    assert found.state == "complete" and tiny.objective not in found.outcome
    assert found.outcome["note"] == f"KNNH has no {bits}-bit code on this data, at most {bits - 1} bits"
    work.load_state_dict(work.state_dict())


def test_a_search_trial_reports_every_epoch_and_its_best(tiny: StudySpec, data: StudyData) -> None:
    found = steps(start_work(job(tiny, "search"), data))
    epochs = [epoch for step in found for epoch in step.epochs]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3, 4] and [len(step.epochs) for step in found] == [2, 2]
    last = found[-1]
    assert last.state == "complete" and last.outcome["scored_on"] == "validation"
    best = max(epochs, key=lambda epoch: epoch["map"])
    assert last.outcome["map"] == best["map"] and last.outcome["chosen_epoch"] == best["epoch"]
    assert last.evaluation is None and last.model is None


def test_search_does_not_depend_on_the_test_queries(tiny: StudySpec, data: StudyData) -> None:
    tests = data.splits.final.queries
    features, labels = data.dataset.features.copy(), data.dataset.labels.copy()
    features[tests] = 1e3
    labels[tests] = labels[tests][::-1]
    arguments = {name: getattr(data.dataset, name) for name in ("name", "class_names", "is_query", "groups")}
    spoiled = type(data.dataset)(features=features, labels=labels, **arguments)
    expected = steps(start_work(job(tiny, "search"), data))
    assert without_times(steps(start_work(job(tiny, "search"), StudyData(spoiled, data.splits)))) == without_times(
        expected
    )


def test_a_replicate_trains_on_all_but_the_test_queries_and_is_scored_on_those(
    tiny: StudySpec, data: StudyData, tmp_path: Path
) -> None:
    last = steps(start_work(job(tiny, "test"), data))[-1]
    split = data.splits.final
    assert last.outcome["train_items"] == len(split.train) == 240 - len(split.queries)
    assert last.model is not None and last.evaluation is not None
    path = tmp_path / "model.safetensors"
    path.write_bytes(last.model)
    saved = load_hasher(path)
    assert saved.about["fingerprint"] == data.dataset.fingerprint
    assert SplitConfig(**saved.about["split"]) == tiny.datasets[0].split_config(0)
    encoder = saved.model.encoder
    np.testing.assert_allclose(encoder.mean, data.dataset.features[split.train].mean(axis=0), atol=1e-5)
    codes = [encode(encoder, data.dataset.features[items]) for items in (split.queries, split.database)]
    labels = [data.dataset.labels[items] for items in (split.queries, split.database)]
    found = evaluate(codes[0], labels[0], codes[1], labels[1], tiny.k)
    assert last.outcome["map"] == found.map and last.outcome["map_at_k"] == found.map_at_k
    assert last.outcome["map_released"] == released_map(codes[0], labels[0] - 1, codes[1], labels[1] - 1, tiny.k)
    np.testing.assert_array_equal(last.evaluation["map_by_query"], found.average_precision)
    values = [real_values(encoder, data.dataset.features[items]) for items in (split.queries, split.database)]
    before_signs = evaluate_cosine(values[0], labels[0], values[1], labels[1], tiny.k)
    assert last.outcome["map_real_valued"] == before_signs.map != found.map
    np.testing.assert_array_equal(last.evaluation[REAL_VALUED_ARRAY], before_signs.average_precision)


def test_outputs_that_overflowed_have_codes_and_no_cosine(
    tiny: StudySpec, data: StudyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a last step that overflows, when the mean loss of the epoch was still a number."""
    work = start_work(job(tiny, "test"), data)
    trained = GradientTraining.run_epoch

    def overflow(trainer: GradientTraining) -> EpochResult:
        result = trained(trainer)
        with torch.no_grad():
            trainer.encoder.to_bits.bias[0] = float("inf")
        return replace(result, losses={**result.losses, "loss": 0.5})

    monkeypatch.setattr(GradientTraining, "run_epoch", overflow)
    last = steps(work)[-1]
    assert last.state == "complete" and last.outcome["map"] > 0 and "map_real_valued" not in last.outcome
    assert last.evaluation is not None and REAL_VALUED_ARRAY not in last.evaluation


@pytest.mark.parametrize("kind", ["search", "test"])
def test_a_loss_that_is_not_finite_is_a_divergence(tiny: StudySpec, data: StudyData, kind: str) -> None:
    last = steps(start_work(job(tiny, kind, learning_rate=1e25), data))[-1]
    assert last.state == "diverged" and "loss is nan" in last.outcome["error"]


def closed(spec: StudySpec, name: str, bits: int) -> Job:
    config = None if name in REFERENCES else spec.configure(name, bits, {})
    return Job(Task("test", Cell("blobs", name, bits), 0), 1, config, 1, spec.objective, spec.k)


def test_what_needs_no_training_is_scored_on_the_same_test_queries(tiny: StudySpec, data: StudyData) -> None:
    for name in [*tiny.baselines, *REFERENCES]:
        (only,) = steps(start_work(closed(tiny, name, NO_BITS if name in REFERENCES else 8), data))
        assert only.state == "complete" and 0 < only.outcome["map"] <= 1
        assert only.evaluation is not None
        np.testing.assert_array_equal(only.evaluation["query_index"], data.splits.final.queries)


@pytest.mark.parametrize("name", ["lsh", "pca_sign", "itq"])
def test_the_model_of_a_closed_form_encodes_as_it_was_scored(
    tiny: StudySpec, data: StudyData, tmp_path: Path, name: str
) -> None:
    (only,) = steps(start_work(closed(tiny, name, 8), data))
    path, split = tmp_path / "model.safetensors", data.splits.final
    assert only.model is not None
    path.write_bytes(only.model)
    saved = load_hasher(path)
    assert saved.settings == {"method": name, "bits": 8} and saved.about["map"] == only.outcome["map"]
    codes = [saved.encode(data.dataset.features[items]) for items in (split.queries, split.database)]
    labels = [data.dataset.labels[items] for items in (split.queries, split.database)]
    assert evaluate(codes[0], labels[0], codes[1], labels[1], tiny.k).map == only.outcome["map"]


@pytest.mark.parametrize("objective", METRICS)
def test_the_best_epoch_is_that_of_the_objective(tiny: StudySpec, data: StudyData, objective: str) -> None:
    spec = tiny.model_copy(update={"objective": objective, "k": 5})
    found = steps(start_work(job(spec, "search"), data))
    scores = {epoch["epoch"]: epoch[objective] for step in found for epoch in step.epochs}
    best = max(scores.values())
    assert found[-1].outcome[objective] == best and scores[found[-1].outcome["chosen_epoch"]] == best


def test_a_code_longer_than_the_data_is_wide_is_a_note(tiny: StudySpec, data: StudyData) -> None:
    (only,) = steps(start_work(closed(tiny, "itq", 16), data))
    assert only.state == "complete" and "map" not in only.outcome and "no 16-bit code" in only.outcome["note"]
