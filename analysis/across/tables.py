"""Methods over data sets as tables."""

from __future__ import annotations

from analysis.across.results import Across
from analysis.names import full_label, label
from analysis.statistics.ranks import RESAMPLES, Improvement, probability_of_improvement
from analysis.tables.scores import METHOD, method_entry
from analysis.tables.table import MISSING, Column, Entry, Mark, Table, number
from analysis.wording import decimals, listed

#: What the methods are to be above.
RIVAL = "itq"


def scores_table(found: Across) -> Table:
    """A row a method, in the order of average ranks: its mean score on each data set."""
    columns = [METHOD, *(Column(f"score_{place}", name) for place, name in enumerate(found.labels))]
    rows = [
        [method_entry(found.methods[place]), *(number(float(score)) for score in found.scores[:, place])]
        for place in found.average_ranks.argsort(kind="stable")
    ]
    notes = [
        f"Mean test {found.datasets[0].metric} over {_lengths(found)}, of each cell's replicates.",
        *_left_out(found),
    ]
    return Table("scores", "Scores by data set", columns, rows, notes)


def ranks_table(found: Across) -> Table:
    """A row a method: its rank on each data set and on average; marked where it is not told from the first."""
    difference = found.critical_difference
    averages = found.average_ranks
    best = float(averages.min())
    columns = [
        METHOD, Column("average_rank", "Average rank"),
        *(Column(f"rank_{place}", name) for place, name in enumerate(found.labels)),
    ]  # fmt: skip
    rows = []
    for place in averages.argsort(kind="stable"):
        mark: Mark = ""
        if difference is not None:
            mark = "best" if averages[place] == best else "tied" if averages[place] - best <= difference else ""
        shown = Entry(decimals(float(averages[place]), 2), f"{averages[place]:.9g}", mark)
        rows.append([method_entry(found.methods[place]), shown,
                     *(Entry(f"{rank:g}") for rank in found.ranks[:, place])])  # fmt: skip
    notes = [
        f"Rank 1 is the highest mean over {_lengths(found)}. Ranks are averaged over data sets alone: code lengths of "
        "one data set are no independent evidence."
    ]
    if difference is None:
        notes.append(f"No method is marked: {found.why_not_tested}.")
    else:
        notes.append(
            f"Bold: first; in italics: less than the critical difference of {difference:.2f} ranks from it (Nemenyi's "
            "test of all pairs at the 5% level, after Friedman's)."
        )
    return Table("ranks", "Ranks over data sets", columns, rows, notes)


def improvement_table(found: Across) -> Table:
    """A row a method: how probably a run of it is above one of ITQ, and one of the first method above it."""
    first = found.first
    columns = [
        METHOD, Column("over_rival", f"Above {label(RIVAL)}"), Column("under_first", f"Below {label(first)}"),
    ]  # fmt: skip
    runs = {name: found.runs(name) for name in found.methods}
    rows = []
    for place in found.average_ranks.argsort(kind="stable"):
        name = found.methods[place]
        over = None if name == RIVAL or RIVAL not in runs else probability_of_improvement(runs[name], runs[RIVAL])
        under = None if name == first else probability_of_improvement(runs[first], runs[name])
        rows.append([method_entry(name), _improvement(over), _improvement(under)])
    notes = [
        f"Probability that a replicate of one method has a higher test {found.datasets[0].metric} than one of the "
        f"other, the mean over {len(found.datasets)} data sets and {_lengths(found)} with its 95% interval "
        f"({RESAMPLES} bootstrap resamples of replicates within each; data sets are those given, not a sample of all "
        "there are). It tells how often, not by how much.",
    ]
    return Table("improvement", "Probability of improvement", columns, rows, notes)


def _improvement(found: Improvement | None) -> Entry:
    if found is None:
        return Entry(MISSING)
    return Entry(f"{found.probability:.2f} [{found.low:.2f}, {found.high:.2f}]", f"{found.probability:.9g}")


def _lengths(found: Across) -> str:
    return f"{listed([str(bits) for bits in found.bits])} bits"


def _left_out(found: Across) -> list[str]:
    if not found.left_out:
        return []
    return [
        f"Left out, since a data set has no score of them: {listed([full_label(name) for name in found.left_out])}."
    ]
