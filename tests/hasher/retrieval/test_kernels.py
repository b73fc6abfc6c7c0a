"""Numerical accuracy of the closed form, and where compiled code is kept."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hasher.retrieval import kernels


@pytest.mark.parametrize("start", [0, 1, 40, 63, 64, 65, 1000, 10**6, 10**9])
@pytest.mark.parametrize("terms", [0, 1, 4, 5, 6, 64, 1000, 30_000])
def test_harmonic_difference_is_exact_to_rounding(start, terms):
    expected = math.fsum(1 / (start + j) for j in range(1, terms + 1))
    assert kernels.harmonic_difference.py_func(start, terms) == pytest.approx(expected, rel=2e-15, abs=0)


def test_a_group_far_down_a_long_ranking_keeps_its_digits():
    """One relevant pair after ten million items, where differences of tabulated harmonic numbers lose nine digits."""
    seen = 10**7
    average_precision, precision = np.empty((2, 1, 1))
    cutoffs = np.array([seen + 7])
    kernels.tie_aware(np.array([[seen, 7]]), np.array([[0, 2]]), cutoffs, average_precision, precision)
    expected = math.fsum((1 + (j - 1) / 6) / (seen + j) for j in range(1, 8)) * 2 / 7 / 2
    assert average_precision[0, 0] == pytest.approx(expected, abs=1e-15)
    assert precision[0, 0] == pytest.approx(2 / (seen + 7))


def import_kernels_from(folder: Path, cache_home: Path) -> None:
    """Import a copy of the kernels, in a folder that cannot hold a cache, in a new process."""
    source = folder / "kernels.py"
    shutil.copy(kernels.__file__, source)
    (folder / "__pycache__").write_text("a file, so that no folder of this name can be made, even by root")
    environment = {**os.environ, "HOME": str(cache_home), "XDG_CACHE_HOME": str(cache_home)}
    environment.pop("NUMBA_CACHE_DIR", None)
    program = (
        "import numpy as np, kernels\n"
        "counts, relevant = np.zeros((2, 1, 4), np.int64)\n"
        "word = np.array([[1]], np.uint64), np.array([[2, 1, 7]], np.uint64)\n"
        "kernels.hamming_histograms(*word, np.array([1]), np.array([3]), counts, relevant)\n"
        "assert counts.tolist() == [[1, 0, 2, 0]] and relevant.tolist() == [[1, 0, 1, 0]]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True, timeout=240)


def test_compiled_code_is_cached_for_the_user_where_the_package_cannot_be_written(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    import_kernels_from(tmp_path, home)
    assert list(home.rglob("*.nbc"))


def test_kernels_work_where_nothing_can_be_written(tmp_path):
    nowhere = tmp_path / "not_a_folder"
    nowhere.write_text("")
    import_kernels_from(tmp_path, nowhere)
    assert not list(tmp_path.rglob("*.nbc"))
