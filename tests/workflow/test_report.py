import shutil

import pytest
from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = [pytest.mark.needs("chromium", "chromium-driver"), pytest.mark.xdist_group("report")]

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
)


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def reported(finished_study, tmp_path_factory):
    """Report and explorer page of the small study, in a folder without any other files."""
    study = finished_study.copy(tmp_path_factory.mktemp("reported") / "checkout")
    study.snakemake("--report", "report.html")
    folder = tmp_path_factory.mktemp("alone")
    (study.folder / "report.html").rename(folder / "report.html")
    (study.folder / "results/figures/explorer.html").rename(folder / "explorer.html")
    return folder


@pytest.fixture
def find(browser):
    """Wait for the first element at an XPath."""
    return lambda xpath: WebDriverWait(browser, 30).until(lambda b: b.find_elements(By.XPATH, xpath))[0]


@pytest.fixture
def click(browser):
    """Click an element until another one appears: clicks may get lost while the page is being built."""

    def click_once(xpath, until):
        if found := browser.find_elements(By.XPATH, until):
            return found[0]
        for element in browser.find_elements(By.XPATH, xpath):
            element.click()
        return None

    def click(xpath, until):
        transient = (StaleElementReferenceException, ElementClickInterceptedException)
        wait = WebDriverWait(browser, 120, poll_frequency=2, ignored_exceptions=transient)
        return wait.until(lambda _: click_once(xpath, until))

    return click


def browser_errors(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_report_opens_with_an_overview_of_the_study(reported, browser, find):
    browser.get((reported / "report.html").as_uri())
    opening = find("//p[contains(., 'models sampled repeatedly')]")
    WebDriverWait(browser, 30).until(lambda _: opening.is_displayed())
    text = browser.find_element(By.TAG_NAME, "body").text
    for expected in ("at k = 1", "marmoset", "coverage_vs_cost: no model with a price", "Sampled with vllm"):
        assert expected in text
    table = find("//table[contains(., 'at k = 1')]/..")
    hidden = browser.execute_script("return arguments[0].scrollWidth - arguments[0].clientWidth", table)
    assert hidden <= 0  # all numbers are visible without scrolling
    assert browser_errors(browser) == []


@pytest.mark.parametrize(
    ("category", "figure"),
    [
        ("Coverage", "coverage"),
        ("Power law", "power law"),
        ("Cost", "coverage vs compute"),
        ("Selection", "selection"),
        ("Solve rates", "solve rates"),
    ],
)
def test_every_category_of_the_report_opens_without_errors_and_shows_its_figure(
    reported, browser, find, click, category, figure
):
    browser.get((reported / "report.html").as_uri())
    find(f"//*[normalize-space(text())='{category}']").click()
    row = f"//tr[td[normalize-space()='{figure} (figure)']]//a"
    image = click(row, until="//img[starts-with(@src, 'data:image/png')]")
    WebDriverWait(browser, 30).until(lambda b: b.execute_script("return arguments[0].naturalWidth > 600", image))
    assert image.is_displayed() and image.size["width"] > 300
    assert browser_errors(browser) == []


def test_the_explorer_filters_tasks_and_models_and_shows_values(reported, browser, find):
    browser.get((reported / "explorer.html").as_uri())

    def curves():
        """Number of curves; each is a line and a band."""
        return browser.execute_script("return document.querySelectorAll('#explorer .scatterlayer .trace').length") / 2

    def wait_for(count):
        WebDriverWait(browser, 30).until(lambda _: curves() == count)

    wait_for(3)
    find("//fieldset[@id='models']//input[@value='small']").click()
    wait_for(1)
    find("//fieldset[@id='models']//input[@value='small']").click()
    find("//fieldset[@id='tasks']//input[@value='arithmetic']").click()
    wait_for(1)
    browser.execute_script("Plotly.Fx.hover('explorer', [{curveNumber: 5, pointNumber: 0}])")
    hover = find("//*[@class='hovertext']").text
    assert "programs · small" in hover and "k = 1" in hover and "coverage" in hover and "interval" in hover
    find("//fieldset[@id='shown']//input").click()
    wait_for(0.5)  # without the band
    text = browser.find_element("css selector", "#explorer .xtitle")
    assert text.value_of_css_property("stroke") == "none"  # the style of curves must not affect text
    drawn = [line.get_attribute("stroke-dasharray") for line in browser.find_elements("css selector", "#tasks path")]
    assert len(drawn) == len(set(drawn)) == 2  # each task has its own dashes
    assert browser_errors(browser) == []
