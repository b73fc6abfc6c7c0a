"""Results of items with several labels are right where they share one, whatever their numbers in either source."""

import numpy as np

from hasher.data import Items
from hasher.search.index import Neighbours
from hasher.search.results import Results

DATABASE = Items(
    "database",
    np.arange(4),
    np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], bool),
    ("sea", "sky", "tree"),
)
FOUND = Neighbours(np.array([[0, 1, 2, 3]] * 3), np.array([[0, 1, 2, 3]] * 3))


def test_results_share_a_label_by_its_name():
    queries = Items("queries", np.arange(3), np.array([[1, 0], [1, 1], [0, 0]], bool), ("tree", "sea"))
    results = Results(queries, DATABASE, FOUND)
    assert results.correct.tolist() == [[False] * 3 + [True], [True, False, False, True], [False] * 4]
    assert results.labelled.tolist() == [[True, True, False, True]] * 2 + [[False] * 4]
    assert results.precision == 3 / 6
    table = results.table()
    assert table["item_label"].tolist()[:4] == ["sea, sky", "sky", "", "tree"]
    assert table["query_label"].tolist()[::4] == ["tree", "tree, sea", ""]


def test_one_side_may_have_one_label_an_item():
    queries = Items("queries", np.arange(3), np.array([1, 0, -1]), ("boat", "sky"))
    results = Results(queries, DATABASE, FOUND)
    assert results.correct.tolist() == [[True, True, False, False], [False] * 4, [False] * 4]
