"""The page in a real browser: Chromium without a window, from the disk."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.keys import digest
from pipeline.params import ReportParams
from pipeline.report import Extras, write_report
from tests.pipeline.reporting.report_project import NOTE, RUN, SETTINGS, make_project

PATIENCE_S = 15
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--mute-audio",
)
AUTOPLAY = "--autoplay-policy=no-user-gesture-required"


def record(catalog: Catalog, root: Path) -> None:
    """Give the first corpus a recording, the same for each of its utterances."""
    root.mkdir()
    tone = 0.3 * np.sin(np.arange(8000) / 10).astype(np.float32)
    soundfile.write(root / "tone.wav", tone, 16000)
    [path] = catalog["one"]["manifest"].shards
    table = pq.read_table(path, partitioning=None)
    key = digest((root / "tone.wav").read_bytes())
    for name, value in (("path", "tone.wav"), ("audio_key", key)):
        column = pa.array([value] * len(table), pa.string())
        table = table.set_column(table.column_names.index(name), name, column)
    pq.write_table(table, path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with clips."""
    root = tmp_path_factory.mktemp("browser")
    with contextlib.chdir(root):
        catalog = make_project()
        record(catalog, root / "sounds")
        roots = dict.fromkeys(catalog, root / "sounds")
        extras = Extras(layout.FULL_REPORT, roots, clips=6, machine=True)
        settings = SETTINGS | {"corpora": {"one": {"reader": "table"}}}
        write_report(catalog, {"all": RUN}, ReportParams((NOTE,), {}), settings, extras)
    return root / layout.FULL_REPORT


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Any]:
    """Chromium with the page in it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium with its driver here (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, AUTOPLAY):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    opened.execute_cdp_cmd("Network.enable", {})
    opened.get(page.as_uri())
    yield opened
    opened.quit()


def resized(browser: Any, width: int, scheme: str = "light") -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


def column(browser: Any, table: str, number: int) -> list[str]:
    script = (
        "return [...document.querySelector(arguments[0]).tBodies[0].rows]"
        ".map(row => row.cells[arguments[1]].textContent.trim())"
    )
    return list(browser.execute_script(script, table, number))


def test_it_loads_without_complaint_and_without_the_network(browser: Any, page: Path) -> None:
    assert browser.get_log("browser") == []
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    sent = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in sent if not url.startswith("data:")] == [page.as_uri()]


def test_tables_sort_both_ways(browser: Any) -> None:
    heads = browser.find_elements("css selector", "#run-all table[data-sort] th")
    browser.execute_script("arguments[0].click()", heads[1])
    down = [int(text) for text in column(browser, "#run-all table[data-sort]", 1)]
    assert down == sorted(down, reverse=True) and len(set(down)) > 1
    assert heads[1].get_attribute("aria-sort") == "descending"
    browser.execute_script("arguments[0].click()", heads[1])
    assert [int(t) for t in column(browser, "#run-all table[data-sort]", 1)] == down[::-1]
    browser.execute_script("arguments[0].click()", heads[0])
    names = column(browser, "#run-all table[data-sort]", 0)
    assert names == sorted(names, reverse=True)


def test_a_recording_plays_and_stops(browser: Any) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    buttons = browser.find_elements("css selector", "button.play")
    assert buttons
    browser.execute_script("arguments[0].click()", buttons[0])
    clip = f"clip-{buttons[0].get_attribute('data-clip')}"
    time = "return document.getElementById(arguments[0]).currentTime"
    WebDriverWait(browser, PATIENCE_S).until(lambda b: b.execute_script(time, clip) > 0)
    length = browser.execute_script("return document.getElementById(arguments[0]).duration", clip)
    assert length == pytest.approx(0.5, abs=0.15)
    browser.execute_script(
        "if (arguments[0].classList.contains('on')) arguments[0].click()", buttons[0]
    )
    assert "on" not in buttons[0].get_attribute("class").split()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(browser: Any, width: int) -> None:
    resized(browser, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_light_and_dark_follow_the_system_and_the_button(browser: Any) -> None:
    colour = "return getComputedStyle(document.body).backgroundColor"
    found = {}
    for scheme in ("light", "dark"):
        resized(browser, 1280, scheme)
        found[scheme] = browser.execute_script(colour)
    assert found["light"] != found["dark"]
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.execute_script(colour) == found["light"]


def test_the_page_says_on_what_it_was_made(browser: Any) -> None:
    told = browser.find_element("id", "provenance").text
    assert "Python" in told and "torch" in told and "processor" in told and "GiB" in told


def test_a_corpus_card_tells_of_noise(browser: Any) -> None:
    drawn = browser.find_element("css selector", "#cards figure svg")
    assert "signal to noise (dB, estimated)" in drawn.get_attribute("textContent")
