"""A study for exploring from Python: its records, tables and tests as data frames, its figures, its winners."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import StudyFigure, dataset_figures
from analysis.figures.study_figure import to_png
from analysis.names import meant
from analysis.results import results_of
from analysis.study_records import StudyRecords, load_study
from analysis.summary import completed, summarise
from analysis.tables.documents import documents
from analysis.tables.table import MISSING, Table
from hasher.errors import UserError
from hasher.model_file import SavedHasher, load_hasher
from hasher.references import REFERENCES
from hasher.retrieval.metrics import BY_QUERY
from study.plan.tasks import Cell


class OpenedStudy:
    """What a study found. `dataset` may be left out everywhere where the study has one data set alone.

    Data frames have one row a run, an epoch or a cell, numbers with all their digits and missing ones as NaN; what is
    returned may be changed.
    """

    def __init__(self, study: StudyRecords) -> None:
        self.study = study

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets."""
        return self.study.datasets

    @property
    def trials(self) -> pd.DataFrame:
        """Search trials, in the columns of records.csv; ``score`` is the study's objective on validation queries."""
        return self._of_kind("search")

    @property
    def replicates(self) -> pd.DataFrame:
        """Test runs, of the baselines and references too; ``score`` is on test queries."""
        return self._of_kind("test")

    def _of_kind(self, kind: str) -> pd.DataFrame:
        records = self.study.records
        return records[records["kind"] == kind].dropna(axis="columns", how="all").reset_index(drop=True)

    def sampled(self, method: str) -> list[str]:
        """The hyperparameters that were searched for a method: columns of `trials`."""
        return list(self.study.spec.space_for(meant(method, self.study.spec.all_methods)))

    @property
    def curves(self) -> pd.DataFrame:
        """Every epoch of every run."""
        return self.study.curves.copy()

    @property
    def scores(self) -> pd.DataFrame:
        """One row a cell: how many runs, ``score_mean`` and ``score_sd`` over replicates, and what is missing."""
        return summarise(self.study)

    def by_query(self, method: str, bits: int, dataset: str | None = None, score: str = "map") -> pd.DataFrame:
        """A score of every test query (columns, by their place in the data set) in every test run (rows) of a cell.

        Raises `UserError` for a score or a cell that has none.
        """
        cell = self._cell(method, bits, dataset)
        known = {name: metric.array for name, metric in BY_QUERY.items()}
        if score not in known:
            raise UserError(f"{score}: no score by query, there are {', '.join(known)}")
        found = {}
        for index in completed(self.study, cell)["index"]:
            arrays = self.study.evaluation("test", cell, int(index))
            if arrays is not None and known[score] in arrays:
                found[int(index)] = pd.Series(arrays[known[score]], index=arrays["query_index"])
        if not found:
            raise UserError(f"{cell}: no test run with {score} by query")
        return pd.DataFrame(found).T.rename_axis(index="run", columns="query")

    def tables(self, dataset: str | None = None) -> dict[str, str]:
        """Titles of all tables by the name that `table` takes."""
        return {name: table.title for name, table in self._tables(dataset).items()}

    def table(self, name: str = "main", dataset: str | None = None) -> pd.DataFrame:
        """One table of the report: ``main``, ``intervals``, ``tests`` (paired), ``pairs``, ``cost`` and so on.

        Raises `UserError` for one that there is not.
        """
        found = self._tables(dataset)
        if name not in found:
            raise UserError(f"{name}: no such table, there are {', '.join(found)}")
        return _frame(found[name])

    def intervals(self, dataset: str | None = None) -> pd.DataFrame:
        """95% intervals of every entry of the main table."""
        return self.table("intervals", dataset)

    def paired_tests(self, dataset: str | None = None) -> pd.DataFrame:
        """Every two rows of the main table at every length: difference, interval, p-value, Holm's correction."""
        return self.table("pairs", dataset)

    def figures(self, dataset: str | None = None) -> dict[str, str]:
        """Captions of all figures by the name that `figure` takes; those with nothing to draw say why."""
        return {key: figure.caption for key, figure in self._figures(dataset).items()}

    def figure(self, name: str, dataset: str | None = None) -> Figure:
        """One figure of the report, to be changed or saved; a notebook shows it where it is a cell's last line.

        Raises `UserError` for one that there is not, or that has nothing to draw.
        """
        found = self._figures(dataset)
        if name not in found:
            raise UserError(f"{name}: no such figure, there are {', '.join(found)}")
        if found[name].drawing is None:
            raise UserError(f"{name}: {found[name].sentence}")
        drawn = found[name].draw()
        drawn._repr_png_ = lambda: to_png(drawn)  # type: ignore[attr-defined]  # else Jupyter needs pyplot for it
        return drawn

    def winner(self, method: str, bits: int, dataset: str | None = None) -> SavedHasher:
        """The hasher of a cell's first test run, of a method by name, label or the paper's name, at this length.

        Raises `UserError` for a cell without one.
        """
        path = self.study.folder.model(self._cell(method, bits, dataset))
        if not path.exists():
            raise UserError(f"{path}: no such model; the study has {', '.join(self.study.spec.all_methods)}")
        return load_hasher(path)

    def _cell(self, method: str, bits: int, dataset: str | None) -> Cell:
        name = meant(method, [*self.study.spec.all_methods, *REFERENCES])
        return results_of(self.study, self._one(dataset)).cell(name, bits)

    @cached_property
    def _known_tables(self) -> dict[str, dict[str, Table]]:
        return {
            dataset: {
                table.name or "main": table
                for document in documents(self.study, dataset)
                for table in document.tables
            }
            for dataset in self.datasets
        }  # fmt: skip

    def _tables(self, dataset: str | None) -> dict[str, Table]:
        return self._known_tables[self._one(dataset)]

    def _figures(self, dataset: str | None) -> dict[str, StudyFigure]:
        sections = dataset_figures(self.study, self._one(dataset)).values()
        return {figure.key: figure for section in sections for figure in section}

    def _one(self, dataset: str | None) -> str:
        known = self.datasets
        if dataset is None and len(known) == 1:
            return known[0]
        if dataset not in known:
            raise UserError(f"{dataset or 'dataset'}: the study has {', '.join(known)}, name one of them")
        return dataset


def open_study(path: str | Path, data_dir: str | Path | None = "data") -> OpenedStudy:
    """The study in a directory that `run_study.py` made; `data_dir` is where its data sets are.

    Raises `UserError` for a directory that is not a study, or has no records yet.
    """
    return OpenedStudy(load_study(Path(path), None if data_dir is None else Path(data_dir)))


def _frame(table: Table) -> pd.DataFrame:
    """A table with numbers in the place of text where a column has nothing else."""
    rows = [[None if entry.in_csv == MISSING else entry.in_csv for entry in row] for row in table.rows]
    frame = pd.DataFrame(rows, columns=[column.name for column in table.columns])
    for name in frame:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        if numbers.notna().eq(frame[name].notna()).all():
            frame[name] = numbers
    return frame
