"""How a study is run, which decides nothing of what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Resources:
    """What one trial reserves."""

    cpus: float = 1
    gpus: float = 0

    @property
    def devices(self) -> float:
        """Devices counted in device-seconds: GPUs where a trial has any, otherwise CPU cores."""
        return self.gpus or self.cpus

    @property
    def threads(self) -> int:
        """Threads that a trial computes with."""
        return max(1, int(self.cpus))


@dataclass(frozen=True)
class TrackingOptions:
    """Which trackers follow a study."""

    tensorboard: bool = False
    mlflow: str | None = None  #: a tracking URI
    wandb: bool = False


@dataclass(frozen=True)
class RunOptions:
    """What the command line says about a run."""

    runs_dir: Path = Path("runs")
    data_dir: Path | None = None
    storage: str | None = None  #: an Optuna storage URL; None: a journal file in the study folder
    share: bool = False  #: whether other drivers may run other cells of the study meanwhile
    extend: bool = False  #: whether a study that is there may grow into the one that is asked for
    address: str | None = None  #: a Ray cluster; None: this machine
    resources: Resources = field(default_factory=Resources)
    max_concurrent: int | None = None
    time_budget: float | None = None  #: seconds after which the study stops, as by Ctrl-C
    max_device_hours: float | None = None  #: that all its runs, earlier ones included, may take
    storage_path: str | None = None  #: a folder or an s3:// address that every node reaches; None: the study folder
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
