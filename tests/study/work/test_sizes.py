"""A model beyond memory is refused before it is made, of every method."""

from __future__ import annotations

import pytest

from hasher.errors import UserError
from hasher.methods.registry import methods
from study.plan.spec import StudySpec
from study.work.sizes import check_sizes


def spec(**changed: object) -> StudySpec:
    usual = {"name": "sizes", "datasets": ["digits"], "methods": ["gcn"], "bits": [8, 16], "trials": 1, "epochs": 1}
    return StudySpec.model_validate({**usual, **changed})


def test_every_method_fits_as_it_is() -> None:
    check_sizes(spec(methods=list(methods()), baselines=[]), 64)


@pytest.mark.parametrize(
    "changed",
    [
        {"fixed": {"ae_width": 10**9}},
        {"space": {"ae_width": {"type": "int", "low": 8, "high": 10**9}}},
        {"fixed": {"ae_width": 2**52}},
    ],
)
def test_a_width_beyond_memory_is_one_line(changed: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"gcn: a model of width 64 at 16 bits, ae_width \d+: .*memory") as caught:
        check_sizes(spec(**changed), 64)
    assert "\n" not in str(caught.value)


def test_what_is_free_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = spec(fixed={"ae_width": 1000})
    check_sizes(wide, 64)
    monkeypatch.setattr("hasher.memory._free", lambda: iter([10**6]))
    with pytest.raises(UserError, match=r"do not fit into memory, of which 1\.0 MB are free"):
        check_sizes(wide, 64)
