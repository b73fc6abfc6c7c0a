"""The pipeline: batches, shards, interruption, copies, unusable images, memory."""

import csv
import json
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from hasher.data import SplitConfig, load_dataset, make_splits
from hasher.errors import UserError
from hasher.images import embedding
from hasher.images.backbones import Computing, CustomBackbone
from hasher.images.embedding import Here, embed
from hasher.images.folder import open_folder
from hasher.images.sources import select
from hasher.images.task import Options, Task

CPU = Computing(torch.device("cpu"), "float32")


class Pixels:
    """Flattened 4 × 4 pictures; remembers its batches, and may stop like Ctrl-C before one of them."""

    def __init__(self, stop_before=None):
        self.batches, self.stop_before = [], stop_before

    def preprocess(self, picture):
        return np.asarray(picture.resize((4, 4)), dtype=np.float32).reshape(-1)

    def __call__(self, batch):
        if len(self.batches) == self.stop_before:
            raise KeyboardInterrupt
        self.batches.append(batch.numpy())
        return batch * 2


class Watcher:
    def __init__(self):
        self.done = self.total = self.skipped = 0

    def begin(self, done, total):
        self.done, self.total = done, total

    def advance(self, images, skipped):
        self.done += images
        self.skipped += skipped


@pytest.fixture
def images(tmp_path, monkeypatch):
    """40 images of two classes; shards are of 8."""
    monkeypatch.setattr(embedding, "SHARD", 8)
    rng = np.random.default_rng(4)
    for number in range(40):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 5, 3), np.uint8)).save(path)
    return tmp_path / "images"


def embed_folder(images, out, compute=None, *, about=None, watcher=None, **options):
    source = open_folder(images, {})
    compute = compute or Pixels()
    backbone = CustomBackbone(compute, about or {"backbone": "pixels", "revision": "1", "preprocessing": None}, CPU)
    rows = select(source, [], None)
    options = Options(**{"batch_size": 4, "decoders": 3, **options})
    return embed(Task(source, rows, CPU, options), Here(backbone), out, watcher or Watcher())


def direct(images, dataset):
    return np.stack([Pixels().preprocess(Image.open(path)) * 2 for path in dataset.paths])


def test_every_image_has_its_vector_label_and_path(images, tmp_path):
    watcher = Watcher()
    result = embed_folder(images, tmp_path / "e.npz", watcher=watcher)
    dataset = load_dataset(str(tmp_path / "e.npz"))
    assert len(dataset) == 40 and dataset.class_names == ("a", "b") and dataset.is_query is None
    assert np.array_equal(dataset.features, direct(images, dataset))
    assert [dataset.class_names[label] for label in dataset.labels] == [path.split("/")[-2] for path in dataset.paths]
    assert (watcher.done, watcher.total, watcher.skipped) == (40, 40, 0)
    assert result.is_new and result.skipped == [] and result.about["images"] == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.npz", "images"]


def test_the_file_says_how_it_was_made(images, tmp_path):
    embed_folder(images, tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as stored:
        about = json.loads(stored["about"].item())
    assert about["source"] == {"source": str(images), "kind": "image folder", "path": str(images.resolve())}
    expected = {"backbone": "pixels", "revision": "1", "precision": "float32", "device": "cpu", "batch_size": 4}
    assert expected.items() <= about.items() and about["versions"]["torch"] == torch.__version__
    assert about["width"] == 48 and about["skipped"] == 0


@pytest.mark.parametrize("stop_before", [0, 1, 2, 5, 9])
def test_stopped_and_continued_is_the_same_file(images, tmp_path, stop_before):
    embed_folder(images, tmp_path / "whole.npz")
    out = tmp_path / "e.npz"
    with pytest.raises(KeyboardInterrupt):
        embed_folder(images, out, Pixels(stop_before))
    assert not out.exists()
    rest, watcher = Pixels(), Watcher()
    embed_folder(images, out, rest, watcher=watcher)
    assert len(rest.batches) == 10 - stop_before // 2 * 2 and watcher.done == 40
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_decoding_in_more_threads_is_the_same_file(images, tmp_path):
    for decoders in (1, 7):
        embed_folder(images, tmp_path / f"{decoders}.npz", decoders=decoders)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "7.npz").read_bytes()


def test_a_damaged_shard_is_made_again(images, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        embed_folder(images, tmp_path / "e.npz", Pixels(4))
    shards = sorted((tmp_path / "e.npz.shards").glob("*.npz"))
    assert len(shards) == 2
    shards[0].write_bytes(shards[0].read_bytes()[:200])
    rest = Pixels()
    embed_folder(images, tmp_path / "e.npz", rest)
    assert len(rest.batches) == 8


def test_an_image_changed_in_between_is_embedded_again(images, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        embed_folder(images, tmp_path / "e.npz", Pixels(4))
    Image.new("RGB", (5, 5), "red").save(images / "a" / "00.png")
    rest = Pixels()
    embed_folder(images, tmp_path / "e.npz", rest)
    assert len(rest.batches) == 8  # of ten: the shard that the image is not in was kept
    dataset = load_dataset(str(tmp_path / "e.npz"))
    assert np.array_equal(dataset.features, direct(images, dataset))


def test_other_settings_do_not_go_on_with_it(images, tmp_path):
    out, other = tmp_path / "e.npz", {"backbone": "another", "revision": "1", "preprocessing": None}
    with pytest.raises(KeyboardInterrupt):
        embed_folder(images, out, Pixels(4))
    with pytest.raises(UserError, match=r"e\.npz\.shards: .*another backbone \(pixels then, another now\)"):
        embed_folder(images, out, about=other)
    with pytest.raises(UserError, match=r"another batch_size \(4 then, 8 now\)"):
        embed_folder(images, out, batch_size=8)
    assert embed_folder(images, out, about=other, restart=True).about["backbone"] == "another"


def test_a_finished_file_is_neither_made_again_nor_overwritten(images, tmp_path):
    out = tmp_path / "e.npz"
    embed_folder(images, out)
    content, idle = out.read_bytes(), Pixels()
    assert not embed_folder(images, out, idle).is_new and idle.batches == []
    with pytest.raises(UserError, match=r"e\.npz: exists, with another max_pixels .*--restart replaces it"):
        embed_folder(images, out, max_pixels=1000)
    (images / "a" / "00.png").touch()
    with pytest.raises(UserError, match="exists, made of other images or before they changed"):
        embed_folder(images, out)
    assert out.read_bytes() == content
    out.write_bytes(b"mine")
    with pytest.raises(UserError, match=r"e\.npz: exists, not made by this command"):
        embed_folder(images, out)
    assert embed_folder(images, out, restart=True).is_new


def test_two_at_once_are_refused(images, tmp_path):
    class Second(Pixels):
        def __call__(self, batch):
            with pytest.raises(UserError, match="another process is at work on it"):
                embed_folder(images, tmp_path / "e.npz")
            return super().__call__(batch)

    embed_folder(images, tmp_path / "e.npz", Second())


def spoil(images):
    """Three images that cannot be used, each for another reason."""
    (images / "a" / "00.png").write_bytes(b"no image")
    Image.new("RGB", (50, 40)).save(images / "b" / "05.png")
    (images / "b" / "39.png").unlink()
    (images / "b" / "39.png").symlink_to("nowhere")


def test_unusable_images_are_listed_and_counted(images, tmp_path):
    spoil(images)
    watcher, compute = Watcher(), Pixels()
    result = embed_folder(images, tmp_path / "e.npz", compute, watcher=watcher, max_pixels=1999)
    reasons = {
        "a/00.png": "cannot be decoded",
        "b/05.png": "50 × 40 pixels, more than 1,999",
        "b/39.png": "cannot be read (No such file or directory)",
    }
    for (path, reason), (name, expected) in zip(result.skipped, reasons.items(), strict=True):
        assert path == str(images / name) and expected in reason
    with (tmp_path / "e.npz.skipped.csv").open() as file:
        assert [tuple(row) for row in csv.reader(file)] == [("path", "reason"), *result.skipped]
    assert (watcher.done, watcher.skipped, result.about["skipped"]) == (40, 3, 3)
    assert [len(batch) for batch in compute.batches] == [4, 3, 4, 4, 4, 3, 4, 4, 4, 3]
    dataset = load_dataset(str(tmp_path / "e.npz"))
    assert len(dataset) == 37 and np.array_equal(dataset.features, direct(images, dataset))


def test_strict_makes_the_first_of_them_an_error(images, tmp_path):
    spoil(images)
    with pytest.raises(UserError, match=r"a/00\.png: cannot be decoded"):
        embed_folder(images, tmp_path / "e.npz", strict=True)
    with pytest.raises(KeyboardInterrupt):
        embed_folder(images, tmp_path / "e.npz", Pixels(4))
    with pytest.raises(UserError, match=r"a/00\.png|b/05\.png|b/39\.png"):  # those of finished shards count too
        embed_folder(images, tmp_path / "e.npz", strict=True)
    assert not (tmp_path / "e.npz").exists()


def test_no_usable_image_is_one_clear_line(images, tmp_path):
    for path in images.glob("*/*"):
        path.write_bytes(b"")
    with pytest.raises(
        UserError, match=r"none of the 40 images can be used, the first: .*a/00\.png: cannot be decoded"
    ):
        embed_folder(images, tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("vectors", "problem"),
    [
        (lambda batch: batch[:, 0], r"gives an array of shape \(4,\) for 4 images"),
        (lambda batch: batch[:-1], r"gives an array of shape \(3, 48\) for 4 images"),
        (lambda batch: batch / 0, r"a/08\.png: its vector is not finite"),
    ],
)
def test_vectors_that_are_none_are_refused(images, tmp_path, vectors, problem):
    class Odd(Pixels):
        def __call__(self, batch):
            self.batches.append(batch)
            return vectors(batch) if len(self.batches) == 2 else batch

    for name in ("00", "02", "04", "06", "08"):  # values that divide to infinity, not to NaN only
        Image.new("RGB", (5, 5), "white").save(images / "a" / f"{name}.png")
    with pytest.raises(UserError, match=problem):
        embed_folder(images, tmp_path / "e.npz", Odd())


def test_copies_form_groups_and_stay_on_one_side(images, tmp_path):
    copied = (images / "a" / "00.png").read_bytes()
    for name in ("a/02.png", "b/01.png", "b/37.png"):
        (images / name).write_bytes(copied)
    with Image.open(images / "b" / "03.png") as image:
        image.save(images / "b" / "05.png", compress_level=0)  # other bytes, the same pixels
    result = embed_folder(images, tmp_path / "e.npz")
    assert result.about["grouped"] == 6
    dataset = load_dataset(str(tmp_path / "e.npz"))
    members = [sorted(dataset.paths[dataset.groups == group]) for group in np.unique(dataset.groups) if group >= 0]
    expected = [["a/00.png", "a/02.png", "b/01.png", "b/37.png"], ["b/03.png", "b/05.png"]]
    assert sorted(members) == [[str(images / name) for name in group] for group in expected]
    for seed in range(5):
        split = make_splits(dataset, SplitConfig(seed=seed, test_queries=10)).final
        assert not set(dataset.groups[split.queries]) & set(dataset.groups[split.train]) - {-1}


def test_images_of_one_item_form_groups_with_their_copies(images, tmp_path):
    (images / "b" / "21.png").write_bytes((images / "a" / "12.png").read_bytes())
    result = embed_folder(images, tmp_path / "e.npz", item=r"(\d)\d\.png$")  # 00 to 09 is one item, …
    dataset = load_dataset(str(tmp_path / "e.npz"))
    members = {tuple(sorted(int(path[-6]) for path in dataset.paths[dataset.groups == g])) for g in set(dataset.groups)}
    assert members == {(0,) * 10, (1,) * 10 + (2,) * 10, (3,) * 10} and result.about["grouped"] == 40
    with pytest.raises(UserError, match="exists, with another group"):
        embed_folder(images, tmp_path / "e.npz")
    with pytest.raises(UserError, match=r"--group \(: not a regular expression"):
        embed_folder(images, tmp_path / "f.npz", item="(")


def test_unlabelled_copies_of_test_queries_are_not_trained_on(images, tmp_path):
    root = tmp_path / "splits"
    for name, paths in {"train": sorted(images.glob("*/[01]*")), "test": sorted(images.glob("*/[23]*"))}.items():
        for path in paths:
            (root / name / path.parent.name).mkdir(parents=True, exist_ok=True)
            path.rename(root / name / path.parent.name / path.name)
    (root / "unlabeled").mkdir()
    for name in ("train/a/00.png", "test/a/20.png", "test/b/21.png"):
        (root / "unlabeled" / name.replace("/", "-")).write_bytes((root / name).read_bytes())
    (root / "train" / "b" / "99.png").write_bytes((root / "test" / "b" / "23.png").read_bytes())
    Image.new("RGB", (5, 5), "blue").save(root / "unlabeled" / "own.png")
    with pytest.raises(UserError, match="has an official split, which groups could tear"):
        embed_folder(root, tmp_path / "e.npz", item="x")
    result = embed_folder(root, tmp_path / "e.npz")
    assert result.about["unlabelled_copies_of_queries_left_out"] == 2
    assert result.about["labelled_copies_of_queries"] == 1
    dataset = load_dataset(str(tmp_path / "e.npz"))
    unlabelled = [path.rsplit("/", 1)[1] for path in dataset.paths[dataset.labels < 0]]
    assert unlabelled == ["own.png", "train-a-00.png"] and dataset.is_query.sum() == 20
    assert np.array_equal(dataset.features, direct(root, dataset))
    splits = make_splits(dataset, SplitConfig())
    assert not (dataset.labels[splits.final.database] < 0).any() and (dataset.labels[splits.final.train] < 0).sum() == 2


def test_memory_does_not_grow_with_the_number_of_images(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "SHARD", 64)

    class Wide(Pixels):
        def __call__(self, batch):
            return np.repeat(batch.numpy(), 64, axis=1)  # 3,072 values, 12 kB an image

    def peak(count):
        root = tmp_path / str(count)
        for number in range(count):
            path = root / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (number % 256, number // 256, 0)).save(path)
        tracemalloc.start()
        try:
            embed_folder(root, root / "e.npz", Wide(), batch_size=16)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(64)  # imports and caches
    few, many = peak(256), peak(1024)
    assert many - few < 768 * 1000, f"{few:,} and {many:,} bytes"  # the vectors of the others are 9.4 MB
