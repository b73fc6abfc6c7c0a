"""Each item's surroundings in a large graph, and polynomials of the graph in them: loops over items, compiled.

A response of an item is told of at most s other items, those that diffusion from it reaches most. Recursion and
Krylov steps run in the part of the graph that those span, so that an item costs s times its links, whatever n.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

#: A Krylov vector shorter than this is rounding error of the ones before: the space is exhausted.
BREAKDOWN = 1e-5


class Rows(NamedTuple):
    """A sparse matrix (n, n) by rows: those of i are ``starts[i]`` to ``starts[i + 1]``."""

    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]


@numba.njit(cache=True, nogil=True)
def reached_items(rows: Rows, entries: int, support: int, steps: int) -> NDArray[np.int32]:
    """The `entries` items that diffusion from each item reaches most, itself first: (n, entries), padded with -1.

    Diffusion is Σ_m τ^m / m! Â^m, m up to `steps`, which is exp(-τL) up to a factor (τ = 3); a step goes on from the
    `support` items of largest value.
    """
    n = len(rows.starts) - 1
    reached = np.full((n, entries), -1, dtype=np.int32)
    total, spread = np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.float32)
    for item in range(n):
        touched = [np.int32(item)]
        total[item] = 1
        front, heat = np.array([item], dtype=np.int32), np.ones(1, dtype=np.float32)
        for step in range(1, steps + 1):
            met = [np.int32(0) for _ in range(0)]
            for place in range(len(front)):
                for link in range(rows.starts[front[place]], rows.starts[front[place] + 1]):
                    column = rows.columns[link]
                    if spread[column] == 0:
                        met.append(column)
                    spread[column] += rows.values[link] * heat[place]
            found = np.array(met, dtype=np.int32)
            values = spread[found] * np.float32(3.0 / step)
            spread[found] = 0
            for place in range(len(found)):
                if total[found[place]] == 0:
                    touched.append(found[place])
                total[found[place]] += values[place]
            kept = _largest(values, support)
            front, heat = found[kept], values[kept]
        everything = np.array(touched, dtype=np.int32)
        total[item] = np.inf  # first, whatever its value
        chosen = everything[_largest(total[everything], entries)]
        chosen = chosen[np.argsort(-total[chosen])]
        reached[item, : len(chosen)] = chosen
        total[everything] = 0
    return reached


@numba.njit(cache=True, nogil=True)
def _largest(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the `count` largest values; of those that tie with the last, the first ones."""
    if len(values) <= count:
        return np.arange(len(values))
    least = np.partition(values, len(values) - count)[len(values) - count]
    places = np.empty(count, dtype=np.int64)
    taken = 0
    for place in range(len(values)):
        if values[place] > least:
            places[taken] = place
            taken += 1
    for place in range(len(values)):
        if values[place] == least and taken < count:
            places[taken] = place
            taken += 1
    return places


@numba.njit(cache=True, nogil=True)
def chebyshev_terms(rows: Rows, reached: NDArray[np.int32], degree: int) -> NDArray[np.float32]:
    """T_0(L̃) … T_K(L̃) of every item, L̃ = -Â, at the items it reaches: (n, K + 1, s), by the recursion."""
    n, s = reached.shape
    terms = np.zeros((n, degree + 1, s), dtype=np.float32)
    place = np.full(n, -1, dtype=np.int32)
    for item in range(n):
        size = _enter(reached[item], place)
        terms[item, 0, 0] = 1
        if degree > 0:
            _multiply(rows, reached[item], size, place, terms[item, 0], terms[item, 1])
            terms[item, 1] *= -1
        for k in range(2, degree + 1):
            _multiply(rows, reached[item], size, place, terms[item, k - 1], terms[item, k])
            terms[item, k] = -2 * terms[item, k] - terms[item, k - 2]
        _leave(reached[item], size, place)
    return terms


@numba.njit(cache=True, nogil=True)
def krylov_spaces(
    rows: Rows, reached: NDArray[np.int32], steps: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lanczos on Â from every item's unit vector, in the items it reaches, with full re-orthogonalisation.

    Orthonormal bases (n, K, s), zero vectors where a space is exhausted, and tridiagonal matrices T (n, K, K).
    """
    n, s = reached.shape
    basis, tridiagonal = np.zeros((n, steps, s), dtype=np.float32), np.zeros((n, steps, steps), dtype=np.float32)
    place, residual = np.full(n, -1, dtype=np.int32), np.zeros(s, dtype=np.float32)
    for item in range(n):
        size = _enter(reached[item], place)
        basis[item, 0, 0] = 1
        for k in range(steps):
            _multiply(rows, reached[item], size, place, basis[item, k], residual)
            tridiagonal[item, k, k] = np.dot(residual[:size], basis[item, k, :size])
            if k + 1 == steps:
                break
            for _ in range(2):  # Gram-Schmidt needs two passes (Giraud et al. 2005)
                for before in range(k + 1):
                    residual -= np.dot(residual, basis[item, before]) * basis[item, before]
            length = np.sqrt(np.dot(residual, residual))
            if length <= BREAKDOWN:
                break
            basis[item, k + 1] = residual / length
            tridiagonal[item, k, k + 1] = tridiagonal[item, k + 1, k] = length
        _leave(reached[item], size, place)
    return basis, tridiagonal


@numba.njit(cache=True, nogil=True)
def _enter(reached: NDArray[np.int32], place: NDArray[np.int32]) -> int:
    """Note where each reached item stands; returns how many there are."""
    size = 0
    while size < len(reached) and reached[size] >= 0:
        place[reached[size]] = size
        size += 1
    return size


@numba.njit(cache=True, nogil=True)
def _leave(reached: NDArray[np.int32], size: int, place: NDArray[np.int32]) -> None:
    for position in range(size):
        place[reached[position]] = -1


@numba.njit(cache=True, nogil=True)
def _multiply(
    rows: Rows, reached: NDArray[np.int32], size: int, place: NDArray[np.int32], vector: NDArray[np.float32],
    product: NDArray[np.float32],
) -> None:  # fmt: skip
    """Â times a vector over the reached items, into `product`; links to other items are left out."""
    for position in range(size):
        value = np.float32(0)
        for link in range(rows.starts[reached[position]], rows.starts[reached[position] + 1]):
            other = place[rows.columns[link]]
            if other >= 0:
                value += rows.values[link] * vector[other]
        product[position] = value
    product[size:] = 0
