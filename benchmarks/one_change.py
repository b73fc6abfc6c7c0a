"""Which part of the model matters where: the winner of a cell trained again with one thing changed at a time.

For each finished study that is named, the configuration that its search chose for a filter and a length is trained on
all non-test items with fresh seeds, as it is and with one key changed; each run is scored once on the test queries.
Nothing is chosen by these scores. Run ``python benchmarks/one_change.py runs/digits runs/stamps … [--bits 32]``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from analysis.names import dataset_label, label
from analysis.study_records import StudyRecords, load_study
from analysis.tables.formats import to_markdown
from analysis.tables.table import Column, Entry, Table, with_spread
from hasher.contract import Method, MethodConfig, epochs_left
from hasher.errors import UserError
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.registry import find_method
from hasher.scoring import encode_split, score_codes
from study.plan.tasks import Cell
from study.work.data import StudyData, load_data

#: The balance that the squared error had as a part of itself (see `hasher.methods.hagcn.losses.squared_error`).
OWN_BALANCE = 2.0


def changes(chosen: HAGCNConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is changed, in words and as keys: each key to its other value."""
    yield (
        "squared error for the ranking loss",
        {
            "similarity_loss": "squared_error",
            "lambda_bal": chosen.lambda_bal + OWN_BALANCE * chosen.lambda_sim,
        },
    )
    other = {"random": "neighbourhood", "neighbourhood": "random"}
    for batches in ("random", "neighbourhood"):
        if chosen.batches != batches:
            yield f"{batches} for {other[batches]} mini-batches", {"batches": batches}
    yield "random start for ITQ's", {"start": "random"}
    yield "graph of the database for the mini-batch's", {"graph": "database"}
    yield "no graph for the filter", {"filter": "none", "filter_order": None}
    yield "constant step size, no average", {"schedule": "constant", "averaging": 0.0}


def scores(method: Method, config: MethodConfig, data: StudyData, seeds: int, k: int) -> list[float]:
    """Test `map` of one run a seed, trained for the epochs of `config`."""
    split, found = data.splits.final, []
    for seed in range(seeds):
        training = method.start(config, data.dataset.features[split.train], seed, torch.device("cpu"))
        for _ in epochs_left(training):
            pass
        found.append(score_codes(data.dataset, split, *encode_split(training.encoder, data.dataset, split), k).map)
    return found


def winning_config(study: StudyRecords, cell: Cell) -> HAGCNConfig:
    """The cell's winner, with the epochs that the search chose. Raises `UserError` where there is none."""
    winner = study.winner(cell)
    if winner is None:
        raise UserError(f"{study.folder.path}: {cell} has no complete trial")
    sampled = {
        name: int(winner[name]) if dimension.type == "int" else winner[name]
        for name, dimension in study.spec.space_for(cell.method).items()
    }
    config = study.spec.configure(cell.method, cell.bits, sampled)
    assert isinstance(config, HAGCNConfig)
    return config.model_copy(update={"stop_after": int(winner["chosen_epoch"])})


def column(study: StudyRecords, name: str, method: str, bits: int, seeds: int) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every variant on one data set, by what is changed."""
    data = load_data(study.spec, study.data_dir)[name]
    chosen = winning_config(study, Cell(name, method, bits))
    found = {
        f"as chosen ({chosen.batches} mini-batches)": scores(
            find_method(chosen.filter), chosen, data, seeds, study.spec.k
        )
    }
    for words, keys in changes(chosen):
        config = HAGCNConfig.model_validate({**chosen.model_dump(), **keys})
        found[words] = scores(find_method(config.filter), config, data, seeds, study.spec.k)
        print(f"{name}: {words}: {np.mean(found[words]):.3f}", file=sys.stderr, flush=True)
    itq = find_method("itq")
    found["ITQ"] = scores(itq, itq.configure({"bits": bits}), data, seeds, study.spec.k)
    return {words: (float(np.mean(values)), float(np.std(values, ddof=1))) for words, values in found.items()}


def main() -> None:
    """Print a Markdown table: a row a change, a column a data set."""
    parser = argparse.ArgumentParser(description="One change at a time to the winners of finished studies.")
    parser.add_argument("studies", nargs="+", type=Path, metavar="RUNS/NAME")
    parser.add_argument("--filter", default="gcn")
    parser.add_argument("--bits", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    columns = {}
    with threadpool_limits(1):
        for study in map(load_study, given.studies):
            for name in study.datasets:
                columns[name] = column(study, name, given.filter, given.bits, given.seeds)
    rows = list(dict.fromkeys(words for found in columns.values() for words in found))
    table = Table(
        "", f"{label(given.filter)}, {given.bits} bits: test mAP with one thing changed",
        [Column("change", "Change", "left"), *(Column(name, dataset_label(name)) for name in columns)],
        [
            [Entry(words), *(with_spread(*found.get(words, (float("nan"),) * 2)) for found in columns.values())]
            for words in rows
        ],
        [f"Mean ± standard deviation over {given.seeds} seeds, on test queries that chose nothing."],
    )  # fmt: skip
    print(to_markdown(table))


if __name__ == "__main__":
    main()
