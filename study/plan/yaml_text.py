"""YAML of whatever origin: keys and plain values, of a size that a person could have written.

YAML is more than a study needs. Aliases stand for copies of copies, a few lines for gigabytes; brackets in brackets
exhaust a parser; dates, sets and tags of other programs become values that no key takes. All that is refused here, by
one line that names the file.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from hasher.console import shortened
from hasher.errors import UserError
from hasher.files import read_regular

#: Bytes of a file, levels of brackets and indents, and values of a file with every alias written out. The largest
#: search space here has 8 kB, 4 levels and 1,055 values.
LARGEST, DEEPEST, MOST = 1 << 18, 16, 100_000
#: Characters of a parser's message.
_LONGEST = 300
#: Types a value may have; a date is the text that it is written as.
_TYPES = ("null", "bool", "int", "float", "str", "seq", "map")
_DATE = "tag:yaml.org,2002:timestamp"


def read_mapping(path: Path, expected: str) -> dict[str, Any]:
    """The keys and values of a file.

    Raises `UserError` where it cannot be read, is no YAML, has a key that is no word or more than a study needs;
    `expected` says what the mapping holds.
    """
    try:
        text = read_regular(path, LARGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        values = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, LookupError, OverflowError) as error:  # the others: of no such type as tagged
        raise UserError(f"{path}: not valid YAML ({shortened(_in_words(error), _LONGEST)})") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping of {expected}")
    return values


def _in_words(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
    return " ".join(str(error).split())


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with these limits."""

    yaml_constructors: ClassVar = {
        **{f"tag:yaml.org,2002:{name}": SafeConstructor.yaml_constructors[f"tag:yaml.org,2002:{name}"]
           for name in _TYPES},
        None: SafeConstructor.yaml_constructors[None],
    }  # fmt: skip

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in found if tag != _DATE]
            for first, found in Resolver.yaml_implicit_resolvers.items()
        }
        self._depth = 0
        self._sizes: dict[int, int] = {}  #: of the nodes that are whole, by identity: values in it, aliases written out

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """The next node. Raises `ConstructorError` where it is too deep, or too much."""
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"more than {DEEPEST} levels", self.peek_event())
        alias = self.peek_event() if self.check_event(yaml.AliasEvent) else None
        node = super().compose_node(parent, index)
        self._depth -= 1
        if alias is None and node is not None:
            self._sizes[id(node)] = self._size(node)
        elif alias is not None and id(node) not in self._sizes:
            self._refuse("an alias of what it is in", alias)
        return node

    def _size(self, node: Node) -> int:
        inside: list[Node] = []
        if isinstance(node, SequenceNode):
            inside = node.value
        elif isinstance(node, MappingNode):
            inside = [one for pair in node.value for one in pair]
        size = 1 + sum(self._sizes[id(one)] for one in inside)
        if size > MOST:
            self._refuse(f"more than {MOST:,} values with every alias written out", node)
        return size

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are words."""
        self.flatten_mapping(node)
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                shown = shortened(key.value) or "nothing" if isinstance(key, ScalarNode) else "a list or a mapping"
                self._refuse(f"a key that is {shown}, to YAML no word: write it in quotes", key)
        return super().construct_mapping(node, deep)

    def _refuse(self, why: str, where: Any) -> None:
        raise ConstructorError(None, None, why, where.start_mark)
