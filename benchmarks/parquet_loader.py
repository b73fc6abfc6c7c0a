"""How long a Parquet file of a million embeddings takes to load, and in how much memory, beside pyarrow's own read.

Each read is a process of its own, which reports its time without imports and its peak memory. pyarrow's read ends with
an Arrow table, ours with a matrix whose every value has been looked at. Reads alternate, medians are shown.
Run ``python -m benchmarks.parquet_loader``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK = 50_000

READS = {
    "pyarrow": "import pyarrow.parquet as pq\ndef read(path): return pq.read_table(path)",
    "ours": "from hasher.data import load_dataset\ndef read(path): return load_dataset(path)",
}
MEASURE = """
import json, sys, time
import numpy as np, pandas, pyarrow.dataset
def peak():  # getrusage would count what the process that started this one held
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
before = peak()
start, cpu = time.perf_counter(), time.process_time()
held = read(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu,
                  "memory": (peak() - before) / 1024}))
"""


def write(path: Path, rows: int, width: int) -> None:
    """Random vectors as lists of float32, with a label and an id each."""
    rng = np.random.default_rng(0)
    kind = pa.list_(pa.float32())
    schema = pa.schema({"features": kind, "labels": pa.string(), "ids": pa.int64()})
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            values = pa.array(rng.standard_normal(count * width, dtype=np.float32))
            lists = pa.ListArray.from_arrays(np.arange(0, count * width + 1, width, dtype=np.int32), values)
            labels = [f"class {number % 100}" for number in range(count)]
            writer.write_table(pa.table([lists, pa.array(labels), np.arange(start, start + count)], schema=schema))


def measured(name: str, path: Path) -> dict[str, float]:
    """Seconds, seconds of all cores and MiB of one read in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", READS[name] + MEASURE, str(path)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def main() -> None:
    """Write a file, read it by turns, and say how the two compare."""
    parser = argparse.ArgumentParser(description="Loading Parquet beside pyarrow's own read.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.parquet"
        write(path, given.rows, given.width)
        matrix = given.rows * given.width * 4 / 2**20
        print(
            f"{given.rows:,} rows of {given.width}: {path.stat().st_size / 2**20:.0f} MiB, the matrix {matrix:.0f} MiB"
        )
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in READS}
        for _ in range(given.rounds):
            for name, found in runs.items():
                found.append(measured(name, path))
        middle = {name: {key: median(one[key] for one in every) for key in every[0]} for name, every in runs.items()}
        for name, of in middle.items():
            print(f"{name:>8}  {of['seconds']:.2f} s, {of['cpu']:.2f} s of all cores, {of['memory']:.0f} MiB")
        for key in ("seconds", "cpu"):
            print(f"ours / pyarrow, {key}: {middle['ours'][key] / middle['pyarrow'][key]:.2f}")


if __name__ == "__main__":
    main()
