"""What a study may grow into, and what would be another study."""

from __future__ import annotations

from typing import Any

import pytest

from hasher.errors import UserError
from study.plan.amending import amendment_of, is_extension
from study.plan.spec import StudySpec


def grown(spec: StudySpec, **changes: Any) -> StudySpec:
    return StudySpec.model_validate(spec.model_dump() | changes)


def space(spec: StudySpec, **changes: Any) -> dict[str, Any]:
    return spec.model_dump()["space"] | changes


@pytest.mark.parametrize(
    "changes",
    [{"trials": 5}, {"replicates": 3}, {"epochs": 9}, {"bits": [4, 8]}, {"pruner": {"name": "none"}},
     {"methods": ["gcn", "none", "chebyshev", "spline"]}, {"baselines": ["lsh", "pca_sign", "itq", "agh"]},
     {"description": "more"}, {"checkpoint_every": 2}],
)  # fmt: skip
def test_what_may_grow(tiny: StudySpec, changes: dict[str, Any]) -> None:
    new = grown(tiny, **changes)
    assert is_extension(tiny, new) and is_extension(tiny, tiny)
    (key,) = changes
    changed = {line.partition(":")[0].partition(".")[0] for line in amendment_of(tiny, new, "runs/x")}
    assert changed == ({key} - {"description"})


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"trials": 3}, "trials: 4 → 3"), ({"replicates": 1}, "replicates"), ({"epochs": 3}, "epochs"),
     ({"bits": [16]}, "bits: 8 is missing"), ({"seed": 1}, "seed: 0 → 1"), ({"split_seed": 1}, "split_seed"),
     ({"objective": "map_at_k"}, "objective"), ({"methods": ["none", "gcn"]}, "methods: chebyshev is missing"),
     ({"sampler": {"name": "random"}}, "sampler"), ({"fixed": {"batch_size": 64, "ae_width": 32}}, "fixed"),
     ({"baselines": ["lsh"]}, "baselines: pca_sign is missing"), ({"datasets": ["digits"]}, "is missing"),
     ({"methods": ["none", "gcn", "chebyshev", "itq"]}, "itq is a baseline"),
     ({"first_trials": [{"learning_rate": 0.02}]}, "first_trials")],
)  # fmt: skip
def test_what_makes_another_study(tiny: StudySpec, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match="cannot be extended so") as raised:
        amendment_of(tiny, grown(tiny, **changes), "runs/x")
    assert says in str(raised.value) and str(raised.value).startswith("runs/x: ")


@pytest.mark.parametrize(
    ("dimension", "may"),
    [({"type": "int", "low": 3, "high": 20}, True), ({"type": "int", "low": 2, "high": 9}, True),
     ({"type": "int", "low": 4, "high": 9}, False), ({"type": "int", "low": 3, "high": 20, "log": True}, False),
     ({"type": "float", "low": 3, "high": 20}, False)],
)  # fmt: skip
def test_a_range_may_widen(tiny: StudySpec, dimension: dict[str, Any], may: bool) -> None:
    new = grown(tiny, space=space(tiny, knn_size=dimension))
    assert is_extension(tiny, new) == may


def test_more_may_be_sampled_and_what_is_not_run_yet_may_be_given(tiny: StudySpec) -> None:
    alpha = {"type": "float", "low": 0.5, "high": 3.0}
    assert is_extension(tiny, grown(tiny, space=space(tiny, alpha=alpha)))
    assert not is_extension(grown(tiny, space=space(tiny, alpha=alpha)), tiny)
    given = [{}] * 4 + [{"learning_rate": 0.02}]
    assert is_extension(tiny, grown(tiny, trials=5, first_trials=given))


def test_choices_may_be_added(tiny: StudySpec) -> None:
    fixed = {"batch_size": 64}
    few, more = (
        grown(tiny, fixed=fixed, space=space(tiny, ae_width={"type": "categorical", "choices": choices}))
        for choices in ([16, 32], [16, 24, 32])
    )
    assert is_extension(few, more) and not is_extension(more, few)


def test_a_grid_may_be_repeated_and_no_more(tiny: StudySpec) -> None:
    points = {"knn_size": {"type": "int", "low": 3, "high": 5}}
    grid = grown(tiny, trials=None, sampler={"name": "grid"}, space=points)
    assert is_extension(grid, grown(grid, sampler={"name": "grid", "repeats": 2}))
    assert not is_extension(grid, grown(grid, space={"knn_size": {"type": "int", "low": 3, "high": 6}}))
