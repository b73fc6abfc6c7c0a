"""AGH, IMH and SGH against dense graphs, brute force and Monte Carlo; and what all of them have in common."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import torch
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.manifold import trustworthiness

from hasher.data import SplitConfig, load_dataset, make_splits
from hasher.encoding import encode, real_values
from hasher.errors import UserError
from hasher.methods.agh import graph_functions
from hasher.methods.anchors import k_means
from hasher.methods.imh import IMHConfig, embedding
from hasher.methods.registry import find_method
from hasher.methods.sgh import SequentialBits, SGHConfig, similarity_features
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from hasher.scoring import encode_split, score_codes
from tests.hasher.hashing import CPU

NAMES = ("agh", "imh", "sgh")
#: Few enough anchors for tests.
SMALL = {"agh": {"anchors": 50}, "imh": {"anchors": 30, "perplexity": 8}, "sgh": {"bases": 50}}

#: As many as digits take.
ENOUGH = {"agh": {"anchors": 300}, "imh": {"anchors": 80}, "sgh": {"bases": 300}}


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def fitted(name, features, bits, seed=0, **values):
    method = find_method(name)
    config = method.configure({**SMALL[name], "bits": bits, **values})
    training = method.start(config, features.astype(np.float32), seed, CPU)
    assert training.epochs == 0
    return SavedHasher(method, config, training.trained)


def encoder_of(*args, **values):
    return fitted(*args, **values).model.encoder


def blobs(classes=4, each=30, width=6, seed=0):
    rng = np.random.default_rng(seed)
    centres = 6 * rng.standard_normal((classes, width))
    return np.repeat(centres, each, axis=0) + rng.standard_normal((classes * each, width)) + 5


def anchor_weights(encoder, points, nearest, lengths="kept"):
    """Z (n, m) by brute force, from the encoder's anchors and its width."""
    centred = points - encoder.mean.numpy()
    if lengths == "one":
        centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    squared = cdist(centred, encoder.anchors[encoder.present].numpy(), "sqeuclidean")
    farthest = np.sort(squared, axis=1)[:, [nearest - 1]]
    weights = np.where(squared <= farthest, np.exp(-squared / float(encoder.reach) ** 2), 0)
    return weights / weights.sum(axis=1, keepdims=True), np.sqrt(farthest)


@pytest.mark.parametrize("name", ["agh", "imh"])
@pytest.mark.parametrize("lengths", ["kept", "one"])
def test_an_item_has_the_weighted_mean_of_its_nearest_anchors(name, lengths):
    points, bandwidth = blobs(), 0.7
    encoder = encoder_of(name, points, 8, nearest_anchors=3, bandwidth=bandwidth, lengths=lengths)
    weights, farthest = anchor_weights(encoder, points, 3, lengths)
    assert float(encoder.reach) == pytest.approx(bandwidth * farthest.mean(), rel=1e-4)
    expected = weights @ encoder.values[encoder.present].numpy()
    np.testing.assert_allclose(real_values(encoder, points), expected, rtol=1e-2, atol=1e-2)
    np.testing.assert_array_equal(encode(encoder, points), real_values(encoder, points) > 0)


def test_agh_has_the_eigenvectors_of_the_dense_graph(digits):
    """Of A = Z Λ^-1 Z^T (n, n), which no one builds: the signs of the second to the last wanted eigenvector."""
    points, bits = digits.features[:300], 6
    encoder = encoder_of("agh", points, bits, nearest_anchors=4)
    weights, _ = anchor_weights(encoder, points, 4)
    dense = weights @ np.diag(1 / weights.sum(axis=0)) @ weights.T
    eigenvalues, vectors = scipy.linalg.eigh(dense)
    assert eigenvalues[-1] == pytest.approx(1) and eigenvalues[-2] < 1 - 1e-3
    expected = np.sqrt(len(points)) * vectors[:, -2 : -2 - bits : -1]
    found = real_values(encoder, points)
    np.testing.assert_allclose(np.abs((expected * found).mean(axis=0)), 1, atol=1e-3)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)  # balance
    np.testing.assert_allclose(found.T @ found / len(points), np.eye(bits), atol=1e-3)  # no bit is another's


def test_agh_of_a_graph_in_pieces_is_balanced_and_tells_them_apart():
    """Eigenvalue 1 is then a triple one, and the constant vector no column of what a solver makes of it."""
    pieces = np.repeat(np.arange(3), [10, 20, 40])
    graph = scipy.sparse.csr_array(np.eye(3)[pieces])
    functions = graph @ graph_functions(graph, 4)
    np.testing.assert_allclose(functions.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(functions.T @ functions / 70, np.diag([1, 1, 0, 0]), atol=1e-12)
    assert len(np.unique(functions[:, :2].round(9), axis=0)) == 3


def test_agh_has_fewer_bits_than_items_and_as_many_anchors_as_they_take():
    method = find_method("agh")
    assert method.impossible(11, 12, 3) is None
    assert method.impossible(12, 12, 3) == "AGH has no 12-bit code on this data, at most 11 bits"
    assert encoder_of("agh", blobs(each=60), 64).anchors.shape == (65, 6)


def test_centres_are_as_good_as_scikit_learns(digits):
    centres = k_means(digits.features, 20, 0)
    ours = cdist(digits.features, centres, "sqeuclidean").min(axis=1).sum()
    assert ours < 1.03 * KMeans(20, n_init=3, random_state=0).fit(digits.features).inertia_


def test_imh_keeps_neighbours_of_anchors_and_is_centred(digits):
    anchors = k_means(digits.features, 60, 0)
    config = IMHConfig(bits=8, perplexity=10)
    values = embedding(anchors, config, 0)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
    assert trustworthiness(anchors, values, n_neighbors=5) > 0.9
    exaggerated = embedding(anchors, config.model_copy(update={"exaggeration": 12.0}), 0)
    assert trustworthiness(anchors, values, n_neighbors=5) > trustworthiness(anchors, exaggerated, n_neighbors=5)


def test_imh_has_more_bits_than_dimensions_and_anchors():
    """Dimensions of the t-SNE that no principal component starts are no copies and no rounding errors."""
    values = embedding(k_means(blobs().astype(np.float32), 20, 0), IMHConfig(bits=24), 0)
    assert values.shape == (20, 24) and (values.std(axis=0) > 1e-3).all()
    assert encode(encoder_of("imh", blobs(), 24, anchors=20), blobs()).shape == (120, 24)


def test_imh_rotates_the_items_values_so_that_signs_lose_less():
    points = blobs()
    losses = {}
    for rotation in ("none", "itq"):
        values = real_values(encoder_of("imh", points, 8, rotation=rotation), points)
        losses[rotation] = np.square(values - np.sign(values)).sum()
    assert losses["itq"] < losses["none"]


@pytest.mark.parametrize("rho", [2.0, 4.0])
def test_sgh_features_have_the_similarity_as_inner_products(rho):
    """To what a line misses of an exponential on [-2/ρ, 2/ρ], which is exact at its ends: equal and opposite points."""
    points = np.random.default_rng(0).standard_normal((200, 4))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points[0] = -points[1]
    left, right = similarity_features(points, rho)
    similarity = 2 * np.exp(-cdist(points, points, "sqeuclidean") / rho) - 1
    grid = np.linspace(-2 / rho, 2 / rho, 10_001)
    line = np.interp(grid, [-2 / rho, 2 / rho], np.exp([-2 / rho, 2 / rho]))
    most = 2 * np.exp(-2 / rho) * np.abs(line - np.exp(grid)).max()
    error = left @ right.T - similarity
    assert error.max() < most + 1e-9 and error.min() > -1e-9
    np.testing.assert_allclose(np.diag(error), 0, atol=1e-12)
    assert error[0, 1] == pytest.approx(0, abs=1e-12)


def test_sgh_features_at_the_papers_rho_are_the_papers():
    """ρ = 2 (eq. 5): √(2(e² - 1)/(eρ)) e^(-|x|²/ρ) x, √((e² + 1)/e) e^(-|x|²/ρ) and ±1."""
    points, e = np.random.default_rng(0).standard_normal((5, 3)) / 4, np.e
    height = np.exp(-np.square(points).sum(axis=1, keepdims=True) / 2)
    shared = np.hstack([np.sqrt((e**2 - 1) / e) * height * points, np.sqrt((e**2 + 1) / e) * height])
    for found, last in zip(similarity_features(points, 2.0), (1, -1), strict=True):
        np.testing.assert_allclose(found, np.hstack([shared, np.full((5, 1), last)]))


def test_a_single_bit_of_sgh_solves_the_generalised_eigenproblem(digits):
    points = digits.features[:200] - digits.features[:200].mean(axis=0)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    kernels = np.exp(-cdist(points, points[:20], "sqeuclidean"))
    kernels -= kernels.mean(axis=0)
    left, right = similarity_features(points, 2.0)
    weights = SequentialBits.of(kernels.astype(np.float32), points, 2.0).find(
        SGHConfig(bits=1), np.random.default_rng(0)
    )
    _, expected = scipy.linalg.eigh(kernels.T @ left @ right.T @ kernels, kernels.T @ kernels + 1e-6 * np.eye(20))
    cosine = np.corrcoef((kernels @ weights)[:, 0], kernels @ expected[:, -1])[0, 1]
    assert abs(cosine) > 0.999
    assert np.square(kernels @ weights).mean() == pytest.approx(1, rel=1e-3)


def test_sgh_agrees_with_the_similarity_better_than_other_weights(digits):
    """Mean squared error of code agreements; bits found again beside all others are better than those found in turn."""
    points = digits.features[:400]
    encoder = encoder_of("sgh", points, 16)
    unit = points - points.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    left, right = similarity_features(unit, 2.0)

    def error(codes):
        signs = np.where(codes, 1.0, -1.0)
        return np.square(signs @ signs.T / codes.shape[1] - left @ right.T).mean()

    ours = error(encode(encoder, points))
    assert ours < error(encode(encoder_of("sgh", points, 16, refinements=0), points))
    rng = np.random.default_rng(0)
    for _ in range(5):
        encoder.weights.copy_(torch.from_numpy(rng.standard_normal(encoder.weights.shape)))
        assert ours < 0.8 * error(encode(encoder, points))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_far_above_lsh_and_chance_on_digits(digits, name):
    split = make_splits(digits, SplitConfig()).final
    lsh = find_method("lsh")
    train = digits.features[split.train]
    base = lsh.start(lsh.configure({"bits": 32}), train, 0, CPU).encoder
    own = encoder_of(name, train, 32, **ENOUGH[name])
    scores = [score_codes(digits, split, *encode_split(encoder, digits, split), 200).map for encoder in (base, own)]
    assert scores[1] > scores[0] + 0.05 and scores[1] > 0.5  # chance is 0.1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("items", [12, 120])
def test_a_saved_hasher_comes_back_whole(name, items, tmp_path):
    """Also where there are fewer items than anchors."""
    points = blobs()[:: 120 // items]
    hasher = fitted(name, points, 7)
    save_hasher(hasher, tmp_path / "m.safetensors")
    again = load_hasher(tmp_path / "m.safetensors")
    assert again.config == hasher.config and again.fingerprint == hasher.fingerprint
    np.testing.assert_array_equal(again.encode(points), hasher.encode(points))


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_all_that_is_random(name):
    points = blobs()
    first, again, other = (fitted(name, points, 8, seed).fingerprint for seed in (2**31 + 1, 2**31 + 1, 2))
    assert first == again != other and find_method(name).has_randomness


@pytest.mark.parametrize("name", NAMES)
def test_an_item_has_the_same_code_in_any_company_wherever_the_data_lies(name):
    """Features are such that a sum of 64 and any of them, and the means of 128, are exact in single precision."""
    train = np.round(256 * blobs(each=32)) / 256
    many = np.round(256 * (np.tile(train, (20, 1)) + np.random.default_rng(0).standard_normal((2560, 6)))) / 256
    encoder = encoder_of(name, train, 8)
    whole = encode(encoder, many)
    assert np.mean(whole[2040:2060] == encode(encoder, many[2040:2060])) > 0.99
    assert np.array_equal(encode(encoder_of(name, train + 64, 8), many + 64), whole)


@pytest.mark.parametrize("name", NAMES)
def test_all_items_alike_have_constant_codes(name):
    points = np.full((40, 5), 3.25)
    encoder = encoder_of(name, points, 6)
    assert len(np.unique(encode(encoder, points), axis=0)) == 1
    assert np.isfinite(real_values(encoder, np.vstack([points, blobs(width=5)]))).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("points", [np.repeat(blobs(each=2), 20, axis=0), blobs()[:2], np.eye(4)[[0, 1, 2, 3, 3]]])
def test_copies_and_few_items_have_finite_values(name, points):
    bits = min(5, len(points) - 1)
    values = real_values(encoder_of(name, points, bits), points)
    assert np.isfinite(values).all() and values.any()
    assert len(np.unique(values.round(3), axis=0)) <= len(np.unique(points, axis=0))


def test_features_that_may_not_be_written_are_left_as_they_are():
    points = blobs().astype(np.float32)
    points.flags.writeable = False
    for name in NAMES:
        assert encode(encoder_of(name, points, 4), points).shape == (120, 4)


def test_a_single_item_has_no_code():
    assert find_method("imh").impossible(4, 1, 8) == "IMH has no code on this data: a single item has no neighbours"
    assert find_method("agh").impossible(4, 1, 8) and find_method("sgh").impossible(4, 1, 8) is None
    assert not encode(encoder_of("sgh", np.ones((1, 3)), 4), np.ones((2, 3))).any()


@pytest.mark.parametrize(
    ("name", "field", "value"), [("agh", "anchors", 1), ("imh", "bandwidth", 0), ("sgh", "rho", 0), ("agh", "bases", 9)]
)
def test_settings_without_a_meaning_are_refused(name, field, value):
    with pytest.raises(UserError, match=f"^here: {field}: "):
        find_method(name).parse({field: value}, "here")
