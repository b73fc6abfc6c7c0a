"""What every hasher is compared with: the float vectors themselves, and three hashes that learn from no label.

- ``float_cosine``: no hashing; cosine of the raw vectors, not centred.
- ``lsh``: signs of projections on random Gaussian directions (Charikar 2002).
- ``pca_sign``: signs of the projections on the first principal components.
- ``itq``: principal components rotated so that their signs lose least (Gong, Lazebnik, Gordo & Perronnin 2013).

The hashes see only what is trained on, centred on its mean. Codes are booleans, True where a projection is positive.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hasher.data import EmbeddingSet, Split
from hasher.errors import UserError
from hasher.retrieval import Retrieval, evaluate_cosine
from hasher.scoring import released_score, score_codes

Floats = NDArray[np.float32]
Codes = NDArray[np.bool_]

BASELINES = ("float_cosine", "lsh", "pca_sign", "itq")

#: Those that depend on the seed, to be run with several.
STOCHASTIC = frozenset({"lsh", "itq"})

#: Iterations of ITQ, as its authors use.
ITQ_ITERATIONS = 50

#: Rows worked on together, which bounds the memory beside features and codes.
CHUNK = 8192


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """A baseline's test scores.

    Attributes:
        retrieval: all metrics.
        map_released: mAP as the released code computes it; None for `float_cosine`, which has no codes.
        query_codes: boolean (queries, bits), or None for `float_cosine`.
        database_codes: boolean (database, bits), or None for `float_cosine`.
    """

    retrieval: Retrieval
    map_released: float | None
    query_codes: Codes | None
    database_codes: Codes | None


def evaluate_baseline(
    name: str, dataset: EmbeddingSet, split: Split, bits: int, seed: int = 0, k: int = 200
) -> BaselineResult | None:
    """Score the baseline `name` on `split`; None where it does not exist at this length (see `baseline_codes`).

    `float_cosine` is the same for any `bits` and `seed`.

    Raises:
        UserError: no baseline of this name, or bits or k below 1.
    """
    queries, database = dataset.features[split.queries], dataset.features[split.database]
    if name == "float_cosine":
        labels = dataset.labels
        found = evaluate_cosine(queries, labels[split.queries], database, labels[split.database], k)
        return BaselineResult(found, None, None, None)
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
    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    with threadpool_limits(1):  # the same result on any machine, and small decompositions only wait for more threads
        projection = PROJECTIONS[name](train, mean, bits, np.random.default_rng(seed))
    return [_project(features, mean, projection) > 0 for features in items]


def _project(features: Floats, mean: Floats, projection: Floats) -> Floats:
    """(features - mean) times `projection` (d, bits), without a centred copy of the features."""
    projected = np.empty((len(features), projection.shape[1]), dtype=np.float32)
    for start in range(0, len(features), CHUNK):
        chunk = slice(start, start + CHUNK)
        projected[chunk] = (features[chunk] - mean) @ projection
    return projected


def _lsh(train: Floats, mean: Floats, bits: int, rng: np.random.Generator) -> Floats:
    return rng.standard_normal((train.shape[1], bits), dtype=np.float32)


def _principal_components(train: Floats, mean: Floats, bits: int, rng: np.random.Generator) -> Floats:
    """The `bits` directions of largest variance as columns (d, bits); zeros where the data has no variance left.

    A direction without variance would otherwise give a bit of rounding errors instead of a constant one.
    """
    width = train.shape[1]
    covariance = np.zeros((width, width))
    for start in range(0, len(train), CHUNK):
        centred = train[start : start + CHUNK].astype(np.float64) - mean
        covariance += centred.T @ centred
    variances, directions = scipy.linalg.eigh(covariance, subset_by_index=(width - bits, width - 1))
    variances, directions = variances[::-1], directions[:, ::-1]
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(bits)])  # LAPACK leaves signs open
    directions[:, variances <= variances[0] * width * np.finfo(np.float64).eps] = 0
    return directions.astype(np.float32)


def _itq(train: Floats, mean: Floats, bits: int, rng: np.random.Generator) -> Floats:
    """Principal components times the rotation R that ITQ finds, starting from a random one.

    With V the projected training items, B = sign(V R) and the orthogonal R that minimises ||B - V R|| (orthogonal
    Procrustes) are found in turn, so that the loss never rises. faiss.ITQMatrix (1.15.1) is not used: it multiplies
    by V where the Procrustes solution has its transpose, its loss rises and falls, and its codes retrieve worse.
    """
    components = _principal_components(train, mean, bits, rng)
    projected = _project(train, mean, components)
    rotation = np.linalg.qr(rng.standard_normal((bits, bits)))[0].astype(np.float32)
    for _ in range(ITQ_ITERATIONS):
        signs = np.where(projected @ rotation > 0, np.float32(1), np.float32(-1))
        rotation, _ = scipy.linalg.orthogonal_procrustes(projected, signs)
    return components @ rotation


PROJECTIONS: dict[str, Callable[[Floats, Floats, int, np.random.Generator], Floats]] = {
    "lsh": _lsh,
    "pca_sign": _principal_components,
    "itq": _itq,
}
