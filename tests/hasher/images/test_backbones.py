"""Backbones: vision models of transformers against direct calls of the library, and module:function."""

import json
import sys

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from hasher.errors import UserError
from hasher.images.backbones import Computing
from hasher.images.opening import load_backbone

EXACT = Computing(torch.device("cpu"), "float32")


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(2)
    return [Image.fromarray(rng.integers(0, 256, shape, np.uint8)) for shape in [(40, 60, 3), (3, 3, 3), (33, 17, 3)]]


def saved(folder, model, size=32):
    torch.manual_seed(0)
    model.save_pretrained(folder)
    processor = transformers.ViTImageProcessor(size={"height": size, "width": size})
    processor.save_pretrained(folder)
    return processor, str(folder)


VIT = transformers.ViTConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8
)


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    model = transformers.ViTModel(VIT).eval()
    return model, *saved(tmp_path_factory.mktemp("vit"), model)


def embedded(backbone, pictures):
    return backbone.embed([backbone.preprocess(picture) for picture in pictures])


def test_a_vits_class_token_equals_a_direct_call(vit, pictures):
    model, processor, folder = vit
    backbone = load_backbone(folder, None, None, EXACT)
    with torch.no_grad():
        inputs = processor(images=pictures, return_tensors="pt", input_data_format="channels_last")
        expected = model(**inputs).last_hidden_state[:, 0].numpy()
    vectors = embedded(backbone, pictures)
    assert vectors.dtype == np.float32 and vectors.shape == (3, 32) and expected.std() > 0.1
    assert np.abs(vectors - expected).max() < 1e-5


def test_it_says_what_it_is(vit, tmp_path):
    _, _, folder = vit
    about = json.loads(json.dumps(load_backbone(folder, None, None, EXACT).about))
    assert about["backbone"] == folder and about["model"] == "ViTModel" and about["pooling"] == "class"
    assert about["preprocessing"]["size"] == {"height": 32, "width": 32} and about["preprocessing"]["image_mean"]
    other = transformers.ViTModel(VIT)
    saved(tmp_path, other)
    assert load_backbone(str(tmp_path), None, None, EXACT).about["revision"] != about["revision"]


@pytest.mark.parametrize("pooling", ["class", "pooler", "mean"])
def test_pooling_can_be_chosen(vit, pictures, pooling):
    model, processor, folder = vit
    with torch.no_grad():
        output = model(**processor(images=pictures, return_tensors="pt", input_data_format="channels_last"))
    hidden = output.last_hidden_state
    expected = {"class": hidden[:, 0], "pooler": output.pooler_output, "mean": hidden.mean(1)}[pooling]
    vectors = embedded(load_backbone(folder, None, pooling, EXACT), pictures)
    assert np.abs(vectors - expected.numpy()).max() < 1e-5


def test_lower_precision_is_close_and_not_equal(vit, pictures):
    exact = embedded(load_backbone(vit[2], None, None, EXACT), pictures)
    mixed = embedded(load_backbone(vit[2], None, None, Computing(torch.device("cpu"), "bfloat16")), pictures)
    assert mixed.dtype == np.float32 and 0 < np.abs(mixed - exact).max() < 0.1


def test_a_model_without_tokens_gives_its_pooled_output(tmp_path, pictures):
    config = transformers.ConvNextConfig(hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1])
    model = transformers.ConvNextModel(config).eval()
    processor, folder = saved(tmp_path, model)
    backbone = load_backbone(folder, None, None, EXACT)
    assert backbone.about["pooling"] == "pooler"
    with torch.no_grad():
        output = model(**processor(images=pictures, return_tensors="pt", input_data_format="channels_last"))
    assert np.abs(embedded(backbone, pictures) - output.pooler_output.numpy()).max() < 1e-5
    means = embedded(load_backbone(folder, None, "mean", EXACT), pictures)
    assert np.abs(means - output.last_hidden_state.mean((2, 3)).numpy()).max() < 1e-5
    with pytest.raises(UserError, match="--pooling class: the model has no tokens"):
        load_backbone(folder, None, "class", EXACT)


def test_of_a_model_of_images_and_texts_the_images_part_is_used(tmp_path, pictures):
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(text_config=small, vision_config={**small, "image_size": 32, "patch_size": 8})
    model = transformers.CLIPModel(config).eval()
    processor, folder = saved(tmp_path, model)
    backbone = load_backbone(folder, None, None, EXACT)
    assert backbone.about["pooling"] == "class"
    with torch.no_grad():
        inputs = processor(images=pictures, return_tensors="pt", input_data_format="channels_last")
        expected = model.vision_model(**inputs).last_hidden_state[:, 0].numpy()
    assert np.abs(embedded(backbone, pictures) - expected).max() < 1e-5


def test_weights_that_are_missing_are_refused_where_they_are_used(tmp_path, pictures):
    _, folder = saved(tmp_path, transformers.ViTModel(VIT, add_pooling_layer=False))
    assert embedded(load_backbone(folder, None, None, EXACT), pictures).shape == (3, 32)
    with pytest.raises(UserError, match=r"the checkpoint lacks pooler\.dense\.bias \(2 weights\)"):
        load_backbone(folder, None, "pooler", EXACT)


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_damaged_model_is_one_clear_line(tmp_path, broken):
    _, folder = saved(tmp_path, transformers.ViTModel(VIT))
    (tmp_path / broken).unlink()
    with pytest.raises(UserError, match=f"--backbone {folder}: ") as caught:
        load_backbone(folder, None, None, EXACT)
    assert "\n" not in str(caught.value)


def test_no_network_is_one_clear_line(monkeypatch, tmp_path):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="connect to the internet, or name a local directory") as caught:
        load_backbone("google/vit-base-patch16-224-in21k", None, None, EXACT)
    assert "\n" not in str(caught.value)


CUSTOM = """
import numpy as np, torch

about = {"revision": "7", "preprocessing": "none"}

def lists():
    return lambda pictures: [[p.width, p.height, np.asarray(p)[0, 0, 0]] for p in pictures]

class Net(torch.nn.Module):
    about = {"revision": "v2", "preprocessing": {"size": 4}}
    def __init__(self):
        super().__init__()
        self.drop = torch.nn.Dropout(0.5)
    def preprocess(self, picture):
        return np.asarray(picture.resize((4, 4)), dtype=np.float32)
    def forward(self, batch):
        assert isinstance(batch, torch.Tensor) and not torch.is_grad_enabled()
        return self.drop(batch).flatten(1)

def ragged():
    net = Net()
    net.preprocess = lambda picture: np.zeros(picture.width)
    return net

def failing():
    raise ValueError("no weights\\nhere")

def nothing():
    return 3

def unserialisable():
    net = Net()
    net.about = {"weights": net}
    return net
"""


@pytest.fixture
def custom(tmp_path, monkeypatch):
    (tmp_path / "my_backbone_for_test.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: load_backbone(f"my_backbone_for_test:{name}", None, None, EXACT)
    sys.modules.pop("my_backbone_for_test", None)


def test_a_callable_is_given_pictures(custom, pictures):
    backbone = custom("lists")
    assert embedded(backbone, pictures)[:, :2].tolist() == [[60, 40], [3, 3], [17, 33]]
    assert backbone.about["backbone"] == "my_backbone_for_test:lists" and len(backbone.about["revision"]) == 32


def test_a_module_is_given_a_tensor_of_what_it_preprocessed(custom, pictures):
    backbone = custom("Net")
    expected = np.stack([np.asarray(picture.resize((4, 4))).reshape(-1) for picture in pictures])
    assert np.array_equal(embedded(backbone, pictures), expected)  # nothing dropped: evaluation mode
    assert backbone.about["revision"] == "v2" and backbone.about["preprocessing"] == {"size": 4}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("absent", "my_backbone_for_test has no function 'absent'"),
        ("failing", "the call failed (ValueError: no weights)"),
        ("nothing", "returned int, expected a callable"),
        ("unserialisable", "`about` is not JSON"),
    ],
)
def test_a_function_that_does_not_fit_is_one_clear_line(custom, name, problem):
    with pytest.raises(UserError) as caught:
        custom(name)
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_preprocessing_to_several_shapes_is_refused(custom, pictures):
    with pytest.raises(UserError, match=r"arrays of shapes \(3,\) and \(17,\), expected one"):
        embedded(custom("ragged"), pictures)


def test_a_module_that_is_not_there():
    with pytest.raises(UserError, match="no_such_module cannot be imported"):
        load_backbone("no_such_module:build", None, None, EXACT)
    with pytest.raises(UserError, match="--pooling are for models of transformers"):
        load_backbone("hasher.images.pixels:grey_28", None, "mean", EXACT)


def test_raw_pixels(pictures):
    grey = embedded(load_backbone("hasher.images.pixels:grey_28", None, None, EXACT), pictures)
    expected = [
        np.asarray(each.convert("L").resize((28, 28), Image.Resampling.BOX)).reshape(-1) / 255 for each in pictures
    ]
    assert grey.shape == (3, 784) and np.allclose(grey, expected, atol=1e-6)
    assert embedded(load_backbone("hasher.images.pixels:colour_16", None, None, EXACT), pictures).shape == (3, 768)
