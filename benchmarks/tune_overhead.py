"""What a trial costs beyond its own work: the study's whole path with a trainable that does nothing.

    python benchmarks/tune_overhead.py [TRIALS]

Sampling, journal, Ray actors, results and records are the real ones; only the training is left out.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
from rich.console import Console

from study.drive.runner import run_study
from study.options import RunOptions
from study.plan.spec import StudySpec
from study.work.runs import Step
from study.work.trainable import HasherTrainable, Steps


class IdleTrainable(HasherTrainable):
    """Scores 0.5 at once, as a search trial of one report would."""

    def advance(self) -> Steps:
        epoch = {"epoch": 1, "loss": 1.0, "map": 0.5}
        outcome = {"map": 0.5, "chosen_epoch": 1, "epochs": 1, "scored_on": "validation"}
        return [Step("complete", outcome, [epoch]) for _ in self._jobs]


def main(trials: int = 200) -> None:
    """Print seconds a trial from the start of the second to the start of the last, on every slot of this machine."""
    spec = StudySpec.model_validate({
        "name": "idle", "datasets": ["digits"], "methods": ["gcn", "chebyshev"], "bits": [16], "epochs": 1,
        "trials": trials // 2, "replicates": 1, "sampler": {"name": "tpe", "startup_trials": 10},
        "space": {
            "knn_size": {"type": "int", "low": 4, "high": 24},
            "alpha": {"type": "float", "low": 0.5, "high": 4.0, "log": True},
            "lambda_rec": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
            "learning_rate": {"type": "float", "low": 0.0005, "high": 0.01, "log": True},
        },
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        result = run_study(spec, RunOptions(runs_dir=Path(folder)), Console(quiet=True), IdleTrainable)
        journal = result.folder.journal.stat().st_size
    started = pd.to_datetime(result.records.started).sort_values()
    seconds = (started.iloc[-1] - started.iloc[1]).total_seconds() / (len(started) - 2)
    print(f"{len(started)} runs on {os.cpu_count()} cores: {seconds:.3f} s a run")
    print(f"{journal / len(started):.0f} bytes of journal a run")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
