"""A method as people may write it: by its name, its label or the paper's name for it."""

from typing import Annotated

from pydantic import BeforeValidator

from hasher.methods.registry import resolve


def _resolved(written: object) -> object:
    return resolve(written) if isinstance(written, str) else written


#: The name of a method; raises ``ValueError`` for what is none, with the nearest.
MethodName = Annotated[str, BeforeValidator(_resolved)]
