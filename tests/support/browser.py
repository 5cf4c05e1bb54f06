"""Debian's Chromium without a window, driven by Selenium; a test that needs it is skipped where there is none."""

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")  # fmt: skip


class Browser:
    """A browser that looks at files, and tells what went on in them."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, *, width: int = 1280, scheme: str = "light", medium: str = "screen") -> None:
        """Load the page in a window of that width, for somebody who prefers light or dark."""
        self._log("browser")
        self._log("performance")
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._tell("Emulation.setEmulatedMedia", media=medium, features=features)
        self._tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.driver.get(page.as_uri())

    def complaints(self) -> list[str]:
        """What stands in the console since the page was opened: errors, and what its policy forbade."""
        return [str(each["message"]) for each in self._log("browser")]

    def requested(self) -> set[str]:
        """What the page has asked for since it was opened, itself included."""
        events = (json.loads(each["message"])["message"] for each in self._log("performance"))
        sent = [each["params"] for each in events if each["method"] == "Network.requestWillBeSent"]
        here = self.driver.current_url  # the browser's own first page may still be loading its parts
        return {str(each["request"]["url"]) for each in sent if each["documentURL"] == here}

    def ask(self, script: str) -> Any:
        """Evaluate an expression in the page."""
        return self.driver.execute_script(f"return {script}")

    def screenshot(self, path: Path) -> None:
        """Keep a picture of the whole page."""
        taken = self._tell("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(taken["data"]))

    def printed(self) -> bytes:
        """The page on paper, as PDF."""
        return base64.b64decode(self.driver.print_page())

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since it was asked for last."""
        return list(self.driver.get_log(kind))  # type: ignore[no-untyped-call]  # Selenium left it so

    def _tell(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start the browser with an empty profile in that folder; skip the test where there is none."""
    found, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if found is None or driver is None:
        pytest.skip("no browser here: apt-get install --no-install-recommends chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    running = webdriver.Chrome(options, Service(driver))
    try:
        yield Browser(running)
    finally:
        running.quit()
