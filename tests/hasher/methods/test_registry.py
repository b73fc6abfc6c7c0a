"""What people may write for a method, a family, or all of them."""

from __future__ import annotations

import pytest

from hasher.methods.registry import families, methods, resolve, resolve_several


def test_every_name_and_label_means_its_method_and_nothing_else() -> None:
    for name, method in methods().items():
        assert resolve(name) == resolve(method.label) == resolve(name.upper()) == name


def test_a_family_means_its_methods_and_all_means_every_family_in_turn() -> None:
    assert families() == ["HAGCN", "Linear hashes", "Anchor hashes", "Neural hashes", "HAGCN as released"]
    assert resolve_several("linear-hashes") == ["lsh", "pca_sign", "itq", "knnh"]
    assert resolve_several("Cheby") == ["chebyshev"]
    assert [name for family in families() for name in resolve_several(family)] == resolve_several("all")
    assert resolve_several("ALL") == list(methods())


def test_a_near_miss_gets_a_suggestion() -> None:
    with pytest.raises(ValueError, match="crovca"):
        resolve_several("CroVA")


@pytest.mark.parametrize("method", methods().values(), ids=list(methods()))
def test_every_hyperparameter_has_a_value_that_a_study_can_tell(method) -> None:
    """A default of None could be neither fixed nor sampled."""
    settings = method.settings(method.configure({"bits": 8}))
    assert all(settings[name] is not None for name in method.hyperparameters)
