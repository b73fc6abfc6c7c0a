"""How busy a study kept its slots: ``python benchmarks/slots_busy.py runs/digits [SLOTS]``.

From records.csv alone: the seconds that workers spent on runs, over what the slots offered between the first start and
the last end of one uninterrupted study.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd


def busy_share(records: pd.DataFrame, slots: int) -> float:
    """Share of slot time in which a run was being worked on, in [0, 1]."""
    started = pd.to_datetime(records["started"])
    ended = started + pd.to_timedelta(records["seconds"], unit="s")
    return records["seconds"].sum() / (slots * (ended.max() - started.min()).total_seconds())


def main(run: str, slots: str | None = None) -> None:
    """Print the share for one run directory; slots default to this machine's cores."""
    records = pd.read_csv(Path(run) / "records.csv")
    count = int(slots or os.cpu_count() or 1)
    share, seconds = busy_share(records, count), records["seconds"].mean()
    print(f"{len(records)} runs of {seconds:.2f} s, {count} slots busy {share:.1%} of the time")


if __name__ == "__main__":
    main(*sys.argv[1:])
