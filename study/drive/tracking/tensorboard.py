"""TensorBoard, by event files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter
from tensorboardX.proto.api_pb2 import Status
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from tensorboardX.summary import hparams

from study.drive.tracking.tracker import Ending


@dataclass
class _Open:
    writer: SummaryWriter
    parameters: dict[str, Any]
    values: dict[str, float] = field(default_factory=dict)


class TensorBoardTracker:
    """Writes the events of each run to a folder of its name below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, _Open] = {}

    def begin(self, run: str, parameters: Mapping[str, Any]) -> None:
        shown = {key: value if isinstance(value, bool | int | float | str) else str(value)
                 for key, value in parameters.items()}  # fmt: skip
        self._runs[run] = _Open(SummaryWriter(str(self._folder / run)), shown)

    def log(self, run: str, step: int, values: Mapping[str, float]) -> None:
        found = self._runs[run]
        for key, value in values.items():
            found.writer.add_scalar(key, value, step)
        found.writer.flush()
        found.values.update(values)

    def end(self, run: str, ending: Ending) -> None:
        found = self._runs.pop(run)
        # Not `add_hparams`, which would make a second run of them, in a folder below. They are written last since the
        # plugin takes its columns from the first event that lists them.
        *begun, ended = hparams(found.parameters, found.values)
        if ending == "failed":
            _say_failed(ended)
        for summary in (*begun, ended):
            found.writer.file_writer.add_summary(summary)
        found.writer.close()

    def close(self) -> None: ...


def _say_failed(session_end: Any) -> None:
    """Have the summary with which a session of hyperparameters ends say that it failed; tensorboardX knows success."""
    plugin_data = session_end.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(plugin_data.content)
    content.session_end_info.status = Status.Value("STATUS_FAILURE")
    plugin_data.content = content.SerializeToString()
