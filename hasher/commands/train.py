"""``python -m hasher train DATASET``: one hasher, from its data to a saved model and a row of scores."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from hasher.data import EmbeddingSet, Split, SplitConfig, check_leaks, load_dataset, make_splits
from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.hagcn.config import FILTER_NAMES, HasherConfig
from hasher.model_file import SavedHasher, save_hasher
from hasher.retrieval import Retrieval
from hasher.scoring import encode_split, score_codes
from hasher.training.loop import Trainer, resolve_device


def add_parser(subparsers: Any, name: str) -> None:
    """Declare the subcommand: an option for every hyperparameter, `--ae-width` for `ae_width`."""
    parser = subparsers.add_parser(name, help="train one hasher, test it and save it")
    parser.add_argument("dataset", metavar="DATASET", help="built-in name, .npz file or folder of .npy files")
    for field, info in HasherConfig.model_fields.items():
        parser.add_argument(
            f"--{field.replace('_', '-')}", dest=f"config_{field}", type=_type_of(info.annotation), metavar="VALUE",
            choices=FILTER_NAMES if field == "filter" else None,
            help=f"{info.description or ', '.join(FILTER_NAMES)} (default {info.default})",
        )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="initial weights and order of the mini-batches (default 0)")
    parser.add_argument("--split-seed", type=int, default=0, help="which items are queries (default 0)")
    parser.add_argument("--test-queries", type=int, metavar="N", help="default: the official split, or a sixth")
    parser.add_argument("--validation-queries", type=int, metavar="N", help="default: a sixth of the rest")
    parser.add_argument("--max-database", type=int, metavar="N", help="use at most N database items")
    parser.add_argument("--k", type=int, default=200, help="cut-off of map_at_k (default 200)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="default: data")
    parser.add_argument("--csv", type=Path, default=Path("train.csv"), help="file a row is appended to")
    parser.add_argument("--model", type=Path, help="where the model goes (default: DATASET-FILTER-BITS.safetensors)")


def run(given: argparse.Namespace) -> int:
    """Train, test, append the row and save the model; returns 1 where the training diverged."""
    values = {key.removeprefix("config_"): value for key, value in vars(given).items() if key.startswith("config_")}
    config = HasherConfig.parse({key: value for key, value in values.items() if value is not None}, "command line")
    dataset = load_dataset(given.dataset, given.data_dir)
    limits = {name: getattr(given, name) for name in ("test_queries", "validation_queries", "max_database")}
    splits = make_splits(dataset, SplitConfig.parse({"seed": given.split_seed, **limits}, "command line"))
    check_leaks(dataset, splits.final)
    trainer = Trainer(config, dataset.features[splits.search.train], given.seed, resolve_device(given.device))
    row: dict[str, Any] = {"dataset": dataset.name, "seed": given.seed, **config.model_dump(), "state": "complete"}
    for result in trainer.run():
        score = _evaluate(trainer, dataset, splits.search, given.k).map
        print(
            f"epoch {result.epoch:4d}/{config.trained_epochs}  loss {result.loss:9.5f}  validation mAP {score:.4f}",
            flush=True,
        )
        row |= {**asdict(result), "validation_map": score}
        if result.diverged:
            row["state"] = "diverged"
            _append(given.csv, row)
            print(f"diverged: the loss is {result.loss} after epoch {result.epoch}; try a smaller --learning-rate")
            return 1
    found = _evaluate(trainer, dataset, splits.final, given.k)
    row |= {"map": found.map, "map_at_k": found.map_at_k, "precision_at_radius_2": found.precision_at_radius_2}
    _append(given.csv, row)
    path = given.model or Path(f"{dataset.name}-{config.filter}-{config.bits}.safetensors")
    about = {
        "dataset": dataset.name, "fingerprint": dataset.fingerprint, "split": splits.config.model_dump(),
        "seed": given.seed, "map": found.map, "map_at_k": found.map_at_k,
    }  # fmt: skip
    save_hasher(SavedHasher(trainer.trained, about), path)
    print(
        f"test: mAP {found.map:.4f}  mAP@{given.k} {found.map_at_k:.4f}  "
        f"precision within radius 2 {found.precision_at_radius_2:.4f}\nrow in {given.csv}, model in {path}"
    )
    return 0


def _evaluate(trainer: Trainer, dataset: EmbeddingSet, split: Split, k: int) -> Retrieval:
    return score_codes(dataset, split, *encode_split(trainer.encoder, dataset, split), k)


def _type_of(annotation: Any) -> Any:
    """The Python type an option's text is turned into: `int` for ``int | None``, `str` for a Literal."""
    for candidate in (int, float):
        if annotation is candidate or candidate in get_args(annotation):
            return candidate
    return str


def _append(path: Path, row: dict[str, Any]) -> None:
    """One more row; earlier rows and columns stay, and columns they lacked are empty there."""
    table = pd.DataFrame([row])
    if path.exists():
        try:
            table = pd.concat([pd.read_csv(path), table], ignore_index=True)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
            raise UserError(f"{path}: not a CSV file that a row can be added to") from None
    write_atomically(path, table.to_csv(index=False))
