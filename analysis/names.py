"""What readers call things: filters (the paper's names beside ours), baselines, data sets, scores; and their order."""

from __future__ import annotations

from collections.abc import Iterable

#: Filters in the order of the paper's tables, then those its tables do not have.
FILTER_LABELS: dict[str, str] = {
    "spline": "Spline",
    "lanczos": "Lanczos",
    "chebyshev": "Chebyshev",
    "gcn": "GCN",
    "fourier": "Fourier",
    "none": "No graph",
}

#: As the paper's tables print them. Its "Poly" is the B-spline filter of its code; "Fourier" is only in its figures.
PAPER_NAMES: dict[str, str] = {
    "spline": "Poly",
    "lanczos": "Lanczos",
    "chebyshev": "Cheby",
    "gcn": "GCN",
    "fourier": "Fourier",
}

BASELINE_LABELS: dict[str, str] = {
    "float_cosine": "Float cosine",
    "float_diffusion": "Float diffusion",
    "lsh": "LSH",
    "pca_sign": "PCA-sign",
    "itq": "ITQ",
}

DATASET_LABELS: dict[str, str] = {
    "digits": "Digits",
    "fashion_mnist": "Fashion-MNIST",
    "stl10": "STL-10",
    "stanford_cars": "Stanford Cars",
    "tiny_imagenet": "Tiny ImageNet",
}

_ROWS = [*FILTER_LABELS, *BASELINE_LABELS]


def label(method: str) -> str:
    """A filter or baseline by our name: ``Spline``. A name not known here stands for itself."""
    return FILTER_LABELS.get(method) or BASELINE_LABELS.get(method) or method


def full_label(method: str) -> str:
    """The same with the paper's name beside it where that differs: ``Spline (Poly)``."""
    ours, theirs = label(method), PAPER_NAMES.get(method)
    return ours if theirs in (None, ours) else f"{ours} ({theirs})"


def in_order(methods: Iterable[str]) -> list[str]:
    """Filters and baselines in the order of every table's rows, each once; names not known here come last."""
    return sorted(dict.fromkeys(methods), key=lambda name: _ROWS.index(name) if name in _ROWS else len(_ROWS))


def dataset_label(dataset: str) -> str:
    """A data set as text has it: ``Fashion-MNIST``. A data set of the user's own keeps its name."""
    return DATASET_LABELS.get(dataset, dataset)


def metric_label(metric: str, k: int) -> str:
    """A score's column as text has it; `k` is the study's cut-off."""
    labels = {
        "map": "mAP",
        "map_at_k": f"mAP@{k}",
        "map_released": "released code's mAP",
        "precision_at_radius_2": "precision within radius 2",
    }
    return labels.get(metric, metric)
