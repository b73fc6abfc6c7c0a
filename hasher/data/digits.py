"""The handwritten digits that come with scikit-learn: 1,797 pictures of 8 by 8 pixels in ten classes."""

import numpy as np

from hasher.data.embedding_set import EmbeddingSet


def load_digits() -> EmbeddingSet:
    """The digits with their pixel values 0 to 16 as features (1797, 64). No official split."""
    from sklearn.datasets import load_digits as bundled  # a second to import, which every worker would wait

    digits = bundled()
    return EmbeddingSet(
        name="digits",
        features=digits.data.astype(np.float32),
        labels=digits.target.astype(np.int64),
        class_names=tuple(str(name) for name in digits.target_names),
        image_shape=(8, 8),
        source="scikit-learn",
    )
