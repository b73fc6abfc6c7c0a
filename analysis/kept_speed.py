"""What `python -m analysis speed --keep` timed: ``speed.yaml`` in the study folder, of one machine at one time.

Not part of the records: the seconds of one machine say nothing beside those of another. So a file has one measurement
whole, with where and when it was made, and another one takes its place.
"""

from __future__ import annotations

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.study_records import StudyRecords
from hasher.errors import UserError, first_error
from hasher.files import sha256, write_atomically
from study.plan.tasks import Cell
from study.plan.yaml_text import read_mapping
from study.record.manifest import vouch


class WinnerSpeed(BaseModel):
    """One winner: the median over its turns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    method: str
    bits: int = Field(ge=1)
    model: str = Field(description="SHA-256 of the model's file")
    bytes: int = Field(ge=0, description="of the model's file")
    items_a_second: float = Field(gt=0, allow_inf_nan=False, description="encoded")
    query_milliseconds: float = Field(gt=0, allow_inf_nan=False, description="of a search of the database")

    @property
    def cell(self) -> Cell:
        return Cell(self.dataset, self.method, self.bits)


class Speeds(BaseModel):
    """What `speed.yaml` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str = Field(description="ISO 8601")
    commit: str
    host: str
    processor: str
    threads: int
    versions: str
    rounds: int = Field(description="turns that every winner took; the median of them counts")
    items: int = Field(description="vectors encoded in a turn")
    queries: int = Field(description="queries searched with in a turn")
    nearest: int = Field(description="items each query asks for")
    database: dict[str, int] = Field(description="items searched, by data set")
    winners: list[WinnerSpeed]

    def still_there(self, study: StudyRecords) -> Speeds:
        """Without the winners whose model is gone, or another since."""
        kept = [one for one in self.winners if _digest(study, one.cell) == one.model]
        return self.model_copy(update={"winners": kept})


def _digest(study: StudyRecords, cell: Cell) -> str | None:
    path = study.folder.model(cell)
    return sha256(path) if path.exists() else None


def kept_speeds(study: StudyRecords) -> Speeds | None:
    """None where nothing was kept. Raises `UserError` for a damaged file."""
    path = study.folder.speed
    if not path.exists():
        return None
    try:
        found = Speeds.model_validate(read_mapping(path, "keys, as `python -m analysis speed --keep` writes it"))
    except ValidationError as error:
        raise UserError(f"{path}: {first_error(error)}") from None
    return study.once("speeds", lambda: found.still_there(study))


def keep_speeds(study: StudyRecords, speeds: Speeds) -> None:
    """Write ``speed.yaml``, in the place of an earlier one, and vouch for it."""
    written = yaml.safe_dump(speeds.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    write_atomically(study.folder.speed, written)
    vouch(study.folder, study.folder.speed)
