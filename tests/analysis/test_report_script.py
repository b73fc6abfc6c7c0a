"""What the script of a report does, in a browser without a window: skipped where there is none."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from analysis.page import script
from analysis.tables.formats import to_csv, to_html
from analysis.tables.table import MISSING, Column, Entry, Table, number, with_spread
from tests.analysis.browser import console, show

COLUMNS = [Column("method", "Method", "left"), Column("score", "Score"), Column("p", "p")]
VALUES = {
    "k10": (0.5, "< 0.001"),
    "k9": (-0.25, "0.031"),
    "lost & <found>": (float("nan"), "1,200"),
    "a": (0.125, MISSING),
}
SHORT = Table("short", "Short", COLUMNS, [[Entry(n), with_spread(v, 0.01), Entry(p)] for n, (v, p) in VALUES.items()])
LONG = Table("long", "Long", COLUMNS[:2], [[Entry(f"row {i}"), number(float(i))] for i in range(30)])

#: Presses headings and types as a reader does; what the page then shows is its answer.
PROBE = """
const [short, long] = document.querySelectorAll("figure.table"), said = {};
const shown = (figure) => {
  const rows = [...figure.querySelectorAll("tbody tr")].filter((row) => row.offsetHeight);
  return rows.map((row) => row.cells[0].innerText.trim());
};
const press = (place) => {
  const button = short.querySelectorAll("thead button")[place];
  button.focus();
  if (document.activeElement !== button) throw Error("a heading cannot be reached by the keyboard");
  button.click();
  return [[...short.querySelectorAll("th[scope=col]")].map((one) => one.getAttribute("aria-sort")), shown(short)];
};
said.presses = [1, 1, 1, 2, 2, 0, 0].map(press);
said.boxes = [short, long].map((one) => one.querySelectorAll("input[aria-label]").length);
const box = long.querySelector("input");
const type = (text) => {
  box.value = text;
  box.dispatchEvent(new Event("input"));
  return shown(long);
};
said.filtered = [type("2 ROW"), long.querySelector("output").value, type("none").length, type("").length];
return said;
"""


@pytest.fixture(scope="module")
def answer(browser, tmp_path_factory):
    """What `PROBE` has said of the two tables."""
    page = tmp_path_factory.mktemp("page") / "page.html"
    tables = f"{to_html(SHORT)}{to_html(LONG)}<script>{script()}</script>"
    page.write_text(f"<!doctype html><meta charset=utf-8>{tables}", encoding="utf-8")
    show(browser, page)
    return browser.execute_script(PROBE)


def test_headings_sort_by_value_both_ways_and_back(answer):
    written = list(VALUES)
    by_score, by_p = ["k9", "a", "k10"], ["k10", "k9", "lost & <found>"]
    by_name = ["a", "k9", "k10", "lost & <found>"]
    assert answer["presses"] == [
        [[None, "ascending", None], [*by_score, "lost & <found>"]],
        [[None, "descending", None], [*reversed(by_score), "lost & <found>"]],
        [[None, None, None], written],
        [[None, None, "ascending"], [*by_p, "a"]],
        [[None, None, "descending"], [*reversed(by_p), "a"]],
        [["ascending", None, None], by_name],
        [["descending", None, None], by_name[::-1]],
    ]


def test_long_tables_alone_are_filtered(answer):
    assert answer["boxes"] == [0, 1]
    rows = [row[0].text for row in LONG.rows if "2" in f"{row[0].text} {row[1].text}"]
    assert answer["filtered"] == [rows, f"{len(rows)} of 30 rows", 0, 30]


def test_messages_of_the_console_are_heard(browser):
    show(browser, "data:text/html,<script>console.error('heard')</script>")
    assert any("heard" in message for message in console(browser)) and console(browser) == []


@pytest.mark.parametrize("table", [SHORT, LONG])
def test_the_link_holds_the_csv_file_without_a_script(table):
    (content,) = re.findall('href="data:text/csv;charset=utf-8,([^"]*)"', to_html(table))
    assert unquote(content) == to_csv(table)
