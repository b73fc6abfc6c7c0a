"""Options that more than one command line has, and types of options, for `argparse`."""

import argparse
from pathlib import Path

from hasher.data import Keys
from hasher.methods.registry import resolve, resolve_several


def method_name(written: str) -> str:
    """The name of the method that is meant."""
    try:
        return resolve(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def method_names(written: str) -> list[str]:
    """The names of the methods that are meant: one, a family's, or all."""
    try:
        return resolve_several(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that reads embeddings: where data are, and what their parts are called."""
    parser.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="default: data")
    add_key_options(parser.add_argument_group("what a file of embeddings calls its parts"))


def add_key_options(group: argparse._ArgumentGroup) -> None:
    """The options that `keys_of` reads."""
    group.add_argument("--features-key", metavar="NAME", help="array or column of the embeddings (default: features)")
    group.add_argument("--label-column", metavar="NAME", help="array or column of the classes (default: labels)")
    group.add_argument("--id-column", metavar="NAME", help="array or column of the items' own names (default: ids)")
    group.add_argument("--label-file", metavar="FILE", help="labels of a matrix (default: x.labels.csv beside x.npy)")


def keys_of(given: argparse.Namespace) -> Keys:
    """What the command line says of them."""
    return Keys(given.features_key, given.label_column, given.id_column, given.label_file)
