"""A report in a browser: all that can be pressed is, at every width, light and dark, with and without a script."""

from __future__ import annotations

import importlib.util
import os
from itertools import combinations
from pathlib import Path
from statistics import fmean

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from analysis.explain import score_in_words
from analysis.figures import bits, catalogue, neighbours, tuning
from analysis.interactive.asked_queries import NEIGHBOURS, QUERIES
from analysis.names import full_label, label
from analysis.report import write_report
from analysis.results import results_of
from analysis.study_records import load_study
from analysis.wording import decimals
from hasher import load_hasher
from hasher.contract import epochs_left
from hasher.data import load_dataset, make_splits
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.model_file import SavedHasher, save_hasher
from study.plan.tasks import Cell
from tests.analysis.browser import console, show
from tests.analysis.synthetic import make_spec, write_study
from tests.hasher.hashing import method_of, start

#: What has a model.
CELL = Cell("digits", "gcn", 32)
#: A point of a main figure.
MAIN_POINT = ".first .point"
#: A newer axe.min.js than that of the package axe-core-python.
AXE = "AXE_CORE"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two data sets, three methods and two code lengths; a few of the report's figures."""
    spec = make_spec(
        datasets=["digits", "vectors.npz"], methods=["none", "chebyshev", "gcn"], trials=9, replicates=3, epochs=6,
        pruner={"name": "none"},
    )  # fmt: skip
    study = load_study(write_study(tmp_path_factory.mktemp("runs"), spec, queries=20))
    config = HAGCNConfig(filter="gcn", bits=32, ae_width=16, epochs=1, start="random")
    training = start(config, load_dataset("digits").features[:500])
    list(epochs_left(training))
    save_hasher(SavedHasher(method_of(config), config, training.model), study.folder.model(CELL))
    return study


@pytest.fixture(scope="module")
def report(study):
    few = dict.fromkeys(catalogue.SECTIONS, ()) | {
        "results": (bits.figures, neighbours.figures), "cost": (tuning.figures,),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "SECTIONS", few)
        return write_report(study)


@pytest.fixture
def page(browser, report):
    """The report, freshly opened; that it has written nothing to the console is asserted afterwards."""
    console(browser)
    show(browser, report)
    yield browser
    assert console(browser) == []


def all_of(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def one(browser, selector):
    return all_of(browser, selector)[0]


def seen(browser, selector):
    return [found.text for found in all_of(browser, selector) if found.is_displayed()]


def press(browser, *keys):
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def focused(browser):
    return browser.switch_to.active_element


def switch(browser, key):
    """Press the box that switches this; those of methods are folded away."""
    browser.execute_script("document.querySelector('.choose details').open = true")
    one(browser, f'[data-switch="{key}"]').click()


def test_points_are_reached_by_keys_and_say_their_values_with_intervals(page, study):
    results = results_of(study, "digits")
    page.execute_script("document.querySelector('.chart').scrollIntoView()")
    page.execute_script("document.querySelector('.point[tabindex=\"0\"]').focus()")
    names = {method: results_of(study, "digits").summary(results.cell(method, 16)) for method in results.compared}
    ordered = sorted(names, key=lambda method: -names[method]["score_mean"])

    def expected(method, length):
        cell = results.cell(method, length)
        row, interval = results.summary(cell), results.interval(cell)
        return f"{decimals(row['score_mean'])} ± {decimals(row['score_sd'])}, 95% interval {decimals(interval.low)} to "

    assert expected(ordered[0], 16) in focused(page).get_attribute("aria-label")
    assert one(page, ".tip").text == focused(page).get_attribute("aria-label")
    press(page, Keys.ARROW_DOWN)
    assert expected(ordered[1], 16) in focused(page).get_attribute("aria-label")
    press(page, Keys.ARROW_RIGHT)
    assert expected(ordered[1], 32) in one(page, ".tip").text
    press(page, Keys.ARROW_RIGHT, Keys.ESCAPE)  # there is nothing further right
    assert not one(page, ".tip").is_displayed()
    press(page, Keys.ENTER)
    assert one(page, "dialog").is_displayed() and "32 bits, on Digits" in one(page, "#sheet-title").text
    press(page, Keys.ESCAPE)
    assert expected(ordered[1], 32) in focused(page).get_attribute("aria-label")


def test_a_pointer_near_a_point_shows_its_value(page):
    show_at = "arguments[0].scrollIntoView({block: 'center'}); const box = arguments[0].getBoundingClientRect();"
    point = all_of(page, MAIN_POINT)[0]
    center = page.execute_script(f"{show_at} return [box.x + box.width / 2, box.y + box.height / 2]", point)
    moved = {"type": "mouseMoved", "x": center[0] + 5, "y": center[1] - 5}
    page.execute_cdp_cmd("Input.dispatchMouseEvent", moved)
    assert one(page, ".tip").text in {each.get_attribute("aria-label") for each in all_of(page, MAIN_POINT)}
    page.execute_cdp_cmd("Input.dispatchMouseEvent", moved | {"x": 5, "y": 5})
    assert not one(page, ".tip").is_displayed()


def test_the_expected_best_of_k_trials_says_its_values_to_keys_and_to_a_pointer(page, study):
    """Against the mean over all subsets of k trials."""
    panels = all_of(page, "#digits-tuning-curve .panel")
    assert [panel.find_element(By.TAG_NAME, "p").text for panel in panels] == ["16 bits", "32 bits"]
    first = panels[1].find_element(By.CSS_SELECTOR, '.point[tabindex="0"]')
    page.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", first)
    said = focused(page).get_attribute("aria-label")
    method = next(one for one in ("none", "chebyshev", "gcn") if said.startswith(label(one)))
    scores = study.runs("search", Cell("digits", method, 32))["score"].fillna(0).tolist()
    for k in range(1, 10):
        best = fmean(map(max, combinations(scores, k)))
        assert f"32 bits, best of {k}: {decimals(best)}, 90% of searches " in said
        assert said == panels[1].find_element(By.CSS_SELECTOR, ".tip").text
        press(page, Keys.ARROW_RIGHT)
        said = focused(page).get_attribute("aria-label")
    press(page, Keys.ENTER)
    assert one(page, "#sheet-title").text == f"{full_label(method)}, 32 bits, on Digits"
    press(page, Keys.ESCAPE)
    shown_at = "const box = arguments[0].querySelector('.ring').getBoundingClientRect(); return [box.x, box.y]"
    x, y = page.execute_script(shown_at, focused(page))
    for point, told in (((x + 9, y + 9), said), ((5, 5), "")):
        move = {"type": "mouseMoved", "x": point[0], "y": point[1]}
        page.execute_cdp_cmd("Input.dispatchMouseEvent", move)
        assert panels[1].find_element(By.CSS_SELECTOR, ".tip").text == told
    assert "ITQ" in page.execute_script("return arguments[0].textContent", panels[0])


def test_methods_lengths_and_data_sets_are_switched_off_and_on(page, study):
    rows, heads = "#results .first table tbody tr", "#results .first table thead th"
    methods, points = len(results_of(study, "digits").compared), len(all_of(page, MAIN_POINT))
    assert len(seen(page, rows)) == 2 * methods and points == 4 * methods
    switch(page, "bits:16")
    assert seen(page, heads) == ["Method", "32 bits"] * 2 and len(all_of(page, MAIN_POINT)) == points / 2
    switch(page, "method:gcn")
    assert len(seen(page, rows)) == 2 * (methods - 1) and not any(text.startswith("GCN") for text in seen(page, rows))
    assert f"{methods - 1} of {methods} methods at 1 of 2" in one(page, ".now").text
    switch(page, "data set:vectors")
    assert seen(page, "#results :not(.asking) > h3") == ["Digits"] and len(seen(page, rows)) == methods - 1
    assert len(seen(page, "[data-dataset]")) * 2 == len(all_of(page, "[data-dataset]"))
    whole = one(page, ".families input")  # that of HAGCN, of which one method is off
    assert whole.get_property("indeterminate")
    whole.click()
    assert len(seen(page, rows)) == methods and not whole.get_property("indeterminate")
    whole.send_keys(Keys.SPACE)
    assert len(seen(page, rows)) == methods - 3
    for key in ("bits:32", "bits:16", "bits:32", "data set:vectors"):
        switch(page, key)
        if key == "bits:32" and not seen(page, MAIN_POINT):
            assert "Nothing that is switched on" in seen(page, ".chart")[0]
    whole.click()
    assert len(seen(page, rows)) == 2 * methods and len(all_of(page, MAIN_POINT)) == points
    assert one(page, ".now").text == ""


def test_another_score_is_shown_without_marks_and_the_first_comes_back(page, study):
    first = all_of(page, "#results .first table tbody td")
    written, marked = [each.text for each in first], len(all_of(page, "#results .first td.best"))
    heading = one(page, "#results .first thead button[type=button]")
    choice = Select(one(page, ".choose select"))
    choice.select_by_visible_text("P@r2")
    results = results_of(study, "digits")
    cell = results.cell(results.compared[0], 16)
    assert first[0].text.startswith(decimals(results.summary(cell)["precision_at_radius_2_mean"]))
    assert marked > 0 == len(all_of(page, "#results .first td.best")) and "mAP alone" in one(page, ".now").text
    assert "test P@r2" in page.execute_script("return document.querySelector('.chart').textContent")
    heading.click()
    choice.select_by_visible_text("mAP")
    heading.click()
    heading.click()
    assert [each.text for each in first] == written and len(all_of(page, "#results .first td.best")) == marked


def test_a_cell_opens_its_trials_and_a_trial_its_curve_and_configuration(page, study):
    results = results_of(study, "digits")
    place = results.compared.index("chebyshev")
    opener = all_of(page, "#results .first tbody tr")[place].find_elements(By.TAG_NAME, "button")[1]
    opener.send_keys(Keys.ENTER)
    cell = results.cell("chebyshev", 32)
    assert one(page, "#sheet-title").text == "Chebyshev (Cheby), 32 bits, on Digits"
    assert set(score_in_words(study, cell)) <= set(seen(page, ".said li"))
    trials = study.runs("search", cell)
    complete = trials[trials["state"] == "complete"].sort_values("score", ascending=False)
    shown = [row.split() for row in seen(page, "dialog figure:first-of-type tbody tr")]
    assert [int(row[0]) for row in shown][: len(complete)] == list(complete["index"]) and len(shown) == len(trials)
    assert [row[-1] for row in seen(page, ".trial h3")] == [str(complete["index"].iloc[0])]
    second = all_of(page, "dialog button.row")[1]
    second.send_keys(Keys.SPACE)
    known = dict(zip(seen(page, ".trial dt"), seen(page, ".trial dd"), strict=True))
    assert float(known["filter_order"]) == complete["filter_order"].iloc[1] and known["batch_size"] == "256"
    assert second.get_attribute("aria-pressed") == "true" and len(all_of(page, ".trial .own")) == 2
    assert "explain" in one(page, "dialog pre").text
    one(page, "dialog .close").click()
    assert not one(page, "dialog").is_displayed() and focused(page) == opener


def test_a_query_is_chosen_and_its_nearest_items_shown_with_pictures(page, study):
    """Against distances between codes that are computed here."""
    data = load_dataset("digits")
    split = make_splits(data, study.spec.datasets[0].split_config(study.spec.split_seed)).final
    hasher = load_hasher(study.folder.model(CELL))
    stored = hasher.encode(data.features[split.database])
    choice = Select(one(page, ".asking select"))
    assert len(choice.options) == QUERIES and len(all_of(page, ".asking")) == 1
    for place in (0, QUERIES - 1):
        choice.select_by_index(place)
        number = int(choice.first_selected_option.text.partition(",")[0])
        query = split.queries[number]
        distances = (stored != hasher.encode(data.features[[query]])).sum(axis=1)
        tiles = seen(page, ".finder .tile")
        assert [int(text.split()[3]) for text in tiles] == sorted(distances)[:NEIGHBOURS]
        own = data.class_names[data.labels[query]]
        assert all((text.split()[0] == own) == (text[-1] == "✓") for text in tiles)
        assert f"GCN {sum(text[-1] == '✓' for text in tiles)}." in one(page, ".asking output").text
        assert f"query {number}" in one(page, ".asking").text
    assert len(all_of(page, ".finder img")) == NEIGHBOURS


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_is_wider_than_the_page_and_the_console_stays_empty(browser, report, width, scheme, scripts):
    console(browser)
    show(browser, report, width, scheme, scripts)
    wide = f"return document.documentElement.scrollWidth <= innerWidth && innerWidth === {width}"
    assert browser.execute_script(wide)
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 27)")
    assert bool(all_of(browser, ".choose")) == scripts == (not all_of(browser, ".first .picture"))
    if scripts:
        one(browser, "button.cell").click()
        sheet = "return [arguments[0].scrollWidth <= arguments[0].clientWidth, arguments[0].open]"
        assert browser.execute_script(sheet, one(browser, "dialog")) == [True, True]
        assert browser.execute_script(wide)
    assert console(browser) == []


@pytest.fixture(scope="module")
def axe():
    """The text of axe-core, by its authors' licence beside this project and not in it."""
    package = importlib.util.find_spec("axe_core_python")
    named = os.environ.get(AXE) or (package and str(Path(str(package.origin)).parent / "axe.min.js"))
    if not named or not Path(named).is_file():
        pytest.skip(f"no axe.min.js: pip install axe-core-python, or its path in {AXE}")
    return Path(named).read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, report, axe, scheme):
    show(browser, report, 1280, scheme)
    rules = {} if scheme == "light" else {"runOnly": ["color-contrast"]}
    browser.execute_script("document.querySelector('.choose details').open = true")
    assert violations(browser, axe, rules) == []
    one(browser, "button.cell").click()
    assert violations(browser, axe, rules, "dialog") == []


def test_axe_finds_what_is_wrong(browser, axe):
    show(browser, "data:text/html,<title>x</title><input><p style='color:%23ddd;background:white'>pale</p>")
    assert {found[0] for found in violations(browser, axe)} >= {"label", "color-contrast"}


def violations(browser, axe, rules=None, part="html"):
    browser.execute_script(axe)
    run = "axe.run(arguments[0], arguments[1]).then(arguments[2])"
    found = browser.execute_async_script(run, part, rules or {})["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]][:5]) for each in found
            if each["impact"] in ("serious", "critical")]  # fmt: skip
