"""What a study gains where runs that differ in the seed train together: a grid's point by seeds, with and without.

Two studies of the digits in turn, on Ray, in as many slots as there are cores: five seeds at each of four points of
each cell, small mini-batches, as `hasher.training.side_by_side.is_faster` asks for. Seconds are those of the workers,
over all runs, which what else the machine does disturbs less than the wall's; both are shown.

    python -m benchmarks.replicates_together [--rounds 3] [--batch-size 128]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from unittest import mock

from rich.console import Console

from study.drive.runner import run_study
from study.options import RunOptions
from study.plan.spec import StudySpec

SEEDS = 5


def study_of(batch_size: int) -> StudySpec:
    """Four points, `SEEDS` seeds each, of two filters."""
    return StudySpec.model_validate({
        "name": "together", "datasets": ["digits"], "methods": ["gcn", "fourier"], "bits": [32], "epochs": 20,
        "replicates": SEEDS, "sampler": {"name": "grid", "repeats": SEEDS}, "pruner": {"name": "none"},
        "fixed": {"batch_size": batch_size, "ae_width": 128},
        "space": {"knn_size": {"type": "categorical", "choices": [6, 8, 10, 12]}},
    })  # fmt: skip


def measured(spec: StudySpec, together: bool) -> tuple[float, float, int]:
    """Seconds on the wall, seconds of all workers, and runs of the largest group."""
    alone = mock.patch("study.drive.grouping.is_faster", lambda *_: False)
    with tempfile.TemporaryDirectory() as folder, nullcontext() if together else alone:
        began = time.perf_counter()
        records = run_study(spec, RunOptions(runs_dir=Path(folder)), Console(quiet=True)).records
        return time.perf_counter() - began, float(records["seconds"].sum()), int(records["together"].max())


def main() -> None:
    """Print medians and their ratios."""
    parser = argparse.ArgumentParser(description="A study with and without runs side by side.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    given = parser.parse_args()
    spec = study_of(given.batch_size)
    pairs = [(measured(spec, together=False), measured(spec, together=True)) for _ in range(given.rounds)]
    for place, name in enumerate(("on the wall", "of the workers")):
        apart, joint = (median(each[place] for each in column) for column in zip(*pairs, strict=True))
        ratio = median(one[place] / other[place] for one, other in pairs)
        print(f"seconds {name}: one by one {apart:.1f}, together {joint:.1f}, gain {ratio:.2f}")
    print(f"largest group: {max(joint[2] for _, joint in pairs)} runs")


if __name__ == "__main__":
    main()
