"""The methods that figures of a study of many draw in colour: those a person names, or the best of every family."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.names import by_family, in_order, label, meant
from analysis.results import DatasetResults
from analysis.study_records import StudyRecords
from analysis.wording import listed
from hasher.errors import UserError

#: Rows of the main table that figures draw all in colour.
MOST_ROWS = 12
#: Methods that can be told apart by colour and marker where the lines are close.
MOST = 8
#: The hash that others are commonly measured against.
YARDSTICK = "itq"


def named(study: StudyRecords, written: Sequence[str]) -> tuple[str, ...]:
    """Methods of a study as people write them. Raises `UserError` for one that it does not have, or too many."""
    there = study.spec.all_methods
    found = tuple(dict.fromkeys(meant(one, there) for one in written))
    for one in found:
        if one not in there:
            raise UserError(f"--highlight: {one}: no such method in {study.folder.path}, it has {', '.join(there)}")
    if len(found) > MOST:
        raise UserError(f"--highlight: {len(found)} methods, no more than {MOST} can be told apart")
    return found


def chosen(results: DatasetResults) -> list[str] | None:
    """The methods in colour, in the order of tables: those that were named, all (None) of a few, or by the rule.

    The rule: of every family, references too, the method with the highest mean test score over the code lengths, among
    those that have a score at most of them; and ITQ. Where that is more than `MOST`, the highest.
    """
    if results.study.highlight:
        return in_order(results.study.highlight)
    if len(results.compared) <= MOST_ROWS:
        return None
    means = {name: _standing(results, name) for name in results.compared}
    best = [max(names, key=lambda one: means[one]) for names in by_family(results.compared).values()]
    yardstick = [YARDSTICK] if YARDSTICK in results.compared else []
    best.sort(key=lambda name: means[name], reverse=True)
    return in_order(list(dict.fromkeys([*yardstick, *best]))[:MOST])


def _standing(results: DatasetResults, method: str) -> tuple[int, float]:
    """Code lengths at which a method has a test score, and the mean of these scores."""
    scores = [float(results.summary(results.cell(method, bits))["score_mean"]) for bits in results.bits]
    known = [score for score in scores if math.isfinite(score)]
    return len(known), sum(known) / len(known) if known else 0.0


def in_words(results: DatasetResults) -> str:
    """Why these are in colour."""
    if results.study.highlight:
        return listed([label(name) for name in in_order(results.study.highlight)])
    has_yardstick = YARDSTICK in results.compared
    return f"the best of every family by mean test {results.metric}" + (f", and {label(YARDSTICK)}" * has_yardstick)
