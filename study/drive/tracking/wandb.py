"""Weights & Biases, by its client, with as many runs open at once as the study has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from study.drive.tracking.tracker import Ending

#: Seconds that a run's end may wait for its upload; what is not uploaded by then stays on disk, for `wandb sync`.
_PATIENCE = 120
_EXIT_CODE = {"complete": 0, "failed": 1}
_OFFLINE = {"offline", "dryrun", "disabled"}


class WandbTracker:
    """Shows the runs as a group named as the study, in the project of WANDB_PROJECT. Their files go below `folder`."""

    def __init__(self, study: str, folder: Path) -> None:
        self._study, self._folder = study, folder
        self._project = os.environ.get("WANDB_PROJECT", "hagcn-study")
        self._runs: dict[str, Any] = {}
        mode = wandb.setup(settings=_settings()).settings.mode  # of WANDB_MODE, or the user's own settings
        if mode not in _OFFLINE and not wandb.login(prompt=False, verify=True):
            raise ValueError("no API key, set WANDB_API_KEY or run: wandb login (or set WANDB_MODE=offline)")

    def begin(self, run: str, parameters: Mapping[str, Any]) -> None:
        self._runs[run] = wandb.init(
            project=self._project, group=self._study, name=run, config=dict(parameters), dir=self._folder,
            reinit="create_new",
        )  # fmt: skip

    def log(self, run: str, step: int, values: Mapping[str, float]) -> None:
        self._runs[run].log(dict(values), step=step)

    def end(self, run: str, ending: Ending) -> None:
        self._runs.pop(run).finish(exit_code=_EXIT_CODE[ending])

    def close(self) -> None:
        wandb.teardown()  # the files of a run may not be whole as soon as it has ended


def _settings() -> wandb.Settings:
    """W&B records the command line, where addresses have passwords, the host, the packages and the console by itself;
    a run is stopped there by an interrupt, which here would stop the study."""
    return wandb.Settings(
        silent=True, console="off", disable_code=True, disable_git=True, host="", x_disable_machine_info=True,
        x_save_requirements=False, stop_fn=lambda: None, finish_timeout=_PATIENCE, finish_timeout_raises=True,
    )  # fmt: skip
