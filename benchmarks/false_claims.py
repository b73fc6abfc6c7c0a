"""How often does a report claim in words what is not so? Simulated studies whose truth is known.

A study has the rows of the digits study, searched rivals beside them, three code lengths, five seeds and 300 queries,
and the spread of its scores. Where nothing differs, each claim of a difference is false; where methods differ by known
amounts, a claim that has the direction wrong is. A study's search has three methods, ten trials a cell, and scores that
no hyperparameter decides: trials drawn at random, or chosen by TPE. What is said of methods and of hyperparameters is
counted apart and together. In a third kind of trials a hyperparameter without effect goes along with one that has one.

Run ``python benchmarks/false_claims.py [--studies N]``; 1,000 studies take half an hour of one core, most of it for the
importances.
"""

import argparse
import gc
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.claims.effects import effects
from analysis.claims.families import answer
from analysis.claims.graph import worth_of_a_graph
from analysis.claims.leading import Rows, headline
from analysis.importance import importances
from analysis.names import label
from analysis.per_query import PerQuery
from analysis.rivals import NO_GRAPH, Contest
from analysis.statistics.column import Column, adjusted_together, compare_rows, compare_with, together
from analysis.statistics.intervals import Interval
from analysis.statistics.paired import ALPHA
from study.plan.dimensions import distributions
from study.plan.spec import StudySpec

FILTERS = ("spline", "lanczos", "chebyshev", "gcn", "fourier")
RIVALS = ("sdc", "crovca", "agh")
BASELINES = ("lsh", "itq", "pca_sign", "float_cosine")
ROWS = (*FILTERS, NO_GRAPH, *RIVALS, *BASELINES)
FIXED = ("pca_sign", "float_cosine")
#: Differences that are small beside the spread of queries and large beside their errors, as real ones are.
LEADS = {"fourier": 0.03, "spline": 0.02, NO_GRAPH: -0.02, "sdc": 0.01, "crovca": -0.03, "itq": -0.15, "lsh": -0.3}

CLAIM = re.compile(r"(?<!not )shown to be (?:above|below|better|worse)|shown to have an effect: ")


@dataclass(frozen=True)
class Layout:
    """The size of a study, and standard deviations of what its scores are made of."""

    rows: tuple[str, ...] = ROWS
    bits: tuple[int, ...] = (16, 32, 64)
    seeds: int = 5
    queries: int = 300
    query: float = 0.2
    method_query: float = 0.07
    method_seed: float = 0.006
    noise: float = 0.05


@dataclass(frozen=True)
class Simulated:
    """A study's columns and the contests of HAGCN with its rivals."""

    layout: Layout
    scores: dict[int, dict[str, PerQuery]]
    columns: dict[int, Column]
    contests: list[Contest]

    def sentences(self) -> list[str]:
        """All that is said of the differences of methods; verdicts first and beaten in the words of claims."""
        bits = 32 if 32 in self.columns else min(self.columns)
        means = {name: float(one.values.mean()) for name, one in self.scores[bits].items()}
        studied = [name for name in self.layout.rows if name not in BASELINES]
        interval, claimed = Interval(0.0, 1.0), together(self.columns)
        said = [
            headline(Rows(bits, "", "mAP", means, studied, claimed[bits], interval)),
            worth_of_a_graph(studied, claimed),
        ]
        if self.contests:
            verdicts = {one.verdict.standing for one in self.contests}
            said.append(answer(self.contests) + (" shown to be better" if verdicts & {"first", "beaten"} else ""))
        return said


def simulate(rng: np.random.Generator, layout: Layout, leads: Mapping[str, float]) -> Simulated:
    """One study; rows that are not in `leads` are at 0.6, the others that much above. Scores are not cut at 0 and 1."""
    scores = {bits: _column(rng, layout, leads) for bits in layout.bits}
    columns = {
        bits: compare_rows({name: float(one.values.mean()) for name, one in found.items()}, found)
        for bits, found in scores.items()
    }
    rivals = [name for name in (*RIVALS, *BASELINES) if name in layout.rows and name != "float_cosine"]
    filters = [name for name in FILTERS if name in layout.rows]
    if not filters or not rivals:
        return Simulated(layout, scores, columns, [])
    ours = [filters[int(rng.integers(len(filters)))] for _ in layout.bits]  # by validation queries, which are others
    pairs = adjusted_together(
        [compare_with(one, rivals, scores[bits]) for one, bits in zip(ours, layout.bits, strict=True)]
    )
    contests = [
        Contest("vectors", bits, one, found, ()) for bits, one, found in zip(layout.bits, ours, pairs, strict=True)
    ]
    return Simulated(layout, scores, columns, contests)


def _column(rng: np.random.Generator, layout: Layout, leads: Mapping[str, float]) -> dict[str, PerQuery]:
    shared = layout.query * rng.standard_normal(layout.queries)
    found = {}
    for name in layout.rows:
        seeds = 1 if name in FIXED else layout.seeds
        level = 0.6 + leads.get(name, 0.0) + shared + layout.method_query * rng.standard_normal(layout.queries)
        by_seed = 0.0 if name in FIXED else layout.method_seed * rng.standard_normal((seeds, 1))
        values = level + by_seed + layout.noise * rng.standard_normal((seeds, layout.queries))
        found[name] = PerQuery(values, np.arange(seeds), np.arange(layout.queries), name in FIXED)
    return found


def wrong_directions(study: Simulated, leads: Mapping[str, float]) -> int:
    """Claims about two rows that truly differ which say the opposite."""
    found = [pair for column in study.columns.values() for pair in column.pairs]
    found += [pair for one in study.contests for pair in one.pairs]
    wrong = 0
    for pair in found:
        truth = leads.get(pair.first, 0.0) - leads.get(pair.second, 0.0)
        if pair.test is not None and pair.adjusted is not None and pair.adjusted < ALPHA:
            wrong += truth * pair.test.difference < 0
    return wrong


SPACE = {
    "knn_size": {"type": "int", "low": 4, "high": 24, "log": True},
    "ae_width": {"type": "categorical", "choices": [128, 256]},
    "alpha": {"type": "float", "low": 0.5, "high": 4.0, "log": True},
    "temperature": {"type": "float", "low": 0.1, "high": 1.0, "log": True},
    "learning_rate": {"type": "float", "low": 0.0005, "high": 0.01, "log": True},
}
SPEC = StudySpec.model_validate(
    {
        "name": "searches",
        "trials": 1,
        "epochs": 1,
        "datasets": ["digits"],
        "methods": ["none", "gcn", "chebyshev"],
        "bits": [16, 32, 64],
        "space": SPACE,
    }
)


def trials_of(rng: np.random.Generator, kind: str, count: int = 10) -> pd.DataFrame:
    """Complete trials of the search, `count` a cell: ``random``, chosen by ``tpe``, or ``confounded``: the score is
    that of the learning rate, and temperature follows the learning rate. The first two are noise about a cell's level.
    """
    cells = [(method, bits) for method in SPEC.methods for bits in SPEC.bits]
    return pd.concat([_trials(rng, kind, count, method).assign(method=method, bits=bits) for method, bits in cells])


def _trials(rng: np.random.Generator, kind: str, count: int, method: str) -> pd.DataFrame:
    seed = int(rng.integers(2**31))
    sampler: optuna.samplers.BaseSampler = (
        optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)
        if kind == "tpe"
        else optuna.samplers.RandomSampler(seed=seed)
    )
    search = optuna.create_study(direction="maximize", sampler=sampler)
    known, level = distributions(SPEC.space_for(method)), float(rng.normal())
    rows = []
    for _ in range(count):
        trial = search.ask(known)
        values = dict(trial.params)
        score = float(rng.normal())
        if kind == "confounded":
            place = np.log(values["learning_rate"] / 0.0005) / np.log(20)
            values["temperature"] = float(np.clip(0.1 * 10 ** (place + 0.05 * rng.normal()), 0.1, 1.0))
            score = 3 * place + 0.3 * score
        score += level
        search.tell(trial, score)
        rows.append({**values, "score": score})
    table = pd.DataFrame(rows)
    return table.assign(shortfall=table["score"] - table["score"].max())


def said_of(trials: pd.DataFrame) -> str:
    """The sentence on the importances of trials."""
    return effects(importances(SPEC, SPEC.methods, trials), [])


def claims(said: str) -> bool:
    """Whether anything is claimed."""
    return CLAIM.search(said) is not None


def blames_the_wrong_one(said: str) -> bool:
    """Whether confounded trials are said to show an effect of something else than the learning rate or, beside it, what
    went along with it."""
    told = said.split("shown to have an effect: ")[-1].split(". It measures")[0] if CLAIM.search(said) else ""
    for part in filter(None, re.split(r"; | and (?![^(]*\))|, (?![^(]*\))", told)):
        names = re.sub(r" for (No graph|GCN|Chebyshev).*", "", part)
        if "learning rate" not in names:
            return True
    return "temperature" in told and "varied with it" not in told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000, help="simulated studies a row (default: 1000)")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    gc.freeze()  # the correction collects garbage at every call
    table = Table("", "claims", "false in", "of")

    def row(what: str, of: str, false: Sequence[bool]) -> None:
        table.add_row(what, of, str(sum(false)), str(len(false)))

    whole, layouts = "13 rows, 3 lengths", {
        "7 rows, 3 lengths, 3 seeds": Layout(rows=ROWS[3:10], seeds=3),
        "GCN and ITQ, 3 lengths": Layout(rows=("gcn", "itq")), "two seeds": Layout(seeds=2),
    }  # fmt: skip
    of_methods = false_of_methods(options.studies, Layout())
    row(f"nothing differs: {whole}", "of a difference", of_methods)
    for name, layout in layouts.items():
        row(f"nothing differs: {name}", "of a difference", false_of_methods(options.studies, layout))
    rng, leads = np.random.default_rng(1), LEADS
    drawn = (simulate(rng, Layout(), leads) for _ in range(options.studies))
    wrong = [wrong_directions(study, leads) > 0 for study in drawn]
    row(f"{label('fourier')} leads by 0.03, others differ", "the wrong way round", wrong)
    for kind, trials in {"random": "drawn at random", "tpe": "chosen by TPE"}.items():
        of_effects = false_of_effects(options.studies, kind, claims)
        row(f"nothing differs: trials {trials}", "of an effect", of_effects)
        either = [one or other for one, other in zip(of_methods, of_effects, strict=True)]
        row(f"nothing differs: {whole}, trials {trials}", "of either", either)
    row("the learning rate decides, temperature follows it", "of another",
        false_of_effects(max(1, options.studies // 5), "confounded", blames_the_wrong_one))  # fmt: skip
    Console(width=100).print(table)


def false_of_methods(studies: int, layout: Layout) -> list[bool]:
    """Of each study in which nothing differs, whether it claims a difference of methods."""
    rng = np.random.default_rng(0)
    return [any(map(claims, simulate(rng, layout, {}).sentences())) for _ in range(studies)]


def false_of_effects(studies: int, kind: str, judge: Callable[[str], bool]) -> list[bool]:
    """Of each study's search, whether what is said of its hyperparameters is false by this judge."""
    rng = np.random.default_rng(2)
    return [judge(said_of(trials_of(rng, kind))) for _ in range(studies)]


if __name__ == "__main__":
    main()
