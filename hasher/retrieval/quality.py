"""How well a set of codes uses its bits."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.retrieval.codes import as_bool


def _as_signs(codes: ArrayLike) -> NDArray[np.float64]:
    signs = np.where(as_bool(codes), 1.0, -1.0)
    if len(signs) == 0:
        raise UserError("codes: expected at least one code, there is none")
    return signs


def bit_balance(codes: ArrayLike) -> NDArray[np.float64]:
    """Mean of each bit of `codes` (n, bits), boolean or ±1, taken as ±1: 0 is balanced, -1 and +1 are constant bits."""
    return _as_signs(codes).mean(axis=0)


def bit_correlation(codes: ArrayLike) -> NDArray[np.float64]:
    """Pearson correlation between the bits of `codes` (n, bits), boolean or ±1: symmetric (bits, bits), diagonal 1.

    A constant bit has no correlation with another; its off-diagonal entries are 0.
    """
    centred = _as_signs(codes)
    centred -= centred.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    varies = np.ptp(centred, axis=0) > 0
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=varies)
    correlation = np.clip(unit.T @ unit, -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
