"""The command line of run_study.py."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hasher.commands.options import add_key_options, method_names
from hasher.errors import UserError
from hasher.methods.registry import ALL, BUILT_IN, families, methods
from study.options import Resources, RunOptions, TrackingOptions
from study.plan.extending import read_search_space
from study.plan.origins import Origins
from study.plan.space_file import FOR_ANY_DATA, FOR_ANY_METHOD, SHIPPED, read_study
from study.plan.spec import StudySpec
from study.record.study_folder import StudyFolder

DEFAULT_SPACE = SHIPPED / "digits.yaml"
Action = Literal["run", "dry-run", "status"]
#: CPUs or GPUs of one trial: more than any machine has.
MOST_DEVICES = 4096
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Command:
    """What the user asked for."""

    spec: StudySpec
    origins: Origins
    options: RunOptions
    action: Action
    quiet: bool


def parse_command(arguments: Sequence[str] | None = None) -> Command:
    """The command line and the search space it names. Raises `UserError`; argparse exits with code 2 itself."""
    given = _parser().parse_args(arguments)
    given.methods = given.methods and list(dict.fromkeys(itertools.chain.from_iterable(given.methods)))
    options = _options(given)
    space = given.space or (DEFAULT_SPACE if given.dataset is None else _space_for_any(given.methods or []))
    around = StudyFolder(space.parent)
    if space.is_dir():  # the folder of a study, which says itself what it is
        space, options = _study_folder(space), replace(options, runs_dir=space.parent)
    elif space == around.spec and around.storage.exists():
        around.read_spec()  # a frozen study, refused where another version meant something else by the same keys
    study = read_study(space, _overrides(given))
    return Command(_with_keys(study.spec, given), study.origins, options, given.action, given.quiet)


def _space_for_any(chosen: Sequence[str]) -> Path:
    """The search space for data that come without one: that of all methods where the other has no ranges for some."""
    known = read_search_space(FOR_ANY_DATA, SHIPPED).values["methods"]
    built_in = {method.name for method in BUILT_IN if method.hyperparameters}
    return FOR_ANY_METHOD if built_in & set(chosen) - set(known) else FOR_ANY_DATA


def _study_folder(path: Path) -> Path:
    frozen = StudyFolder(path).read_spec()
    if frozen is None:
        raise UserError(
            f"{path}: not a study (no study.yaml), give a search space or a directory that run_study.py made"
        )
    if frozen.name != path.resolve().name:
        raise UserError(f"{path}: holds the study {frozen.name}, the directory must be named so")
    return StudyFolder(path).spec


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_study.py",
        description="Run a hyperparameter study of HAGCN. The same command again goes on where it stopped.",
    )
    parser.add_argument(
        "space", nargs="?", type=Path,
        help="search space, or the directory of a study that exists (default: digits; with --dataset: embeddings, or "
        "rivals, which has ranges for all methods)",
    )  # fmt: skip
    study = parser.add_argument_group("what is studied (in place of the file's values)")
    study.add_argument("--name", help="name of the study and its directory (default: the file's, or the data's)")
    study.add_argument("--dataset", nargs="+", metavar="NAME_OR_PATH", help="data sets: names, files or folders")
    add_key_options(study)
    study.add_argument(
        "--methods", "--filters", nargs="+", type=method_names, metavar="METHOD",
        help=f"methods to search and compare: {ALL}, a family ({', '.join(families())}) or {', '.join(methods())}",
    )  # fmt: skip
    study.add_argument("--bits", nargs="+", type=int, metavar="N", help="code lengths")
    study.add_argument("--trials", type=int, metavar="N", help="sampled configurations a cell")
    study.add_argument("--replicates", type=int, metavar="N", help="fresh seeds a cell's winner is tested with")
    study.add_argument("--epochs", type=int, metavar="N", help="most epochs a trial runs")
    study.add_argument("--seed", type=int, metavar="N", help="decides every random choice")
    study.add_argument(
        "--trial-time-limit", type=_seconds, metavar="TIME", help="stop a search trial after this much work: 90s, 30m"
    )
    study.add_argument(
        "--extend", action="store_true",
        help="let a study that is there grow: more trials, replicates, epochs, bits, methods, data, wider ranges",
    )  # fmt: skip
    running = parser.add_argument_group("how it is run (changes no result)")
    running.add_argument("--runs-dir", type=Path, default=Path("runs"), metavar="DIR", help="default: runs")
    running.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="default: data")
    running.add_argument("--storage", metavar="URL", help="Optuna storage (default: a journal file in the run)")
    running.add_argument(
        "--share", action="store_true",
        help="run the study together with other drivers that share it: each takes cells that no other one has",
    )  # fmt: skip
    running.add_argument(
        "--storage-path", metavar="PATH", help="a folder or s3://… that all nodes reach, for checkpoints and a copy"
    )
    running.add_argument("--address", metavar="ADDR", help="a Ray cluster (default: this machine)")
    running.add_argument("--cpus-per-trial", type=float, default=1, metavar="N")
    running.add_argument("--gpus-per-trial", type=float, default=0, metavar="N", help="fractions share a GPU")
    running.add_argument("--max-concurrent", type=int, metavar="N", help="most trials at once (default: what fits)")
    running.add_argument("--time-budget", type=_seconds, metavar="TIME", help="stop after: 90s, 30m, 2h, 1d")
    running.add_argument(
        "--max-device-hours", type=float, metavar="N", help="start nothing once all runs of the study took so much"
    )
    watching = parser.add_argument_group("trackers that follow it (off by default)")
    watching.add_argument("--tensorboard", action="store_true", help="write events below the study's tracking/")
    watching.add_argument("--mlflow", metavar="URI", help="log to an MLflow server or database: sqlite:///mlflow.db")
    watching.add_argument("--wandb", action="store_true", help="log to Weights & Biases")
    instead = running.add_mutually_exclusive_group()
    instead.add_argument(
        "--dry-run", dest="action", action="store_const", const="dry-run", default="run",
        help="show what is planned, done and left, and what that will take",
    )  # fmt: skip
    instead.add_argument(
        "--status", dest="action", action="store_const", const="status",
        help="show where the study stands, also while it runs",
    )  # fmt: skip
    running.add_argument("--quiet", action="store_true", help="print errors only")
    return parser


def _seconds(text: str) -> float:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time, write for instance 90s, 30m, 2h or 1d")
    return seconds


def _overrides(given: argparse.Namespace) -> dict[str, Any]:
    keys = {"name": "name", "dataset": "datasets", "methods": "methods", "bits": "bits", "trials": "trials",
            "replicates": "replicates", "epochs": "epochs", "seed": "seed",
            "trial_time_limit": "trial_time_limit"}  # fmt: skip
    return {key: getattr(given, flag) for flag, key in keys.items() if getattr(given, flag) is not None}


def _with_keys(spec: StudySpec, given: argparse.Namespace) -> StudySpec:
    """The study with what the command line says of the names in the files of its data."""
    named = {"features_key": given.features_key, "label_column": given.label_column, "id_column": given.id_column,
             "labels": given.label_file}  # fmt: skip
    named = {field: value for field, value in named.items() if value is not None}
    return spec.model_copy(update={"datasets": [one.model_copy(update=named) for one in spec.datasets]})


def _options(given: argparse.Namespace) -> RunOptions:
    for flag in ("cpus_per_trial", "gpus_per_trial"):
        if not 0 <= getattr(given, flag) <= MOST_DEVICES:
            raise UserError(f"--{flag.replace('_', '-')}: 0 to {MOST_DEVICES:,}, not {getattr(given, flag):g}")
    if given.cpus_per_trial == 0 and given.gpus_per_trial == 0:
        raise UserError("--cpus-per-trial 0: a trial without a GPU needs a share of a CPU")
    if given.share and given.extend:
        raise UserError("--extend: one driver extends a study, others may share it afterwards")
    if given.share and given.storage is None:
        raise UserError("--share: needs --storage, a database that all its drivers reach")
    if given.max_concurrent is not None and given.max_concurrent < 1:
        raise UserError(f"--max-concurrent: at least 1, not {given.max_concurrent}")
    if given.max_device_hours is not None and not 0 < given.max_device_hours < float("inf"):
        raise UserError(f"--max-device-hours: a number above 0, not {given.max_device_hours:g}")
    return RunOptions(
        runs_dir=given.runs_dir,
        data_dir=given.data_dir,
        storage=given.storage,
        extend=given.extend,
        share=given.share,
        storage_path=given.storage_path,
        address=given.address,
        resources=Resources(given.cpus_per_trial, given.gpus_per_trial),
        max_concurrent=given.max_concurrent,
        time_budget=given.time_budget,
        max_device_hours=given.max_device_hours,
        tracking=TrackingOptions(given.tensorboard, given.mlflow, given.wandb),
    )
