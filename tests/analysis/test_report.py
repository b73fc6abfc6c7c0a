"""Reports of studies in which something is missing, and one of a whole study: complete, self-contained, and honest."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from analysis.figures import dataset_figures
from analysis.page import script
from analysis.report import SECTION_TITLES, write_report
from analysis.report_facts import commands, reservations
from analysis.study_records import load_study
from analysis.tables import html_tables
from tests.analysis.degenerate import STUDIES

ALL_KEYS = {
    "map-by-bits", "method-by-bits", "ladder", "precision-recall", "precision-at-n", "bit-balance", "bit-correlation",
    "nearest-neighbours", "map-by-filter-order", "map-by-knn-size", "map-by-cutoff", "importance", "slices",
    "parallel-coordinates", "cost-and-gain", "best-by-trials", "best-by-device-seconds", "learning-curves",
    "tuning-curve",
}  # fmt: skip
NO_MODEL = {"nearest-neighbours", "tuning-curve"}  # synthetic studies have no models, and prune trials
NOT_SAMPLED = {"map-by-filter-order", "map-by-knn-size", "slices", "parallel-coordinates", "importance"}
EVALUATED = {"precision-recall", "precision-at-n", "map-by-cutoff", "bit-balance", "bit-correlation"}

#: By study, the figures it has no input for.
MISSING = {
    "smallest": NO_MODEL | NOT_SAMPLED,
    "holes": NO_MODEL | {"importance"},
    "not_begun": ALL_KEYS,
    "bare": NO_MODEL | EVALUATED | {"importance", "learning-curves"},
    "two_data_sets": NO_MODEL,
}
VOID = {"meta", "img", "br", "hr", "link", "input", "col"}


class Page(HTMLParser):
    """What a reader of a page gets, and everything in it that could point elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts.setdefault(tag, []).append(data)

    def text(self, tag: str = "body") -> str:
        return " ".join("".join(self.texts.get(tag, [])).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module", params=STUDIES)
def report(request, tmp_path_factory):
    """A study's name, the study, its report as text, and the report parsed."""
    study = load_study(STUDIES[request.param](tmp_path_factory.mktemp("runs")))
    html = write_report(study).read_text(encoding="utf-8")
    return request.param, study, html, Page(html)


def test_each_figure_is_drawn_or_says_why_not(report):
    name, study, _, page = report
    for dataset in study.datasets:
        found = {one.key: one for section in dataset_figures(study, dataset).values() for one in section}
        assert found.keys() == ALL_KEYS
        assert {key for key, figure in found.items() if figure.drawing is None} == MISSING[name]
        for key, figure in found.items():
            files = {path.suffix for path in (study.folder.path / "figures" / dataset).glob(f"{key}.*")}
            numbers = set() if key == "nearest-neighbours" else {".csv"}
            assert files == (set() if key in MISSING[name] else {".svg", ".png", *numbers})
            assert figure.sentence.startswith("Nothing to draw because") == (key in MISSING[name])
            assert not re.search(r"\b(nan|inf|None)\b", figure.sentence)
            assert figure.sentence in page.text()
    assert len(page.all("img")) == len(study.datasets) * len(ALL_KEYS - MISSING[name])


def test_it_needs_no_other_file_and_no_network(report):
    _, _, html, page = report
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert max(Counter(identifiers).values()) == 1
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "data", "action", "poster", "background"):
            value = attributes.get(name)
            if value is not None:
                assert value.startswith(("data:image/", "data:text/csv;")) or (
                    name == "href" and value[:1] == "#" and value[1:] in identifiers
                )
        assert not any(name.startswith("on") for name in attributes)
    assert page.all("script") == [{"type": "application/json", "id": "page-data"}, {}]
    code = script().replace("http://www.w3.org/2000/svg", "")  # a name that SVG has to be asked for by
    assert script() in html and not re.search(r"fetch|XMLHttp|import|https?:", code)
    styles = page.text("style") + " ".join(attributes.get("style") or "" for _, attributes in page.tags)
    assert "url(" not in styles and "@import" not in styles
    assert len(html) < 8e6


def test_every_picture_has_a_text_and_a_size(report):
    _, _, _, page = report
    for image in page.all("img"):
        assert len(image["alt"]) > 20
        assert int(image["width"]) > 300 and int(image["height"]) > 80
    assert len({image["alt"] for image in page.all("img")}) == len(page.all("img"))


def test_the_story_is_in_order(report):
    _, _, html, page = report
    assert len(page.all("h1")) == 1
    assert [one["id"] for one in page.all("section")] == list(SECTION_TITLES)
    headings = [re.sub("<.*?>", "", one) for one in re.findall(r"<h2>(.*?)</h2>", html)]
    assert headings == list(SECTION_TITLES.values())
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))


def test_the_main_table_and_its_figure_come_first_side_by_side(report):
    _, study, html, _ = report
    beside = re.findall(r'<div class="first">(.*?)<details>', html, re.S)
    assert len(beside) == len(study.datasets) and html.index('<div class="first">') < html.index('id="run"')
    for dataset, found in zip(study.datasets, beside, strict=True):
        assert found.count("<table>") == 1 and f'id="{dataset}-map-by-bits"' in found


def test_every_picture_can_be_enlarged_by_the_keyboard_and_without_a_script(report):
    _, _, html, page = report
    boxes = page.all("input")
    assert len(boxes) == len(page.all("img")) == html.count('<div class="picture"><img ')
    assert all(box["type"] == "checkbox" and box["aria-label"].startswith("Enlarge ") for box in boxes)
    assert len({box["aria-label"] for box in boxes}) == len(boxes)
    assert ".enlarge:checked + .picture" in page.text("style")


def test_counts_are_those_of_the_records(report):
    _, study, html, _ = report
    row = re.search(r'<th scope="row">search trials</th>(.*?)</tr>', html, re.S)
    planned, complete, pruned, diverged, failed, not_run = map(int, re.findall(r">(\d+)</td>", row[1]))
    search = study.records[study.records["kind"] == "search"]
    states = Counter(search["state"])
    assert planned == len(study.datasets) * len(study.spec.methods) * len(study.spec.bits) * study.spec.trials
    assert (complete, pruned, diverged, failed) == tuple(
        states[s] for s in ("complete", "pruned", "diverged", "failed")
    )
    assert not_run == planned - len(search)


def test_the_tables_are_there_and_each_scrolls_in_a_box_of_its_own(report):
    _, study, html, page = report
    for dataset in study.datasets:
        for fragments in html_tables(study, dataset).values():
            assert fragments and all(fragment in html for fragment in fragments)
    assert len(page.all("table")) == len(re.findall(r'<div class="scroll" tabindex="0"><table>', html))


def test_what_the_user_named_is_text_and_not_html(tmp_path):
    path = STUDIES["not_begun"](tmp_path)
    spec = path / "study.yaml"
    spec.write_text(spec.read_text().replace("Scores drawn from", "'<script>alert(1)</script> & more'  #"))
    html = write_report(load_study(path)).read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in html and html.count("<script") == 2


def test_where_the_keys_are_from_is_said_where_it_was_kept(tmp_path):
    study = load_study(STUDIES["not_begun"](tmp_path))
    assert "Where its keys are from" not in write_report(study).read_text(encoding="utf-8")
    study.folder.origins.write_text("file: <mine>.yaml\nkeys: {bits: command line, trials: file, seed: default}\n"
                                 "hyperparameters: {temperature: 0.25}\n", encoding="utf-8")  # fmt: skip
    html = write_report(load_study(study.folder.path)).read_text(encoding="utf-8")
    section = html[html.index('<section id="run">') : html.index('<section id="data">')]
    assert re.findall(r"<li><strong>(.*?)</strong>: (.*?)</li>", section) == [
        ("&lt;mine&gt;.yaml", "trials"), ("the command line", "bits [16, 32]"), ("defaults of a study", "seed 0"),
        ("defaults of the methods", "temperature 0.25"),
    ]  # fmt: skip


def test_uncommitted_changes_and_several_commits_are_owned_up_to(tmp_path):
    study = load_study(STUDIES["bare"](tmp_path))
    assert reservations(study) == []
    study.records.loc[0, "commit"] = "1" * 40 + "+changes"
    assert [line.split(" ")[0] for line in reservations(study)] == ["The", "Some"]
    assert commands(study).splitlines()[0] == f"git checkout {'1' * 40}"
