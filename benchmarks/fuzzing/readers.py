"""Valid files of every kind, and the command or function that reads each."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import hasher.__main__ as hasher_command
import run_study
from analysis.kept_speed import keep_speeds
from analysis.speed import measure
from analysis.study_records import load_study
from analysis.tables import render_tables
from benchmarks.fuzzing.mutation import mutated
from benchmarks.fuzzing.small_study import run_small_study
from hasher.command_line import command
from hasher.data import idx
from hasher.data.vectors import Items, Vectors
from hasher.methods.registry import find_method
from hasher.model_file import SavedHasher, save_hasher
from hasher.retrieval import pack
from hasher.search.codes_file import HashedItems, save_codes
from hasher.search.index import HammingIndex
from study.command import parse_command

ITEMS, WIDTH, BITS = 60, 7, 12
SPACE = """\
datasets: [{source: mine.npz, test_queries: 12}]
methods: [chebyshev, itq]
bits: [8, 16]
trials: 3
epochs: 2
sampler: {name: tpe, startup_trials: 2}
pruner: {name: median}
fixed: {ae_width: 16, batch_size: {chebyshev: 32}}
space:
  alpha: {type: float, low: 0.5, high: 8.0, log: true}
  knn_size: [{type: int, low: 2, high: 9, methods: [chebyshev]}]
first_trials:
  - {alpha: 1.0, knn_size: 4}
"""
#: The study whose folder is damaged.
STUDY = """\
name: fuzzed
datasets: [mine.npz]
methods: [gcn]
baselines: [itq]
bits: [8]
trials: 2
replicates: 2
epochs: 2
fixed: {ae_width: 8}
space: {alpha: {type: float, low: 0.5, high: 8.0}}
"""

Change = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Reader:
    """`files` are patterns, one of whose files is changed by `change` before `read` is called in its folder."""

    name: str
    files: Sequence[str]
    read: Callable[[], int]
    change: Change = mutated


def readers() -> list[Reader]:
    """All of them."""
    search = ["search", "m.safetensors", "codes.npz", "codes.npz", "-k", "3"]
    return [
        Reader("embeddings (.npz)", ["mine.npz"], lambda: hasher_command.main(["info", "mine.npz"])),
        Reader("vectors (.npz, .npy)", ["plain.npz", "matrix.npy"], _encode_both),
        Reader("folder of .npy", ["tree/*/*.npy"], lambda: hasher_command.main(["info", "tree"])),
        Reader("model: info", ["m.safetensors"], lambda: hasher_command.main(["info", "m.safetensors"])),
        Reader("model: encode", ["m.safetensors"],
               lambda: hasher_command.main(["encode", "m.safetensors", "mine.npz", "--out", "out.npz"])),
        Reader("codes: info", ["codes.npz"], lambda: hasher_command.main(["info", "codes.npz"])),
        Reader("codes: search", ["codes.npz"], lambda: hasher_command.main([*search, "--out", "found.csv"])),
        Reader("faiss index, sealed anew", ["codes.faiss"], lambda: hasher_command.main(search), _sealed),
        Reader("IDX and gzip", ["pictures.idx", "pictures.idx.gz"], _parse_pictures),
        Reader("search space", ["space.yaml"], _parse_space),
        Reader("study.yaml and its kind", ["runs/fuzzed/study.yaml", "runs/fuzzed/origins.yaml"],
               lambda: run_study.main(["runs/fuzzed", "--status"])),
        Reader("storage.txt", ["runs/fuzzed/storage.txt"], lambda: run_study.main(["runs/fuzzed", "--status"])),
        Reader("journal", ["runs/fuzzed/journal.log"], lambda: run_study.main(["runs/fuzzed", "--status"])),
        Reader("records.csv, curves.csv", ["runs/fuzzed/*.csv"], _tables),
        Reader("speed.yaml", ["runs/fuzzed/speed.yaml"], _tables),
        Reader("evaluations", ["runs/fuzzed/evaluations/mine/*.npz"], _tables),
    ]  # fmt: skip


def make_files(folder: Path) -> None:
    """Valid files of every kind, and a study that has been run."""
    rng = np.random.default_rng(0)
    labels = np.arange(ITEMS) % 3
    features = (rng.normal(size=(3, WIDTH))[labels] * 2 + rng.normal(size=(ITEMS, WIDTH))).astype(np.float32)
    names = np.array(["cat", "dog", "emu"])[labels]
    paths = np.array([f"images/{number}.png" for number in range(ITEMS)])
    np.savez(folder / "mine.npz", features=features, labels=names, paths=paths, groups=np.arange(ITEMS) // 2)
    np.savez_compressed(folder / "plain.npz", features=features, about=np.array(json.dumps({"made": {"by": "hand"}})))
    np.save(folder / "matrix.npy", features)
    for number, vector in enumerate(features[:12]):
        (folder / "tree" / f"class{number % 3}").mkdir(parents=True, exist_ok=True)
        np.save(folder / "tree" / f"class{number % 3}" / f"{number}.npy", vector)
    method = find_method("gcn")
    config = method.configure({"bits": BITS, "ae_width": 8})
    torch.manual_seed(0)
    hasher = SavedHasher(method, config, method.model(config, WIDTH).eval(), {"dataset": "mine", "seed": 1})
    save_hasher(hasher, folder / "m.safetensors")
    items = Items("mine.npz", np.arange(ITEMS), labels, ("cat", "dog", "emu"), paths)
    packed = pack(hasher.encode(Vectors(features, items).features))
    codes = HashedItems(packed, BITS, hasher.fingerprint, items, hasher.settings, hasher.about)
    save_codes(codes, folder / "codes.npz")
    HammingIndex.of_packed(packed, BITS).save(folder / "codes.faiss", codes.fingerprint)
    pictures = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (5, 4, 4)) + bytes(80)
    (folder / "pictures.idx").write_bytes(pictures)
    (folder / "pictures.idx.gz").write_bytes(gzip.compress(pictures, mtime=0))
    (folder / "space.yaml").write_text(SPACE)
    (folder / "study.yaml").write_text(STUDY)
    with contextlib.chdir(folder):
        run_small_study(Path("study.yaml"), Path("runs"))
        study = load_study(Path("runs/fuzzed"), Path())
        keep_speeds(study, measure(study))


def _encode_both() -> int:
    codes = [
        hasher_command.main(["encode", "m.safetensors", source, "--out", "out.npz"])
        for source in ("plain.npz", "matrix.npy")
    ]
    return max(*codes, hasher_command.main(["info", "plain.npz"]))


@command
def _parse_space(arguments: Sequence[str] | None = None) -> int:
    spec = parse_command(["space.yaml"]).spec
    for name in spec.all_methods:
        spec.trials_of(name)
    return 0


@command
def _parse_pictures(arguments: Sequence[str] | None = None) -> int:
    for name in ("pictures.idx", "pictures.idx.gz"):
        idx.parse(idx.decompress(Path(name).read_bytes(), 10_000, name), name)
    return 0


@command
def _tables(arguments: Sequence[str] | None = None) -> int:
    render_tables(load_study(Path("runs/fuzzed")))
    return 0


def _sealed(content: bytes, rng: random.Random) -> bytes:
    """Another index under a seal that is right, as whoever forges one would make it."""
    end = content.rfind(b"\n", 0, -1)
    index, seal = mutated(content[:end], rng), json.loads(content[end:])
    seal["content"] = hashlib.blake2b(index, digest_size=16).hexdigest()
    return index + f"\n{json.dumps(seal)}\n".encode()
