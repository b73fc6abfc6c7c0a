"""The notebooks run from top to bottom on any study."""

from __future__ import annotations

import re

import nbformat
import pytest

from analysis.notebooks import open_study, tables
from analysis.notebooks.__main__ import main
from analysis.notebooks.execution import execute, notebooks
from analysis.study_records import load_study
from hasher.errors import UserError
from tests.analysis.degenerate import STUDIES


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_there_are_three_and_each_takes_its_study_as_a_parameter():
    assert [path.stem for path in notebooks()] == ["hyperparameters", "paper_tables", "retrieval_quality"]
    for path in notebooks():
        parameters = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
        assert len(parameters) == 1 and parameters[0].source.startswith('folder = "runs/digits"')


def test_they_are_saved_with_the_tables_of_todays_code(study_folder):
    """Whoever changes a title or a heading executes them again."""
    documents = tables(load_study(study_folder))
    known = {part.split("\n")[0] for content in documents.values() for part in content.split("### ")}
    found = []
    for path in notebooks():
        cells = code_cells(path)
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        outputs = [output for cell in cells for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
        shown = "\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
        found += re.findall("^### (.*)$", shown, re.M)
        assert set(re.findall("^[|] (\\w+) [|].*\n[|] ---", shown, re.M)) <= {"Method", "Bits"}
    assert len(found) == 10 and set(found) <= known


def test_they_run_from_top_to_bottom_on_a_study_with_holes(tmp_path, capsys):
    run = STUDIES["holes"](tmp_path / "runs")
    assert main([str(run), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out" / path.name) for path in notebooks()]
    for original in notebooks():
        executed = code_cells(tmp_path / "out" / original.name)
        assert [cell.source for cell in executed] == [cell.source for cell in code_cells(original)]
        assert [cell.execution_count for cell in executed] == list(range(1, len(executed) + 1))
        outputs = [output for cell in executed for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
        assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
        assert str(tmp_path) not in nbformat.writes(nbformat.read(tmp_path / "out" / original.name, as_version=4))
        if original.stem == "retrieval_quality":  # its table by query has what has a score, and nothing else
            (printed,) = (output.text for output in outputs if "median" in output.get("text", ""))
            title, heading, *rows = printed.splitlines()
            assert title == "digits mAP" and heading.split()[:2] == ["method", "bits"]
            assert [row.split()[:2] for row in rows] == [["Chebyshev", "32"]]


def test_a_failing_cell_is_one_line_and_leaves_the_saved_notebook_alone(tmp_path):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    before = (tmp_path / "broken.ipynb").read_text()
    with pytest.raises(UserError, match=r"broken.ipynb: a cell failed: ZeroDivisionError: division by zero"):
        execute(tmp_path / "broken.ipynb", tmp_path, tmp_path / "broken.ipynb")
    assert (tmp_path / "broken.ipynb").read_text() == before


def test_a_directory_that_is_no_study_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: not a study")


def test_the_environment_names_the_study_in_place_of_the_parameter(study_folder, monkeypatch):
    monkeypatch.setenv("HAGCN_STUDY", str(study_folder))
    assert open_study("runs/nowhere").folder.path == study_folder
    monkeypatch.delenv("HAGCN_STUDY")
    with pytest.raises(UserError, match="runs/nowhere: not a study"):
        open_study("runs/nowhere")
