"""``python -m hasher info MODEL|DATA|CODES``: what a file or a data set is."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hasher.arrays import opened_archive
from hasher.commands.options import add_data_options, keys_of
from hasher.console import say, shortened
from hasher.data import EmbeddingSet, SplitConfig, Vectors, check_leaks, describe, load_any, make_splits
from hasher.errors import UserError
from hasher.json_text import parsed
from hasher.model_file import is_hasher, load_hasher
from hasher.retrieval import bit_balance, unpack
from hasher.retrieval.metrics import SCORES
from hasher.search.codes_file import is_codes_file, load_codes
from hasher.search.index import HammingIndex

Facts = dict[str, Any]

#: Characters of a value; a file may say anything of itself.
LONGEST = 500


def add_parser(subparsers: Any, name: str) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(name, help="say what a hasher, a data set or a file of codes is")
    parser.add_argument("what", metavar="WHAT", help="a hasher, a file of codes, or data as `encode` takes them")
    parser.add_argument(
        "--split-seed", type=int, default=0, metavar="N", help="of data: whose split is told, as in a study (default 0)"
    )
    add_data_options(parser)


def run(given: argparse.Namespace) -> int:
    """Print the facts."""
    facts = _facts(given)
    width = max(map(len, facts))
    for name, value in facts.items():
        say(f"{name:<{width}}  {_in_words(value)}")
    return 0


def _in_words(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else shortened(" ".join(str(value).split()), LONGEST)


def _facts(given: argparse.Namespace) -> Facts:
    path = Path(given.what).expanduser()
    if path.suffix == ".safetensors" and is_hasher(path):
        return _of_hasher(path)
    if is_codes_file(given.what):
        return _of_codes(path)
    found = load_any(given.what, given.data_dir, keys_of(given))
    if isinstance(found, Vectors):
        return _of_vectors(found)
    return _of_dataset(found, SplitConfig.parse({"seed": given.split_seed}, "--split-seed"))


def _of_hasher(path: Path) -> Facts:
    hasher = load_hasher(path)
    parameters = sum(tensor.numel() for tensor in hasher.model.encoder.state_dict().values())
    return {
        "kind": "hasher", "file": str(path), "size": _size(path), "takes": f"vectors of width {hasher.width}",
        "gives": f"codes of {hasher.config.bits} bits", "encoder's numbers": parameters,
        "fingerprint": hasher.fingerprint,
        **_nested("", hasher.settings), **_nested("origin: ", _told(hasher.about)),
    }  # fmt: skip


def _of_codes(path: Path) -> Facts:
    codes = load_codes(path)
    index = path.with_suffix(".faiss")
    state = "none yet, `search` makes it"
    if index.is_file():
        current = HammingIndex.of_packed(codes.packed, codes.bits).is_kept_in(index, codes.fingerprint)
        state = f"{index}, {_size(index)}" + ("" if current else ", of other codes: `search` makes it anew")
    balance = np.abs(bit_balance(unpack(codes.packed, codes.bits))).mean()
    return {
        "kind": "hash codes", "file": str(path), "size": _size(path), "source": codes.items.origin,
        "items": len(codes), "bits": codes.bits, "distinct codes": len(np.unique(codes.packed, axis=0)),
        "imbalance of bits": f"{balance:.3f} (0: every bit is set in half of the codes, 1: bits are constant)",
        "classes": len(codes.items.class_names), "paths": codes.items.paths is not None, "index": state,
        "hasher's fingerprint": codes.hasher,
        **_nested("hasher: ", codes.config), **_nested("hasher's origin: ", codes.origin),
    }  # fmt: skip


def _told(about: Mapping[str, Any]) -> Facts:
    """What a hasher's file says, less what says nothing; scores are called test scores, which they are."""
    scores = {score.name for score in SCORES}
    split = {key: value for key, value in about.get("split", {}).items() if value is not None}
    told = {f"test {name}" if name in scores else name: value for name, value in about.items() if name != "split"}
    return {**told, "split": split} if split else told


def _of_vectors(vectors: Vectors) -> Facts:
    path = Path(vectors.items.origin)
    known = "without labels" if vectors.items.labels is None else "of one class"
    return {
        "kind": f"vectors {known}", "file": str(path), "size": _size(path), "items": len(vectors),
        "width": vectors.features.shape[1], "type": str(vectors.features.dtype),
        "paths": vectors.items.paths is not None, **_about(path),
    }  # fmt: skip


def _of_dataset(dataset: EmbeddingSet, config: SplitConfig) -> Facts:
    facts: Facts = {"kind": "data set", **describe(dataset)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the leaks it warns of are among the facts
            split = make_splits(dataset, config).final
            leaks = check_leaks(dataset, split)
    except UserError as error:
        facts["default split"] = f"none ({error})"
    else:
        kind = f"by seed {config.seed}" if dataset.is_query is None else "official"
        facts["default split"] = (
            f"{kind}: {len(split.queries):,} queries, {len(split.database):,} database, {len(split.train):,} trained on"
        )
        facts["queries with an exact duplicate trained on"] = leaks
    path = Path(dataset.source)
    if path.suffix == ".npz" and path.is_file():
        facts = {**facts, "size": _size(path), **_about(path)}
    return facts


def _size(path: Path) -> str:
    if not path.is_file():
        return "–"
    size = path.stat().st_size
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} bytes"


def _keys(path: Path) -> Sequence[str]:
    try:
        with opened_archive(path) as archive:
            return archive.keys
    except UserError:  # a damaged file is named by its loader
        return ["labels"]


def _about(path: Path) -> Facts:
    """What an embedding file says of how it was made."""
    if "about" not in _keys(path):
        return {}
    try:
        with opened_archive(path) as archive:
            about = parsed(str(archive.read("about")))
    except (UserError, ValueError):  # pickled, damaged or not JSON: it is there for information only
        return {"about": "cannot be read"}
    return _nested("about: ", about) if isinstance(about, dict) else {"about": about}


def _nested(prefix: str, values: Mapping[str, Any]) -> Facts:
    """`values` under names that open with `prefix`; what is inside another is named `outer.inner`."""
    facts: Facts = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            facts |= _nested(f"{prefix}{name}.", value)
        else:
            facts[f"{prefix}{name}"] = value
    return facts
