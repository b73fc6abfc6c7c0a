"""``python -m hasher train DATASET``: one hasher, from its data to a saved model and a row of scores."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hasher.commands.options import add_data_options, keys_of, method_name
from hasher.console import say
from hasher.contract import EpochResult, Method, Training, epochs_left
from hasher.csv_text import frame_to_csv, restored
from hasher.data import EmbeddingSet, Split, SplitConfig, Vectors, check_leaks, load_any, make_splits, warn_of_oddities
from hasher.data.embedding_set import checked_features, refuse_alike
from hasher.errors import UserError
from hasher.files import open_regular, shown, write_atomically
from hasher.images.recipe import recipe_of
from hasher.methods.registry import find_method, methods
from hasher.model_file import SavedHasher, origin_of, save_hasher
from hasher.retrieval import Retrieval
from hasher.retrieval.metrics import METRICS, scores_of
from hasher.scoring import encode_split, score_codes
from hasher.training.loop import resolve_device


def add_parser(subparsers: Any, name: str) -> None:
    """Declare the subcommand: an option for every hyperparameter, `--ae-width` for `ae_width`."""
    parser = subparsers.add_parser(
        name, help="train one hasher, test it and save it",
        description="Data without labels are trained on whole, and nothing is tested.",
    )  # fmt: skip
    parser.add_argument("dataset", metavar="DATASET", help="built-in name, file of embeddings or folder of .npy files")
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
    parser.add_argument("--max-training", type=int, metavar="N", help="train on at most N of them, and search all")
    parser.add_argument(
        "--unseen-classes", type=_number, metavar="N",
        help="test on N classes, or a share below 1 of them, of which nothing is trained on",
    )  # fmt: skip
    parser.add_argument("--k", type=int, default=200, help="cut-off of map_at_k (default 200)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    parser.add_argument("--csv", type=Path, default=Path("train.csv"), help="file a row is appended to")
    parser.add_argument("--model", type=Path, help="where the model goes (default: DATASET-METHOD-BITS.safetensors)")
    add_data_options(parser)


def run(given: argparse.Namespace) -> int:
    """Train, test, append the row and save the model; returns 1 where the training diverged."""
    values = {key.removeprefix("config_"): value for key, value in vars(given).items() if key.startswith("config_")}
    method = find_method(given.method)
    config: Any = method.parse({key: value for key, value in values.items() if value is not None}, "command line")
    limits = {name: getattr(given, name) for name in SplitConfig.model_fields if name != "seed"}
    split = SplitConfig.parse({"seed": given.split_seed, **limits}, "command line")
    data = load_any(given.dataset, given.data_dir, keys_of(given))
    course = _Course(given, method, config)
    about = _train_untested(course, data, split) if isinstance(data, Vectors) else _train_tested(course, data, split)
    _append(given.csv, course.row)
    if about is None:
        loss = course.row["loss"]
        say(f"diverged: the loss is {loss} after epoch {course.row['epoch']}; try a smaller --learning-rate")
        return 1
    path = given.model or Path(f"{course.row['dataset']}-{method.name}-{config.bits}.safetensors")
    assert course.training is not None
    save_hasher(SavedHasher(method, config, course.training.trained, about), path)
    say(f"row in {shown(given.csv)}, model in {shown(path)}")
    return 0


class _Course:
    """One training by the options of the command line; `row` is what is told of it."""

    def __init__(self, given: argparse.Namespace, method: Method, config: Any) -> None:
        self.given, self._method, self._config = given, method, config
        self.training: Training | None = None
        self.row: dict[str, Any] = {}

    def begin(self, name: str, features: NDArray[np.float32]) -> Training:
        """The training on `features` (n, d) of the data set `name`, before its first epoch."""
        problem = self._method.impossible(self._config.bits, *features.shape)
        if problem is not None:
            raise UserError(f"--bits {self._config.bits}: {problem}")
        self.training = self._method.start(self._config, features, self.given.seed, resolve_device(self.given.device))
        self.row = {
            "dataset": name, "method": self._method.name, "seed": self.given.seed,
            **self._method.settings(self._config), "state": "complete",
        }  # fmt: skip
        return self.training

    def epochs(self, training: Training) -> Iterator[tuple[EpochResult, str]]:
        """The epochs, each with a line about it."""
        for result in epochs_left(training):
            self.row |= result.as_row()
            if result.diverged:
                self.row["state"] = "diverged"
            yield result, f"epoch {result.epoch:4d}/{training.epochs}  loss {result.losses['loss']:9.5f}"

    @property
    def diverged(self) -> bool:
        return self.row["state"] == "diverged"


def _train_tested(course: _Course, dataset: EmbeddingSet, config: SplitConfig) -> dict[str, Any] | None:
    """Train with a look at the validation queries after each epoch, and test; what the model's file is to say.

    None where the training diverged.
    """
    k = course.given.k
    splits = make_splits(dataset, config)
    check_leaks(dataset, splits.final)
    warn_of_oddities(dataset, splits.final)
    training = course.begin(dataset.name, dataset.features[splits.search.train])
    for _, line in course.epochs(training):
        score = _evaluate(training, dataset, splits.search, k).map
        course.row["validation_map"] = score
        say(f"{line}  validation mAP {score:.4f}")
    if course.diverged:
        return None
    scores = scores_of(_evaluate(training, dataset, splits.final, k))
    course.row |= scores
    tested = "test" if config.unseen_classes is None else "test on unseen classes"
    say(f"{tested}: " + "  ".join(f"{metric.title(k)} {scores[name]:.4f}" for name, metric in METRICS.items()))
    return {**origin_of(dataset, config), "seed": course.given.seed, **scores}


def _train_untested(course: _Course, vectors: Vectors, config: SplitConfig) -> dict[str, Any] | None:
    """Train on all vectors; what the model's file is to say, None where the training diverged.

    Raises `UserError` where `config` asks for a split.
    """
    origin = vectors.items.origin
    asked = config.model_dump(exclude={"seed"}, exclude_none=True)
    if asked:
        option = next(iter(asked)).replace("_", "-")
        raise UserError(f"{shown(origin)}: fewer than two classes, so it is not split; leave --{option} out")
    features = checked_features(vectors.features, origin, vectors.items.paths)
    refuse_alike(features, origin)
    say(f"{shown(origin)}: fewer than two classes, so all {len(features):,} items are trained on and none is tested")
    training = course.begin(Path(origin).stem, features)
    for _, line in course.epochs(training):
        say(line)
    if course.diverged:
        return None
    recipe = recipe_of(vectors.about)
    about = {"dataset": course.row["dataset"], "items": len(features), "seed": course.given.seed}
    return about if recipe is None else {**about, "recipe": recipe}


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


def _number(written: str) -> int | float | str:
    """An integer, another number, or what is neither, which `SplitConfig` refuses."""
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return written


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
