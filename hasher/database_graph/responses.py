"""What a filter answers for the items of a mini-batch, on the graph of all items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import Tensor


class ItemResponses(Protocol):
    """Rows of H for n items, differentiable in the filter's parameters."""

    def cosine(self) -> Tensor:
        """How alike the rows are, over all items of the database: (n, n), without gradient."""

    def within(self) -> Tensor:
        """The part of H between the n items: (n, n), symmetric."""


@dataclass(frozen=True, eq=False)
class ItemRows:
    """Sparse rows of the items `items` (n,): `values` (n, s) at the items `columns` (n, s), which are below `total`.

    A column of -1 is no item, and its value is 0.
    """

    items: Tensor
    columns: Tensor
    values: Tensor
    total: int

    @torch.no_grad()
    def cosine(self) -> Tensor:
        unit = torch.nn.functional.normalize(self.values, dim=1)
        columns = self.columns.clamp(min=0)
        if unit.device.type == "cpu":
            n, s = unit.shape
            parts = (unit.numpy().ravel(), columns.numpy().ravel(), range(0, n * s + 1, s))
            rows = scipy.sparse.csr_array(parts, shape=(n, self.total))
            return torch.from_numpy((rows @ rows.T).toarray())
        met, places = columns.unique(return_inverse=True)
        dense = unit.new_zeros(len(unit), len(met)).scatter_add_(1, places, unit)
        return dense @ dense.T

    def within(self) -> Tensor:
        n = len(self.items)
        place = self.items.new_full((self.total,), n)
        place[self.items] = torch.arange(n, device=place.device)
        places = torch.where(self.columns >= 0, place[self.columns], n)
        wide = self.values.new_zeros(n, n + 1).scatter_add(1, places, self.values)
        square = wide[:, :-1]
        return (square + square.T) / 2  # an item that one row leaves out may be in the other's


@dataclass(frozen=True, eq=False)
class ItemModes:
    """Rows of U diag(h) Uᵀ by their coordinates: eigenvectors `modes` (n, m) of the items, and gains h (m,)."""

    modes: Tensor
    gains: Tensor

    @torch.no_grad()
    def cosine(self) -> Tensor:
        unit = torch.nn.functional.normalize(self.modes * self.gains, dim=1)  # the columns of U are orthonormal
        return unit @ unit.T

    def within(self) -> Tensor:
        return (self.modes * self.gains) @ self.modes.T


@dataclass(frozen=True, eq=False)
class DatabaseArrays:
    """What a filter keeps of a graph of n items, without parameters.

    Attributes:
        of_items: arrays (n, …), of which a mini-batch takes its items' rows.
        common: arrays that hold for all items.
    """

    of_items: tuple[NDArray[Any], ...]
    common: tuple[NDArray[Any], ...] = ()

    def on(self, device: torch.device) -> DatabaseTensors:
        """As tensors; on the CPU they share the arrays' memory."""
        of_items, common = ([torch.from_numpy(a).to(device) for a in arrays] for arrays in (self.of_items, self.common))
        return DatabaseTensors(of_items, common)


@dataclass(frozen=True, eq=False)
class DatabaseTensors:
    """`DatabaseArrays` where a filter works on them; `take` gives those of some items."""

    of_items: list[Tensor]
    common: list[Tensor]

    @property
    def total(self) -> int:
        """Number of items (n)."""
        return len(self.of_items[0])

    def take(self, items: Tensor) -> list[Tensor]:
        """The items' rows of `of_items`."""
        return [tensor[items] for tensor in self.of_items]
