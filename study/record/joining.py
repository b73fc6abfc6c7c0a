"""Makes one study of several that are parts of it: of other methods, lengths or data sets, run by several drivers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial

from hasher.errors import UserError
from study.plan.spec import StudySpec, differences
from study.plan.tasks import Task, all_tasks
from study.record.amendments import Amendments
from study.record.export import export
from study.record.ledger import Ledger, spec_digest
from study.record.manifest import close_manifest
from study.record.run_files import FILES
from study.record.sampling import open_storage
from study.record.stored import has_ended, stored_trials, study_names, task_of
from study.record.study_folder import JOURNAL, StudyFolder

#: What parts may differ in.
_DIVIDED = ("name", "description", "datasets", "methods", "baselines", "bits", "checkpoint_every")
#: What of an outcome says when and where a run was, not what came of it.
_TIMES_AND_PLACES = ("started", "seconds", "device_seconds", "host", "device", "threads", "together", "versions",
                     "commit", FILES)  # fmt: skip

Value = TypeVar("Value")


@dataclass(frozen=True)
class Part:
    """A study that is joined."""

    folder: StudyFolder
    spec: StudySpec
    trials: dict[Task, FrozenTrial]  #: how each of its runs ended, the last time


@dataclass(frozen=True)
class Joined:
    """The study that came of it. `doubles` are runs that more than one part has, `contradictions` those among them
    that differ, a line each; of both the first part's was taken."""

    folder: StudyFolder
    runs: int
    missing: int
    doubles: int
    contradictions: list[str]


def join(paths: Sequence[Path], target: Path) -> Joined:
    """Make the study folder `target` of the studies at `paths`, which are left as they are.

    Raises `UserError` where they are no parts of one study, one has no journal, or there is something at `target`.
    """
    if target.exists():
        raise UserError(f"{target}: is there already, choose another --name")
    parts = [_read(path) for path in paths]
    spec = _whole(parts, target.name)
    _check_data(parts)
    taken, doubles, contradictions = _choose(parts)
    folder = StudyFolder(target.with_name(f".{target.name}.joining"))
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir(parents=True)
    folder.freeze(spec, None)
    amendments = [one for part in parts for one in part.folder.read_amendments().amendments]
    if amendments:
        folder.amendments.write_text(Amendments(amendments=amendments).to_yaml(), encoding="utf-8")
    _store(spec, folder, taken)
    for task, part in taken.items():
        _copy(part.folder.evaluation(task), folder.evaluation(task))
        if task.kind == "test" and task.index == 0:
            _copy(part.folder.model(task.cell), folder.model(task.cell))
    ledger = Ledger(spec, open_storage(str(folder.journal)))
    export(ledger, folder)
    close_manifest(folder, spec, ledger.finished)
    folder.path.rename(target)
    missing = sum(task not in ledger.finished for task in all_tasks(spec))
    return Joined(StudyFolder(target), len(ledger.finished), missing, doubles, contradictions)


def _read(path: Path) -> Part:
    folder = StudyFolder(path)
    spec = folder.read_spec() if path.is_dir() else None
    if spec is None:
        raise UserError(f"{path}: not a study (no study.yaml), give directories that run_study.py made")
    kept = folder.read_storage()
    if kept != JOURNAL or not folder.journal.exists():
        raise UserError(f"{path}: this study is kept in {kept}, only studies with a journal of their own can be joined")
    trials = {}
    for trial in stored_trials(spec, open_storage(str(folder.journal))):
        task = task_of(trial)
        if task is not None and has_ended(trial):
            trials[task] = trial
    return Part(folder, spec, trials)


def _whole(parts: Sequence[Part], name: str) -> StudySpec:
    """The study that all are parts of."""
    first = parts[0].spec
    methods = _union(parts, lambda spec: spec.methods)
    datasets = {one.name: one for part in reversed(parts) for one in part.spec.datasets}  # the first part's path
    whole = StudySpec.model_validate(
        first.model_dump()
        | {
            "name": name, "datasets": [datasets[one].model_dump() for one in _union(parts, _dataset_names)],
            "methods": methods, "baselines": _union(parts, lambda spec: spec.baselines),
            "bits": sorted(_union(parts, lambda spec: spec.bits)),
        }
    )  # fmt: skip
    for part in parts:
        narrowed = whole.model_copy(update={key: getattr(part.spec, key) for key in _DIVIDED})
        differing = differences(narrowed, part.spec)
        differing += [
            f"{baseline}: a baseline here, searched in another part"
            for baseline in part.spec.baselines
            if baseline in methods and baseline not in part.spec.methods
        ]
        differing += [
            f"datasets: {one.name} has other limits than in another part"
            for one in part.spec.datasets
            if one.model_copy(update={"source": datasets[one.name].source}) != datasets[one.name]
        ]
        if differing:
            raise UserError(f"{part.folder.path}: no part of one study with the others:\n  " + "\n  ".join(differing))
    return whole


def _dataset_names(spec: StudySpec) -> list[str]:
    return [dataset.name for dataset in spec.datasets]


def _union(parts: Sequence[Part], values: Callable[[StudySpec], Iterable[Value]]) -> list[Value]:
    found: list[Value] = []
    for part in parts:
        found += [value for value in values(part.spec) if value not in found]
    return found


def _check_data(parts: Sequence[Part]) -> None:
    """The same data set must be the same data."""
    seen: dict[str, tuple[Any, Path]] = {}
    for part in parts:
        for task, trial in part.trials.items():
            found = trial.user_attrs["outcome"].get("data_fingerprint")
            if found is None:
                continue
            known, where = seen.setdefault(task.cell.dataset, (found, part.folder.path))
            if known != found:
                raise UserError(
                    f"{part.folder.path}: {task.cell.dataset} has other contents there (fingerprint {found}) than in "
                    f"{where} ({known})"
                )


def _choose(parts: Sequence[Part]) -> tuple[dict[Task, Part], int, list[str]]:
    """Whose each run is, how many more than one part has, and which of these differ, in words."""
    taken: dict[Task, Part] = {}
    doubles, contradictions = 0, []
    for part in parts:
        for task, trial in part.trials.items():
            first = taken.setdefault(task, part)
            if first is part:
                continue
            doubles += 1
            ours, theirs = _result(first.trials[task]), _result(trial)
            differing = [key for key in ours | theirs if ours.get(key) != theirs.get(key)]
            if differing:
                key = differing[0]
                contradictions.append(
                    f"{task.kind} {task.index} of {task.cell}: {key} is {ours.get(key)} in {first.folder.path}, "
                    f"{theirs.get(key)} in {part.folder.path}"
                )
    return taken, doubles, contradictions


def _result(trial: FrozenTrial) -> dict[str, Any]:
    return {key: one for key, one in trial.user_attrs["outcome"].items() if key not in _TIMES_AND_PLACES}


def _store(spec: StudySpec, folder: StudyFolder, taken: dict[Task, Part]) -> None:
    """A journal with the trials of the parts, in their order."""
    storage = open_storage(str(folder.journal))
    for key, name in study_names(spec).items():
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        study.set_user_attr("spec", spec_digest(spec))
        for task, part in taken.items():
            if key == (task.cell if task.kind == "search" else task.cell.dataset):
                study.add_trial(part.trials[task])


def _copy(source: Path, target: Path) -> None:
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
