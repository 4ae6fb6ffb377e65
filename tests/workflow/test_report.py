import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

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
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromium-driver (apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.mark.parametrize("category", ["Coverage", "Power law"])
def test_the_report_is_one_file_that_opens_without_errors_and_shows_the_figures(finished, browser, category):
    finished.snakemake("--report", "report.html")
    alone = finished.folder.parent / "report.html"  # nothing beside it that it could load
    (finished.folder / "report.html").rename(alone)
    browser.get(alone.as_uri())

    def find(xpath):
        return WebDriverWait(browser, 30).until(lambda b: b.find_elements(By.XPATH, xpath))[0]

    find(f"//*[normalize-space(text())='{category}']").click()
    find("//tr[td[normalize-space()='table']]")
    find("//tr[td[normalize-space()='figure']]//a").click()
    image = find("//img[starts-with(@src, 'data:image/png')]")
    WebDriverWait(browser, 30).until(lambda b: b.execute_script("return arguments[0].naturalWidth > 1000", image))
    assert image.is_displayed() and image.size["width"] > 300
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
