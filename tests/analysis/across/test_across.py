"""Several studies in one page, of scores drawn from a known distribution."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from analysis.across.report import write_across
from analysis.across.results import Across, across
from analysis.across.tables import improvement_table, ranks_table, scores_table
from analysis.command import main
from analysis.study_records import load_study
from hasher.errors import UserError
from tests.analysis.synthetic import Truth, make_spec, write_study

LEVELS = {"none": 0.4, "chebyshev": 0.7, "spline": 0.55, "lsh": 0.2, "pca_sign": 0.25, "itq": 0.5,
          "float_cosine": 0.6, "float_diffusion": 0.6}  # fmt: skip
SMALL = {"methods": ["none", "chebyshev", "spline"], "trials": 1, "replicates": 3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two studies of three data sets each, far apart in what their methods score; the second has no 16 bits, and one
    method less."""
    runs = tmp_path_factory.mktemp("across")
    data = [f"{name}.npz" for name in "abcdef"]
    first = make_spec(name="first", datasets=data[:3], **SMALL)
    second = make_spec(
        name="second", datasets=data[3:], **{**SMALL, "bits": [32, 64], "methods": ["none", "chebyshev"]},
        space={"learning_rate": first.space["learning_rate"]}, baselines=["lsh", "itq"],
    )  # fmt: skip
    return [write_study(runs, spec, Truth(levels=LEVELS), queries=20) for spec in (first, second)]


@pytest.fixture(scope="module")
def found(folders: list[Path]) -> Across:
    return across([load_study(path) for path in folders])


def test_ranks_are_of_what_all_have_and_follow_from_the_records(folders: list[Path], found: Across) -> None:
    assert (list(found.bits), list(found.methods)) == ([32], ["chebyshev", "none", "lsh", "itq"])
    assert list(found.left_out) == ["spline", "pca_sign"] and found.labels == list("abcdef")
    records = pd.concat([pd.read_csv(path / "records.csv") for path in folders])
    tests = records[(records["kind"] == "test") & (records["bits"] == 32) & records["method"].isin(found.methods)]
    means = tests.groupby(["dataset", "method"])["map"].mean().unstack()[list(found.methods)]
    assert found.scores == pytest.approx(means.to_numpy())
    assert found.average_ranks == pytest.approx(means.rank(axis=1, ascending=False).mean().to_numpy())
    assert list(found.average_ranks) == [1, 3, 4, 2] and found.first == "chebyshev"


def test_what_is_far_apart_is_told_apart_and_what_is_near_is_not(found: Across) -> None:
    """Of four methods in the same order on six data sets, ranks 1.9 and more away are told from the first."""
    assert found.critical_difference == pytest.approx(1.915, abs=0.001)
    marks = {row[0].raw: row[1].mark for row in ranks_table(found).rows}
    assert marks == {"chebyshev": "best", "itq": "tied", "none": "", "lsh": ""}
    assert [row[0].raw for row in scores_table(found).rows] == ["chebyshev", "itq", "none", "lsh"]
    shown = {row[0].raw: (row[1].text, row[2].text) for row in improvement_table(found).rows}
    assert shown["chebyshev"] == ("1.00 [1.00, 1.00]", "–") and shown["lsh"] == (
        "0.00 [0.00, 0.00]",
        "1.00 [1.00, 1.00]",
    )


def test_few_data_sets_and_methods_alike_give_no_claim(tmp_path: Path, folders: list[Path]) -> None:
    few = across([load_study(folders[0])])
    assert few.critical_difference is None and "say too little" in str(few.why_not_tested)
    assert not any(row[1].mark for row in ranks_table(few).rows)
    level = dict.fromkeys(LEVELS, 0.5)
    spec = make_spec(name="alike", datasets=[f"{name}.npz" for name in "abcdef"], bits=[32], **SMALL)
    truth = Truth(levels=level, per_doubling=0.0, method_query=0.1)
    alike = across([load_study(write_study(tmp_path, spec, truth, queries=20))])
    assert alike.critical_difference is None and "finds no difference" in str(alike.why_not_tested)


def test_the_page_is_one_file_that_asks_for_nothing(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert main(["report", *map(str, folders), "--out", str(out)]) == 0
    assert "Ranks over data sets" in capsys.readouterr().out
    page = out.read_text(encoding="utf-8")
    assert page.count("<table") == 3 + 6 and "Probability of improvement" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"bits": [8]}, "no code length in common"), ({"objective": "map_at_k"}, "scores of one kind"),
     ({"methods": ["gcn"], "baselines": [], "datasets": ["g.npz"]}, "all have scores of no method only")],
)  # fmt: skip
def test_what_has_no_common_ground_is_one_line(
    changes: dict[str, object], says: str, folders: list[Path], tmp_path: Path
) -> None:
    values = {"name": "other", "datasets": ["g.npz"], "bits": [32], **SMALL, **changes}
    space = {"learning_rate": make_spec().space["learning_rate"]}
    other = write_study(tmp_path, make_spec(**values, space=space), Truth(levels={**LEVELS, "gcn": 0.5}), queries=20)
    with pytest.raises(UserError, match=says):
        write_across([load_study(folders[0]), load_study(other)], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_one_data_set_alone_is_refused(tmp_path: Path) -> None:
    path = write_study(tmp_path, make_spec(name="one", datasets=["a.npz"], bits=[32], **SMALL), Truth(levels=LEVELS))
    with pytest.raises(UserError, match="give more studies"):
        across([load_study(path)])
