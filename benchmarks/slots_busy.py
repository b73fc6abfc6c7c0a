"""How busy a study kept its slots, and where the rest went: ``python benchmarks/slots_busy.py runs/digits [SLOTS]``.

From records.csv alone: the seconds that workers spent on runs, over what the slots offered between the first start and
the last end of one uninterrupted study. The rest is the tail, in which a slot had no more run to start, and the gaps
between the runs of a slot.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd


def busy_share(records: pd.DataFrame, slots: int) -> float:
    """Share of slot time in which a run was being worked on, in [0, 1]."""
    started, ended = _times(records)
    return records["seconds"].sum() / (slots * (ended.max() - started.min()))


def tail_share(records: pd.DataFrame, slots: int) -> float:
    """Share of slot time between the last run of a slot and the end of the study, in [0, 1]."""
    started, ended = _times(records)
    last = [started.min()] * slots
    for run in started.sort_values().index:
        free = [slot for slot in range(slots) if last[slot] <= started[run]] or [last.index(min(last))]
        last[max(free, key=lambda slot: last[slot])] = ended[run]
    return sum(ended.max() - end for end in last) / (slots * (ended.max() - started.min()))


def _times(records: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Seconds at which runs started and ended."""
    moments = pd.to_datetime(records["started"])
    started = (moments - moments.min()).dt.total_seconds()
    return started, started + records["seconds"]


def main(folder: str, slots: str | None = None) -> None:
    """Print the shares for one study folder; slots default to this machine's cores."""
    records = pd.read_csv(Path(folder) / "records.csv")
    count = int(slots or os.cpu_count() or 1)
    busy, tail = busy_share(records, count), tail_share(records, count)
    print(
        f"{len(records)} runs of {records['seconds'].mean():.2f} s, {count} slots busy {busy:.1%} of the time; "
        f"tail {tail:.1%}, gaps {1 - busy - tail:.1%}, {_gap(records, busy, tail):.3f} s a run"
    )


def _gap(records: pd.DataFrame, busy: float, tail: float) -> float:
    """Seconds between two runs of a slot."""
    return records["seconds"].sum() / busy * (1 - busy - tail) / len(records)


if __name__ == "__main__":
    main(*sys.argv[1:])
