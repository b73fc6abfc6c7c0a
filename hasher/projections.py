"""Linear hashes that need no training by gradient: random directions, principal components, and ITQ's rotation of them.

All see only what is trained on, centred on its mean. They are baselines, and where a hasher starts.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float32]

#: Iterations of ITQ, as its authors use.
ITQ_ITERATIONS = 50

#: Rows worked on together, which bounds the memory beside features and codes.
CHUNK = 8192


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The directions of largest variance of items of width d.

    Attributes:
        mean: (d,) of the items.
        variances: (d,) descending, float64.
        directions: (d, d) orthonormal columns in that order; zeros where the data has no variance left, for such a
            direction would give a bit of rounding errors instead of a constant one.
    """

    mean: Floats
    variances: NDArray[np.float64]
    directions: Floats

    @classmethod
    def of(cls, items: Floats) -> "PrincipalComponents":
        """Of `items` (n, d), by the eigenvectors of their covariance in float64."""
        mean = items.mean(axis=0, dtype=np.float64).astype(np.float32)
        width = items.shape[1]
        covariance = np.zeros((width, width))
        with threadpool_limits(1):  # the same result on any machine
            for start in range(0, len(items), CHUNK):
                centred = items[start : start + CHUNK].astype(np.float64) - mean
                covariance += centred.T @ centred
            variances, directions = scipy.linalg.eigh(covariance / len(items), overwrite_a=True)
        variances, directions = variances[::-1], directions[:, ::-1]
        directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(width)])  # LAPACK leaves it open
        directions[:, variances <= variances[0] * width * np.finfo(np.float64).eps] = 0
        return cls(mean, np.ascontiguousarray(variances), np.ascontiguousarray(directions, dtype=np.float32))

    def project(self, items: Floats, count: int) -> Floats:
        """Coordinates (n, count) of `items` (n, d) along the first `count` directions."""
        return project(items, self.mean, self.directions[:, :count])


def project(items: Floats, mean: Floats, directions: Floats) -> Floats:
    """(items - mean) times `directions` (d, b), without a centred copy of the items (n, d)."""
    projected = np.empty((len(items), directions.shape[1]), dtype=np.float32)
    for start in range(0, len(items), CHUNK):
        chunk = slice(start, start + CHUNK)
        projected[chunk] = (items[chunk] - mean) @ directions
    return projected


def itq_rotation(coordinates: Floats, seed: int) -> Floats:
    """The rotation R (b, b) whose signs lose least of `coordinates` (n, b) (Gong, Lazebnik, Gordo & Perronnin 2013).

    With V the coordinates, B = sign(V R) and the orthogonal R that minimises ||B - V R|| (orthogonal Procrustes) are
    found in turn from a random one, so that the loss never rises. faiss.ITQMatrix (1.15.1) is not used: it multiplies
    by V where the Procrustes solution has its transpose, its loss rises and falls, and its codes retrieve worse.
    """
    bits = coordinates.shape[1]
    rng = np.random.default_rng(seed)
    with threadpool_limits(1):  # small decompositions only wait for more threads
        rotation = np.linalg.qr(rng.standard_normal((bits, bits)))[0].astype(np.float32)
        for _ in range(ITQ_ITERATIONS):
            signs = np.where(coordinates @ rotation > 0, np.float32(1), np.float32(-1))
            rotation, _ = scipy.linalg.orthogonal_procrustes(coordinates, signs)
    return rotation
