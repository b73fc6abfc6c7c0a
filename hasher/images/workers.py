"""Images embedded by several processes, of this machine or of a Ray cluster, through Ray Data.

Each worker is an actor that loads the backbone once. It is given the images of one shard at a time, whose batches have
the same members whoever makes them, and sends the shard back to the one process that writes.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data
import torch
from ray.exceptions import RayError, RayTaskError

from hasher.cluster import check_address, connect
from hasher.command_line import in_words
from hasher.console import shortened
from hasher.errors import UserError, reason
from hasher.images.backbones import Backbone, Computing
from hasher.images.shard_making import Watcher, shards_of
from hasher.images.shards import Part, first_difference, stamp_of
from hasher.images.task import Task

Load = Callable[[Computing], Backbone]

#: What a worker sends back of a part: its place in the list, and either its packed shard or what is wrong.
SENT_BACK = pa.schema([("place", pa.int64()), ("content", pa.large_binary()), ("skipped", pa.int64()),
                       ("problem", pa.string())])  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """Where workers run.

    Attributes:
        now, most: workers that there is room for, and those there may be once the cluster has grown.
        a_machine: most of them on one machine, which share its cores.
        gpus: of each worker, 1 or 0.
        cpus: cores that each reserves.
    """

    now: int
    most: int
    a_machine: int
    gpus: int
    cpus: int


@contextmanager
def pool_here(workers: int, computing: Computing) -> Iterator[Pool]:
    """Workers on this machine. Raises `UserError` where it has fewer GPUs, or Ray does not start."""
    gpus = int(computing.device.type == "cuda")
    if gpus and workers > torch.cuda.device_count():
        raise UserError(f"--workers {workers}: each takes a GPU, and this machine has {torch.cuda.device_count()}")
    cpus = 1 if gpus else computing.threads or 1
    with connect(None, cpus=workers * cpus):
        yield Pool(workers, workers, workers, gpus, cpus)


@contextmanager
def pool_of_cluster(address: str, workers: int | None, device: str, threads: int) -> Iterator[Pool]:
    """Workers on the Ray cluster at `address`.

    Args:
        address: ``auto`` or ``host:port``.
        workers: None: as many as it has room for now.
        device: ``cpu``, ``cuda``, or ``auto``, which takes GPUs where the cluster has any.
        threads: of each worker, on a CPU.

    Raises:
        UserError: no such cluster or device, or no room for one worker and none asked for.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device}: expected auto, cpu or cuda on a cluster")
    check_address(address)
    with connect(address):
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        has_gpus = any(machine.get("GPU", 0) >= 1 for machine in machines)
        gpus = int(has_gpus if device == "auto" else device == "cuda")
        cpus = 1 if gpus else threads
        room = [_room(machine, gpus, cpus) for machine in machines]
        if workers is None and not sum(room):
            wanted = "a GPU and a core" if gpus else f"{cpus} core(s)"
            raise UserError(
                f"--address {address}: no machine of the cluster has {wanted} to offer; where it can grow, say with "
                "--workers how far"
            )
        most = workers or sum(room)
        yield Pool(max(1, min(most, sum(room))), most, max(1, *room), gpus, cpus)


def _room(machine: Mapping[str, float], gpus: int, cpus: int) -> int:
    fits = machine.get("CPU", 0) / cpus
    return int(min(fits, machine.get("GPU", 0)) if gpus else fits)


@dataclass(frozen=True)
class Workers:
    """Makes shards by the workers of a pool; a maker of `hasher.images.embedding`.

    Attributes:
        pool: where they run, while it is open.
        load: makes the backbone, in each of them.
        about: what that backbone says of itself here; one that differs is refused.
    """

    pool: Pool
    load: Load
    about: Mapping[str, Any]

    def packed_shards(self, task: Task, parts: Sequence[Part], watcher: Watcher) -> Iterator[tuple[Part, bytes]]:
        """As they are finished. Raises `UserError` where a worker dies, or what one finds is another than here."""
        errand = Errand(task, self.load, task.settings(self.about), parts, Path.cwd(), self.pool.a_machine)
        with _no_report_of_ray_data():
            try:
                for row in self._rows(errand):
                    part = parts[row["place"]]
                    if row["problem"] is not None:
                        raise UserError(row["problem"])
                    watcher.advance(len(part.rows), row["skipped"])
                    yield part, row["content"]
            except RayTaskError:
                raise  # a defect, of the backbone for one: its traceback says where
            except RayError as error:
                words = shortened(reason(error), 200)
                raise UserError(
                    f"a worker died ({words}); finished shards are kept, the same command goes on"
                ) from None

    def _rows(self, errand: Errand) -> Iterator[dict[str, Any]]:
        count = len(errand.parts)
        places = ray.data.from_items([{"place": place} for place in range(count)], override_num_blocks=count)
        with warnings.catch_warnings():  # Ray 2.60 has no other way yet to say that no actor is to be started again
            warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
            made = places.map_batches(
                Worker,
                fn_constructor_args=([ray.put(errand)],),  # in a list, as what is to be fetched by the worker itself
                compute=ray.data.ActorPoolStrategy(
                    min_size=min(self.pool.now, count), max_size=min(self.pool.most, count),
                    max_tasks_in_flight_per_actor=1,
                ),
                batch_size=1, batch_format="pyarrow", num_cpus=self.pool.cpus, num_gpus=self.pool.gpus,
                max_restarts=0,  # what killed a worker, an image perhaps, would kill the next one
            )  # fmt: skip
        made.context.enable_progress_bars = made.context.print_on_execution_start = False
        tables: Iterator[Any] = iter(made.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
        for table in tables:
            yield from table.to_pylist()


@dataclass(frozen=True, eq=False)
class Errand:
    """What every worker is sent once: what to do, and how it is to be found here.

    Attributes:
        settings: of the embedding file.
        folder: relative paths are taken from here, on every machine.
        a_machine: workers that share the cores of one.
    """

    task: Task
    load: Load
    settings: Mapping[str, Any]
    parts: Sequence[Part]
    folder: Path
    a_machine: int

    @cached_property
    def backbone(self) -> Backbone:
        """Loaded when it is first asked for. Raises `UserError` where it, or a library, is another than asked for."""
        backbone = self.load(self.task.computing)
        changed = first_difference(self.settings, self.task.settings(backbone.about))
        if changed is not None:
            raise UserError(f"{socket.gethostname()}: has another {changed} than the machine that started this")
        return backbone

    def enter(self) -> None:
        """Go where relative paths lead to what they do on the machine that started this. Raises `UserError`."""
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise UserError(
                f"{self.folder}: cannot be entered on {socket.gethostname()} ({error.strerror}); every machine must "
                "reach this folder and the images under the same paths"
            ) from None
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))  # for module:function

    def packed_shard(self, place: int) -> tuple[bytes, int]:
        """The packed shard of a part, and how many of its images are skipped."""
        source, part = self.task.source, self.parts[place]
        if stamp_of(source, part.rows) != part.stamp:
            raise UserError(
                f"{source.path(int(part.rows[0]))} and what follows: {socket.gethostname()} finds other files there "
                "than the machine that started this, or they have just changed; every machine must reach the same files"
            )
        decoders = self.task.options.decoders or max(1, (os.cpu_count() or 1) // self.a_machine)
        options = replace(self.task.options, decoders=decoders)
        [shard] = shards_of(source, self.backbone, options, [part.rows], _Unwatched())
        return part.packed(shard), len(shard.skipped)


class Worker:
    """The actor: `Errand` within Ray Data, where bad input is sent back in words and not as an exception."""

    def __init__(self, errand: Sequence[Any]) -> None:
        self._errand: Errand = ray.get(errand[0])

    def __call__(self, batch: pa.Table) -> pa.Table:
        [place] = batch["place"].to_pylist()
        content, skipped, problem = None, 0, None
        try:
            self._errand.enter()
            content, skipped = self._errand.packed_shard(place)
        except (UserError, OSError, MemoryError, RuntimeError) as error:
            problem = in_words(error)
            if problem is None:
                raise
        row = {"place": place, "content": content, "skipped": skipped, "problem": problem}
        return pa.Table.from_pylist([row], schema=SENT_BACK)


class _Unwatched:
    """What is done here is told where it arrives."""

    def begin(self, done: int, total: int) -> None: ...

    def advance(self, images: int, skipped: int) -> None: ...


@contextmanager
def _no_report_of_ray_data() -> Iterator[None]:
    """What Ray Data tells of an error fills a page, and we say it in a line."""
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
