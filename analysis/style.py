"""How methods and states look in every figure: one colour and one marker each, the same everywhere.

Colours can be told apart by people with any common colour blindness; those of the filters are a ladder of lightness
too, and a marker goes with each, so that figures can be read in grey. Solid lines are measured here; dashed lines are
the paper's.

HAGCN's filters have a colour each; any other family has one colour, and its methods differ by marker.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Any

from matplotlib.colors import to_hex, to_rgb

from analysis.names import label
from hasher.methods.registry import methods

#: Of the filters, from dark to light.
BLACK, WINE, DEEP_BLUE, TEAL, APRICOT, GOLD = "#000000", "#7A1F5C", "#0060A0", "#00916A", "#F0803C", "#E9BC2E"
SKY_BLUE = "#56B4E9"
BROWN, INDIGO, OLIVE, DARK_GREEN = "#7b3f00", "#332288", "#999933", "#1b7837"
GREY = "#6b6b6b"

#: Perceptually uniform, and monotonic in lightness.
SEQUENTIAL = "cividis"
#: Diverging around 0, safe for the colour-blind.
DIVERGING = "PuOr"


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one method, and the label of what is drawn so."""

    colour: str
    marker: str
    line: Any = "-"
    label: str = field(default="", compare=False, repr=False)

    def line_style(self, **changes: Any) -> dict[str, Any]:
        """Arguments for `Axes.plot`; `changes` replace some."""
        named = {"label": self.label} if self.label else {}
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line, **named, **changes}


METHODS: dict[str, Look] = {
    "none": Look(BLACK, "o"),
    "gcn": Look(GOLD, "s"),
    "chebyshev": Look(DEEP_BLUE, "^"),
    "lanczos": Look(TEAL, "D"),
    "spline": Look(APRICOT, "v"),
    "fourier": Look(WINE, "P"),
}

#: What the coloured lines are read against stays in grey.
BACKGROUND: dict[str, Look] = {
    "float_cosine": Look(GREY, ".", (0, (1, 1))),
    "float_diffusion": Look(GREY, "p", (0, (2, 1))),
    "itq": Look(GREY, "*", (0, (4, 1, 1, 1))),
    "pca_sign": Look(GREY, "x", (0, (4, 1, 1, 1, 1, 1))),
    "lsh": Look(GREY, "+", (0, (6, 2))),
}

#: Code lengths, where one panel shows several.
BIT_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

PAPER_LINE = (0, (5, 2))


#: Of families whose methods have no look of their own: one colour, and a marker each in the order of the registry.
FAMILIES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "Linear hashes": (GREY, ("h", (8, 1, 0))),
    "Anchor hashes": (BROWN, ((4, 1, 0), (3, 1, 0), (3, 1, 90))),
    "Neural hashes": (SKY_BLUE, ("<", ">", "X", "d", "8", (6, 1, 0))),
    "HAGCN as released": (INDIGO, ((4, 1, 45), (3, 1, 180), (5, 1, 180), (3, 1, 270), (6, 1, 30))),
}
#: Of methods that other packages add, by a hash of their names.
_SPARE_COLOURS, _SPARE_MARKERS = (OLIVE, DARK_GREEN), ("h", "<", ">", "H", "X", "d")

#: What is left of a colour that is to stand back.
_PALENESS = 0.35
#: The colour that methods of a family have where they stand back.
_PALE_OF = {"HAGCN": GOLD, **{family: colour for family, (colour, _) in FAMILIES.items()}}


def look(method: str) -> Look:
    """The look of a method or reference by its name in the records."""
    return replace(_look(method), label=label(method))


def _look(method: str) -> Look:
    known = METHODS.get(method) or BACKGROUND.get(method)
    if known is not None:
        return known
    family = methods()[method].family if method in methods() else ""
    if family in FAMILIES:
        colour, markers = FAMILIES[family]
        siblings = [name for name, one in methods().items() if one.family == family and name not in BACKGROUND]
        return Look(colour, markers[siblings.index(method) % len(markers)])
    number = zlib.crc32(method.encode())
    rest, place = divmod(number, len(_SPARE_COLOURS))
    return Look(_SPARE_COLOURS[place], _SPARE_MARKERS[rest % len(_SPARE_MARKERS)])


def pale(family: str) -> Look:
    """The look of a family's methods where others are to be seen: a thin line in a tint, without a marker."""
    red, green, blue = (1 - _PALENESS * (1 - part) for part in to_rgb(_PALE_OF.get(family, GREY)))
    return Look(to_hex((red, green, blue)), "")


def is_background(method: str) -> bool:
    """Whether it is drawn in grey."""
    return look(method).colour == GREY


#: matplotlib settings all figures are made with (`matplotlib.rc_context`); never set for the whole process.
SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "analysis",  # the same figure twice is the same file
}
