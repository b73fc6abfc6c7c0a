"""What tuning is worth, in numbers."""

from __future__ import annotations

from analysis.names import dataset_label
from analysis.results import DatasetResults
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry
from analysis.tables.table import MISSING, Column, Entry, Table, count, number
from analysis.tuning import BAND, tunability, tuning_curve

#: Numbers of trials of which a table tells the best.
STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
#: How near the best of all trials counts as having found it.
CLOSE = 0.005


def tunability_table(results: DatasetResults) -> Table:
    """A row a searched cell: the best setting, the one shared by all lengths, and those of other lengths."""
    columns = [
        METHOD, BITS, Column("settings", "Settings"), Column("best", "Best"), Column("default", "Shared default"),
        Column("gain", "Gain of tuning"),
        *(Column(f"regret_{bits}", f"Loss with the best of {bits}") for bits in results.bits),
    ]  # fmt: skip
    rows: list[list[Entry]] = []
    starts: set[int] = set()
    for method in results.searched:
        found = tunability(results, method)
        if found is None:
            continue
        starts.add(len(rows))
        for place, bits in enumerate(found.bits):
            losses = dict(zip(found.bits, found.regrets[place], strict=True))
            rows.append([
                method_entry(method), bits_entry(results.cell(method, bits)), count(len(found.trials)),
                number(float(found.scores[:, place].max())), number(float(found.scores[found.default, place])),
                number(float(found.gains[place])),
                *(number(float(losses[one])) if one in losses else Entry(MISSING) for one in results.bits),
            ])  # fmt: skip
    notes = [
        f"{results.metric} on validation queries, of the settings that all code lengths of a method tried and that ran "
        "to the end everywhere. Shared default: the setting with the best mean over the lengths. The gain is over it, "
        "and is at least 0 by construction: the best of as many settings of equal worth would gain something too.",
    ]  # fmt: skip
    title = f"{dataset_label(results.dataset)}: what tuning each length gains over one setting for all"
    return Table("tunability", title, columns, rows, notes, frozenset(starts))


def tuning_curve_table(results: DatasetResults) -> Table:
    """A row a searched cell: the expected best of k random trials; none where they are no sample of such."""
    cells = [(cell, tuning_curve(results, cell)) for cell in results.searched_cells]
    known = [(cell, curve) for cell, curve in cells if curve is not None]
    steps = [step for step in STEPS if any(step <= len(curve.expected) for _, curve in known)]
    columns = [
        METHOD, BITS, *(Column(f"best_of_{step}", f"Best of {step}") for step in steps),
        Column("trials", "All trials"), Column("best", "Best of all"), Column("close", f"Trials to within {CLOSE}"),
    ]  # fmt: skip
    rows = []
    for cell, curve in known:
        total, best = len(curve.expected), float(curve.expected[-1])
        expected = [number(float(curve.expected[step - 1])) if step <= total else Entry(MISSING) for step in steps]
        rows.append([
            method_entry(cell.method), bits_entry(cell), *expected, count(total), number(best),
            count(curve.trials_to(best - CLOSE) or total),
        ])  # fmt: skip
    title = f"{dataset_label(results.dataset)}: expected best of k random trials"
    notes = [
        f"{results.metric} on validation queries, the mean over all subsets of k of the cell's independent trials, "
        "none pruned. Near the right end few subsets are left, and the best of all is the luck of one sample; the "
        f"figure has the band in which {BAND[1] - BAND[0]:.0%} of searches of k trials end.",
    ]  # fmt: skip
    return Table("tuning-curve", title, columns, rows, notes)
