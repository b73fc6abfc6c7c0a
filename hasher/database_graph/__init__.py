"""The graph of all training items: too large for matrices, so an item's response to a filter is a sparse row."""

from hasher.database_graph.graph import DatabaseGraph, build_graph
from hasher.database_graph.responses import DatabaseArrays, DatabaseTensors, ItemModes, ItemResponses, ItemRows

__all__ = [
    "DatabaseArrays",
    "DatabaseGraph",
    "DatabaseTensors",
    "ItemModes",
    "ItemResponses",
    "ItemRows",
    "build_graph",
]
