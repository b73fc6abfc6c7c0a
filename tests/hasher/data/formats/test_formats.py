"""Every format, written by its own library: the same data set as the ``.npz``, or one line that says what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import torch

from hasher.data import EmbeddingSet, Keys, load_any, load_dataset, load_vectors
from hasher.data.formats.table import READERS
from hasher.data.registry import dataset_name
from hasher.errors import UserError
from study.plan.spec import DatasetSpec

COUNT, WIDTH = 30, 5
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(COUNT, WIDTH)).astype(np.float32)
NUMBERS = np.append(RNG.integers(0, 3, COUNT - 1), -1)
NAMES = np.array(["ant", "bee", "cat", ""])[NUMBERS]
IS_QUERY = (np.arange(COUNT) % 5 == 0) & (NUMBERS >= 0)
GROUPS = np.where(IS_QUERY, -1, np.arange(COUNT) // 7)
PATHS = np.array([f"é/{row}.png" for row in range(COUNT)])
IDS = 1000 - np.arange(COUNT)
OTHERS = {"is_query": IS_QUERY, "groups": GROUPS, "paths": PATHS, "ids": IDS}


def frame(**more: Any) -> pd.DataFrame:
    return pd.DataFrame({"labels": NAMES, **OTHERS, **more})


def arrow(kind: pa.DataType | None = None) -> pa.Table:
    kind = kind or pa.list_(pa.float32())
    return pa.Table.from_pandas(frame()).append_column("features", pa.array(list(FEATURES), kind))


def columns(prefix: str) -> dict[str, np.ndarray]:
    return {f"{prefix}{place}": FEATURES[:, place] for place in range(WIDTH)}


def write_stream(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, arrow().schema) as writer:
        writer.write_table(arrow(), max_chunksize=7)


def write_ipc(path: Path) -> None:
    table = arrow(pa.list_(pa.float32(), WIDTH))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def write_csv(path: Path) -> None:
    frame(**columns("x")).to_csv(path, index=False)


def write_lists(path: Path) -> None:
    frame(embedding=[str(row.tolist()) for row in FEATURES]).to_csv(path, index=False)


def write_saved(path: Path) -> None:
    columns = {"features": list(FEATURES), "labels": NAMES.tolist(), **{k: v.tolist() for k, v in OTHERS.items()}}
    whole = datasets.Dataset.from_dict({key: list(reversed(values)) for key, values in columns.items()})
    whole.select(range(COUNT - 1, -1, -1)).save_to_disk(path)  # in an order of its own


#: Formats that hold everything.
WHOLE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "parquet, lists": ("mine.parquet", lambda path: pq.write_table(arrow(), path, row_group_size=8)),
    "parquet, fixed": ("mine.parquet", lambda path: pq.write_table(arrow(pa.list_(pa.float32(), WIDTH)), path)),
    "parquet, doubles": ("mine.parquet", lambda path: pq.write_table(arrow(pa.large_list(pa.float64())), path)),
    "parquet, columns": ("mine.parquet", lambda path: frame(**columns("f")).to_parquet(path)),
    "parquet, pandas": ("mine.parquet", lambda path: frame(embedding=list(FEATURES)).to_parquet(path)),
    "parquet, categories": (
        "mine.parquet",
        lambda path: frame(features=list(FEATURES)).astype({"labels": "category"}).to_parquet(path),
    ),
    "arrow file": ("mine.arrow", write_ipc),
    "arrow stream": ("mine.arrow", write_stream),
    "feather": ("mine.feather", lambda path: pa.feather.write_feather(arrow(), path, "lz4")),
    "csv": ("mine.csv", write_csv),
    "csv of lists": ("mine.csv", write_lists),
    "torch": (
        "mine.pt",
        lambda path: torch.save(
            {
                "features": torch.from_numpy(FEATURES),
                "labels": NAMES.tolist(),
                "is_query": torch.from_numpy(IS_QUERY),
                "groups": torch.from_numpy(GROUPS),
                "paths": PATHS.tolist(),
                "ids": torch.from_numpy(IDS),
            },
            path,
        ),
    ),
    "saved": ("mine", write_saved),
    "npz, other names": (
        "mine.npz",
        lambda path: np.savez(
            path, embeddings=FEATURES, label=NAMES, is_query=IS_QUERY.astype(int), group=GROUPS, path=PATHS, id=IDS
        ),
    ),
}


@pytest.fixture
def reference(tmp_path: Path) -> EmbeddingSet:
    (tmp_path / "reference").mkdir()
    np.savez(tmp_path / "reference" / "mine.npz", features=FEATURES, labels=NAMES, **OTHERS)
    return load_dataset(str(tmp_path / "reference" / "mine.npz"))


@pytest.mark.parametrize("kind", WHOLE)
def test_each_format_gives_the_same_data_set(kind: str, tmp_path: Path, reference: EmbeddingSet) -> None:
    file, write = WHOLE[kind]
    write(tmp_path / file)
    found = load_dataset(str(tmp_path / file))
    assert found.fingerprint == reference.fingerprint and found.class_names == ("ant", "bee", "cat")
    assert found.name == reference.name == dataset_name(str(tmp_path / file)) == "mine"
    assert found.paths is not None and np.array_equal(found.paths, PATHS)
    assert found.ids is not None and np.array_equal(found.ids, IDS)
    vectors = load_vectors(str(tmp_path / file))
    assert np.array_equal(vectors.features, FEATURES) and np.array_equal(vectors.items.classes(np.arange(COUNT)), NAMES)


def write_matrix(path: Path) -> None:
    np.save(path, FEATURES)


def write_tensor(path: Path) -> None:
    torch.save(torch.from_numpy(FEATURES), path)


def write_safetensors(path: Path) -> None:
    safetensors.numpy.save_file({"features": FEATURES}, path)


@pytest.mark.parametrize(
    ("file", "write"),
    [("mine.npy", write_matrix), ("mine.pt", write_tensor), ("mine.safetensors", write_safetensors)],
)
@pytest.mark.parametrize("labels", ["csv", "txt", "npy", "elsewhere"])
def test_a_matrix_takes_its_labels_from_the_file_beside_it(
    file: str, write: Callable[[Path], None], labels: str, tmp_path: Path, reference: EmbeddingSet
) -> None:
    write(tmp_path / file)
    keys, has_all = Keys(), labels in ("csv", "elsewhere")
    if labels == "csv":
        frame().to_csv(tmp_path / "mine.labels.csv", index=False)
    elif labels == "txt":
        (tmp_path / "mine.labels.txt").write_text("".join(f"{name}\n" for name in NAMES))
    elif labels == "npy":
        np.save(tmp_path / "mine.labels.npy", NAMES)
    else:
        frame().rename(columns={"labels": "kind"}).to_csv(tmp_path / "other.csv", index=False)
        keys = Keys(labels="kind", label_file=str(tmp_path / "other.csv"))
    found = load_dataset(str(tmp_path / file), keys=keys)
    assert np.array_equal(found.labels, reference.labels) and found.class_names == reference.class_names
    assert (found.fingerprint == reference.fingerprint) is has_all


def test_safetensors_hold_numbers(tmp_path: Path, reference: EmbeddingSet) -> None:
    numbers = {"features": FEATURES, "labels": NUMBERS, "is_query": IS_QUERY, "groups": GROUPS}
    safetensors.numpy.save_file(numbers, tmp_path / "mine.safetensors")
    found = load_dataset(str(tmp_path / "mine.safetensors"))
    assert found.fingerprint == reference.fingerprint and found.class_names == ("0", "1", "2")


def test_splits_of_a_saved_data_set_are_official(tmp_path: Path) -> None:
    kinds = datasets.Features(
        {"emb": datasets.List(datasets.Value("float32")), "label": datasets.ClassLabel(names=["cat", "ant"])}
    )
    parts = {"train": slice(0, 12), "test": slice(12, 20), "unlabelled": slice(20, 30)}
    labels = np.arange(COUNT) % 2
    datasets.DatasetDict({
        name: datasets.Dataset.from_dict({"emb": list(FEATURES[rows]), "label": labels[rows]}, features=kinds)
        for name, rows in parts.items()
    }).save_to_disk(tmp_path / "saved")  # fmt: skip
    found = load_dataset(str(tmp_path / "saved"), keys=Keys(features="emb"))
    assert np.array_equal(found.features, FEATURES) and found.class_names == ("ant", "cat")
    assert found.is_query is not None and np.flatnonzero(found.is_query).tolist() == list(range(12, 20))
    assert np.array_equal(found.labels, np.where(np.arange(COUNT) < 20, 1 - labels, -1))


def test_a_data_set_of_the_hub(tmp_path: Path, reference: EmbeddingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    write_saved(tmp_path / "saved")
    asked = []

    def from_hub(name: str, revision: str | None) -> Any:
        asked.append((name, revision))
        return datasets.load_from_disk(str(tmp_path / "saved"))

    monkeypatch.setattr(datasets, "load_dataset", from_hub)
    found = load_dataset("hf:someone/mine@abc")
    assert found.fingerprint == reference.fingerprint and asked == [("someone/mine", "abc")]
    assert found.name == dataset_name("hf:someone/mine@abc") == "mine"
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: 1 / 0)
    assert refused("hf:someone/mine").startswith("hf:someone/mine: the Hugging Face hub does not give it (")


def test_keys_name_the_parts(tmp_path: Path, reference: EmbeddingSet) -> None:
    names = {"features": "emb", "labels": "species", "ids": "row id"}
    arrow().rename_columns([names.get(name, name) for name in arrow().column_names])
    table = arrow().append_column("other", pa.array(["x"] * COUNT))
    table = table.rename_columns([names.get(name, name) for name in table.column_names])
    pq.write_table(table, tmp_path / "mine.parquet")
    frame(**columns("emb_"), **columns("noise_")).to_csv(tmp_path / "wide.csv", index=False)
    spec = DatasetSpec(
        source=str(tmp_path / "mine.parquet"), features_key="emb", label_column="species", id_column="row id"
    )
    found = load_dataset(spec.source, keys=spec.keys)
    assert found.fingerprint == reference.fingerprint and np.array_equal(found.ids, IDS)
    wide = load_dataset(str(tmp_path / "wide.csv"), keys=Keys(features="emb_"))
    assert wide.fingerprint == reference.fingerprint
    assert load_dataset(str(tmp_path / "wide.csv")).width == 2 * WIDTH


def write_mapped(folder: Path, rows: int) -> list[str]:
    """A matrix of `rows` by 64 in a file of each format that can be mapped."""
    features = np.zeros((rows, 64), np.float32)
    np.save(folder / "m.npy", features)
    values = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), 64)
    batch = pa.record_batch({"features": values})
    with pa.OSFile(str(folder / "m.arrow"), "wb") as out, pa.ipc.new_file(out, batch.schema) as writer:
        writer.write_batch(batch)
    safetensors.numpy.save_file({"features": features}, folder / "m.safetensors")
    torch.save(torch.from_numpy(features), folder / "m.pt")
    return [str(folder / f"m{suffix}") for suffix in (".npy", ".arrow", ".safetensors", ".pt")]


def test_what_can_be_mapped_is_not_copied(tmp_path: Path) -> None:
    """The pages of a matrix of 32 MB stay the file's."""
    (tmp_path / "small").mkdir()
    program = """import sys; from hasher.data import load_vectors
def own(): return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
small, large = sys.argv[1:5], sys.argv[5:]
kept = [load_vectors(file) for file in small]
for file in large:
    before = own(); kept.append(load_vectors(file)); print(own() - before)"""
    files = [*write_mapped(tmp_path / "small", 2), *write_mapped(tmp_path, 1 << 17)]
    done = subprocess.run(
        [sys.executable, "-c", program, *files],
        cwd=Path(__file__).parents[4], capture_output=True, text=True, check=True,
    )  # fmt: skip
    grown = [int(line) for line in done.stdout.splitlines()]
    assert len(grown) == 4 and max(grown) < 8_000  # kB, of 32,768


def refused(source: Path | str, keys: Keys | None = None) -> str:
    with pytest.raises(UserError) as caught:
        load_dataset(str(source), keys=keys or Keys())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", READERS)
def test_damaged_files_are_one_line(suffix: str, tmp_path: Path) -> None:
    for content in (b"", b"hello", bytes(range(256)) * 4):
        path = tmp_path / f"mine{suffix}"
        path.write_bytes(content)
        assert refused(path).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("table", "keys", "says"),
    [
        ({"labels": NAMES}, None, "lacks `features`, expected `features`; found: labels (--features-key"),
        ({"features": list(FEATURES)}, None, "lacks `labels`, expected `features` and `labels`; found: features"),
        ({"features": list(FEATURES), "kind": NAMES}, Keys(labels="kin"), "no 'kin' (--label-column); found: features"),
        ({"features": ["a"] * COUNT, "labels": NAMES}, None, "features are string, expected lists of numbers"),
        ({"features": [[1.0], [1.0, 2.0]] * 15, "labels": NAMES}, None, "features: row 1 has width 2, but row 0 has 1"),
        ({"features": [[1.0], None] * 15, "labels": NAMES}, None, "features: row 1 has no value"),
        ({"features": [[1.0], [None]] * 15, "labels": NAMES}, None, "features: row 1 lacks a value"),
        ({"features": list(FEATURES), "labels": [0.5] * COUNT}, None, "labels is double, expected integers or strings"),
        ({"features": list(FEATURES), "labels": NAMES, "ids": [1, None] * 15}, None, "ids: row 1 has no value"),
    ],
)  # fmt: skip
def test_bad_columns_are_one_line(table: dict[str, Any], keys: Keys | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({name: pa.array(values) for name, values in table.items()}), path)
    message = refused(path, keys)
    assert message.startswith(f"{path}: ") and says in message


def test_missing_values_are_no_labels(tmp_path: Path) -> None:
    labels = [None if row % 3 == 0 else row % 3 for row in range(COUNT)]
    pq.write_table(
        pa.table({"features": list(FEATURES), "labels": pa.array(labels, pa.uint8())}), tmp_path / "a.parquet"
    )
    assert load_dataset(str(tmp_path / "a.parquet")).labels.tolist() == [row % 3 - 1 for row in range(COUNT)]
    pq.write_table(pa.table({"features": list(FEATURES)}), tmp_path / "b.parquet")
    assert not isinstance(load_any(str(tmp_path / "b.parquet")), EmbeddingSet)


def test_label_files_that_do_not_fit(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FEATURES)
    assert "none.txt: no such file of labels" in refused(
        tmp_path / "x.npy", Keys(label_file=str(tmp_path / "none.txt"))
    )
    frame().rename(columns={"labels": "kind"}).to_csv(tmp_path / "x.labels.csv", index=False)
    assert "x.labels.csv: lacks `labels`" in refused(tmp_path / "x.npy")
    (tmp_path / "x.labels.csv").unlink()
    (tmp_path / "x.labels.txt").write_text("a\nb\n")
    assert "labels has shape (2,), expected (30,)" in refused(tmp_path / "x.npy")
    np.savez(tmp_path / "y.npz", features=FEATURES, labels=NAMES)
    assert "y.npz: has labels itself" in refused(tmp_path / "y.npz", Keys(label_file=str(tmp_path / "x.labels.txt")))


def test_tensors_of_other_objects_are_not_unpickled(tmp_path: Path) -> None:
    torch.save({"features": np.array([object()])}, tmp_path / "mine.pt")
    assert "Python objects besides tensors" in refused(tmp_path / "mine.pt")
    torch.save([1, 2], tmp_path / "mine.pt")
    assert "holds a list, expected a tensor or a mapping" in refused(tmp_path / "mine.pt")


def test_without_the_datasets_library_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_saved(tmp_path / "saved")
    monkeypatch.setitem(sys.modules, "datasets", None)
    for source in (str(tmp_path / "saved"), "hf:someone/mine"):
        assert refused(source) == "the datasets library is missing; install it with `pip install -e .[images]`"
