"""Where a result comes from: code, versions and machine."""

from __future__ import annotations

import functools
import platform
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

#: Packages whose version can change a number.
PACKAGES = ("torch", "numpy", "numba", "scipy", "scikit-learn", "optuna", "ray")


@functools.cache
def worker_facts() -> dict[str, Any]:
    """Host, device and thread count of this process."""
    cuda = torch.cuda.is_available()
    return {
        "host": socket.gethostname(),
        "device": torch.cuda.get_device_name() if cuda else processor(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def versions() -> str:
    """Python and the packages whose version can change a number, `name=version` each."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return " ".join(f"{name}={number}" for name, number in found.items())


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "cpu"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "cpu"


def git_commit(folder: Path) -> str:
    """The commit the code is at, with ``+changes`` where files differ from it; ``unknown`` outside a checkout."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, timeout=20
    ).stdout.strip()
