"""All methods by name: those of this package, and those that installed packages add."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from hasher.contract import Method
from hasher.errors import UserError
from hasher.methods.agh import AGH
from hasher.methods.bi_half import BiHalf
from hasher.methods.cibhash import CIBHash
from hasher.methods.crovca import CroVCA
from hasher.methods.greedyhash import GreedyHash
from hasher.methods.hagcn.method import HAGCN_METHODS
from hasher.methods.imh import IMH
from hasher.methods.itq import ITQ
from hasher.methods.knnh import KNNH
from hasher.methods.lsh import LSH
from hasher.methods.pca_sign import PCASign
from hasher.methods.released.method import RELEASED_METHODS
from hasher.methods.sdc import SDC
from hasher.methods.sgh import SGH
from hasher.methods.tbh import TBH

#: Group of the entry points by which a package adds methods: ``my_hash = "my_package:MyHash"``.
ENTRY_POINTS = "hagcn.methods"
#: In the order of every table's rows.
BUILT_IN: tuple[Method, ...] = (
    *HAGCN_METHODS,
    *(LSH(), PCASign(), ITQ(), KNNH()),
    *(AGH(), IMH(), SGH()),
    *(GreedyHash(), BiHalf(), SDC(), CIBHash(), CroVCA(), TBH()),
    *RELEASED_METHODS,
)
#: What stands for every method there is.
ALL = "all"


@functools.cache
def methods() -> dict[str, Method]:
    """Every method by its name, those of other packages last. Raises `UserError` for one that cannot be used."""
    found = {method.name: method for method in BUILT_IN}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        method = _load(entry)
        if method.name in found:
            raise UserError(f"{_described(entry)}: there is a method called {method.name!r} already")
        found[method.name] = method
    return found


def _load(entry: EntryPoint) -> Method:
    try:
        loaded = entry.load()
        method = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:  # whatever an installed package raises as it is imported
        raise UserError(f"{_described(entry)}: cannot be loaded ({type(error).__name__}: {error})") from error
    if not isinstance(method, Method):
        raise UserError(f"{_described(entry)}: not a subclass of hasher.contract.Method")
    return method


def _described(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an installed package"
    return f"method {entry.name} of {package} ({entry.value})"


def families() -> list[str]:
    """The families of methods, in the order of every table's rows."""
    return list(dict.fromkeys(method.family for method in methods().values()))


def find_method(name: str) -> Method:
    """The method of this name. Raises `KeyError`; see `resolve` for what people write."""
    return methods()[name]


def resolve(written: str) -> str:
    """The name of the method that is meant: its name, its label or the paper's name for it, in any case.

    Raises `ValueError` where there is none, with the nearest.
    """
    known = spellings(methods().values())
    key = _key(written)
    if key in known:
        return known[key]
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f", {known[close[0]]}?" if close else f", choose from {', '.join(methods())}"
    raise ValueError(f"no method is called {written!r}{hint}")


def resolve_several(written: str) -> list[str]:
    """The methods that are meant: `ALL` of them, those of a family (``HAGCN``), or one as `resolve` takes it."""
    known = methods().values()
    key = _key(written)
    if key == ALL:
        return [method.name for method in known]
    family = [method.name for method in known if _key(method.family) == key]
    return family or [resolve(written)]


def spellings(among: Iterable[Method]) -> dict[str, str]:
    """Names by all that people may write for them, as `_key` has it."""
    found = {}
    for method in among:
        for spelling in (method.paper_name, method.label, method.name):
            if spelling:
                found[_key(spelling)] = method.name
    return found


def _key(written: str) -> str:
    return written.strip().lower().replace("-", "_").replace(" ", "_")
