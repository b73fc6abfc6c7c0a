"""From what a person types to a source of images and a backbone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hasher.data.formats.huggingface import is_saved
from hasher.data.split_roles import Role
from hasher.errors import UserError
from hasher.images.backbones import Backbone, Computing, is_custom, load_custom
from hasher.images.files import are_files, open_files
from hasher.images.folder import open_folder
from hasher.images.hub import PAPER_DATASETS, Columns, HubDataset, open_hub, open_saved
from hasher.images.sources import ImageSource
from hasher.images.transformer import VisionTransformer

#: What the hub allows as an id.
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class SourceOptions:
    """What can be said of a source besides its name; None and nothing leave it as it is.

    Attributes:
        revision: commit, tag or branch of a hub data set.
        config: configuration of a hub data set.
        columns: the columns of image and label.
        roles: what splits are used for.
    """

    revision: str | None = None
    config: str | None = None
    columns: Columns = field(default_factory=Columns)
    roles: Mapping[str, Role] = field(default_factory=dict)


def open_source(words: Sequence[str], options: SourceOptions) -> ImageSource:
    """A data set of the paper by name, a folder of images or of a saved data set, or a data set on the hub.

    Several `words`, the path of an image, a pattern or ``-`` are image files, see `open_files`.

    Raises:
        UserError: nothing of that name, or something that holds no images.
    """
    if are_files(words):
        _refuse_hub_options(words[0], options)
        if options.roles or options.columns != Columns():
            raise UserError(f"{words[0]}: image files have no splits or columns, leave the options for them out")
        return open_files(words)
    name = words[0]
    path = Path(name)
    if name in PAPER_DATASETS:
        return _on_hub(PAPER_DATASETS[name], options)
    if path.is_dir():
        _refuse_hub_options(name, options)
        if is_saved(path):
            return open_saved(path, options.columns, options.roles)
        if options.columns != Columns():
            raise UserError(f"{name}: a folder of images has no columns, leave --image-column and --label-column out")
        return open_folder(path, options.roles)
    if not HUB_ID.fullmatch(name):
        raise UserError(f"{name}: no such file or folder")
    return _on_hub(HubDataset(name), options)


def load_backbone(name: str, revision: str | None, pooling: str | None, computing: Computing) -> Backbone:
    """A vision model of transformers, by hub id or directory, or what ``module:function`` makes.

    Raises `UserError` where it cannot be had, or `revision` and `pooling` mean nothing to it.
    """
    if not is_custom(name):
        return VisionTransformer(name, revision, pooling, computing)
    if revision is not None or pooling is not None:
        raise UserError(f"--backbone {name}: --backbone-revision and --pooling are for models of transformers")
    return load_custom(name, computing)


def _on_hub(wanted: HubDataset, options: SourceOptions) -> ImageSource:
    changed = replace(wanted, revision=options.revision or wanted.revision, config=options.config or wanted.config)
    return open_hub(changed, options.columns, options.roles)


def _refuse_hub_options(name: str, options: SourceOptions) -> None:
    if options.revision is not None or options.config is not None:
        raise UserError(f"{name}: is here; --revision and --config are for data sets on the hub")
