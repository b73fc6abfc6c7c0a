"""A table as Markdown, CSV, LaTeX, HTML or plain text for the terminal."""

from __future__ import annotations

import html
import itertools
import re
import textwrap
from collections.abc import Iterable
from urllib.parse import quote

from rich.console import Group, RenderableType
from rich.text import Text

from analysis.tables.table import Column, Entry, Table
from analysis.tables.terminal import TerminalTable
from hasher.csv_text import rows_to_csv

#: Lines of a LaTeX table that a page holds with its notes, in either orientation.
_PAGE = 30
#: Characters of a line in a LaTeX column: longer text is broken, or the whole table would become small for it.
_LINE = 32
#: The same of a heading over shorter entries.
_HEADING = 12
#: Floats that LaTeX is left with at once; it holds 18 at least before it gives up.
_FLOATS = 15
#: Characters from which text in HTML gets a column of some width.
_LONG = 24

_PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,landscape,margin=2cm]{geometry}
\usepackage{array}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage[table]{xcolor}
"""


def _notes(table: Table, best: str, tied: str) -> list[str]:
    """The table's notes after a key to the marks it has."""
    marks = {entry.mark for row in table.rows for entry in row}
    key = [f"{best}: the best of its column"] if "best" in marks else []
    key += [f"{tied}: tied with it"] if "tied" in marks else []
    return ["; ".join(key) + ".", *table.notes] if key else list(table.notes)


def to_markdown(table: Table) -> str:
    """GitHub's Markdown: the best entry bold, those tied with it in italics."""
    head = [_markdown_text(column.heading) for column in table.columns]
    line = ["---:" if column.align == "right" else "---" for column in table.columns]
    rows = [[_markdown_entry(entry) for entry in row] for row in table.rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, line, *rows]]
    notes = [f"- {_markdown_text(note)}" for note in _notes(table, "Bold", "in italics")]
    return "\n".join([f"### {_markdown_text(table.title)}", "", *lines, *([""] if notes else []), *notes]) + "\n"


def _markdown_entry(entry: Entry) -> str:
    shown = _markdown_text(entry.text)
    return {"best": f"**{shown}**", "tied": f"*{shown}*", "warning": f"**{shown}**", "": shown}[entry.mark]


def _markdown_text(value: str) -> str:
    return re.sub(r"([\\`*_|<>~\[\]])", r"\\\1", value).replace("\n", " ")


def to_csv(table: Table) -> str:
    """Columns under their names; nothing is marked."""
    return rows_to_csv([[column.name for column in table.columns], *([e.in_csv for e in row] for row in table.rows)])


def to_latex(table: Table) -> str:
    r"""Floats for ``\input``, more than one where a page does not hold all rows.

    They need array, booktabs, graphicx and xcolor with its option ``table``; `latex_document` loads them.
    """
    floats = [_float(table, rows) for rows in _pages(table)]
    held = ["\n".join(floats[first : first + _FLOATS]) for first in range(0, len(floats), _FLOATS)]
    return "\\clearpage\n".join(held)


def _pages(table: Table) -> list[range]:
    """The rows of each page: a row lies where its first line is, were all lines spread evenly over the pages."""
    lines = [max([1, *(len(textwrap.wrap(entry.text, _LINE)) for entry in row)]) for row in table.rows]
    total = max(1, sum(lines))
    pages = -(-total // max(1, _PAGE + 1 - max(lines, default=1)))
    places = [first * pages // total for first in itertools.accumulate(lines, initial=0)][:-1]
    ends = [index for index, place in enumerate(places) if index and place > places[index - 1]]
    return [range(*part) for part in itertools.pairwise([0, *ends, len(lines)])]


def _float(table: Table, rows: range) -> str:
    widths = [max((len(row[place].text) for row in table.rows), default=0) for place, _ in enumerate(table.columns)]
    align = "".join(map(_latex_align, table.columns, widths))
    head = " & ".join(map(_latex_heading, table.columns, widths)) + r" \\"
    body = [
        (r"\midrule[0.2pt]" + "\n" if index in table.rules and index > rows.start else "")
        + " & ".join(map(_latex_entry, table.rows[index]))
        + r" \\"
        for index in rows
    ]
    caption = table.title + (" (continued)" if rows.start else "")
    last = rows.stop == len(table.rows)
    notes = [r"\par\smallskip\footnotesize " + _latex_text(note) for note in _notes(table, "Bold", "shaded") if last]
    return "\n".join([
        r"\begin{table}[htbp]", r"\centering", rf"\caption{{{_latex_text(caption)}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule",
        r"\end{tabular}}", r"\begin{minipage}{\linewidth}", *notes, r"\end{minipage}", r"\end{table}",
    ]) + "\n"  # fmt: skip


def _latex_align(column: Column, width: int) -> str:
    """Text of more than a line gets a column of that width: an average character has half an em."""
    if column.align == "right":
        return "r"
    return "l" if width <= _LINE else rf">{{\raggedright\arraybackslash}}p{{{_LINE / 2:g}em}}"


def _latex_heading(column: Column, width: int) -> str:
    """A heading broken into lines that are no longer than what is under it."""
    lines = textwrap.wrap(
        column.heading, max(_HEADING, min(width, _LINE)), break_long_words=False, break_on_hyphens=False
    )
    if len(lines) < 2:
        return _latex_text(column.heading)
    align, stacked = "r" if column.align == "right" else "l", r"\\".join(map(_latex_text, lines))
    return rf"\begin{{tabular}}[b]{{@{{}}{align}@{{}}}}{stacked}\end{{tabular}}"


def latex_document(title: str, tables: Iterable[Table]) -> str:
    """A document of these tables that pdflatex turns into a PDF as it is."""
    head = rf"\title{{{_latex_text(title)}}}" + "\n\\date{}\n\\begin{document}\n\\maketitle\n"
    return _PREAMBLE + head + "\n".join(to_latex(table) + r"\clearpage" for table in tables) + "\n\\end{document}\n"


def _latex_entry(entry: Entry) -> str:
    shown = _latex_text(entry.text)
    marked = {
        "best": rf"\cellcolor{{gray!25}}\textbf{{{shown}}}",
        "tied": rf"\cellcolor{{gray!25}}{shown}",
        "warning": rf"\textit{{{shown}}}",
    }
    return marked.get(entry.mark, shown)


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "|": r"\textbar{}",
    "±": r"$\pm$", "\N{MINUS SIGN}": r"$-$", "–": "--", "×": r"$\times$", "≤": r"$\le$", "≥": r"$\ge$", "→": r"$\to$",
    "…": r"\ldots{}", "τ": r"$\tau$", "Δ": r"$\Delta$", '"': "''", "`": r"\textasciigrave{}",
}  # fmt: skip


def _latex_text(value: str) -> str:
    """Text that pdflatex sets as it is read; a character its fonts lack becomes a question mark."""
    return "".join(_LATEX.get(char, char if _in_latin_1(char) else "?") for char in value.replace("\n", " "))


def _in_latin_1(char: str) -> bool:
    return char.isprintable() and ord(char) < 256


def to_html(table: Table) -> str:
    """A ``<figure class="table">`` for the report; entries have the classes ``best``, ``tied`` and ``warning``."""
    head = "".join(f'<th scope="col"{_html_class(c)}>{html.escape(c.heading)}</th>' for c in table.columns)
    body = "\n".join(_html_row(table, index) for index in range(len(table.rows)))
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in _notes(table, "Bold", "shaded"))
    return (
        f'<figure class="table">\n<figcaption>{html.escape(table.title)}</figcaption>\n'
        f'<div class="tools">{csv_link(table.title, to_csv(table))}</div>\n'
        f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n"
        + (f'<ul class="notes">{notes}</ul>\n' if notes else "")
        + "</figure>\n"
    )


def csv_link(title: str, csv: str) -> str:
    """A CSV file as a link that holds it, so that a page needs neither a file nor a script for it."""
    file = re.sub(r"\W+", "-", title.lower()).strip("-")
    content = f"data:text/csv;charset=utf-8,{quote(csv, safe='/,:;()=+')}"
    return f'<a href="{content}" download="{file}.csv" aria-label="{html.escape(f"CSV: {title}")}">CSV</a>'


def _html_row(table: Table, index: int) -> str:
    tags = itertools.chain(['th scope="row"'], itertools.repeat("td"))
    cells = "".join(
        f"<{tag}{_html_class(column, entry.mark, *_length(entry))}>{_html_text(entry.text)}</{tag[:2]}>"
        for tag, column, entry in zip(tags, table.columns, table.rows[index], strict=False)
    )
    return f'<tr class="rule">{cells}</tr>' if index and index in table.rules else f"<tr>{cells}</tr>"


def _length(entry: Entry) -> list[str]:
    """The class of text that is broken into lines, but not at every word."""
    return ["long"] if len(entry.text) > _LONG else []


def _html_text(text: str) -> str:
    """Text that may be broken before its ± and not after it."""
    before, sign, after = text.partition(" ± ")
    return f'{html.escape(before)} <span class="spread">± {html.escape(after)}</span>' if sign else html.escape(text)


def _html_class(column: Column, *more: str) -> str:
    classes = [name for name in ("number" if column.align == "right" else "", *more) if name]
    return f' class="{" ".join(classes)}"' if classes else ""


def to_terminal(table: Table) -> RenderableType:
    """For a `rich` console; the best entry has ``*`` and those tied with it ``~``, so that no colours are needed."""
    return Group(Text(table.title, "bold"), TerminalTable(table), *(Text(note) for note in _notes(table, "*", "~")))
