"""What the neural rivals share: a network from an embedding to b outputs, trained by gradient; each has its objective.

Their configurations begin with the settings of their authors: a random start, mini-batches at random, a constant step
size and no average of weights. Mini-batches of neighbours, the start at ITQ, the schedule and the average are options,
as they are HAGCN's, so that a table can tell an objective from what surrounds it.
"""

from __future__ import annotations

from hasher.contract import Averaging, Batches, BatchSize, LearningRate, Schedule, Start, TrainedConfig
from hasher.training.method import GradientMethod


class NeuralConfig(TrainedConfig):
    """`TrainedConfig` with the defaults of the literature."""

    start: Start = "random"
    batches: Batches = "random"
    batch_size: BatchSize = 64
    learning_rate: LearningRate = 0.001
    schedule: Schedule = "constant"
    averaging: Averaging = 0.0


class NeuralMethod(GradientMethod):
    """A rival that is trained by gradient."""

    family = "Neural hashes"
