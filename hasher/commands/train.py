"""``python -m hasher train DATASET``: one hasher, from its data to a saved model and a row of scores."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from hasher.commands.options import method_name
from hasher.console import say
from hasher.contract import Training, epochs_left
from hasher.csv_text import frame_to_csv, restored
from hasher.data import EmbeddingSet, Split, SplitConfig, check_leaks, load_dataset, make_splits
from hasher.errors import UserError
from hasher.files import open_regular, write_atomically
from hasher.methods.registry import find_method, methods
from hasher.model_file import SavedHasher, save_hasher
from hasher.retrieval import Retrieval
from hasher.retrieval.metrics import METRICS, scores_of
from hasher.scoring import encode_split, score_codes
from hasher.training.loop import resolve_device


def add_parser(subparsers: Any, name: str) -> None:
    """Declare the subcommand: an option for every hyperparameter, `--ae-width` for `ae_width`."""
    parser = subparsers.add_parser(name, help="train one hasher, test it and save it")
    parser.add_argument("dataset", metavar="DATASET", help="built-in name, .npz file or folder of .npy files")
    parser.add_argument(
        "--method", "--filter", type=method_name, default="chebyshev", metavar="METHOD",
        help=f"{', '.join(methods())} (default chebyshev)",
    )  # fmt: skip
    for field, info in _hyperparameters().items():
        parser.add_argument(
            f"--{field.replace('_', '-')}", dest=f"config_{field}", type=_type_of(info.annotation), metavar="VALUE",
            help=f"{info.description or field} (default {_default(field)})",
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
    parser.add_argument("--model", type=Path, help="where the model goes (default: DATASET-METHOD-BITS.safetensors)")


def run(given: argparse.Namespace) -> int:
    """Train, test, append the row and save the model; returns 1 where the training diverged."""
    values = {key.removeprefix("config_"): value for key, value in vars(given).items() if key.startswith("config_")}
    method = find_method(given.method)
    config: Any = method.parse({key: value for key, value in values.items() if value is not None}, "command line")
    dataset = load_dataset(given.dataset, given.data_dir)
    limits = {name: getattr(given, name) for name in ("test_queries", "validation_queries", "max_database")}
    splits = make_splits(dataset, SplitConfig.parse({"seed": given.split_seed, **limits}, "command line"))
    check_leaks(dataset, splits.final)
    features = dataset.features[splits.search.train]
    problem = method.impossible(config.bits, *features.shape)
    if problem is not None:
        raise UserError(f"--bits {config.bits}: {problem}")
    training = method.start(config, features, given.seed, resolve_device(given.device))
    own = method.settings(config)
    row: dict[str, Any] = {
        "dataset": dataset.name,
        "method": method.name,
        "seed": given.seed,
        **own,
        "state": "complete",
    }
    for result in epochs_left(training):
        score = _evaluate(training, dataset, splits.search, given.k).map
        loss = result.losses["loss"]
        say(f"epoch {result.epoch:4d}/{training.epochs}  loss {loss:9.5f}  validation mAP {score:.4f}")
        row |= {**result.as_row(), "validation_map": score}
        if result.diverged:
            row["state"] = "diverged"
            _append(given.csv, row)
            say(f"diverged: the loss is {loss} after epoch {result.epoch}; try a smaller --learning-rate")
            return 1
    scores = scores_of(_evaluate(training, dataset, splits.final, given.k))
    row |= scores
    path = given.model or Path(f"{dataset.name}-{method.name}-{config.bits}.safetensors")
    about = {
        "dataset": dataset.name, "fingerprint": dataset.fingerprint, "split": splits.config.model_dump(),
        "seed": given.seed, **scores,
    }  # fmt: skip
    save_hasher(SavedHasher(method, config, training.trained, about), path)
    _append(given.csv, row)
    told = "  ".join(f"{metric.title(given.k)} {scores[name]:.4f}" for name, metric in METRICS.items())
    say(f"test: {told}\nrow in {given.csv}, model in {path}")
    return 0


def _hyperparameters() -> dict[str, Any]:
    """Fields of all methods' configurations, but those that a method decides itself."""
    found: dict[str, Any] = {}
    for method in methods().values():
        own = {name: info for name, info in method.Config.model_fields.items() if name not in method.given}
        found = own | found
    return found


def _default(field: str) -> str:
    """The default of a field, where the methods that have it agree on one."""
    found = {repr(method.Config.model_fields[field].default) for method in methods().values()
             if field in method.Config.model_fields}  # fmt: skip
    return found.pop().strip("'") if len(found) == 1 else "the method's own"


def _evaluate(training: Training, dataset: EmbeddingSet, split: Split, k: int) -> Retrieval:
    return score_codes(dataset, split, *encode_split(training.encoder, dataset, split), k)


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
            with open_regular(path) as file:
                table = pd.concat([restored(pd.read_csv(file)), table], ignore_index=True)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
            raise UserError(f"{path}: not a CSV file that a row can be added to") from None
    write_atomically(path, frame_to_csv(table))
