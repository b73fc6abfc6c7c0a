"""Which runs are trained together in one worker, where they differ in the seed alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from hasher.methods.registry import find_method
from hasher.training.side_by_side import is_faster
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Job, Task


class Grouping:
    """The replicates of a cell, and the seeds of a grid's point, where that is faster than one by one.

    Trials that may be stopped on their own, by a pruner or a time limit, are not put together. `widths` are those of
    the embeddings, by data set; `slots` says how many runs have room at once, and `device` what they run on.
    """

    def __init__(
        self, spec: StudySpec, widths: Mapping[str, int], slots: Callable[[], int], device: torch.device
    ) -> None:
        self._spec, self._widths, self._slots, self._device = spec, widths, slots, device

    def others(self, job: Job, plan: Plan) -> list[Task]:
        """Tasks that go with a job which was handed out just now, taken from the plan.

        All that there are, unless slots would fall idle: then as many as leave every slot its share.
        """
        if not self._may_have_company(job):
            return []
        alike = plan.alike(job.task)
        if not plan.has_more_than(job.task.cell):
            alike = alike[: math.ceil((len(alike) + 1) / max(self._slots(), 1)) - 1]
        plan.take(alike)
        return alike

    def _may_have_company(self, job: Job) -> bool:
        if job.config is None:
            return False
        may_stop_alone = self._spec.pruner.name != "none" or self._spec.trial_time_limit is not None
        if job.task.kind == "search" and may_stop_alone:
            return False
        with torch.random.fork_rng(devices=[]):
            model = find_method(job.task.cell.method).model(job.config, self._widths[job.task.cell.dataset])
        return is_faster(model, job.config, self._device)
