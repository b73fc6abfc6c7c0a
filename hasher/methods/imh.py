"""`imh`: a manifold of anchors, extended to all items (Shen et al., "Inductive hashing on manifolds", CVPR 2013)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits

from hasher.methods.anchors import AnchorConfig, AnchorMethod, Anchors, NearestAnchors
from hasher.projections import PrincipalComponents, itq_rotation

#: Standard deviation of an embedding before t-SNE moves it, as scikit-learn has it.
SPREAD = 1e-4


class IMHConfig(AnchorConfig):
    """Anchors and t-SNE of the variant IMH-tSNE; a perplexity is at most a third of the other anchors.

    Exaggeration is made for maps of two dimensions. In as many as a code has bits, 12 (what t-SNE has there) ends far
    from the best: on digits at 16 bits with a divergence of 1.74, where 1 ends at 0.19.
    """

    anchors: Anchors = 400
    nearest_anchors: NearestAnchors = 5
    perplexity: float = Field(30.0, ge=2, description="neighbours that t-SNE keeps near an anchor, about")
    exaggeration: float = Field(1.0, ge=1, description="factor of the attraction in t-SNE's first 250 of 1000 steps")
    rotation: Literal["itq", "none"] = Field(
        "itq", description="ITQ's rotation of the items' values, as in the authors' later paper, or none"
    )


class IMH(AnchorMethod):
    """Signs of a t-SNE with as many dimensions as bits, between the anchors by weighted means.

    t-SNE starts at the principal components, whose axes would make poor bits: hence the rotation (Shen et al.,
    "Hashing on nonlinear manifolds", IEEE TIP 2015).
    """

    name, label = "imh", "IMH"
    Config = IMHConfig

    def impossible(self, bits: int, items: int, width: int) -> str | None:
        return None if items > 1 else f"{self.label} has no code on this data: a single item has no neighbours"

    def values(
        self, graph: scipy.sparse.csr_array, anchors: NDArray[np.float32], config: IMHConfig, seed: int
    ) -> NDArray[np.floating]:
        if len(anchors) == 1:  # all items are one
            return np.zeros((1, config.bits))
        values = embedding(anchors, config, seed)
        return values if config.rotation == "none" else values @ itq_rotation((graph @ values).astype(np.float32), seed)


def embedding(anchors: NDArray[np.float32], config: IMHConfig, seed: int) -> NDArray[np.float32]:
    """t-SNE of `anchors` (m, d), with mean 0: (m, bits)."""
    from sklearn.manifold import TSNE  # a second to import, which every worker would wait

    tsne = TSNE(
        config.bits, perplexity=min(config.perplexity, (len(anchors) - 1) / 3), early_exaggeration=config.exaggeration,
        method="exact", init=first_embedding(anchors, config.bits, seed), random_state=seed,
    )  # fmt: skip
    with threadpool_limits(1):  # the same result on any machine
        values: NDArray[np.float32] = tsne.fit_transform(anchors)
    return values - values.mean(axis=0)  # t-SNE leaves open where its middle is


def first_embedding(anchors: NDArray[np.float32], bits: int, seed: int) -> NDArray[np.float32]:
    """Principal components of `anchors` (m, d), and random values beside them where bits are more: (m, bits)."""
    values = SPREAD * np.random.default_rng(seed).standard_normal((len(anchors), bits), dtype=np.float32)
    components = PrincipalComponents.of(anchors)
    coordinates = components.project(anchors, min(bits, anchors.shape[1]))
    varied = np.flatnonzero(coordinates.any(axis=0))
    if len(varied):
        values[:, varied] = coordinates[:, varied] * (SPREAD / coordinates[:, 0].std())
    return values
