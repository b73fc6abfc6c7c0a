"""What tuning is worth, in numbers."""

from __future__ import annotations

import math

from analysis.names import dataset_label, label
from analysis.results import DatasetResults
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Table, count, number
from analysis.tuning import BAND, RIVAL, TuningCurve, transfer, tunability, tuning_curve
from analysis.validation_level import FITS, validation_levels

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
        Column("rival", label(RIVAL)), Column("to_rival", f"Trials to pass {label(RIVAL)}"),
    ]  # fmt: skip
    levels = validation_levels(results, RIVAL) if known else {}
    rows = []
    for cell, curve in known:
        total, best = len(curve.expected), float(curve.expected[-1])
        expected = [number(float(curve.expected[step - 1])) if step <= total else Entry(MISSING) for step in steps]
        rows.append([
            method_entry(cell.method), bits_entry(cell), *expected, count(total), number(best),
            count(curve.trials_to(best - CLOSE) or total), number(levels.get(cell.bits)),
            _trials_to_pass(curve, levels.get(cell.bits)),
        ])  # fmt: skip
    title = f"{dataset_label(results.dataset)}: expected best of k random trials"
    notes = [
        f"{results.metric} on validation queries, the mean over all subsets of k of the cell's independent trials, "
        "none pruned. Near the right end few subsets are left, and the best of all is the luck of one sample; the "
        f"figure has the band in which {BAND[1] - BAND[0]:.0%} of searches of k trials end.",
        f"{label(RIVAL)}: the mean of {FITS} fits on the same items and validation queries; nothing of it is tuned. "
        "Trials to pass it: the fewest whose best is expected above it; “>” where no number of them is.",
    ]  # fmt: skip
    return Table("tuning-curve", title, columns, rows, notes)


def _trials_to_pass(curve: TuningCurve, level: float | None) -> Entry:
    if level is None:
        return Entry(MISSING)
    trials = curve.trials_to(math.nextafter(level, math.inf))
    return count(trials) if trials else Entry(f"> {len(curve.expected)}")


def transfer_table(results: DatasetResults) -> Table:
    """A row a searched cell: what it loses with the setting that was best on each other data set of the study."""
    others = [dataset for dataset in results.study.datasets if dataset != results.dataset]
    columns = [
        METHOD, BITS, Column("settings", "Settings"), Column("best", "Best"),
        Column("median", "Loss with the middle one"),
        *(Column(f"regret_{other}", f"Loss with the best of {dataset_label(other)}") for other in others),
    ]  # fmt: skip
    rows = []
    cells = []
    for cell in results.searched_cells:
        found = transfer(results.study, cell.method, cell.bits)
        if found is None or results.dataset not in found.datasets:
            continue
        cells.append(cell)
        place = list(found.datasets).index(results.dataset)
        losses = dict(zip(found.datasets, found.regrets[place], strict=True))
        rows.append([
            method_entry(cell.method), bits_entry(cell), count(len(found.scores)),
            number(float(found.scores[:, place].max())), number(float(found.median_losses[place])),
            *(number(float(losses[other])) if other in losses else Entry(MISSING) for other in others),
        ])  # fmt: skip
    notes = [
        f"{results.metric} on validation queries, of the settings that all data sets of the study tried at this length "
        "and that ran to the end everywhere. A search elsewhere is worth something here where its loss is below "
        "that of the middle one of the settings. Losses are at least 0 by construction.",
    ]
    title = f"{dataset_label(results.dataset)}: what the best setting of another data set loses here"
    return Table("transfer", title, columns, rows, notes, method_starts(cells))
