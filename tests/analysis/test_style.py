"""Looks can be told apart, in colour, in grey and by the colour-blind."""

import itertools
import os
import subprocess
import sys

import matplotlib.colors
import matplotlib.markers
import numpy as np
import pytest

from analysis import style
from hasher.filters import FILTERS
from hasher.methods.registry import methods
from hasher.references import REFERENCES

#: Linear RGB as seen without one kind of cone (Machado, Oliveira & Fernandes 2009, severity 1).
DICHROMATS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def test_every_method_has_a_look():
    assert style.METHODS.keys() == FILTERS.keys()
    own = style.METHODS.keys() | style.BACKGROUND.keys()
    assert own <= methods().keys() | REFERENCES.keys() and REFERENCES.keys() <= own
    assert all(method.family in style.FAMILIES for name, method in methods().items() if name not in own)


def test_rivals_have_the_colour_of_their_family_and_a_marker_each(rivals):
    looks = {one.name: style.look(one.name) for one in rivals}
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(rivals)
    for one in rivals:
        colour, markers = style.FAMILIES[one.family]
        assert looks[one.name].colour == colour and looks[one.name].marker in markers


def test_markers_of_families_are_filled_and_nobody_elses():
    """Points of trials have no edge to be seen by."""
    own = [look.marker for look in [*style.METHODS.values(), *style.BACKGROUND.values()]]
    found = [marker for _, markers in style.FAMILIES.values() for marker in markers]
    assert len({*own, *found}) == len(own) + len(found)
    assert all(one in matplotlib.markers.MarkerStyle.filled_markers or one[1] in (0, 1) for one in found)


def test_what_stands_back_is_paler_than_what_does_not():
    for family in [*style.FAMILIES, "HAGCN", "of another package"]:
        look = style.pale(family)
        lightness = _lab(_linear(matplotlib.colors.to_rgb(look.colour)))[0]
        assert 70 < lightness < 95 and look.marker == ""


def test_a_method_of_another_package_always_looks_the_same():
    assert style.look("white") == style.look("white") and style.look("white") != style.look("black")
    assert not style.is_background("white") and style.is_background("itq") and not style.is_background("gcn")


@pytest.mark.parametrize("seed", ["0", "1"])
def test_it_looks_the_same_in_every_process(seed):
    """Whatever strings hash to in it, and whatever was asked for before."""
    code = "from analysis import style; style.look('black'); print(style.look('white'))"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(style.look("white"))


def test_it_looks_like_none_that_is_known():
    known = [*style.METHODS.values(), *style.BACKGROUND.values()]
    for number in range(200):
        look = style.look(f"method {number}")
        assert look.line == "-"
        assert look.colour not in {one.colour for one in known} and look.marker not in {one.marker for one in known}
    assert len({style.look(f"method {number}") for number in range(200)}) >= 10


def test_markers_alone_tell_all_methods_apart():
    markers = [look.marker for look in [*style.METHODS.values(), *style.BACKGROUND.values()]]
    assert len(set(markers)) == len(markers) and "" not in markers


@pytest.mark.parametrize("kind", ["normal", *DICHROMATS])
def test_colours_of_filters_and_families_differ_to_every_kind_of_eye(kind):
    matrix = np.array(DICHROMATS.get(kind, np.eye(3)))
    seen = {}
    families = {family: colour for family, (colour, _) in style.FAMILIES.items()}
    for name, shade in {**{name: look.colour for name, look in style.METHODS.items()}, **families}.items():
        colour = np.array(matplotlib.colors.to_rgb(shade))
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        seen[name] = _lab(np.clip(matrix @ linear, 0, 1))
    distances = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in itertools.combinations(seen, 2)}
    assert min(distances.values()) > 10, min(distances, key=distances.get)  # 2.3 is the least that can be noticed


def test_filters_can_be_told_apart_in_grey():
    """A step of lightness between any two, several times what can be noticed."""
    lightness = sorted(_lab(_linear(matplotlib.colors.to_rgb(look.colour)))[0] for look in style.METHODS.values())
    assert np.diff(lightness).min() > 9


def _lab(linear):
    """CIE L*a*b* (D65) of linear sRGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    scaled = to_xyz @ linear / [0.9505, 1.0, 1.089]
    f = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_scales_of_maps_are_ordered_in_grey():
    values = np.linspace(0, 1, 50)
    lightness = [_lab(_linear(colour)[:3])[0] for colour in matplotlib.colormaps[style.SEQUENTIAL](values)]
    assert (np.diff(lightness) > 0).all()


def _linear(colour):
    colour = np.asarray(colour)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
