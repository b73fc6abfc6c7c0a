"""Which runs are trained together in one worker, where they differ in the seed alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from hasher.methods.registry import find_method
from hasher.training.side_by_side import is_faster
from study.plan.spec import StudySpec
from study.plan.tasks import Job, Task, alike


class Grouping:
    """The replicates of a cell, and the seeds of a grid's point, where that is faster than one by one.

    Which these are follows from the study alone, so that a run is rounded alike whenever it is done. Trials that may be
    stopped on their own, by a pruner or a time limit, are not put together. `widths` are those of the embeddings, by
    data set; `device` is what runs are trained on.
    """

    def __init__(self, spec: StudySpec, widths: Mapping[str, int], device: torch.device) -> None:
        self._spec, self._widths, self._device = spec, widths, device

    def group(self, job: Job) -> list[Task]:
        """All runs that are trained with a job, its own among them, by index; none where it is trained by itself."""
        if job.config is None:
            return []
        may_stop_alone = self._spec.pruner.name != "none" or self._spec.trial_time_limit is not None
        if job.task.kind == "search" and may_stop_alone:
            return []
        tasks = alike(self._spec, job.task)
        if len(tasks) == 1:
            return []
        with torch.random.fork_rng(devices=[]):
            model = find_method(job.task.cell.method).model(job.config, self._widths[job.task.cell.dataset])
        return tasks if is_faster(model, job.config, self._device) else []
