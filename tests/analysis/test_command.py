"""``python -m analysis``: what it prints, writes and returns."""

import shlex
import shutil

import pandas as pd
import pytest
from rich.console import Console

from analysis.command import main
from analysis.compare import compare, comparison_table
from analysis.explain import explain, find_cell
from analysis.results import results_of
from analysis.searches import searches_table
from analysis.study_records import load_study
from analysis.tables.table import MISSING
from hasher.errors import UserError
from study.command import parse_command
from tests.analysis.degenerate import holes, smallest
from tests.analysis.synthetic import Truth, make_spec, write_study

SPEC = make_spec(datasets=["vectors.npz"], methods=["gcn", "none"], bits=[16], trials=3, replicates=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("runs"), SPEC)


def shown(renderable):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_everything_of_several_studies(run, tmp_path, capsys):
    paths = [shutil.copytree(run, tmp_path / "a"), smallest(tmp_path)]
    assert main([str(path) for path in paths]) == 0
    printed = capsys.readouterr().out
    for path, dataset in zip(paths, ("vectors", "Digits"), strict=True):
        assert (path / "tables" / f"{dataset.lower()}.csv").exists() and (path / "report.html").exists()
        assert list((path / "figures").glob("**/*.svg"))
        assert str(path / "report.html") in printed and f"{dataset}: mAP by method and code length" in printed
    assert main(["verify", *map(str, paths)]) == 0
    records = pd.read_csv(paths[1] / "records.csv")
    records.loc[records["kind"] == "test", "map"] += 0.01
    records.to_csv(paths[1] / "records.csv", index=False)
    capsys.readouterr()
    assert main(["verify", *map(str, paths)]) == 1
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == f"{paths[0]}: every table follows from the records"
    assert second.startswith(f"{paths[0]}: no manifest.sha256, so files are compared with each other only: ")
    assert rest and all(line.startswith(f"{paths[1]}: ") for line in rest)


@pytest.mark.parametrize("command", [[], ["verify"], ["explain"], ["compare"]])
def test_a_directory_that_is_no_study_is_one_line(command, run, tmp_path, capsys):
    more = {"explain": ["vectors", "gcn", "16"], "compare": [str(run)]}.get(" ".join(command), [])
    assert main([*command, str(tmp_path), *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and f"{tmp_path}: not a study" in captured.err


def test_a_wrong_second_directory_leaves_the_first_alone(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "a")
    assert main([str(copy), str(tmp_path / "nothing")]) == 2
    assert not (copy / "tables").exists() and "nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (("digits", "gcn", "16"), "digits: no such data set"),
        (("vectors", "chebyshev", "16"), "chebyshev: no such method"),
        (("vectors", "gcn", "64"), "64: no such code length"),
        (("vectors", "gcn", "many"), "many: no such code length"),
    ],
)
def test_a_cell_that_is_not_there(run, cell, says, capsys):
    assert main(["explain", str(run), *cell]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "method", "heading"),
    [
        ("Poly", "spline", "Spline (Poly), 32 bits, on Digits"),
        ("Spline", "spline", "Spline (Poly), 32 bits, on Digits"),
        ("Spline (Poly)", "spline", "Spline (Poly), 32 bits, on Digits"),
        ("cheby", "chebyshev", "Chebyshev (Cheby), 32 bits, on Digits"),
        ("No graph", "none", "No graph, 32 bits, on Digits"),
        ("PCA-sign", "pca_sign", "PCA-sign, 32 bits, on Digits"),
        ("pca_sign", "pca_sign", "PCA-sign, 32 bits, on Digits"),
        ("Float cosine", "float_cosine", "Float cosine, on Digits"),
        ("float_diffusion", "float_diffusion", "Float diffusion, on Digits"),
    ],
)
def test_a_cell_is_found_by_what_the_tables_or_the_paper_call_its_method(
    study_folder, written, method, heading, capsys
):
    assert main(["explain", str(study_folder), "digits", written, "32"]) == 0
    assert capsys.readouterr().out.startswith(f"{heading} (")
    assert find_cell(load_study(study_folder), "digits", written, "32").method == method


@pytest.mark.parametrize("written", ["Polly", "PCA sine", "Spline (Cheby)", "ITQ2", "float cosin", ""])
def test_a_near_miss_says_what_is_there(study_folder, written, capsys):
    assert main(["explain", str(study_folder), "digits", written, "32"]) == 2
    there = "none, gcn, chebyshev, lanczos, spline, fourier, lsh, pca_sign, itq, float_cosine, float_diffusion"
    assert capsys.readouterr().err == f"error: {written}: no such method in {study_folder}, it has {there}\n"


def test_explain_prints_what_the_cell_rests_on(run):
    study = load_study(run)
    cell = find_cell(study, "vectors", "gcn", "16")
    text, winner = shown(explain(study, cell)), study.winner(cell)
    for trial in study.runs("search", cell).to_dict("records"):
        assert str(trial["seed"]) in text and f"{trial['map']:.4f}" in text
    for replicate in study.runs("test", cell).to_dict("records"):
        assert str(replicate["seed"]) in text and f"{replicate['map']:.4f}" in text
    assert f"winner: trial {winner['index']} with validation mAP {winner['map']:.4f}" in text
    assert f"learning_rate = {winner['learning_rate']:.9g} (sampled)" in text
    assert "batch_size = 256 (fixed)" in text and "lambda_sim = 1 (default)" in text
    assert "commit: " + "0" * 40 in text and "fingerprint unknown" in text and "torch=2.6.0" in text
    assert str(study.folder.path / "evaluations" / "vectors" / "gcn-16-0.npz") in text
    assert "gcn-16.safetensors (missing)" in text


def test_the_command_that_reruns_a_cell_means_that_cell(run):
    """Put through the parser of run_study.py: the same study, narrowed to one cell."""
    study = load_study(run)
    text = shown(explain(study, find_cell(study, "vectors", "gcn", "16")))
    line = next(line for line in text.splitlines() if "run_study.py" in line)
    spec = parse_command(shlex.split(line)[2:]).spec
    assert (spec.name, spec.methods, spec.bits) == ("synthetic-again", ["gcn"], [16])
    same = {"name": study.spec.name, "methods": study.spec.methods, "bits": study.spec.bits}
    assert spec.model_copy(update=same) == study.spec


@pytest.mark.parametrize("limited", [False, True])
def test_rerunning_keeps_the_sizes_of_a_split(tmp_path, limited):
    source = {"source": "vectors.npz", "test_queries": 60} if limited else "vectors.npz"
    spec = make_spec(datasets=["others.npz", source], methods=["none"], bits=[16], trials=1, replicates=1)
    study = load_study(write_study(tmp_path, spec))
    text = shown(explain(study, find_cell(study, "vectors", "none", "16")))
    line = next(line for line in text.splitlines() if "run_study.py" in line)
    assert study.spec.datasets[1] in parse_command(shlex.split(line)[2:]).spec.datasets
    assert ("--dataset" in line) != limited


def test_explain_what_is_not_there(tmp_path):
    study = load_study(holes(tmp_path))
    diverged = shown(explain(study, find_cell(study, "digits", "gcn", "16")))
    assert "none: no trial complete (4 diverged)" in diverged and "loss is nan" in diverged
    assert "no trial is complete, so there is no winner" in diverged
    assert "none: not run" in shown(explain(study, find_cell(study, "digits", "gcn", "32")))
    assert "none: not run" in shown(explain(study, find_cell(study, "digits", "itq", "16")))


def test_explain_a_baseline(run):
    study = load_study(run)
    text = shown(explain(study, find_cell(study, "vectors", "itq", "16")))
    assert "Search trials" not in text and "3 of 3 complete" in text and "part of every such study" in text


def better(tmp_path, **changes):
    """The same study with better scores of `gcn`."""
    truth = Truth()
    levels = {**truth.levels, "gcn": truth.levels["gcn"] + 0.1}
    return load_study(write_study(tmp_path, SPEC.model_copy(update=changes), Truth(levels=levels)))


def entries(table):
    return {row[0].raw: dict(zip([column.name for column in table.columns], row, strict=True)) for row in table.rows}


def test_compare_finds_the_difference_and_only_that(run, tmp_path):
    table = comparison_table(results_of(load_study(run), "vectors"), results_of(better(tmp_path), "vectors"))
    rows = entries(table)
    assert rows["gcn"]["difference"].text == "+0.100" and rows["gcn"]["p_holm"].text == "< 0.001"
    assert rows["none"]["difference"].text == "+0.000" and rows["none"]["p_holm"].text == "1.000"
    assert rows["float_cosine"]["p_holm"].text == MISSING and rows["float_cosine"]["note"].text == ""


def test_a_difference_lies_in_its_interval_where_one_study_has_more_replicates(run, tmp_path):
    """Both are of the seeds that the studies share; the scores beside them are of all."""
    more = load_study(write_study(tmp_path, SPEC.model_copy(update={"replicates": SPEC.replicates + 5})))
    for row in entries(comparison_table(results_of(load_study(run), "vectors"), results_of(more, "vectors"))).values():
        if row["low"].text != MISSING:
            low, difference, high = (float(row[name].raw) for name in ("low", "difference", "high"))
            assert low <= difference <= high


def test_seeds_say_where_a_score_varies_from(tmp_path, capsys):
    folders = [
        write_study(tmp_path, SPEC.model_copy(update={"name": f"seed-{seed}", "seed": seed})) for seed in range(3)
    ]
    assert main(["seeds", *map(str, folders)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 repetitions of the same search under seeds 0, 1 and 2" in said
    found = [results_of(load_study(folder), "vectors") for folder in folders]
    rows = [row for row in searches_table(found).rows if row[0].raw == "gcn"]
    means = [float(results.summary(results.cell("gcn", found[0].bits[0]))["score_mean"]) for results in found]
    assert float(rows[0][3].raw) == pytest.approx(sum(means) / 3)


def test_seeds_of_other_studies_or_the_same_seed_are_refused(run, tmp_path, capsys):
    other = write_study(tmp_path, SPEC.model_copy(update={"seed": 7, "trials": SPEC.trials + 1}))
    for folders, says in (
        ([run], "one search alone"), ([run, run], "two have the seed"), ([run, other], "in more than its seed"),
    ):  # fmt: skip
        assert main(["seeds", *map(str, folders)]) == 2
        assert says in capsys.readouterr().err


def test_compare_studies_that_share_little(run, tmp_path, capsys):
    other = better(tmp_path, methods=["gcn", "fourier"], bits=[16, 32])
    text = shown(compare(load_study(run), other))
    assert "methods: ['gcn', 'none'] → ['gcn', 'fourier']" in text
    table = comparison_table(*(results_of(study, "vectors") for study in (load_study(run), other)))
    assert {(row[0].raw, row[1].text) for row in table.rows} >= {("gcn", "16"), ("itq", "16")}
    assert not any(row[0].raw in ("none", "fourier") or row[1].text == "32" for row in table.rows)
    in_a, in_b = (next(note for note in table.notes if note.startswith(f"No score in {name}")) for name in "AB")
    assert "Fourier at 16 and 32 bits" in in_a and "No graph at 32 bits" in in_a and "GCN at 32 bits" in in_a
    assert "No graph at 16 and 32 bits" in in_b and "GCN" not in in_b
    assert main(["compare", str(run), str(other.folder.path)]) == 0
    assert "B against A" in capsys.readouterr().out


def test_compare_does_not_test_other_data(run, tmp_path):
    other = better(tmp_path)
    other.records["data_fingerprint"] = "another"
    table = comparison_table(results_of(load_study(run), "vectors"), results_of(other, "vectors"))
    assert all(row["p_holm"].text == MISSING for row in entries(table).values())
    assert any("fingerprints differ" in note for note in table.notes)


def test_compare_needs_a_data_set_in_common(run, tmp_path):
    other = load_study(write_study(tmp_path, SPEC.model_copy(update={"datasets": make_spec().datasets})))
    with pytest.raises(UserError, match="no data set in common"):
        compare(load_study(run), other)
