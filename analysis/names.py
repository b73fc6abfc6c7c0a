"""What readers call things: methods (the paper's names beside ours), data sets; and the order of methods."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from hasher.methods.registry import methods, resolve
from hasher.references import REFERENCES
from study.record.export import family_of

DATASET_LABELS: dict[str, str] = {
    "digits": "Digits",
    "fashion_mnist": "Fashion-MNIST",
    "mirflickr25k": "MIRFlickr-25k",
    "mirflickr25k_r1": "MIRFlickr-25k, relevant labels",
    "stl10": "STL-10",
    "stanford_cars": "Stanford Cars",
    "tiny_imagenet": "Tiny ImageNet",
}


def label(method: str) -> str:
    """A method or reference by our name: ``Spline``. A name not known here stands for itself."""
    known = methods().get(method) or REFERENCES.get(method)
    return known.label if known is not None else method


def full_label(method: str) -> str:
    """The same with the paper's name beside it where that differs: ``Spline (Poly)``."""
    ours, known = label(method), methods().get(method)
    theirs = known.paper_name if known is not None else None
    return ours if theirs in (None, ours) else f"{ours} ({theirs})"


def meant(written: str, among: Iterable[str]) -> str:
    """The method or reference that is meant: by any of its names, or as the rows of tables have it.

    What is nobody's name comes back as it was written.
    """
    with suppress(ValueError):
        return resolve(written)
    return next((name for name in among if written.strip().lower() == full_label(name).lower()), written)


def in_order(names: Iterable[str]) -> list[str]:
    """Methods and references in the order of every table's rows, each once; names not known here come last.

    A family stands together, in the place of its first method.
    """
    known = [*methods(), *REFERENCES]
    families = list(dict.fromkeys(family_of(name) for name in known))

    def place(name: str) -> tuple[int, int]:
        return (families.index(family_of(name)), known.index(name)) if name in known else (len(families), 0)

    return sorted(dict.fromkeys(names), key=place)


def by_family(names: Iterable[str]) -> dict[str, list[str]]:
    """Methods and references by their family, both in the order they are given."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(family_of(name), []).append(name)
    return found


def family_starts(names: Iterable[str]) -> list[int]:
    """Places in a list of methods at which another family begins, the first one's among them."""
    families = [family_of(name) for name in names]
    return [place for place, family in enumerate(families) if place == 0 or family != families[place - 1]]


def dataset_label(dataset: str) -> str:
    """A data set as text has it: ``Fashion-MNIST``. A data set of the user's own keeps its name."""
    return DATASET_LABELS.get(dataset, dataset)
