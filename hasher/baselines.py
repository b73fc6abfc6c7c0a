"""What every hasher is compared with: the float vectors themselves, and three hashes that learn from no label.

- ``float_cosine``: no hashing; cosine of the raw vectors, not centred.
- ``float_diffusion``: no hashing; heat diffusion over the graph of all training items (see `hasher.diffusion`).
- ``lsh``: signs of projections on random Gaussian directions (Charikar 2002).
- ``pca_sign``: signs of the projections on the first principal components.
- ``itq``: principal components rotated so that their signs lose least (Gong, Lazebnik, Gordo & Perronnin 2013).

The hashes see only what is trained on, centred on its mean. Codes are booleans, True where a projection is positive.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hasher.data import EmbeddingSet, Split
from hasher.diffusion import Diffusion
from hasher.errors import UserError
from hasher.projections import Floats, PrincipalComponents, itq_rotation, project
from hasher.retrieval import Retrieval, evaluate_cosine, evaluate_scores
from hasher.scoring import released_score, score_codes
from hasher.training.items import TrainingItems

Codes = NDArray[np.bool_]
Projection = tuple[Floats, Floats]

BASELINES = ("float_cosine", "float_diffusion", "lsh", "pca_sign", "itq")

#: Those that depend on the seed, to be run with several.
STOCHASTIC = frozenset({"lsh", "itq"})


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """A baseline's test scores.

    Attributes:
        retrieval: all metrics.
        map_released: mAP as the released code computes it; None for the `REFERENCES`, which have no codes.
        query_codes: boolean (queries, bits), or None for the `REFERENCES`.
        database_codes: boolean (database, bits), or None for the `REFERENCES`.
    """

    retrieval: Retrieval
    map_released: float | None
    query_codes: Codes | None
    database_codes: Codes | None


def evaluate_baseline(
    name: str, dataset: EmbeddingSet, split: Split, bits: int, seed: int = 0, k: int = 200
) -> BaselineResult | None:
    """Score the baseline `name` on `split`; None where it does not exist at this length (see `baseline_codes`).

    The `REFERENCES` are the same for any `bits` and `seed`.

    Raises:
        UserError: no baseline of this name, or bits or k below 1.
    """
    if name in REFERENCES:
        return BaselineResult(REFERENCES[name](dataset, split, k), None, None, None)
    queries, database = dataset.features[split.queries], dataset.features[split.database]
    codes = baseline_codes(name, dataset.features[split.train], queries, database, bits=bits, seed=seed)
    if codes is None:
        return None
    query_codes, database_codes = codes
    return BaselineResult(
        retrieval=score_codes(dataset, split, query_codes, database_codes, k),
        map_released=released_score(dataset, split, query_codes, database_codes, k),
        query_codes=query_codes,
        database_codes=database_codes,
    )


def _float_cosine(dataset: EmbeddingSet, split: Split, k: int) -> Retrieval:
    queries, database = dataset.features[split.queries], dataset.features[split.database]
    return evaluate_cosine(queries, dataset.labels[split.queries], database, dataset.labels[split.database], k)


def _float_diffusion(dataset: EmbeddingSet, split: Split, k: int) -> Retrieval:
    """Heat also spreads over training items without a label; only the others are ranked."""
    diffusion = Diffusion.over(TrainingItems(dataset.features[split.train]))
    queries, ranked = dataset.features[split.queries], np.searchsorted(split.train, split.database)
    return evaluate_scores(
        lambda rows: diffusion.scores(queries[rows])[:, ranked],
        dataset.labels[split.queries], dataset.labels[split.database], k,
    )  # fmt: skip


#: Rankings by the float vectors: without codes, without bits, and with nothing random.
REFERENCES: dict[str, Callable[[EmbeddingSet, Split, int], Retrieval]] = {
    "float_cosine": _float_cosine,
    "float_diffusion": _float_diffusion,
}


def baseline_codes(name: str, train: Floats, *items: Floats, bits: int, seed: int = 0) -> list[Codes] | None:
    """Fit the hash `name` to `train` (n, d) and encode each of `items` (m, d): boolean (m, bits) each.

    None where there is no such hash: `pca_sign` and `itq` have at most d bits, and at most as many as `train` has
    items.

    Raises:
        UserError: no hash of this name, or bits below 1.
    """
    if name not in PROJECTIONS:
        raise UserError(f"baseline: no hash is called {name!r}, expected one of {', '.join(PROJECTIONS)}")
    if bits < 1:
        raise UserError(f"bits: must be at least 1, not {bits}")
    if name != "lsh" and bits > min(train.shape):
        return None
    mean, directions = PROJECTIONS[name](train, bits, seed)
    return [project(features, mean, directions) > 0 for features in items]


def _lsh(train: Floats, bits: int, seed: int) -> Projection:
    directions = np.random.default_rng(seed).standard_normal((train.shape[1], bits), dtype=np.float32)
    return train.mean(axis=0, dtype=np.float64).astype(np.float32), directions


def _pca_sign(train: Floats, bits: int, seed: int) -> Projection:
    components = PrincipalComponents.of(train)
    return components.mean, components.directions[:, :bits]


def _itq(train: Floats, bits: int, seed: int) -> Projection:
    components = PrincipalComponents.of(train)
    rotation = itq_rotation(components.project(train, bits), seed)
    return components.mean, components.directions[:, :bits] @ rotation


#: Mean (d,) and directions (d, bits) of each hash.
PROJECTIONS: dict[str, Callable[[Floats, int, int], Projection]] = {
    "lsh": _lsh,
    "pca_sign": _pca_sign,
    "itq": _itq,
}
