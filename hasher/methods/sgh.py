"""`sgh`: bits one after the other for a graph of all pairs (Jiang & Li, "Scalable graph hashing", IJCAI 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits

from hasher.contract import Method, MethodConfig
from hasher.encoders import KernelEncoder, at_length_one
from hasher.methods.closed_form import ClosedForm, EncoderModel
from hasher.projections import CHUNK
from hasher.training.items import TrainingItems

#: What is added to the diagonal of the kernels' Gram matrix, as the authors' code has it.
RIDGE = 1e-6

Matrix = NDArray[np.float64]


class SGHConfig(MethodConfig):
    """The authors' settings."""

    bases: int = Field(300, ge=1, le=4096, description="random items that kernels are centred on (m)")
    kernel_width: float = Field(
        1.0, gt=0, description="width h of a kernel exp(-d²/2h²), in root mean square distances of items and bases"
    )
    rho: float = Field(2.0, ge=0.1, description="ρ of the similarity 2 exp(-d²/ρ) - 1 that codes are to have")
    refinements: int = Field(1, ge=0, description="times that every bit is found again beside all others")


class SGH(Method):
    """Codes agree as embeddings at length 1 are similar, for all pairs of items without their matrix."""

    name, label = "sgh", "SGH"
    family = "Anchor hashes"
    Config = SGHConfig

    def model(self, config: SGHConfig, width: int) -> EncoderModel:
        return EncoderModel(KernelEncoder(torch.zeros(width), config.bases, config.bits))

    def start(self, config: SGHConfig, features: NDArray[np.float32], seed: int, device: torch.device) -> ClosedForm:
        rng = np.random.default_rng(seed)
        model = self.model(config, features.shape[1])
        encoder: Any = model.encoder
        encoder.mean.copy_(torch.from_numpy(TrainingItems(features).mean))
        points = at_length_one(torch.from_numpy(np.require(features, np.float32, "W")), encoder.mean)
        count = min(config.bases, len(points))
        bases = points[np.sort(rng.choice(len(points), count, replace=False))]
        encoder.bases[:count] = bases
        mean_square = float(
            points.square().sum(dim=1).mean() + bases.square().sum(dim=1).mean() - 2 * points.mean(0) @ bases.mean(0)
        )
        # 0 where all items are one point, and any width is as good
        encoder.reach.fill_(config.kernel_width * max(mean_square, 0) ** 0.5 or 1.0)
        kernels = torch.cat([encoder.kernels(chunk)[:, :count] for chunk in points.split(CHUNK)]).numpy()
        mean = kernels.mean(axis=0, dtype=np.float64).astype(np.float32)
        kernels -= mean
        encoder.kernel_mean[:count] = torch.from_numpy(mean)
        with threadpool_limits(1):  # the same result on any machine
            weights = SequentialBits.of(kernels, points.numpy(), config.rho).find(config, rng)
        encoder.weights[:count] = torch.from_numpy(weights)
        return ClosedForm(model.to(device))


def similarity_features(points: NDArray[np.floating], rho: float) -> tuple[Matrix, Matrix]:
    """P and Q (n, d + 2) with P(x)^T Q(y) ≈ 2 exp(-|x - y|²/ρ) - 1 for `points` (n, d) of length at most 1 (eq. 3).

    exp(-|x - y|²/ρ) = exp(-|x|²/ρ) exp(-|y|²/ρ) exp(t), t = 2 x^T y / ρ, and exp(t) is nearly the line that it meets at
    both ends of what t can be, ±2/ρ. They are the paper's ±1 at its ρ = 2.
    """
    end = 2 / rho
    points = points.astype(np.float64)
    heights = np.exp(-np.square(points).sum(axis=1, keepdims=True) / rho)
    common = [2 * np.sqrt(np.sinh(end) / end / rho) * heights * points, np.sqrt(2 * np.cosh(end)) * heights]
    ones = np.ones_like(heights)
    return np.hstack([*common, ones]), np.hstack([*common, -ones])


class SequentialBits:
    """Weights w of kernels K (n, m), a bit sign(K w) each, such that b S ≈ Σ sign(K w) sign(K w)^T, S = P Q^T.

    A bit takes what the others leave: w maximises w^T (b K^T S K - Σ K^T s s^T K) w, s being their signs, where
    w^T K^T K w = n (section 3.3 of the paper). With K^T K = L L^T that is an eigenvector of a matrix (m, m).

    Attributes:
        kernels: K, with columns of mean 0.
        whitening: L^-T (m, m).
        similarity: L^-1 K^T S K L^-T (m, m).
    """

    def __init__(self, kernels: NDArray[np.float32], whitening: Matrix, similarity: Matrix) -> None:
        self.kernels, self.whitening, self.similarity = kernels, whitening, similarity

    @classmethod
    def of(cls, kernels: NDArray[np.float32], points: NDArray[np.float32], rho: float) -> SequentialBits:
        """For `kernels` of `points` (n, d), which have length 1 at most."""
        size = kernels.shape[1]
        gram = RIDGE * np.eye(size)
        left, right = np.zeros((2, size, points.shape[1] + 2))
        for start in range(0, len(points), CHUNK):
            chunk = kernels[start : start + CHUNK].T.astype(np.float64)
            gram += chunk @ chunk.T
            for sums, features in zip(
                (left, right), similarity_features(points[start : start + CHUNK], rho), strict=True
            ):
                sums += chunk @ features
        whitening = scipy.linalg.solve_triangular(scipy.linalg.cholesky(gram), np.eye(size))
        return cls(kernels, whitening, whitening.T @ left @ right.T @ whitening)

    def find(self, config: SGHConfig, rng: np.random.Generator) -> Matrix:
        """Weights (m, bits), whose real values have mean square 1; `rng` orders the bits to be refined."""
        wanted = config.bits * self.similarity
        vectors, sums = np.zeros((2, config.bits, len(wanted)))
        order = np.arange(config.bits)
        for _ in range(1 + config.refinements):
            for bit in order:
                wanted += np.outer(sums[bit], sums[bit])
                vectors[bit] = _top_eigenvector(wanted)
                sums[bit] = self._sums(vectors[bit])
                wanted -= np.outer(sums[bit], sums[bit])
            order = rng.permutation(config.bits)
        return np.sqrt(len(self.kernels)) * self.whitening @ vectors.T

    def _sums(self, vector: Matrix) -> Matrix:
        """L^-1 K^T sign(K L^-T u) of a vector u (m,)."""
        weights = (self.whitening @ vector).astype(np.float32)
        sums = np.zeros(len(vector))
        for start in range(0, len(self.kernels), CHUNK):
            chunk = self.kernels[start : start + CHUNK]
            sums += np.where(chunk @ weights > 0, np.float32(1), np.float32(-1)) @ chunk
        return self.whitening.T @ sums


def _top_eigenvector(matrix: Matrix) -> Matrix:
    last = len(matrix) - 1
    return scipy.linalg.eigh(matrix, subset_by_index=[last, last])[1][:, 0]
