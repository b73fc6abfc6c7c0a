"""A study run to its end in this process, without Ray: by the recorder and the worker that every study has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.drive.lost_workers import LostWorkers
from study.drive.recorder import Recorder
from study.drive.tracking.trackers import Trackers
from study.options import Resources
from study.plan.order import Plan
from study.plan.space_file import read_study
from study.record.export import export
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.work.data import load_data
from study.work.trainable import HasherTrainable

RUN = "here"


def run_small_study(space: Path, runs: Path) -> None:
    """Run the study of a search space below `runs`, all its files but tables and report."""
    planned = read_study(space)
    spec, folder = planned.spec, StudyFolder(runs / planned.spec.name)
    data = load_data(spec, None)
    folder.path.mkdir(parents=True)
    folder.freeze(spec, None, planned.origins)
    ledger = Ledger(spec, open_storage(str(folder.journal)))
    plan = Plan(spec, ledger.finished)
    recorder = Recorder(ledger, plan, folder, LostWorkers(lambda: 0), {"commit": "0" * 40}, Trackers())
    while jobs := recorder.start(RUN):
        worker: Any = object.__new__(HasherTrainable)  # Tune would give it a folder and a logger
        worker.setup({"jobs": jobs}, data=data, resources=Resources())
        ended = False
        while not ended:
            result = worker.step()
            ended = recorder.should_stop(RUN, result["steps"]) or result["done"]
            recorder.collect(RUN, result["steps"])
        recorder.end(RUN)
    recorder.close()
    export(ledger, folder)
