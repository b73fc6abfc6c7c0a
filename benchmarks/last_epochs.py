"""Does training fall after it has risen? The last epoch of each cell's winner beside its best, on validation queries.

Run ``python benchmarks/last_epochs.py runs/digits runs/stamps …`` on finished studies.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from analysis.study_records import StudyRecords, load_study
from study.plan.tasks import Cell


def falls(study: StudyRecords) -> tuple[np.ndarray, np.ndarray]:
    """For each cell with a winner: how far below its best epoch its last one is, and the sd of its replicates' map."""
    found = []
    for dataset in study.datasets:
        for cell in study.cells(dataset):
            winner = study.winner(cell)
            if winner is not None:
                found.append((_fall(study, cell, int(winner["index"])), study.runs("test", cell)["map"].std()))
    return tuple(np.array(found, dtype=float).reshape(-1, 2).T)  # type: ignore[return-value]


def _fall(study: StudyRecords, cell: Cell, index: int) -> float:
    curve = study.curve_rows("search", cell)
    scores = curve[curve["index"] == index].sort_values("epoch")["map"].to_numpy(float)
    return float(scores.max() - scores[-1])


def main() -> None:
    """Print a Markdown row a study."""
    parser = argparse.ArgumentParser(description="The last epoch of every winner beside its best.")
    parser.add_argument("studies", nargs="+", type=Path, metavar="RUNS/NAME")
    print("| study | cells | mean fall | largest fall | sd of replicates, mean |\n|---|---:|---:|---:|---:|")
    for study in map(load_study, parser.parse_args().studies):
        fallen, noise = falls(study)
        print(f"| {study.name} | {len(fallen)} | {fallen.mean():.4f} | {fallen.max():.4f} | {np.nanmean(noise):.4f} |")


if __name__ == "__main__":
    main()
