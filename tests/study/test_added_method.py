"""A method of an installed package: from its entry point through a study to a search, with no file of ours touched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.command import main as analyse
from hasher.__main__ import main as hash_with
from hasher.errors import UserError
from hasher.methods import registry
from tests.study.conftest import TINY

ROOT = Path(__file__).parents[2]

MODULE = '''
import numpy as np
from pydantic import Field

from hasher.contract import MethodConfig
from hasher.methods.linear import LinearMethod


class WhiteConfig(MethodConfig):
    floor: float = Field(0.1, gt=0, description="share of the largest variance that is added to each")


class White(LinearMethod):
    """Signs of a random rotation of whitened principal components."""

    name, label, family = "white", "Whitened", "Toys"
    Config = WhiteConfig

    def fit(self, items, config, seed):
        found = items.components
        scale = (found.variances + config.floor * found.variances[0]) ** -0.5
        rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(scale), len(scale))))
        return found.mean, (found.directions * scale @ rotation[:, : config.bits]).astype(np.float32)
'''


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As where a package with the method is installed, for this process too."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "white_hash.py").write_text(MODULE)
    about = site / "white_hash-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: white-hash\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hagcn.methods]\nwhite = white_hash:White\n")
    monkeypatch.syspath_prepend(site)
    registry.methods.cache_clear()
    yield site
    registry.methods.cache_clear()
    sys.modules.pop("white_hash", None)


def run_study(site: Path, *words: str | Path) -> str:
    """By a process of its own, whose workers are others again."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "run_study.py", *map(str, words)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def test_a_method_of_another_package_goes_all_the_way(
    site: Path, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(program: Callable[[list[str]], int], *words: str | Path) -> str:
        capsys.readouterr()
        assert program(list(map(str, words))) == 0
        return capsys.readouterr().out

    space = {"floor": {"type": "float", "low": 0.001, "high": 1.0, "log": True}}
    study = {**TINY, "datasets": [str(blobs)], "methods": ["Whitened"], "fixed": {}, "space": space, "trials": 3}
    path = tmp_path / "toys.yaml"
    path.write_text(yaml.safe_dump({**study, "name": "toys", "replicates": 3}))
    printed = run_study(site, path, "--runs-dir", tmp_path, "--max-concurrent", "1")
    assert "Whitened" in printed and "PCA-sign" in printed
    records = pd.read_csv(tmp_path / "toys" / "records.csv")
    own = records[records.method == "white"]
    assert list(own.kind.value_counts()[["search", "test"]]) == [3, 3] and (own.family == "Toys").all()
    search, tests = own[own.kind == "search"], own[own.kind == "test"]
    assert search.floor.nunique() == 3 and set(tests.floor) == {search.floor[search["map"].idxmax()]}
    assert "Whitened" in (tmp_path / "toys" / "report.html").read_text()
    assert "Whitened, 8 bits" in told(analyse, "explain", tmp_path / "toys", "blobs", "whitened", "8")
    model = tmp_path / "toys" / "models" / "blobs" / "white-8.safetensors"
    about = told(hash_with, "info", model)
    assert re.search(r"^method +white$", about, re.M) and re.search(r"^floor +0\.", about, re.M)
    codes = tmp_path / "codes.npz"
    told(hash_with, "encode", model, blobs, "--out", codes)
    told(hash_with, "search", model, codes, blobs, "-k", "3", "--out", tmp_path / "found.csv")
    assert len(pd.read_csv(tmp_path / "found.csv")) == 240 * 3
    with np.load(codes, allow_pickle=False) as arrays:
        assert arrays["codes"].shape == (240, 1)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("hasher.methods.itq:Nothing", "cannot be loaded"),
        ("hasher.contract:MethodConfig", "not a subclass of hasher.contract.Method"),
        ("hasher.methods.itq:ITQ", "there is a method called 'itq' already"),
    ],
)
def test_an_entry_point_of_no_use_is_one_line(monkeypatch: pytest.MonkeyPatch, target: str, says: str) -> None:
    entry = EntryPoint("other", target, registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    with pytest.raises(UserError, match=f"^method other of an installed package .*{says}") as raised:
        registry.methods.__wrapped__()  # past the cache
    assert "\n" not in str(raised.value)
