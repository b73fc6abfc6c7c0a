"""The graph filters and what is known of each: adding one takes its module and a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hasher.errors import UserError
from hasher.filters.base import GraphFilter
from hasher.filters.chebyshev import ChebyshevFilter
from hasher.filters.fourier import FourierFilter
from hasher.filters.gcn import GCNFilter
from hasher.filters.lanczos import LanczosFilter
from hasher.filters.spline import SplineFilter
from hasher.filters.unfiltered import NoFilter


@dataclass(frozen=True)
class Order:
    """The order that a filter has by default, and the smallest it can have."""

    default: int
    smallest: int = 1


@dataclass(frozen=True)
class FilterFacts:
    """One filter: its label in tables, the class, its order (None where it has none) and the paper's name for it."""

    label: str
    build: Callable[..., GraphFilter]
    order: Order | None = None
    paper_name: str | None = None


#: In the order of the paper's tables, then those its tables do not have. The paper's "Poly" is the B-spline filter of
#: its code; "Fourier" is only in its figures.
FILTERS: dict[str, FilterFacts] = {
    "spline": FilterFacts("Spline", SplineFilter, Order(8, smallest=4), "Poly"),  # basis functions
    "lanczos": FilterFacts("Lanczos", LanczosFilter, Order(4)),  # Krylov steps
    "chebyshev": FilterFacts("Chebyshev", ChebyshevFilter, Order(3), "Cheby"),  # degree
    "gcn": FilterFacts("GCN", GCNFilter),
    "fourier": FilterFacts("Fourier", FourierFilter, Order(16)),  # modes
    "none": FilterFacts("No graph", NoFilter),
}


def build_filter(name: str, order: int | None = None) -> GraphFilter:
    """A freshly initialised, low-pass filter.

    Args:
        name: a key of `FILTERS`.
        order: see `FilterFacts.order`; None for the default. An order beyond the size of a mini-batch acts as that
            size.

    Raises:
        UserError: no such filter, an order too small for it, or an order where the filter has none.
    """
    if name not in FILTERS:
        raise UserError(f"filter: no {name!r}, choose one of {', '.join(FILTERS)}")
    facts = FILTERS[name]
    if facts.order is None:
        if order is not None:
            raise UserError(f"filter_order: {name} has no order, leave it out")
        return facts.build()
    order = facts.order.default if order is None else order
    if order < facts.order.smallest:
        raise UserError(f"filter_order: {name} needs at least {facts.order.smallest}, not {order}")
    return facts.build(order)
