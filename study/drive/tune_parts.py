"""How Ray Tune takes part: a searcher, a scheduler and a callback, each a thin view of the `Recorder`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray import tune
from ray.exceptions import RayActorError
from ray.tune import Checkpoint
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from hasher.errors import UserError
from study.drive.budget import DeviceHours
from study.drive.recorder import Recorder


def folder_of(trial: Trial) -> str:
    """The name of a trial's folder. Known by name, for Tune keeps it once a trial."""
    return trial.trial_id


class _NotRestored:
    """Tune pickles its parts so that `Tuner.restore` can revive them. The ledger is what a study resumes from, so
    there is nothing to keep, and a pickled database connection would be of no use."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class CellSearcher(_NotRestored, Searcher):
    """Hands out the next job of any cell, as long as a slot is free and the `cap` allows."""

    def __init__(self, recorder: Recorder, slots: Callable[[], int], cap: DeviceHours | None) -> None:
        super().__init__()
        self._recorder, self._slots, self._cap = recorder, slots, cap

    def suggest(self, trial_id: str) -> Any:
        running = self._recorder.running()
        if self._recorder.exhausted or self._recorder.trouble is not None:
            return None if running else Searcher.FINISHED  # one of them may lose its worker and be put back
        if self._recorder.in_flight >= self._slots():
            return None
        if self._cap is not None and self._cap.are_spent(running):
            return None if running else Searcher.FINISHED  # a run may take less than was expected of it
        jobs = self._recorder.start(trial_id)
        return {"jobs": jobs} if jobs else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        try:
            self._recorder.end(trial_id)
        except Exception as error:  # Tune would take it for a failure of the trial
            self._recorder.trouble = error

    def save(self, checkpoint_path: str) -> None: ...

    def restore(self, checkpoint_path: str) -> None: ...


class OptunaPruning(_NotRestored, FIFOScheduler):
    """Stops a trial where the pruner of its cell's Optuna study says so; decides how often a lost one starts again."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        stop = self._recorder.should_stop(trial.trial_id, result["steps"])
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Nothing in particular: Tune then starts waiting trials in their order, on a free worker or a new one.

        The base class names the trial that has waited longest. Where its worker is still starting, Tune ends that one
        and gives the trial a worker that fell free, so with runs shorter than the start of a worker none comes up.
        """
        return None

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        retries = self._recorder.lost(trial.trial_id)
        trial.max_failures = trial.num_failures + retries
        if retries < 0:
            raised = _raised(trial)
            if raised is None:
                self._recorder.give_up(trial.trial_id)
            else:
                self._recorder.trouble = UserError(f"workers cannot go on: {raised}")


def _raised(trial: Trial) -> str | None:
    """What a trial's worker raised outside of its steps, such as a checkpoint that cannot be written; None where it
    died. The steps of a run answer for themselves."""
    if trial.pickled_error_file is None:
        return None
    error = pickle.loads(Path(trial.pickled_error_file).read_bytes())  # written by Tune, in this process
    if isinstance(error, RayActorError) and not error.actor_init_failed:
        return None
    return str(error).strip().splitlines()[-1].strip()  # behind the traces of all that it has passed through


class Collector(_NotRestored, tune.Callback):
    """Passes every step to the recorder and, with slots at work, has it prepare the next job; now and then lets
    `refresh` show where the study stands.

    Stops the study where the recorder is in trouble.
    """

    def __init__(self, recorder: Recorder, refresh: Callable[[], None]) -> None:
        self._recorder, self._refresh = recorder, refresh

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: Any) -> None:
        # Popped, so that models, arrays and jobs do not travel on into Tune's snapshots of the experiment.
        result.pop("config", None)
        self._recorder.collect(trial.trial_id, result.pop("steps"))

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        if self._recorder.trouble is not None:
            raise self._recorder.trouble
        self._recorder.prepare()
        self._refresh()


class LastCheckpoints(_NotRestored, tune.Callback):
    """Keeps the last checkpoint of every running trial, and no other.

    Tune can do that by itself (`num_to_keep`), but then writes a snapshot of all trials so far after each checkpoint:
    work that grows with the square of the study.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Checkpoint] = {}

    def on_checkpoint(
        self, iteration: int, trials: list[Trial], trial: Trial, checkpoint: Checkpoint, **info: Any
    ) -> None:
        before = self._kept.get(trial.trial_id)
        if before is not None and before.path != checkpoint.path:
            self._drop(trial)
        self._kept[trial.trial_id] = checkpoint

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._drop(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._drop(trial)

    def _drop(self, trial: Trial) -> None:
        checkpoint = self._kept.pop(trial.trial_id, None)
        if checkpoint is not None and checkpoint.filesystem is not None:
            checkpoint.filesystem.delete_dir(checkpoint.path)


class ForgottenTrials(_NotRestored, tune.Callback):
    """Lets go of what Tune keeps of a trial that has ended: the largest, least and last of all its numbers, 20 kB a
    trial, its job and a folder. Tune would write it into a snapshot at the end and tell the best trial by it, which
    nothing here asks for.
    """

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        trial.run_metadata.metric_analysis.clear()
        trial.run_metadata.metric_n_steps.clear()
        trial.config.clear()
        trial.evaluated_params.clear()
        trial.set_experiment_tag("")
        if trial.local_path:
            with suppress(OSError):
                Path(trial.local_path).rmdir()
