"""Types of options that more than one command line has, for `argparse`, which then tells what it was given instead."""

import argparse

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
