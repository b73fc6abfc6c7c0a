"""Numbers as JSON holds them: short, and never NaN."""

from __future__ import annotations

import math


def rounded(value: float, digits: int = 4) -> float | int | None:
    """With this many decimals, whole numbers without any; None where it is not finite."""
    if not math.isfinite(value):
        return None
    found = round(float(value), digits)
    return int(found) if found.is_integer() else found
