"""The nodes of the cluster that a study runs on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.autoscaler.sdk import request_resources

from hasher.errors import UserError
from study.options import Resources

#: Seconds for which what was seen of the nodes is good.
LOOK_EVERY = 2.0


class Nodes:
    """The nodes of the connected cluster as they are now: some join and some die while a study runs."""

    def __init__(self, resources: Resources, limit: int | None) -> None:
        self._resources, self._limit = resources, limit
        self._found: list[dict[str, Any]] = []
        self._looked = -math.inf

    def _look(self) -> list[dict[str, Any]]:
        now = time.monotonic()
        if now - self._looked > LOOK_EVERY:
            self._found, self._looked = ray.nodes(), now
        return self._found

    def slots(self) -> int:
        """How many trials they can run at once, at most the limit."""
        fits = sum(_fitting(node["Resources"], self._resources) for node in self._look() if node["Alive"])
        return fits if self._limit is None else min(fits, self._limit)

    def check(self) -> None:
        """Raise `UserError` where not even one trial fits."""
        if self.slots() < 1:
            have = ray.cluster_resources()
            raise UserError(
                f"--cpus-per-trial {self._resources.cpus:g}, --gpus-per-trial {self._resources.gpus:g}: more than the "
                f"cluster has on any node ({have.get('CPU', 0):g} CPUs, {have.get('GPU', 0):g} GPUs in all); where "
                "it can grow, say with --max-concurrent how far"
            )

    def dead(self) -> int:
        """How many have died so far."""
        return sum(not node["Alive"] for node in self._look())

    @contextmanager
    def requested(self) -> Iterator[None]:
        """Have a cluster that can grow do so until as many trials fit as the limit says; others stay as they are."""
        if self._limit is None:
            yield
            return
        wanted = {"CPU": self._resources.cpus, "GPU": self._resources.gpus}
        request_resources(bundles=[{name: count for name, count in wanted.items() if count}] * self._limit)
        try:
            yield
        finally:
            request_resources(bundles=[])


def _fitting(have: dict[str, float], trial: Resources) -> int:
    """Trials that fit one node. A share of a GPU lies on one GPU; whole ones may be any."""
    fits = []
    if trial.cpus:
        fits.append(have.get("CPU", 0) / trial.cpus)
    if trial.gpus >= 1:
        fits.append(have.get("GPU", 0) / trial.gpus)
    elif trial.gpus:
        fits.append(int(have.get("GPU", 0)) * int(1 / trial.gpus + 1e-4))  # Ray counts in ten-thousandths
    return int(min(fits) + 1e-4)
