"""What the neural rivals share: a network from an embedding to b outputs, trained by gradient; each has its objective.

Their configurations begin with the settings of their authors: a random start, mini-batches at random, a constant step
size and no average of weights. Mini-batches of neighbours, the start at ITQ, the schedule and the average are options,
as they are HAGCN's, so that a table can tell an objective from what surrounds it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hasher.contract import TrainedConfig
from hasher.training.method import GradientMethod


class NeuralConfig(TrainedConfig):
    """`TrainedConfig` with the defaults of the literature."""

    start: Literal["itq", "random"] = Field(
        "random", description="the untrained codes: those of ITQ, or of random weights"
    )
    batches: Literal["neighbourhood", "graph", "random"] = Field(
        "random",
        description="what a mini-batch is made of: leaves of neighbours, of neighbours by the graph of all training "
        "items, or items at random",
    )
    batch_size: int = Field(64, ge=2, description="items in a mini-batch (n)")
    learning_rate: float = Field(0.001, gt=0, description="step size of Adam; with `one_cycle` its peak")
    schedule: Literal["one_cycle", "cosine", "constant"] = Field(
        "constant",
        description="`one_cycle` raises the step size to its peak and lets it fall to nothing; `cosine` lets it fall",
    )
    averaging: float = Field(
        0.0, ge=0, lt=1, description="share of the encoder's moving average that a step keeps; 0: no average"
    )


class NeuralMethod(GradientMethod):
    """A rival that is trained by gradient."""

    family = "Neural hashes"
