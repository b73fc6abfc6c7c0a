"""What has been changed of a study since it was begun (`--extend`): ``amendments.yaml`` beside study.yaml."""

from __future__ import annotations

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Amendment(BaseModel):
    """One extension of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str = Field(description="ISO 8601")
    commit: str = Field(description="of the code that extended it")
    changes: list[str] = Field(min_length=1, description="a line a value: `trials: 12 → 20`")
    former: str = Field(description="digest of what the study was (study.record.ledger.spec_digest)")
    tested: int = Field(ge=0, description="test runs that had ended: their scores could be seen by who extended it")

    def in_words(self) -> str:
        """One line."""
        changes = "; ".join(self.changes)
        return f"Extended on {self.when[:10]} by commit {self.commit[:7]}, after {self.tested} test runs: {changes}"


class Amendments(BaseModel):
    """What `amendments.yaml` holds, the first one first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amendments: list[Amendment] = Field(default_factory=list)

    def with_one_more(self, amendment: Amendment) -> Amendments:
        """One of the same former study was written down and went no further."""
        return Amendments(amendments=[*(one for one in self.amendments if one.former != amendment.former), amendment])

    def to_yaml(self) -> str:
        """As they are kept beside study.yaml."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
