"""A page in one HTML file: a template with the style and the script that all pages share in it."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
#: Parts of the script in the order they build on each other.
_SCRIPTS = ("page", "tables", "plot", "points", "cells", "scores", "tuning", "neighbours")


def render(template: str, **shown: object) -> str:
    """The template with what it shows; text is escaped where it is not `Markup`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(css=css, script=Markup(script()), **shown)


def script() -> str:
    """All of the script, without which a page is read as it is written."""
    return "\n".join((TEMPLATES / "js" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
