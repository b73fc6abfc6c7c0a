"""What tables, figures and report of a large study cost: time, memory and size.

    python -m benchmarks.report_time [--datasets 10] [--trials 28] [--queries 500] [RUN …]

Without RUN the study is a made-up one, written through a study's own ledger: six methods at three lengths, all trials
with curves, five replicates, but no models, so without the pictures of neighbours. `python -m analysis` on it is a
process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from study.record.study_folder import StudyFolder
from tests.analysis.synthetic import Truth, make_spec, write_study

MIB = 2**20


def made_up(folder: Path, datasets: int, trials: int, queries: int) -> Path:
    """A study of `datasets` data sets with `trials` of each method and length on each."""
    sources = [f"gaussian:{20 + number}:64" for number in range(datasets)]
    spec = make_spec(name="large", datasets=sources, bits=[16, 32, 64], trials=trials, replicates=5)
    return write_study(folder, spec, Truth(), queries=queries)


def main() -> None:
    """Print a row a study."""
    parser = argparse.ArgumentParser(description="Cost of the tables, figures and report of a study.")
    parser.add_argument("runs", nargs="*", type=Path, help="studies that were run; default: a made-up one")
    parser.add_argument("--datasets", type=int, default=10)
    parser.add_argument("--trials", type=int, default=28)
    parser.add_argument("--queries", type=int, default=500)
    given = parser.parse_args()
    columns = ["study", "runs", "search trials", "seconds", "peak memory (MiB)", "report (MB)"]
    print(f"| {' | '.join(columns)} |\n|---|" + "---:|" * (len(columns) - 1))
    with tempfile.TemporaryDirectory() as folder:
        for run in given.runs or [made_up(Path(folder), given.datasets, given.trials, given.queries)]:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "analysis", run], check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - began
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MIB  # the largest child so far
            records = pd.read_csv(StudyFolder(run).records)
            size = (run / "report.html").stat().st_size / 1e6
            searched = int((records["kind"] == "search").sum())
            row = [run.name, f"{len(records):,}", f"{searched:,}", f"{seconds:.0f}", f"{peak:.0f}", f"{size:.1f}"]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
