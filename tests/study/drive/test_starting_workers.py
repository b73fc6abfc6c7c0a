"""Slots whose workers take longer to start than a run takes."""

import os
import time
from pathlib import Path
from typing import Any

from study.plan.spec import StudySpec
from study.work.runs import Step
from study.work.trainable import HasherTrainable, Steps
from tests.study.conftest import run_tiny


class SlowToStart(HasherTrainable):
    """All workers but the first need four seconds; then every run takes a few tenths. Each leaves its process's id."""

    folder: Path

    def setup(self, config: dict[str, Any], data: Any, resources: Any) -> None:
        try:
            (self.folder / "first").touch(exist_ok=False)
        except FileExistsError:
            time.sleep(4)
        super().setup(config, data, resources)

    def advance(self) -> Steps:
        (self.folder / str(os.getpid())).touch()
        time.sleep(0.4)
        epoch = {"epoch": 1, "loss": 1.0, "map": 0.5}
        outcome = {"map": 0.5, "chosen_epoch": 1, "scored_on": "validation"}
        return [Step("complete", outcome, [epoch]) for _ in self._jobs]


def test_short_runs_do_not_keep_other_workers_from_starting(tiny: StudySpec, cluster: str, tmp_path: Path) -> None:
    """As they would by Tune's FIFO order: a run that ends hands its worker to one that waits for a worker to start."""
    workers = tmp_path / "workers"
    workers.mkdir()

    class Noted(SlowToStart):
        folder = workers

    result = run_tiny(tiny, tmp_path, Noted, max_concurrent=2, address=cluster)
    assert result.counts.left == 0
    assert len(list(workers.iterdir())) == 1 + 2  # the mark of the first, and two that did runs
