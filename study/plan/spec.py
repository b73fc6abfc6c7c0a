"""A study as data: what a search-space file may say, validated, and the cells it expands to."""

from __future__ import annotations

import difflib
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from hasher.contract import STUDY_FIELDS, MethodConfig
from hasher.data import Keys, SplitConfig, dataset_name
from hasher.data.splits import UnseenClasses
from hasher.errors import UserError, first_error
from hasher.methods.registry import find_method, methods
from hasher.retrieval.metrics import METRICS
from study.plan.dimensions import Dimension, Value
from study.plan.names import ByMethod, MethodNames

#: Of study.yaml, raised where a study that was begun before would not go on as the same study. 1, which version 0.1
#: wrote, is not named in its files.
FORMAT = 3
#: Runs of a study: a driver ends some dozens a second, and keeps all it knows of each in memory.
MOST_RUNS = 1_000_000
#: The version that wrote each format before.
FORMATS_BEFORE = {1: "0.1", 2: "0.2"}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


#: Keys of a data set that studies of format 3 were begun without.
LATER_DATASET_KEYS = ("max_training", "unseen_classes", "features_key", "label_column", "id_column", "labels")


class DatasetSpec(_Strict):
    """One data set and how much of it is used. `source` is a built-in name, an embedding file or a folder."""

    source: str = Field(min_length=1)
    test_queries: int | None = Field(None, ge=1)
    validation_queries: int | None = Field(None, ge=1)
    max_database: int | None = Field(None, ge=2)
    max_training: int | None = Field(None, ge=2)
    unseen_classes: UnseenClasses | None = None
    features_key: str | None = Field(None, description="what the file calls the embeddings")
    label_column: str | None = Field(None, description="… and the classes")
    id_column: str | None = Field(None, description="… and the items' own names")
    labels: str | None = Field(None, description="the file with the labels of a matrix")

    @field_validator("source")
    @classmethod
    def _check_source(cls, source: str) -> str:
        try:
            dataset_name(source)
        except UserError as error:
            raise ValueError(str(error)) from None
        return source

    @property
    def name(self) -> str:
        """What tables, records and file names call it; see `hasher.data.dataset_name`."""
        return dataset_name(self.source)

    def split_config(self, seed: int) -> SplitConfig:
        """The split this data set gets in a study with this `split_seed`."""
        return SplitConfig(seed=seed, **self.model_dump(include=SplitConfig.model_fields.keys() - {"seed"}))

    @property
    def keys(self) -> Keys:
        """What its file calls its parts."""
        return Keys(self.features_key, self.label_column, self.id_column, self.labels)


class SamplerSpec(_Strict):
    """How the next configuration of a cell is chosen. `repeats` is for `grid`: seeds tried at every point."""

    name: Literal["tpe", "random", "grid", "gp"] = "tpe"
    startup_trials: int = Field(10, ge=1, description="random trials before tpe or gp model the cell")
    repeats: int = Field(1, ge=1)


class PrunerSpec(_Strict):
    """When an unpromising trial is stopped: compared with the cell's finished trials at the same epoch."""

    name: Literal["median", "successive_halving", "hyperband", "none"] = "median"
    startup_trials: int = Field(5, ge=0, description="trials of a cell that always run to the end")
    warmup_epochs: int = Field(0, ge=0, description="epochs before a trial may be stopped")


class FirstTrial(_Strict):
    """A configuration that cells try first: hyperparameters by name, and `methods` where it is not for all of them."""

    values: dict[str, Value]
    methods: MethodNames | None = Field(None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, written: Any) -> Any:
        """Hyperparameters stand beside `methods` in a file."""
        if not isinstance(written, Mapping):
            return written
        values = {key: value for key, value in written.items() if key != "methods"}
        return {"values": values, **({"methods": written["methods"]} if "methods" in written else {})}

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return self.values if self.methods is None else {"methods": self.methods, **self.values}

    def applies_to(self, method: str) -> bool:
        """Whether cells of this method try it."""
        return self.methods is None or method in self.methods


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _dataset(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


class StudySpec(_Strict):
    """One study: every key of a search-space file. See `search_spaces/README.md` for the format in words."""

    format: int = Field(FORMAT, description="of the frozen study; a search space need not name it")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200, description="names the study folder")
    description: str = ""
    datasets: Annotated[list[Annotated[DatasetSpec, BeforeValidator(_dataset)]], Field(min_length=1)]
    methods: MethodNames = Field(
        min_length=1, validation_alias=AliasChoices("methods", "filters"), description="that are searched and compared"
    )
    baselines: MethodNames = Field(
        ["lsh", "pca_sign", "itq"], description="methods that stand beside them as they are, without a search"
    )
    bits: list[Annotated[int, Field(ge=1, le=4096)]] = Field(min_length=1)
    trials: int | None = Field(None, ge=1, description="sampled configurations a cell; a grid counts itself")
    replicates: int = Field(5, ge=1, description="fresh seeds with which a cell's winner is retrained and tested")
    epochs: int = Field(ge=1, description="most epochs a trial runs")
    seed: int = Field(0, ge=0, lt=2**31)
    split_seed: int = Field(0, ge=0, lt=2**31)
    objective: str = Field("map", description="the score that trials are searched, pruned and chosen by")
    k: int = Field(200, ge=1, description="cut-off of map_at_k")
    sampler: SamplerSpec = SamplerSpec()
    pruner: PrunerSpec = PrunerSpec()
    parallel_trials: int = Field(
        1, ge=1, description="trials of one cell in flight at once, which cannot learn from each other"
    )
    report_every: int = Field(5, ge=1, description="epochs between two reports of a trial, at which it may be pruned")
    checkpoint_every: int = Field(0, ge=0, description="reports between two checkpoints of a trial; 0: none")
    trial_time_limit: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="seconds of work after which a search trial is stopped"
    )
    fixed: dict[str, Value | Annotated[dict[str, Value], ByMethod]] = Field(default_factory=dict)
    space: dict[str, Annotated[list[Dimension], BeforeValidator(_listed)]] = Field(default_factory=dict)
    first_trials: list[FirstTrial] = Field(
        default_factory=list, description="configurations a cell tries first; what they leave open is sampled"
    )

    @field_validator("format")
    @classmethod
    def _check_format(cls, value: int) -> int:
        if value != FORMAT:
            raise ValueError(f"this version reads format {FORMAT}, not {value}")
        return value

    @field_validator("objective")
    @classmethod
    def _check_objective(cls, name: str) -> str:
        if name not in METRICS:
            raise ValueError(f"a study can be searched for {', '.join(METRICS)}, not for {name!r}")
        return name

    @model_validator(mode="after")
    def _check(self) -> StudySpec:
        for key in ("methods", "baselines", "bits"):
            _refuse_repeats(key, getattr(self, key))
        _refuse_repeats("datasets", [dataset.name for dataset in self.datasets])
        for section in ("fixed", "space"):
            for key in getattr(self, section):
                _check_tunable(f"{section}.{key}", key)
        for number, first in enumerate(self.first_trials):
            for key, value in first.values.items():
                self._check_first(f"first_trials.{number}.{key}", key, value, first.methods)
        if self.sampler.name == "grid" and self.first_trials:
            raise ValueError("first_trials: a grid has its own order")
        if self.sampler.name == "grid" and self.trials is not None:
            raise ValueError("trials: a grid has as many trials as points, use sampler.repeats for more")
        if self.sampler.name != "grid" and self.trials is None:
            raise ValueError("trials: missing (only the grid sampler does without)")
        for name in self.all_methods:
            self._check_method(name)
        self._check_size()
        return self

    def _check_size(self) -> None:
        """A slip of some zeros is found before anything is made of every run."""
        a_column = sum(self.trials_of(name) + self.replicates_of(name) for name in self.all_methods)
        runs = a_column * len(self.bits) * len(self.datasets)
        if runs > MOST_RUNS:
            what = "the points of the grid" if self.sampler.name == "grid" else "trials"
            raise ValueError(f"{what} and replicates: {runs:,} runs of all cells, at most {MOST_RUNS:,} are possible")

    def _check_first(self, where: str, key: str, value: Value, methods: list[str] | None) -> None:
        """A first trial of certain methods is to fit each of them that has the hyperparameter; one of all, some."""
        if key not in self.space:
            raise ValueError(f"{where}: not sampled, so there is nothing to try first")
        ranges = self.space[key]
        if not any(dimension.contains(value) for dimension in ranges):
            raise ValueError(f"{where}: {value!r} is outside the range it is sampled from")
        having = [name for name in methods or [] if key in find_method(name).hyperparameters]
        if methods and not having:
            raise ValueError(f"{where}: {', '.join(methods)} has no such hyperparameter")
        for name in having:
            if not any(dimension.applies_to(name) and dimension.contains(value) for dimension in ranges):
                raise ValueError(f"{where}: {value!r} is outside what is sampled for {name}")

    def _check_method(self, name: str) -> None:
        for key, dimensions in self.space.items():
            if len([d for d in dimensions if d.applies_to(name)]) > 1:
                raise ValueError(f"space.{key}: two ranges for {name}")
        fixed, space = self.fixed_for(name), self.space_for(name)
        for key in fixed.keys() & space.keys():
            raise ValueError(f"{key}: both fixed and sampled for {name}")
        self._valid("fixed", name, {})
        for key, dimension in space.items():
            if self.sampler.name == "grid" and dimension.points is None:
                raise ValueError(f"space.{key}: a grid needs choices, an int range, or a float range with a step")
            for value in dimension.extremes:
                self._valid(f"space.{key}", name, {key: value})

    def _valid(self, where: str, method: str, sampled: dict[str, Any]) -> None:
        try:
            self.configure(method, self.bits[0], sampled)
        except ValidationError as error:
            raise ValueError(f"{where}: {first_error(error)}") from None

    @property
    def all_methods(self) -> list[str]:
        """The methods that are searched, then the baselines that are not among them."""
        return [*self.methods, *(name for name in self.baselines if name not in self.methods)]

    @property
    def hyperparameters(self) -> list[str]:
        """Of all methods of the study, each once."""
        return list(dict.fromkeys(key for name in self.all_methods for key in find_method(name).hyperparameters))

    def fixed_for(self, method: str) -> dict[str, Value]:
        """Fixed hyperparameters of a method's cells: those that it has."""
        known = find_method(method).hyperparameters
        values: dict[str, Value] = {}
        for key, value in self.fixed.items():
            chosen = value.get(method) if isinstance(value, dict) else value
            if chosen is not None and key in known:
                values[key] = chosen
        return values

    def space_for(self, method: str) -> dict[str, Dimension]:
        """Sampled hyperparameters of a method's cells: those that it has, and that what is fixed leaves a meaning.

        A baseline is not searched.
        """
        if method not in self.methods:
            return {}
        found, fixed = find_method(method), self.fixed_for(method)
        space: dict[str, Dimension] = {}
        for key, dimensions in self.space.items():
            if key in found.hyperparameters and found.Config.applies(key, {**found.given, **fixed}):
                own = [dimension for dimension in dimensions if dimension.applies_to(method)]
                if own:
                    space[key] = own[0]
        return space

    def is_searched(self, method: str) -> bool:
        """Whether there is something to choose for a method: a configuration, or the number of epochs."""
        return method in self.methods and (find_method(method).is_trained or bool(self.space_for(method)))

    def grid_for(self, method: str) -> list[dict[str, Value]]:
        """Every point of the grid of a method's cells, in a fixed order (one empty point without a space)."""
        space = self.space_for(method)
        values = [dimension.grid for dimension in space.values()]
        return [dict(zip(space, point, strict=True)) for point in itertools.product(*values)]

    def first_for(self, method: str, index: int) -> dict[str, Value]:
        """What the `index`-th trial of a method's cells is told to try; only what is in the method's own ranges."""
        own = [first.values for first in self.first_trials if first.applies_to(method)]
        first = own[index] if index < len(own) else {}
        space = self.space_for(method)
        return {key: value for key, value in first.items() if key in space and space[key].contains(value)}

    def given_trials(self, method: str) -> int:
        """Search trials of a method's cells that are told what to try."""
        return min(self.trials_of(method), sum(first.applies_to(method) for first in self.first_trials))

    def trials_of(self, method: str) -> int:
        """Search trials planned in each cell of a method; none where there is nothing to choose."""
        if not self.is_searched(method):
            return 0
        if self.trials is not None:
            return self.trials
        points = [dimension.points or 0 for dimension in self.space_for(method).values()]
        return math.prod(points) * self.sampler.repeats

    def replicates_of(self, method: str) -> int:
        """Test runs planned in each cell of a method: one where nothing in it is random."""
        return self.replicates if find_method(method).has_randomness else 1

    def configure(self, method: str, bits: int, sampled: dict[str, Any], epochs: int | None = None) -> MethodConfig:
        """The full configuration of one run; `epochs` are those of the study unless they are given."""
        found = find_method(method)
        own = {"bits": bits, "epochs": epochs or self.epochs} if found.is_trained else {"bits": bits}
        return found.configure({**self.fixed_for(method), **sampled, **own})

    def cells(self) -> Iterator[tuple[str, str, int]]:
        """(data set, method, bits), in the order of the file, baselines last."""
        return itertools.product([dataset.name for dataset in self.datasets], self.all_methods, self.bits)

    def to_yaml(self) -> str:
        """The frozen form: every key, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)


def _check_tunable(where: str, key: str) -> None:
    if key in STUDY_FIELDS:
        raise ValueError(f"{where}: set by the study's own key, not here")
    tunable = {name for method in methods().values() for name in method.hyperparameters}
    if key not in tunable:
        close = difflib.get_close_matches(key, tunable, n=1)
        raise ValueError(f"{where}: no such hyperparameter" + (f", {close[0]}?" if close else ""))


def _refuse_repeats(key: str, values: list[Any]) -> None:
    for value, times in Counter(values).items():
        if times > 1:
            raise ValueError(f"{key}: {value} is listed twice")


def differences(old: StudySpec, new: StudySpec) -> list[str]:
    """One line a value in which the specs differ: ``space.alpha: old → new``. The description does not count."""
    before, after = (dict(_values(spec.model_dump(mode="json", exclude_none=True))) for spec in (old, new))
    return [
        f"{key}: {before.get(key, 'not given')} → {after.get(key, 'not given')}"
        for key in before | after
        if key != "description" and before.get(key) != after.get(key)
    ]


def _values(mapping: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """The names, joined by dots, and values of a nested mapping."""
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _values(value, f"{within}{key}.")
        else:
            yield f"{within}{key}", value
