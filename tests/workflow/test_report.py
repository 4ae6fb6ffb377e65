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


def test_the_report_is_one_file_that_opens_without_errors_and_shows_the_figures(finished, browser):
    finished.snakemake("--report", "report.html")
    browser.get((finished.folder / "report.html").as_uri())
    wait = WebDriverWait(browser, 30)

    def click(text):
        wait.until(lambda b: b.find_elements(By.XPATH, f"//*[normalize-space(text())='{text}']"))[0].click()

    wait.until(lambda b: "Coverage" in b.page_source)
    click("Coverage")
    wait.until(lambda b: "coverage against samples" in b.page_source)
    for button in browser.find_elements(By.XPATH, "//tr[contains(., 'coverage against samples')]//a | //tr//button"):
        button.click()
        images = [i for i in browser.find_elements(By.TAG_NAME, "img") if i.size["width"] > 300]
        if images:
            break
    assert images, browser.page_source
    loaded = browser.execute_script("return arguments[0].complete && arguments[0].naturalWidth", images[0])
    assert loaded > 1000
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
