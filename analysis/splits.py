"""How the data sets of a study are split, in words, where it is not the usual way."""

from __future__ import annotations

from study.plan.spec import DatasetSpec


def split_in_words(dataset: DatasetSpec) -> list[str]:
    """A sentence for each way in which a split is another one; nothing for a usual split."""
    found = []
    if dataset.unseen_classes is not None:
        held_out = dataset.unseen_classes
        classes = f"{held_out} classes" if isinstance(held_out, int) else f"{100 * held_out:g}% of the classes"
        found.append(
            f"Unseen classes: test queries and the database that they search are of {classes} (drawn by the split "
            f"seed) of which nothing is trained on; validation queries of as many others."
        )
    if dataset.max_training is not None:
        found.append(f"Trained on {dataset.max_training:,} labelled items at most, whatever is searched.")
    return found
