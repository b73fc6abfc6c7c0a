"""The graph filters: one module each, one class each, all with the interface of `hasher.filters.base.GraphFilter`."""

from collections.abc import Callable

from hasher.errors import UserError
from hasher.filters.base import GraphFilter
from hasher.filters.chebyshev import ChebyshevFilter
from hasher.filters.fourier import FourierFilter
from hasher.filters.gcn import GCNFilter
from hasher.filters.lanczos import LanczosFilter
from hasher.filters.spline import SplineFilter
from hasher.filters.unfiltered import NoFilter
from hasher.hagcn.config import DEFAULT_ORDERS, SMALLEST_ORDERS, FilterName

__all__ = ["FILTERS", "GraphFilter", "build_filter"]

#: Filter by name; those in `hasher.hagcn.config.DEFAULT_ORDERS` take their order.
FILTERS: dict[FilterName, Callable[..., GraphFilter]] = {
    "none": NoFilter,
    "gcn": GCNFilter,
    "chebyshev": ChebyshevFilter,
    "lanczos": LanczosFilter,
    "spline": SplineFilter,
    "fourier": FourierFilter,
}


def build_filter(name: FilterName, order: int | None = None) -> GraphFilter:
    """A freshly initialised, low-pass filter.

    Args:
        name: a key of `FILTERS`.
        order: degree (chebyshev), Krylov steps (lanczos), basis functions (spline) or modes (fourier); None for the
            default. An order beyond the size of a mini-batch acts as that size.

    Raises:
        UserError: no such filter, an order too small for it, or an order where the filter has none.
    """
    if name not in FILTERS:
        raise UserError(f"filter: no {name!r}, choose one of {', '.join(FILTERS)}")
    if name not in DEFAULT_ORDERS:
        if order is not None:
            raise UserError(f"filter_order: {name} has no order, leave it out")
        return FILTERS[name]()
    order = DEFAULT_ORDERS[name] if order is None else order
    if order < SMALLEST_ORDERS[name]:
        raise UserError(f"filter_order: {name} needs at least {SMALLEST_ORDERS[name]}, not {order}")
    return FILTERS[name](order)
