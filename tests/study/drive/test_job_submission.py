"""`ray job submit` of a study to a head node whose Python has what the project needs, and no copy of the project."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.study.conftest import TINY

ROOT = Path(__file__).parents[3]
RAY = ["-m", "ray.scripts.scripts"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def python(tmp_path: Path) -> str:
    """A Python with the packages of ours. A .pth file adds their folder, and the .pth files in there, the project's
    own among them, are not read."""
    venv.create(tmp_path / "clean")
    (packages,) = (tmp_path / "clean" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    return str(tmp_path / "clean" / "bin" / "python")


@pytest.fixture
def cluster(python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A head node of that Python, with its dashboard on loopback; yields the dashboard's address."""
    (tmp_path / "token").write_text(secrets.token_hex(32))
    (tmp_path / "token").chmod(0o600)
    for name in [name for name in os.environ if name.startswith(("RAY_", "PYTHON"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("PATH", f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}")
    pages = free_port()
    # Ray gives the agent, which starts jobs, one fixed port, and two clusters on a machine would share it.
    ports = {"port": free_port(), "dashboard-port": pages, "dashboard-agent-listen-port": free_port()}
    head = subprocess.Popen(
        [python, *RAY, "start", "--head", "--block", "--num-cpus=1", "--dashboard-host=127.0.0.1",
         "--disable-usage-stats", *(f"--{name}={port}" for name, port in ports.items())],
        cwd=tmp_path, stdout=(tmp_path / "head.log").open("w"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    yield f"http://127.0.0.1:{pages}"
    head.send_signal(signal.SIGTERM)
    head.wait(timeout=30)


def test_a_study_submitted_as_a_job_runs_to_its_table(cluster: str, python: str, blobs: Path, tmp_path: Path) -> None:
    alone = subprocess.run([python, "-c", "import ray, hasher"], cwd=tmp_path, capture_output=True, text=True)
    assert "No module named 'hasher'" in alone.stderr
    code = tmp_path / "code"
    code.mkdir()
    for name in ("run_study.py", "hasher", "study", "analysis"):
        (code / name).symlink_to(ROOT / name)
    (code / "space.yaml").write_text(
        yaml.safe_dump({**TINY, "datasets": [str(blobs)], "methods": ["gcn"], "trials": 2})
    )
    command = [
        sys.executable, *RAY, "job", "submit", "--address", cluster, "--working-dir", str(code), "--",
        "python", "run_study.py", "space.yaml", "--address", "auto", "--runs-dir", str(tmp_path / "runs"),
    ]  # fmt: skip
    deadline = time.monotonic() + 100
    while True:
        job = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
        if job.returncode == 0 or "succeeded" in job.stdout or time.monotonic() > deadline:
            break
        if "Running entrypoint" in job.stdout:  # it was accepted, and failed
            break
        time.sleep(1)
    assert job.returncode == 0, job.stdout[-3000:] + job.stderr[-2000:]
    assert "blobs" in job.stdout and "Figures and a report" in job.stdout
    records = pd.read_csv(tmp_path / "runs" / "tiny" / "records.csv")
    assert set(records.kind) == {"search", "test"} and (records.state != "failed").all()
    assert np.isfinite(records[records.scored_on == "test"]["map"]).all()
    assert (tmp_path / "runs" / "tiny" / "tables" / "blobs.md").exists()
    assert (tmp_path / "token").read_text() not in job.stdout + job.stderr + (tmp_path / "head.log").read_text()
