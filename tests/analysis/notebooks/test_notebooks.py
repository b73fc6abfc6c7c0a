"""The notebooks run from top to bottom on any study."""

from __future__ import annotations

import nbformat
import pytest

from analysis.notebooks import open_study
from analysis.notebooks.__main__ import main
from analysis.notebooks.execution import execute, notebooks
from hasher.errors import UserError
from tests.analysis.degenerate import STUDIES


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_there_are_three_and_each_takes_its_study_as_a_parameter():
    assert [path.stem for path in notebooks()] == ["codes", "methods", "search"]
    for path in notebooks():
        parameters = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
        assert len(parameters) == 1 and parameters[0].source.startswith('folder = "runs/digits"')


def outputs_of(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    return outputs


def test_they_are_saved_with_their_outputs_and_ask_something():
    for path in notebooks():
        assert sum("image/png" in output.get("data", {}) for output in outputs_of(path)) >= 2
        assert sum("# your question" in cell.source for cell in code_cells(path)) >= 2


def test_they_run_from_top_to_bottom_on_a_study_with_holes(tmp_path, capsys):
    run = STUDIES["holes"](tmp_path / "runs")
    assert main([str(run), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out" / path.name) for path in notebooks()]
    for original in notebooks():
        executed = tmp_path / "out" / original.name
        assert [cell.source for cell in code_cells(executed)] == [cell.source for cell in code_cells(original)]
        assert sum("image/png" in output.get("data", {}) for output in outputs_of(executed)) >= 2


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
    assert open_study("runs/nowhere").study.folder.path == study_folder
    monkeypatch.delenv("HAGCN_STUDY")
    with pytest.raises(UserError, match="runs/nowhere: not a study"):
        open_study("runs/nowhere")
