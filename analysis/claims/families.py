"""Does HAGCN hold against the other families? The answer of `analysis.rivals` in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.names import dataset_label, label
from analysis.rivals import Contest
from analysis.statistics.column import FEWEST, Pair
from analysis.statistics.paired import IN_WORDS
from analysis.statistics.verdict import Standing
from analysis.wording import counted, decimals, listed


def verdict_in_words(found: Contest) -> str:
    """``first``, ``tied for first with SDC``, ``beaten by SDC by 0.012 [0.004, 0.020]`` or why it is not told."""
    if found.ours is None:
        return "not told: HAGCN has no winner"
    standing, pairs = found.verdict.standing, found.verdict.pairs
    if standing == "tied for first":
        return f"{standing} with {listed([label(pair.second) for pair in pairs])}"
    if standing == "beaten":
        return f"{standing} by {_lead(pairs[0])}"
    if standing == "not told":
        return f"{standing}: {_untested(pairs) or 'nothing to compare with'}"
    return standing


def _lead(pair: Pair) -> str:
    """Who is ahead in a pair's second place, and by how much."""
    assert pair.test is not None
    ahead = pair.test.reversed()
    ends = f"{decimals(ahead.interval.low)}, {decimals(ahead.interval.high)}"
    return f"{label(pair.second)} by {decimals(ahead.difference)} [{ends}]"


def _untested(pairs: Iterable[Pair]) -> str:
    """Who could not be tested, by reason."""
    reasons: dict[str, list[str]] = {}
    for pair in pairs:
        reasons.setdefault(pair.why_not, []).append(label(pair.second))
    return "; ".join(f"{why} ({', '.join(names)})" for why, names in reasons.items())


def how(metric: str) -> str:
    """What `answer` rests on."""
    return (
        "Every family stands by the method that was best on validation queries, so no lead is flattered by having been "
        f"picked. Differences are of test {metric} with 95% intervals; the tests are paired by seed and query, with "
        f"Holm's correction over the comparisons of all columns, at the {IN_WORDS:.1%} level. A claim needs {FEWEST} "
        "replicates."
    )


def answer(contests: Sequence[Contest]) -> str:
    """The answer over columns, in a sentence or two; where they are of several data sets it names these."""
    several = len({one.dataset for one in contests}) > 1
    told = [one for one in contests if one.verdict.standing != "not told"]
    untold = [one for one in contests if one.verdict.standing == "not told"]
    sentences = [_told(told, several)] if told else ["HAGCN against the other families: not told in any column."]
    if untold:
        why = "; ".join(f"{_place(one, several)}: {verdict_in_words(one).removeprefix('not told: ')}" for one in untold)
        sentences.append(f"Not told in {len(untold)}: {why}.")
    absent = "; ".join(f"{_place(one, several)}: {', '.join(one.absent)}" for one in told if one.absent)
    if absent:
        sentences.append(f"Without a score, and left out: {absent}.")
    return " ".join(sentences)


def _told(told: Sequence[Contest], several: bool) -> str:
    of: dict[Standing, list[Contest]] = {"first": [], "tied for first": [], "beaten": []}
    for one in told:
        of[one.verdict.standing].append(one)
    firsts, ties = len(of["first"]), len(of["tied for first"])
    standing = "first or tied for first" if bool(firsts) == bool(ties) else "first" if firsts else "tied for first"
    parts = f" (first in {firsts}, tied in {ties})" if firsts and ties else ""
    sentence = f"HAGCN's best filter is {standing} in {firsts + ties} of {counted(len(told), 'column')}{parts}"
    losses = [f"at {_place(one, several)} by {_lead(one.verdict.pairs[0])}" for one in of["beaten"]]
    return f"{sentence}; beaten {listed(losses)}." if losses else f"{sentence}."


def _place(one: Contest, several: bool) -> str:
    return f"{one.bits} bits" + (f" on {dataset_label(one.dataset)}" if several else "")
