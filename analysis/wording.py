"""Words that tables and figures share: names of hyperparameters, numbers, and small pieces of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

HYPERPARAMETERS: dict[str, str] = {
    "filter_order": "filter order",
    "knn_size": "kNN size",
    "ae_width": "AE width",
    "edge_power": "edge power",
    "lambda_rec": "λ rec",
    "lambda_sim": "λ sim",
    "lambda_quant": "λ quant",
    "lambda_bal": "λ bal",
    "similarity_loss": "similarity loss",
    "batches": "mini-batches",
    "leaf_size": "leaf size",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
}


def hyperparameter(name: str) -> str:
    """A hyperparameter as figures call it."""
    return HYPERPARAMETERS.get(name, name)


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(count: int, noun: str) -> str:
    """``1 trial``, ``12 trials``."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def decimals(value: float, digits: int = 3, signed: Literal["", "+"] = "") -> str:
    """A number as text, with a true minus sign and no negative zero."""
    shown = f"{value:{signed}.{digits}f}"
    if float(shown) == 0:
        shown = f"{0.0:{signed}.{digits}f}"
    return shown.replace("-", "\N{MINUS SIGN}")


def span(low: float, high: float, digits: int = 2) -> str:
    """``0.31 to 0.74``; one number where both read alike."""
    ends = decimals(low, digits), decimals(high, digits)
    return " to ".join(dict.fromkeys(ends))
