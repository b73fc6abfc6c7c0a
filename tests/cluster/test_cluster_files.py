"""The files of cluster/, each checked by what can check it without a cluster of its kind."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from study.command import parse_command

CLUSTER = Path(__file__).parents[2] / "cluster"


def test_ray_accepts_its_cluster_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    monkeypatch.chdir(CLUSTER.parent)
    config = yaml.safe_load((CLUSTER / "ray_cluster.yaml").read_text())
    validate_config(prepare_config(config))
    started = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    assert all("RAY_AUTH_MODE=token" in command for command in started if "ray start" in command)
    assert "--dashboard-host=127.0.0.1" in " ".join(started) and "RAY_AUTH_TOKEN" not in " ".join(started)
    assert all(
        Path(source).expanduser().exists() or "auth_token" in source for source in config["file_mounts"].values()
    )


def test_its_nodes_install_what_the_project_depends_on(tmp_path: Path) -> None:
    """The one-liner in the setup commands, run as it is, up to pip."""
    commands = yaml.safe_load((CLUSTER / "ray_cluster.yaml").read_text())["setup_commands"]
    command = next(command for command in commands if "pip install" in command).split("&& pip")[0]
    (tmp_path / "hagcn").mkdir()
    (tmp_path / "hagcn" / "pyproject.toml").write_bytes((CLUSTER.parent / "pyproject.toml").read_bytes())
    subprocess.run(["bash", "-ec", command], env={**os.environ, "HOME": str(tmp_path)}, check=True)
    wanted = (tmp_path / "hagcn" / "requirements.txt").read_text().split()
    assert "torch>=2.6" in wanted and any(line.startswith("ray[default") for line in wanted)


def test_the_documented_token_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The command of the pages, as it is. Ray itself takes whatever mode new files have."""
    line = "umask 077; ray get-auth-token --generate"
    pages = [*CLUSTER.glob("*"), *(CLUSTER.parent / "docs").glob("*.md"), CLUSTER.parent / "README.md"]
    naming = [page for page in pages if "get-auth-token" in page.read_text(encoding="utf-8")]
    assert len(naming) >= 3
    for page in naming:
        text = page.read_text(encoding="utf-8")
        assert text.count("ray get-auth-token") == text.count(line), page
    subprocess.run(
        ["bash", "-ec", f"umask 022; {line}"], env={**_with_our_tools(), "HOME": str(tmp_path)}, check=True,
        capture_output=True,
    )  # fmt: skip
    assert stat.S_IMODE((tmp_path / ".ray" / "auth_token").stat().st_mode) == 0o600


def test_the_slurm_script_is_clean() -> None:
    subprocess.run(["bash", "-n", str(CLUSTER / "slurm.sh")], check=True)
    subprocess.run(["shellcheck", str(CLUSTER / "slurm.sh")], check=True, env=_with_our_tools())


def _with_our_tools() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def test_the_slurm_script_starts_a_head_workers_and_the_driver(tmp_path: Path) -> None:
    """Run with stand-ins for Slurm and Python that write down how they were called."""
    calls, tools = tmp_path / "calls", tmp_path / "tools"
    tools.mkdir()
    script = f'#!/bin/bash\necho "$(basename "$0") $*" >> {calls}\n'
    for name, does in {
        "srun": 'while [[ $1 == --* ]]; do shift; done\n"$@"\n',
        "scontrol": "seq -f node%.0f 20000\n",  # more than a pipe holds: who reads the first only must not end it
        "python": "[[ $* == *secrets* ]] && printf abc123 && exit 0\n"
        f'echo "$RAY_AUTH_MODE $(cat "$RAY_AUTH_TOKEN_PATH")" >> {calls}.env\n'
        f'stat -c %a "$RAY_AUTH_TOKEN_PATH" >> {calls}.mode\n',
    }.items():
        (tools / name).write_text(script + does)
        (tools / name).chmod(stat.S_IRWXU)
    variables = {
        "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tmp_path), "HAGCN_PYTHON": str(tools / "python"),
        "SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "node[1-3]", "SLURM_JOB_NUM_NODES": "3",
        "SLURM_CPUS_PER_TASK": "8", "SLURM_GPUS_ON_NODE": "2",
    }  # fmt: skip
    subprocess.run(["bash", str(CLUSTER / "slurm.sh"), "space.yaml"], env=variables, check=True, timeout=60)
    said = calls.read_text()
    assert "--nodelist=node1" in said and "--exclude=node1" in said and "--nodes=2 --ntasks=2" in said
    assert "--head --port=24711" in said and "--address=node1:24711" in said and "--num-gpus 2" in said
    assert "run_study.py space.yaml --address node1:24711" in said
    assert "abc123" not in said
    assert set(Path(f"{calls}.env").read_text().splitlines()) == {"token abc123"}
    assert set(Path(f"{calls}.mode").read_text().split()) == {"600"}
    assert not list(tmp_path.glob(".hagcn-token*"))  # nothing is left behind


@pytest.fixture
def ray_job() -> dict[str, Any]:
    return next(yaml.safe_load_all((CLUSTER / "rayjob.yaml").read_text()))


def test_the_ray_job_runs_a_study_that_can_go_on(ray_job: dict[str, Any]) -> None:
    assert (ray_job["apiVersion"], ray_job["kind"]) == ("ray.io/v1", "RayJob")
    spec = ray_job["spec"]
    words = spec["entrypoint"].split()
    command = parse_command([str(CLUSTER.parent / words[2]), *words[3:]])
    assert command.options.address == "auto" and command.options.resources.gpus == 0.25
    cluster = spec["rayClusterSpec"]
    workers = cluster["workerGroupSpecs"]
    for pod in [cluster["headGroupSpec"]["template"], *(group["template"] for group in workers)]:
        (container,), (volume,) = pod["spec"]["containers"], pod["spec"]["volumes"]
        mount = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}[volume["name"]]
        assert str(command.options.runs_dir).startswith(mount)
        assert container["resources"]["requests"] == container["resources"]["limits"]
    claim = list(yaml.safe_load_all((CLUSTER / "rayjob.yaml").read_text()))[1]
    assert claim["metadata"]["name"] == volume["persistentVolumeClaim"]["claimName"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_ray_job_asks_for_a_token_from_a_secret(ray_job: dict[str, Any]) -> None:
    assert ray_job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token", "secretName": "hagcn-ray-token"}
    assert "token" not in ray_job["spec"]["entrypoint"]


def test_images_and_versions_are_the_tested_ones(ray_job: dict[str, Any]) -> None:
    pins = dict(line.split("==") for line in (CLUSTER.parent / "constraints.txt").read_text().split())
    assert ray_job["spec"]["rayClusterSpec"]["rayVersion"] == pins["ray"]
    assert f"rayproject/ray:{pins['ray']}-py311" in (CLUSTER / "Dockerfile").read_text()
