"""JSON that files of whatever origin hold."""

import json
from typing import Any

#: Levels of objects and lists; what this project writes has three.
DEEPEST = 32


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises `ValueError` for what is none, and for one of more than `DEEPEST` levels."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _inside(outer)]
    if level:
        raise ValueError("nested too deeply")
    return value


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value
