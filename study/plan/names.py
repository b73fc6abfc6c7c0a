"""Methods as people may write them: by name, by label, by the paper's name, a whole family by its own, or all."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from hasher.methods.registry import resolve_several


def _expanded(written: Any) -> Any:
    """Names in the place of what stands for one or several; anything else is left to be refused."""
    if isinstance(written, str):
        written = [written]
    if not isinstance(written, list):
        return written
    several = [resolve_several(each) if isinstance(each, str) else [each] for each in written]
    return [name for names in several for name in names]


def _expanded_keys(written: Any) -> Any:
    if not isinstance(written, Mapping):
        return written
    keys = [key for key in written if isinstance(key, str)]
    if len(keys) < len(written):
        return written
    return {name: written[key] for key in keys for name in resolve_several(key)}


#: Names of methods; raises ``ValueError`` for what is none, with the nearest.
MethodNames = Annotated[list[str], BeforeValidator(_expanded)]
#: A value by the name of a method, what is said later replacing what is said of a family before.
ByMethod = BeforeValidator(_expanded_keys)
