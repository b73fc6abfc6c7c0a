"""The graph filters: one module each, one class each, all with the interface of `hasher.filters.base.GraphFilter`."""

from hasher.filters.base import GraphFilter
from hasher.filters.table import FILTERS, FilterFacts, Order, build_filter

__all__ = ["FILTERS", "FilterFacts", "GraphFilter", "Order", "build_filter"]
