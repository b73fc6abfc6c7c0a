"""A Ray that the study starts lets nobody in who has no token, and shows the token to nobody."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray

from hasher.cluster import connect

#: What a stranger who can reach the cluster would try, and what a friend with the token can do.
CLIENT = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level="critical")
print("in:", ray.get(ray.remote(lambda: 6 * 7).remote()))
"""


def knock(address: str, **variables: str) -> subprocess.Popen[str]:
    """Let a process of its own, with these RAY_AUTH_ variables alone, in a home without a token, run a task."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    environment |= {"HOME": "/nonexistent", **variables}
    command = [sys.executable, "-c", CLIENT, address]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A Ray as run_study.py starts it."""
    with connect(None):
        yield ray.get_runtime_context().gcs_address


def test_only_who_has_the_token_gets_in(address: str) -> None:
    token = os.environ["RAY_AUTH_TOKEN"]
    assert len(token) >= 32
    friend = knock(address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
    strangers = [knock(address), knock(address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)]
    assert "in: 42" in friend.communicate(timeout=100)[0]
    for stranger in strangers:
        output, errors = stranger.communicate(timeout=100)
        assert stranger.returncode != 0 and "in:" not in output
        assert "token" in errors


def test_the_token_is_in_no_process_list_and_no_log(address: str) -> None:
    token = os.environ["RAY_AUTH_TOKEN"]
    ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
    assert any("gcs_server" in " ".join(process.cmdline()) for process in ours)
    for process in psutil.process_iter():
        assert token not in " ".join(_cmdline(process))
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    texts = [path for path in session.rglob("*") if path.is_file()]
    assert len(texts) > 5
    assert not [path for path in texts if token.encode() in path.read_bytes()]


def test_nobody_can_submit_a_job_to_what_serves_pages(address: str) -> None:
    """The dashboard is on loopback; what else answers, metrics for one, takes no orders."""
    ports = set()
    for process in psutil.Process().children(recursive=True):
        command = " ".join(_cmdline(process))
        if "dashboard" in command.lower():
            assert "dashboard.py" not in command or "--host=127.0.0.1" in command
            ports |= {c.laddr.port for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    for port in ports:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/jobs/", b'{"entrypoint": "true"}', method="POST")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                assert b"submission_id" not in answer.read()
        except OSError:
            continue
        except http.client.HTTPException:  # gRPC
            continue


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
