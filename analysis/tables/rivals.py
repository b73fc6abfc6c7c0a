"""HAGCN's best filter against the other families, column by column."""

from __future__ import annotations

from analysis import rivals
from analysis.claims.families import answer, how, verdict_in_words
from analysis.names import dataset_label
from analysis.results import DatasetResults
from analysis.rivals import Contest
from analysis.statistics.column import Pair
from analysis.statistics.verdict import Standing, is_shown
from analysis.tables.scores import BITS, method_entry
from analysis.tables.table import MISSING, Column, Entry, Mark, Table, count, number, p_value, text, with_spread
from study.record.export import family_of

_DIFFERENCE = (
    Column("difference", "HAGCN minus it"), Column("low", "95% low"), Column("high", "95% high"),
    Column("p_holm", "p, Holm"), Column("verdict", "Verdict", "left"),
)  # fmt: skip
_MARKS: dict[Standing, Mark] = {"first": "best", "tied for first": "tied", "beaten": "warning", "not told": ""}


def rivals_table(results: DatasetResults) -> Table:
    """What stands for every family at each code length, chosen on validation queries, and HAGCN's lead over it."""
    columns = [
        BITS, Column("family", "Family", "left"), Column("method", "Stands for it", "left"),
        Column("validation_score", f"Validation {results.metric}"), Column("score", f"Test {results.metric}"),
        *_DIFFERENCE,
    ]  # fmt: skip
    contests = [rivals.by_validation(results, bits) for bits in results.bits]
    rows: list[list[Entry]] = []
    starts: set[int] = set()
    for one in contests:
        starts.add(len(rows))
        rows += _block(results, one)
    notes = [
        answer(contests),
        how(results.metric),
        "Stands for it: of a family's searched methods the one whose winner has the best validation score. A method "
        "that is not searched was not chosen either, and each stands for itself.",
        "p: of the comparisons of HAGCN's filters with rivals, adjusted for the number of them at all code lengths; "
        "the intervals are not. No graph is the ablation of HAGCN's filters: comparisons of their own, outside the "
        "verdict.",
        "First: shown to be better than every row. Tied for first: no row is shown to be better. No claim is made of "
        "too few replicates, unless nothing in a method is random.",
    ]
    title = f"{dataset_label(results.dataset)}: HAGCN's best filter against the other families"
    return Table("hagcn-against-rivals", title, columns, rows, notes, frozenset(starts))


def _block(results: DatasetResults, one: Contest) -> list[list[Entry]]:
    """The rows of one code length: HAGCN's filter, its ablation, the rivals, and what has no score."""
    bits = count(one.bits)
    if one.ours is None:
        return [[bits, Entry(rivals.OURS), *[Entry(MISSING)] * 7, Entry(verdict_in_words(one))]]
    ours = Entry(verdict_in_words(one), mark=_MARKS[one.verdict.standing])
    rows = [[bits, *_stands(results, one.ours, one.bits), *[Entry(MISSING)] * 4, ours]]
    for pair in ([one.no_graph] if one.no_graph else []) + list(one.pairs):
        rows.append([bits, *_stands(results, pair.second, one.bits), *_lead(pair)])
    rows += [[bits, Entry(name), *[Entry(MISSING)] * 7, Entry("no score")] for name in one.absent]
    return rows


def _stands(results: DatasetResults, method: str, bits: int) -> list[Entry]:
    row = results.summary(results.cell(method, bits))
    family = "its ablation" if method == rivals.NO_GRAPH else family_of(method)
    score = with_spread(row["score_mean"], row["score_sd"])
    return [Entry(family), method_entry(method), number(float(row["validation_score"])), score]


def _lead(pair: Pair) -> list[Entry]:
    if pair.test is None or pair.adjusted is None:
        return [*[Entry(MISSING)] * 4, Entry(pair.why_not)]
    test = pair.test
    shown = ("worse" if test.difference > 0 else "better") if is_shown(pair) else "tied"
    numbers = [number(value, signed="+") for value in (test.difference, test.interval.low, test.interval.high)]
    return [*numbers, Entry(p_value(pair.adjusted), f"{pair.adjusted:.6g}"), Entry(shown)]


def rivals_by_test_table(results: DatasetResults) -> Table:
    """The same question to the best of each by test scores, a row a code length."""
    columns = [
        BITS, Column("ours", "HAGCN's best filter", "left"), Column("score", f"Test {results.metric}"),
        Column("method", "Best of the other families", "left"),
        Column("rival_score", f"Test {results.metric} of it"), *_DIFFERENCE,
    ]  # fmt: skip
    rows = [_by_test_row(results, bits) for bits in results.bits]
    notes = [
        "Both are the best of several by the scores that are compared here, so the lead, whichever way it goes, is "
        "flattered (the winner's curse), and so is its interval. Who is better may be read off all the same: p is "
        "adjusted by Holm's method for all pairs of rows of all columns, whichever of them is looked at. The table "
        "before this one chooses on validation queries instead.",
    ]
    title = f"{dataset_label(results.dataset)}: HAGCN's best filter against the best of the others by test scores"
    return Table("hagcn-against-rivals-by-test", title, columns, rows, notes)


def _by_test_row(results: DatasetResults, bits: int) -> list[Entry]:
    one = rivals.by_test(results, bits)
    best = rivals.best_by_test(results, rivals.other_hashes(results), bits)
    row = [count(bits)]
    for name in (one.ours, best):
        if name is None:
            row += [Entry(MISSING), Entry(MISSING)]
        else:
            found = results.summary(results.cell(name, bits))
            row += [method_entry(name), with_spread(found["score_mean"], found["score_sd"])]
    pair = next((pair for pair in one.pairs if pair.second == best), None)
    numbers = [Entry(MISSING)] * 4 if pair is None else _lead(pair)[:4]
    return [*row, *numbers, text(verdict_in_words(one))]
