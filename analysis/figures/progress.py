"""How the search went: the best so far against trials and device-seconds, and the learning curves of its trials."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of, pale_line
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults
from analysis.wording import counted, listed
from study.plan.finished import ends_in_words

#: A cell has found what it will find once its best is this close to its last best.
CLOSE = 0.005
#: Trials of a cell from which something is said of how it went on.
FEWEST_TRIALS = 8


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The three figures of a data set."""
    return [best_by_trials(results), best_by_device_seconds(results), learning_curves(results)]


Courses = dict[int, dict[str, pd.DataFrame]]


def _courses(results: DatasetResults) -> Courses:
    """For each bits and method its trials in order: ``number`` from 1, ``spent`` device-seconds so far, ``best`` of the
    complete trials so far. Trials that did not complete count as trials and as time."""
    found: Courses = {}
    for bits in results.bits:
        for one in results.searched:
            trials = results.trials[(results.trials["method"] == one) & (results.trials["bits"] == bits)]
            scores = trials["score"].where(trials["state"] == "complete")
            if scores.notna().any():
                found.setdefault(bits, {})[one] = pd.DataFrame(
                    {
                        "number": range(1, len(trials) + 1),
                        "spent": trials["device_seconds"].fillna(0).cumsum().to_numpy(float),
                        "best": scores.cummax().ffill().to_numpy(float),
                    }
                )
    return found


def best_by_trials(results: DatasetResults) -> StudyFigure:
    """The best validation score of each cell after each trial."""
    key, title = "best-by-trials", "Best so far against trials"
    courses = _courses(results)
    if not courses:
        return nothing_to_draw(key, title, "no search trial is complete")
    sentence = _progress_sentence(_each(courses))
    remark = emphasis_of(results).remark(results.searched)
    return StudyFigure(
        key, title, sentence, lambda: _draw_best(results, courses, "number", "trials of the cell"), remark
    )


def _progress_sentence(courses: list[pd.DataFrame]) -> str:
    cells, most = counted(len(courses), "cell"), max(map(len, courses))
    if most < FEWEST_TRIALS:
        return f"{cells} of {counted(most, 'trial')} at most: too few to say whether more would find more."
    close = [int(c.loc[c["best"] >= c["best"].iloc[-1] - CLOSE, "number"].iloc[0]) for c in courses]
    late = sum(bool(c["best"].iloc[-1] > c["best"].iloc[int(0.75 * (len(c) - 1))]) for c in courses)
    return (
        f"Half of the {cells} were within {CLOSE} of their best after "
        f"{counted(int(pd.Series(close).median()), 'trial')}, the slowest after {max(close)}; {late} still improved in "
        "the last quarter of their trials, which more trials might go on doing."
    )


def best_by_device_seconds(results: DatasetResults) -> StudyFigure:
    """The same against the time that all trials so far took."""
    key, title = "best-by-device-seconds", "Best so far against device-seconds"
    courses = _courses(results)
    if not courses:
        return nothing_to_draw(key, title, "no search trial is complete")
    spent = pd.DataFrame(
        [{"method": one, "spent": c["spent"].iloc[-1]} for cells in courses.values() for one, c in cells.items()]
    )
    means = spent.groupby("method")["spent"].mean()
    dear, cheap = str(means.idxmax()), str(means.idxmin())
    sentence = f"A search took {means[cheap]:.0f} device-seconds a cell with {label(cheap)}"
    if dear != cheap:
        sentence += f" to {means[dear]:.0f} with {label(dear)}, on average over the code lengths"
    sentence += ". Search scores are of single runs, each the best of several: the tests are of other runs."
    remark = emphasis_of(results).remark(results.searched)
    x_label = "device-seconds of the cell"
    return StudyFigure(key, title, sentence, lambda: _draw_best(results, courses, "spent", x_label), remark)


def _each(courses: Courses) -> list[pd.DataFrame]:
    return [course for cells in courses.values() for course in cells.values()]


def _draw_best(results: DatasetResults, courses: Courses, x: str, x_label: str) -> Figure:
    emphasis = emphasis_of(results)
    grid = canvas.facets([f"{bits} bits" for bits in courses], sharey=True)
    for panel, cells in zip(grid.panels, courses.values(), strict=True):
        for one, course in cells.items():
            if emphasis.is_pale(one):
                panel.step(course[x], course["best"], where="post", **pale_line(one))
                continue
            every = max(1, len(course) // 6)
            panel.step(
                course[x], course["best"], where="post", **style.look(one).line_style(markersize=4), markevery=every
            )  # fmt: skip
        canvas.whole_numbers(panel)
    grid.label(x_label, f"best validation {results.metric}")
    grid.legend(*emphasis.legend(dict.fromkeys(one for cells in courses.values() for one in cells)))
    return grid.figure


def learning_curves(results: DatasetResults) -> StudyFigure:
    """The validation score by epoch of every trial at one code length, and how each ended."""
    bits = results.reference_bits
    key, title = "learning-curves", f"Learning curves at {bits} bits"
    if results.curves.empty or "score" not in results.curves:
        return nothing_to_draw(key, title, "no learning curve was recorded")
    curves = results.curves[results.curves["bits"] == bits]
    recorded = [one for one in results.searched if (curves["method"] == one).any()]
    if not recorded:
        return nothing_to_draw(key, title, f"no {bits}-bit trial has a learning curve")
    methods = emphasis_of(results).panels(recorded)
    sentence, remark = _curves_sentence(results, bits, methods), emphasis_of(results).panels_remark(recorded)
    return StudyFigure(key, title, sentence, lambda: _draw_curves(results, curves, methods), remark)


def _curves_sentence(results: DatasetResults, bits: int, methods: list[str]) -> str:
    def shown(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[(rows["bits"] == bits) & rows["method"].isin(methods)]

    trials, winners = shown(results.trials), shown(results.winners)
    states = trials["state"].value_counts()
    other = ends_in_words(states.to_dict())
    chosen = ""
    if len(winners):
        epochs, most = winners["chosen_epoch"].astype(int), results.study.spec.epochs
        chosen = f" The winners (thick) were best at epochs {epochs.min()} to {epochs.max()} of {most}."
    return (
        f"Validation {results.metric} by epoch of {counted(len(trials), 'trial')}: {states.get('complete', 0)} complete"
        f"{', ' + listed(other) if other else ''}.{chosen}"
    )


def _draw_curves(results: DatasetResults, curves: pd.DataFrame, methods: list[str]) -> Figure:
    grid = canvas.facets([label(one) for one in methods], sharex=True, sharey=True, height=2.0)
    chosen = results.winners[["method", "bits", "index"]]
    winners = set(chosen.itertuples(index=False, name=None))
    for panel, one in zip(grid.panels, methods, strict=True):
        for (bits, index, state), curve in curves[curves["method"] == one].groupby(["bits", "index", "state"]):
            _draw_curve(panel, curve, str(state), style.look(one).colour, (one, bits, index) in winners)
    grid.label("epoch", f"validation {results.metric}")
    given_up = "pruned" if results.study.spec.trial_time_limit is None else "pruned or over time"
    samples = {
        "complete": style.Look(style.GREY, ""),
        given_up: style.Look(style.GREY, "|", (0, (3, 1.5))),
        "diverged or failed": style.Look(style.BLACK, "x", ":"),
    }
    handles = [canvas.handle(one, linewidth=1) for one in samples.values()]
    grid.legend([canvas.handle(style.Look(style.GREY, ""), linewidth=2.6), *handles], ["winner", *samples])
    return grid.figure


def _draw_curve(panel: Axes, curve: pd.DataFrame, state: str, colour: str, winner: bool) -> None:
    epochs, scores = curve["epoch"], curve["score"]
    name = f"{curve['bits'].iloc[0]} bits, trial {curve['index'].iloc[0]}, {'winner' if winner else state}"
    if state == "complete":
        panel.plot(
            epochs, scores, color=colour, linewidth=2.6 if winner else 0.8, alpha=1 if winner else 0.6, label=name
        )
        return
    stopped = state in ("pruned", "timeout")
    dashes, end, shade = ((0, (3, 1.5)), "|", style.GREY) if stopped else (":", "x", style.BLACK)
    panel.plot(epochs, scores, color=shade, linestyle=dashes, linewidth=0.9, label=name)
    scored = scores.notna()
    if scored.any():
        panel.plot(epochs[scored].iloc[-1], scores[scored].iloc[-1], end, color=shade, markersize=6)
    else:  # it never had a score: say so at the bottom, where it stopped
        panel.plot(epochs.iloc[-1], 0.03, end, color=shade, markersize=6, transform=panel.get_xaxis_transform())
