"""Several workers: the same bytes whatever their number, one that dies, machines that differ, how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hasher.__main__ import main
from hasher.errors import UserError
from hasher.images import workers
from hasher.images.backbones import Computing
from hasher.images.embedding import Here, embed
from hasher.images.folder import open_folder
from hasher.images.opening import load_backbone
from hasher.images.shards import Part, stamp_of
from hasher.images.sources import select
from hasher.images.task import Options, Task
from hasher.images.workers import Errand, Pool, Workers, pool_here, pool_of_cluster

MORTAL = "tests.hasher.images.mortal:build"
LOAD = partial(load_backbone, MORTAL, None, None)
CPU = Computing(torch.device("cpu"), "float32", threads=1)


class Watcher:
    def __init__(self) -> None:
        self.earlier = self.done = self.skipped = 0

    def begin(self, done: int, total: int) -> None:
        self.earlier = self.done = done

    def advance(self, images: int, skipped: int) -> None:
        self.done += images
        self.skipped += skipped


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with pool_here(3, CPU) as opened:
        yield opened


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """By a relative path: 40 images of two classes, of which three are broken and the last is white; shards of 8."""
    monkeypatch.setattr("hasher.images.embedding.SHARD", 8)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(4)
    for number in range(40):
        path = Path("images") / "ab"[number // 20] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (6, 5, 3), np.uint8) if number < 39 else np.full((6, 5, 3), 255, np.uint8)
        Image.fromarray(pixels).save(path)
    for name in ("a/03.png", "b/21.png", "b/22.png"):
        Path("images", name).write_bytes(b"?")
    return Path("images")


def task(images: Path, **options: Any) -> Task:
    source = open_folder(images, {})
    return Task(source, select(source, [], None), CPU, Options(**{"batch_size": 4, "decoders": 2, **options}))


def command(images: Path, *more: str) -> int:
    return main(["embed", str(images), "--backbone", MORTAL, "--batch-size", "4", "--out", "e.npz", *more])


def test_any_number_of_workers_makes_the_same_file(
    images: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = LOAD(CPU).about
    whole = embed(task(images), Here(LOAD(CPU)), Path("one.npz"), Watcher())
    two = replace(pool, now=2, most=2)

    watcher = Watcher()
    result = embed(task(images), Workers(two, LOAD, about), Path("two.npz"), watcher)
    assert Path("two.npz").read_bytes() == Path("one.npz").read_bytes()
    assert result == whole and len(result.skipped) == 3 and (watcher.done, watcher.skipped) == (40, 3)
    assert Path("two.npz.skipped.csv").read_bytes() == Path("one.npz.skipped.csv").read_bytes()

    Path("armed").touch()
    with pytest.raises(UserError, match=r"^a worker died \([^\n]*\); finished shards are kept, the same command goes"):
        embed(task(images), Workers(two, LOAD, about), Path("e.npz"), Watcher())
    assert not Path("armed").exists() and not Path("e.npz").exists() and list(Path("e.npz.shards").glob("*.npz"))

    monkeypatch.setattr(workers, "pool_here", lambda count, computing: nullcontext(replace(pool, now=count)))
    assert command(images, "--workers", "3") == 0
    assert "images are done already" in capsys.readouterr().err
    assert Path("e.npz").read_bytes() == Path("one.npz").read_bytes()


def test_one_worker_needs_no_ray(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.init", None)
    assert command(images, "--workers", "1") == 0
    embed(task(images), Here(LOAD(CPU)), Path("one.npz"), Watcher())
    assert Path("e.npz").read_bytes() == Path("one.npz").read_bytes()


def test_other_threads_do_not_go_on_with_it(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(images, "--threads", "2") == 0
    assert command(images, "--workers", "1") == 2
    assert "exists, with another threads (2 then, 1 now)" in capsys.readouterr().err


def errand(images: Path, **options: Any) -> Errand:
    asked = task(images, **options)
    part = Part(0, asked.rows[:8], stamp_of(asked.source, asked.rows[:8]))
    return Errand(asked, LOAD, asked.settings(LOAD(CPU).about), [part], Path.cwd(), 1)


def test_what_a_worker_refuses(images: Path) -> None:
    found = errand(images)
    found.enter()
    assert found.packed_shard(0)[1] == 1
    with pytest.raises(UserError, match=r"images/a/03\.png: cannot be decoded"):
        errand(images, strict=True).packed_shard(0)
    with pytest.raises(UserError, match=r"has another versions than the machine that started this"):
        replace(found, settings={**found.settings, "versions": {"torch": "0.1"}}).packed_shard(0)
    with pytest.raises(UserError, match=r"^/no/such/folder: cannot be entered on .*\(No such file or directory\)"):
        replace(found, folder=Path("/no/such/folder")).enter()
    (images / "a" / "00.png").touch()
    with pytest.raises(UserError, match=r"images/a/00\.png and what follows: .* finds other files there"):
        found.packed_shard(0)


#: Machines of three kinds, and one that has died.
NODES = [
    {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 4.0}},
    {"Alive": True, "Resources": {"CPU": 1.0, "GPU": 2.0}},
    {"Alive": True, "Resources": {"CPU": 6.0}},
    {"Alive": False, "Resources": {"CPU": 99.0, "GPU": 99.0}},
]


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of `NODES` at any address."""
    monkeypatch.setattr(workers, "check_address", lambda address: None)
    monkeypatch.setattr(workers, "connect", lambda address: nullcontext())
    monkeypatch.setattr("ray.nodes", lambda: NODES)


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize(
    ("count", "device", "threads", "expected"),
    [
        (None, "auto", 1, Pool(now=5, most=5, a_machine=4, gpus=1, cpus=1)),
        (None, "cpu", 1, Pool(now=23, most=23, a_machine=16, gpus=0, cpus=1)),
        (None, "cpu", 4, Pool(now=5, most=5, a_machine=4, gpus=0, cpus=4)),
        (2, "cuda", 1, Pool(now=2, most=2, a_machine=4, gpus=1, cpus=1)),
        (9, "auto", 1, Pool(now=5, most=9, a_machine=4, gpus=1, cpus=1)),
        (1, "cpu", 32, Pool(now=1, most=1, a_machine=1, gpus=0, cpus=32)),
    ],
)
def test_a_cluster_is_used_whole_unless_said_otherwise(
    count: int | None, device: str, threads: int, expected: Pool
) -> None:
    with pool_of_cluster("auto", count, device, threads) as found:
        assert found == expected


@pytest.mark.usefixtures("joined")
def test_a_cluster_without_room_is_refused() -> None:
    with (
        pytest.raises(UserError, match=r"^--address auto: no machine of the cluster has 32 core\(s\) to offer"),
        pool_of_cluster("auto", None, "cpu", 32),
    ):
        pass


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--workers", "0"], "--workers 0: expected 1 or more"),
        (["--threads", "0"], "--threads 0: expected 1 or more"),
        (["--address", "ray://127.0.0.1:10001"], "--address ray://127.0.0.1:10001: the driver must be on a machine of"),
        (["--address", "auto", "--device", "cuda:1"], "--device cuda:1: expected auto, cpu or cuda on a cluster"),
        (["--address", "127.0.0.1:9"], "--address 127.0.0.1:9: nothing answers there"),
        (["--workers", "2", "--backbone", "nowhere:build"], "--backbone nowhere:build: nowhere cannot be imported"),
    ],
)
def test_a_mistake_is_one_line(images: Path, more: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(images, *more) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and problem in error and "\n" not in error


def test_more_workers_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    gpu = Computing(torch.device("cuda"), "float16", 1)
    with pytest.raises(UserError, match="--workers 3: each takes a GPU, and this machine has 2"), pool_here(3, gpu):
        pass
