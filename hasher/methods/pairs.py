"""What GreedyHash, Bi-half and SDC share: cosines of pairs of codes are to follow those of the pairs' embeddings.

Embeddings are centred on the training mean before a cosine is taken. The features that these methods were made for are
not, and of features that all point one way every cosine is near 1: codes that are all alike then lose nothing.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hasher.contract import LearningRate
from hasher.methods.neural import NeuralConfig

Pairs = Literal["halves", "all"]


class PairsConfig(NeuralConfig):
    """Which pairs are compared, and the step size at which GreedyHash, Bi-half and SDC stand side by side.

    The released code of all three takes `halves`. With mini-batches of neighbours `all` is needed to compare an item
    with its neighbours, which stand beside it and not half a mini-batch apart. The step size is that of SDC's authors,
    who train their own and the other two with Adam.
    """

    pairs: Pairs = Field(
        "halves", description="pairs of a mini-batch that are compared: its first half with its second, or all"
    )
    learning_rate: LearningRate = 0.0001


def pair_cosines(rows: Tensor, pairs: Pairs) -> Tensor:
    """Cosines of pairs of rows (n, m), 0 with a row that is 0: (p,), the same pairs in the same order for every m.

    `halves` are rows i and i + ⌊n/2⌋, p = ⌊n/2⌋ pairs, without the last row where n is odd; `all` are the
    p = n (n - 1) / 2 rows i < j.
    """
    unit = functional.normalize(rows, dim=1)
    if pairs == "halves":
        half = len(rows) // 2
        return torch.linalg.vecdot(unit[:half], unit[half : 2 * half])
    one, other = torch.triu_indices(len(rows), len(rows), offset=1, device=rows.device)
    return (unit @ unit.T)[one, other]


def cosine_error(codes: Tensor, normalised: Tensor, pairs: Pairs) -> Tensor:
    """Mean of (cos(b_i, b_j) - cos(x_i, x_j))² over the pairs of codes b (n, b) and of embeddings x (n, d).

    It is 0 for a single item, which makes no pair. After GreedyHash (Su et al., NeurIPS 2018, unsupervised).
    """
    error = pair_cosines(codes, pairs) - pair_cosines(normalised, pairs)
    return error.square().sum() / max(1, len(error))
