"""Gaussian classes: what the recipe promises of sizes, means and noise, and what is no recipe."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hasher.__main__ import main
from hasher.data import EmbeddingSet, dataset_name, load_dataset, load_vectors
from hasher.data.gaussian import GaussianRecipe, gaussian_recipe
from hasher.errors import UserError


def test_defaults_and_names() -> None:
    assert gaussian_recipe("gaussian:200") == GaussianRecipe(200, 256, 22_000)
    assert gaussian_recipe("gaussian:200:768") == GaussianRecipe(200, 768, 22_000)
    assert gaussian_recipe("gaussian:7:5:90") == GaussianRecipe(7, 5, 90)
    for source in ("gaussian", "digits", "gaussians:3", "./gaussian:3", "data/gaussian.npz"):
        assert gaussian_recipe(source) is None


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("gaussian:200", "gaussian-200"),
        ("gaussian:200:768", "gaussian-200-768"),
        ("gaussian:200:256", "gaussian-200"),  # the same items, so the same name
        ("gaussian:0200:0256:22000", "gaussian-200"),
        ("gaussian:200:256:9000", "gaussian-200-256-9000"),
        ("gaussian:256:256:22000", "gaussian-256"),
        ("gaussian:11:22000", "gaussian-11-22000"),
        ("digits", "digits"),
        ("some/where/stl10.npz", "stl10"),
        ("some/vectors/", "vectors"),
    ],
)
def test_names_without_loading(source: str, name: str) -> None:
    assert dataset_name(source) == name


@given(classes=st.integers(2, 10**6), width=st.integers(1, 10**4), items=st.integers(2 * 10**6, 10**8))
def test_a_name_is_fit_for_files_and_says_the_recipe(classes: int, width: int, items: int) -> None:
    recipe = GaussianRecipe(classes, width, items)
    assert re.fullmatch(r"gaussian(-[0-9]+){1,3}", recipe.name)
    assert gaussian_recipe(recipe.name.replace("-", ":")) == recipe


def test_the_data_set_has_the_name_and_a_source_that_makes_it_again() -> None:
    for source in ("gaussian:6:8:100", "gaussian:6:8", "gaussian:6"):
        data = load_dataset(source)
        assert data.name == dataset_name(source) and data.source == source
        assert load_dataset(data.source).fingerprint == data.fingerprint
    assert data.features.shape == (22_000, 256) and data.features.dtype == np.float32


def test_classes_are_as_equal_in_size_as_can_be() -> None:
    data = load_dataset("gaussian:7:3:100")
    assert data.class_sizes.tolist() == [15, 15, 14, 14, 14, 14, 14]
    assert data.class_names == tuple("0123456") and data.is_query is None and data.groups is None
    assert (data.labels == np.arange(100) % 7).all()


def _noise(data: EmbeddingSet, width: int) -> np.ndarray:
    """The first `width` coordinates of every item, less the mean of its class, in one row."""
    means = np.stack([data.features[data.labels == label].mean(axis=0) for label in range(len(data.class_names))])
    return (data.features - means[data.labels])[:, :width].ravel()


def test_every_recipe_has_numbers_of_its_own() -> None:
    one, again = load_dataset("gaussian:5:16:1000"), load_dataset("gaussian:5:16:1000")
    assert np.array_equal(one.features, again.features)
    noise = [_noise(load_dataset(f"gaussian:{sizes}:1000"), 16) for sizes in ("5:16", "4:16", "5:17")]
    assert (np.abs(np.corrcoef(noise)[np.triu_indices(3, 1)]) < 5 / np.sqrt(16_000)).all()
    fewer = load_dataset("gaussian:5:16:200")
    assert np.array_equal(fewer.features, one.features[:200])  # of one recipe, fewer items are the first of more


def test_means_and_noise_have_the_variances_they_should() -> None:
    classes, width, each = 400, 64, 50
    data = load_dataset(f"gaussian:{classes}:{width}:{classes * each}")
    by_class = data.features.reshape(each, classes, width)  # item i is of the class i mod classes
    means = by_class.mean(axis=0)
    noise = (by_class - means) * np.sqrt(each / (each - 1))
    # The mean of a class is 0.5 m and the noise's mean: variance 1/4 + 1/each. A variance estimated from n normal
    # numbers is off by sqrt(2 / n) of itself, one standard deviation.
    expected = 0.25 + 1 / each
    assert means.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / (classes * width)))
    assert noise.var() == pytest.approx(1, rel=4 * np.sqrt(2 / (classes * width * (each - 1))))
    assert abs(means.mean()) < 4 * np.sqrt(expected / (classes * width))
    assert abs(noise[:, :, 0] * noise[:, :, 1]).mean() == pytest.approx(2 / np.pi, rel=0.02)  # independent coordinates


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("gaussian:", "expected gaussian:CLASSES"),
        ("gaussian:ten", "expected gaussian:CLASSES"),
        ("gaussian:-3", "expected gaussian:CLASSES"),
        ("gaussian:2.5", "expected gaussian:CLASSES"),
        ("gaussian:3:", "expected gaussian:CLASSES"),
        ("gaussian:3:4:50:6", "expected gaussian:CLASSES"),
        ("gaussian:٣", "expected gaussian:CLASSES"),
        ("gaussian:" + "9" * 5000, "expected gaussian:CLASSES"),
        ("gaussian:1", "1 class(es), at least 2 are needed"),
        ("gaussian:0", "0 class(es), at least 2 are needed"),
        ("gaussian:3:0", "a width of 0, at least 1 is needed"),
        ("gaussian:3:4:5", "5 items of 3 classes, at least 6 are needed"),
        ("gaussian:11001", "22000 items of 11001 classes, at least 22002 are needed"),
        ("gaussian:3:999999999999:999999999999", "do not fit into memory"),
    ],
)
def test_what_is_no_recipe_is_one_line_that_says_what_would_be(source: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        load_dataset(source)
    message = str(caught.value)
    assert message.startswith("gaussian") and says in message and "\n" not in message


def test_info_and_parts_take_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "gaussian:3:4:60"]) == 0
    out = capsys.readouterr().out
    assert "gaussian-3-4-60" in out and "20 to 20" in out
    vectors = load_vectors("gaussian:3:4:60")
    assert len(vectors) == 60 and vectors.items.origin == "gaussian-3-4-60"
    with pytest.raises(UserError, match="gaussian-3-4-60:queries: the model does not say"):
        load_vectors("gaussian:3:4:60:queries")
    assert main(["info", "gaussian:1"]) == 2
