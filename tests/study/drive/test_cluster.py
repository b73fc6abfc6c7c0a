"""Where trials fit, what a reused worker holds, and what is kept on shared storage."""

from __future__ import annotations

import gc
import queue
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest
import torch
from moto.server import ThreadedMotoServer

from benchmarks.local_cluster import local_cluster
from hasher.data import load_dataset, make_splits
from hasher.errors import UserError
from study.drive import cluster, head_node
from study.drive.cluster import Nodes
from study.drive.runner import StudyResult
from study.options import Resources
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task
from study.record.shared_storage import SharedStorage
from study.record.study_folder import StudyFolder
from study.work.data import StudyData
from study.work.trainable import HasherTrainable
from tests.study.conftest import run_tiny
from tests.study.faulty import MortalTrainable, SociableTrainable
from tests.study.test_run_study import TIMES

#: Nodes of three kinds, and one that has died.
NODES = [
    {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 2.0}},
    {"Alive": True, "Resources": {"CPU": 1.0, "GPU": 8.0}},
    {"Alive": True, "Resources": {"CPU": 6.0}},
    {"Alive": False, "Resources": {"CPU": 99.0, "GPU": 99.0}},
]


@pytest.mark.parametrize(
    ("cpus", "gpus", "fit"),
    [(1, 0, 4 + 1 + 6), (4, 0, 1 + 0 + 1), (0.5, 0, 8 + 2 + 12), (0, 1, 2 + 8), (1, 0.25, 4 + 1), (0.1, 0.25, 8 + 10),
     (0, 0.3, 2 * 3 + 8 * 3), (1, 2, 1 + 1), (0.1, 0.1, 20 + 10)],
)  # fmt: skip
def test_slots_are_counted_node_by_node(monkeypatch: pytest.MonkeyPatch, cpus: float, gpus: float, fit: int) -> None:
    monkeypatch.setattr(cluster.ray, "nodes", lambda: NODES)
    nodes = Nodes(Resources(cpus, gpus), None)
    assert nodes.slots() == fit and nodes.dead() == 1
    assert Nodes(Resources(cpus, gpus), 2).slots() == min(2, fit)


def test_nodes_that_join_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(cluster.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(cluster.ray, "nodes", lambda: NODES[:1])
    nodes = Nodes(Resources(1), None)
    assert nodes.slots() == 4
    monkeypatch.setattr(cluster.ray, "nodes", lambda: NODES)
    now[0] += 60
    assert nodes.slots() == 11


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ray://127.0.0.1:10001", "ray job submit"),
        ("127.0.0.1:9", "nothing answers"),
        ("127.0.0.1", "nothing answers"),
        ("127.0.0.1:99999", "nothing answers"),
        ("", "nothing answers"),
    ],
)
def test_where_no_driver_can_run_is_said_in_a_line(tiny: StudySpec, tmp_path: Path, address: str, words: str) -> None:
    with pytest.raises(UserError, match=rf"^--address {address}: [^\n]*{words}[^\n]*$"):
        run_tiny(tiny, tmp_path, address=address)
    assert not list(tmp_path.iterdir())


def test_a_node_that_joins_gets_trials(tiny: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only worker of the only node waits until there is another one."""
    markers = tmp_path / "markers"
    markers.mkdir()
    monkeypatch.setenv("FAULTY_MARKERS", str(markers))
    over = threading.Event()

    def join(address: str) -> None:
        while not list(markers.iterdir()):
            if over.wait(0.1):
                return
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--address", address, "--num-cpus", "1", "--block"]
        with subprocess.Popen(ray, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as node:
            over.wait()
            node.terminate()

    with local_cluster(1, num_cpus=1) as local, ThreadPoolExecutor() as pool:
        joined = pool.submit(join, local.address)
        try:
            result = run_tiny(tiny, tmp_path, SociableTrainable, address=local.address)
        finally:
            over.set()
        joined.result()
    assert set(result.records["state"]) <= {"complete", "pruned"}


def test_a_lost_head_node_is_said_and_one_that_comes_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_node, "LOOK_EVERY", 0.02)
    said: queue.Queue[str] = queue.Queue()
    head = socket.create_server(("127.0.0.1", 0))
    host, port = head.getsockname()
    with head_node.watched(f"{host}:{port}", said.put):
        with pytest.raises(queue.Empty):
            said.get(timeout=0.5)
        head.close()
        assert f"{host}:{port}) does not answer" in said.get(timeout=30)
        with socket.create_server((host, port)):
            assert "answers again" in said.get(timeout=30)
    assert said.empty()


def test_a_worker_without_a_job_holds_nothing_of_the_last_one(tiny: StudySpec, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset(tiny.datasets[0].source)
    data = {"blobs": StudyData(dataset, make_splits(dataset, tiny.datasets[0].split_config(0)))}
    config = tiny.configure("gcn", 8, {"learning_rate": 0.01, "knn_size": 5})
    job = Job(Task("search", Cell("blobs", "gcn", 8), 0), 3, config, tiny.report_every, tiny.objective, tiny.k, None)
    worker = HasherTrainable.__new__(HasherTrainable)
    worker._logdir = ""
    worker.setup({"jobs": [job]}, data=data, resources=Resources())
    emptied = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    gc.disable()  # or a collection by chance frees what nobody has let go of
    try:
        for finish in (True, False):
            worker.step()
            tensors = [weakref.ref(tensor) for tensor in worker._work._works[0].training.model.parameters()]  # type: ignore[union-attr]
            monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
            emptied.clear()
            if finish:
                monkeypatch.setattr(HasherTrainable, "advance", _end)
                worker.step()
                monkeypatch.undo()
                monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
            assert finish or worker.reset_config({"jobs": [job]})
            assert finish or emptied
            assert not [reference for reference in tensors if reference() is not None]
            monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
            worker._begin([job])
    finally:
        gc.enable()


def _end(worker: HasherTrainable) -> Any:
    raise ValueError("a run that ends")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket on an S3 server of our own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="studies")
    yield client
    server.stop()


def test_a_study_folder_goes_to_a_bucket_and_comes_back(finished: StudyResult, bucket: Any, tmp_path: Path) -> None:
    shared = SharedStorage("s3://studies/of-mine", "tiny")
    shared.copy(finished.folder)
    keys = {item["Key"] for item in bucket.list_objects_v2(Bucket="studies")["Contents"]}
    assert "of-mine/tiny/journal.log" in keys and not [key for key in keys if "/." in key or "/ray/" in key]
    elsewhere = StudyFolder(tmp_path / "tiny")
    SharedStorage("s3://studies/of-mine", "tiny").fetch(elsewhere)
    for path in (path for path in finished.folder.path.rglob("*") if path.is_file() and path.name[0] != "."):
        assert (elsewhere.path / path.relative_to(finished.folder.path)).read_bytes() == path.read_bytes()
    elsewhere.journal.write_bytes(elsewhere.journal.read_bytes()[:-1])
    with pytest.raises(UserError, match="older than its copy"):
        SharedStorage("s3://studies/of-mine", "tiny").fetch(elsewhere)


def test_a_trial_goes_on_from_its_checkpoint_in_a_bucket(
    finished: StudyResult, tiny: StudySpec, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY_MARKERS", str(tmp_path))
    spec = tiny.model_copy(update={"checkpoint_every": 1})
    result = run_tiny(spec, tmp_path / "runs", MortalTrainable, max_concurrent=1, storage_path="s3://studies")
    assert (tmp_path / "killed").exists() and (tmp_path / "gone-on").exists()
    ours, theirs = (pd.read_csv(one.folder.records).drop(columns=[*TIMES, "commit"]) for one in (result, finished))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    keys = {item["Key"] for item in bucket.list_objects_v2(Bucket="studies")["Contents"]}
    assert "tiny/records.csv" in keys and not [key for key in keys if key.startswith("tiny/ray/")]


def test_only_what_has_changed_is_copied_again(finished: StudyResult, tmp_path: Path) -> None:
    shared = SharedStorage(str(tmp_path), "tiny")
    shared.copy(finished.folder)
    copied = tmp_path / "tiny" / "records.csv"
    assert copied.read_bytes() == finished.folder.records.read_bytes()
    copied.write_text("not again")
    shared.copy(finished.folder)
    assert copied.read_text() == "not again"
    finished.folder.records.touch()
    shared.copy(finished.folder)
    assert copied.read_bytes() == finished.folder.records.read_bytes()


@pytest.mark.parametrize("location", ["s3://key:secret@studies/x", "gopher://studies"])
def test_keys_and_unknown_places_are_refused_in_a_line(location: str) -> None:
    with pytest.raises(UserError, match="--storage-path") as refused:
        SharedStorage(location, "tiny")
    assert "secret" not in str(refused.value)
