"""Pictures of a data set whose features are pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import fashion_pictures
from benchmarks.fashion_pictures import stratified, write_pictures
from hasher.data import EmbeddingSet
from hasher.errors import UserError
from hasher.images.folder import open_folder


@pytest.fixture
def clothes() -> EmbeddingSet:
    """40 pictures of 3 by 2 pixels to be trained on and 20 queries, of two classes, one a third of all."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6))
    return EmbeddingSet(
        name="clothes",
        features=pixels.astype(np.float32) / 255,
        labels=(np.arange(60) % 3 == 0).astype(np.int64),
        class_names=("T-shirt/top", "Ankle boot"),
        is_query=np.arange(60) >= 40,
        image_shape=(3, 2),
    )


def test_pictures_are_the_pixels_in_folders_of_split_and_class(tmp_path: Path, clothes: EmbeddingSet) -> None:
    assert write_pictures(clothes, tmp_path / "fashion", {"train": 8, "test": 4}) == 12
    source = open_folder(tmp_path / "fashion", {})
    assert source.class_names == ("Ankle_boot", "T-shirt_top") and source.is_query is not None
    assert source.is_query.sum() == 4 and np.bincount(source.labels).tolist() == [6, 6]
    for row, file in enumerate(source.files):
        split, _, name = file.split("/")
        at = int(Path(name).stem) + (40 if split == "test" else 0)
        assert clothes.class_names[clothes.labels[at]][:3] == source.class_names[source.labels[row]][:3]
        picture = np.asarray(Image.open(tmp_path / "fashion" / file))
        assert np.array_equal(picture, np.rint(clothes.features[at] * 255).reshape(3, 2))


def test_the_sample_is_spread_over_each_class(clothes: EmbeddingSet) -> None:
    rows = np.arange(40)
    boots, shirts = rows[clothes.labels[:40] == 1], rows[clothes.labels[:40] == 0]
    assert stratified(clothes, rows, 4) == [shirts[0], shirts[13], boots[0], boots[7]]
    assert sorted(stratified(clothes, rows, 28)[14:]) == boots.tolist()


@pytest.mark.parametrize(
    ("train", "says"),
    [(7, "7 pictures cannot be shared alike among 2 classes"), (30, "clothes: Ankle boot: 14 pictures, 15 are wanted")],
)
def test_a_count_that_cannot_be_is_one_line(tmp_path: Path, clothes: EmbeddingSet, train: int, says: str) -> None:
    with pytest.raises(UserError, match=f"^{says}$"):
        write_pictures(clothes, tmp_path / "fashion", {"train": train, "test": 4})
    assert list(tmp_path.iterdir()) == []  # whole or not at all


def test_the_command_leaves_what_is_there(
    tmp_path: Path, clothes: EmbeddingSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fashion_pictures, "load_fashion_mnist", lambda data_dir: clothes)
    monkeypatch.setattr(fashion_pictures, "COUNTS", {"train": 2, "test": 2})
    monkeypatch.setattr("sys.argv", ["fashion_pictures", "--out", str(tmp_path / "fashion")])
    fashion_pictures.main()
    assert capsys.readouterr().out == f"{tmp_path / 'fashion'}: 4 pictures\n"
    fashion_pictures.main()
    assert "is there already" in capsys.readouterr().out
