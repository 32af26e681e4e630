"""A real browser without a window, driven over the W3C WebDriver protocol by chromedriver."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

PATIENCE = 120.0  # seconds; a busy machine is no failure
KEYS = {"enter": "\ue007", "esc": "\ue00c", "right": "\ue014", "left": "\ue012", "ctrl": "\ue009"}
DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")


def need_browser() -> None:
    """Skip loudly without a browser; under CI that is a failure."""
    if DRIVER and CHROMIUM:
        return
    if os.environ.get("CI"):
        pytest.fail("no chromium under CI: tools/install-browser installs it")
    pytest.skip("SKIPPED: no chromium and chromedriver here; tools/install-browser installs them")


class Browser:
    """One chromedriver and one page after the other; `profile` keeps what a browser keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._session = ""
        self.driver: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        log = self.folder / "driver.log"
        with log.open("wb") as file:
            words = [str(DRIVER), "--port=0"]
            self.driver = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
        self._client = httpx.Client(base_url=self._address(log), timeout=PATIENCE)
        self.start()
        return self

    def _address(self, log: Path) -> str:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"successfully on port (\d+)\.", log.read_text())):
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        return f"http://127.0.0.1:{found[1]}"

    def start(self) -> None:
        """Open a window on the profile of this folder; downloads go to it, too."""
        arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--window-size=1100,800", "--hide-scrollbars", "--no-first-run",
            f"--user-data-dir={self.folder / 'profile'}", "--disable-background-networking",
        ]  # fmt: skip
        prefs = {
            "download.default_directory": str(self.folder),
            "download.prompt_for_download": False,
        }
        options = {"binary": CHROMIUM, "args": arguments, "prefs": prefs}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        found = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{found['sessionId']}"
        self.pid = found["capabilities"]["goog:processID"]

    def stop(self) -> None:
        """Close the window."""
        self._call("DELETE", self._session)

    def show(self, path: Path) -> None:
        """Show a file that has no script to wait for."""
        self._call("POST", f"{self._session}/url", {"url": path.resolve().as_uri()})

    def open(self, path: Path) -> None:
        """Show a page of the reviewer."""
        self.show(path)
        end = time.monotonic() + PATIENCE
        while not self.text("place"):  # it takes no key before it knows what was kept
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def type(self, *keys: str) -> None:
        """Press keys one after the other: characters, or the names in `KEYS`."""
        actions = [
            {"type": kind, "value": value}
            for key in keys
            for value in ([KEYS[key]] if key in KEYS else list(key))
            for kind in ("keyDown", "keyUp")
        ]
        self.act(actions)

    def act(self, actions: list[dict[str, Any]]) -> None:
        """Do single key actions."""
        body = {"actions": [{"type": "key", "id": "keys", "actions": actions}]}
        self._call("POST", f"{self._session}/actions", body)

    def js(self, script: str, *arguments: Any) -> Any:
        """Return what a script of the test's own says of the page."""
        body = {"script": script, "args": list(arguments)}
        return self._call("POST", f"{self._session}/execute/sync", body)

    def text(self, element: str) -> str:
        """The text of an element, by its id."""
        found: str = self.js(f"return document.getElementById({json.dumps(element)}).innerText")
        return found

    def log(self) -> list[str]:
        """What the browser complained about since it was asked last."""
        found = self._call("POST", f"{self._session}/se/log", {"type": "browser"})
        return [each["message"] for each in found]

    def picture(self, path: Path) -> None:
        """Keep a picture of the window."""
        path.write_bytes(base64.b64decode(self._call("GET", f"{self._session}/screenshot")))

    def look(self, *, width: int, height: int = 800, dark: bool = False, medium: str = "") -> None:
        """Look at pages on a screen of this size and in these colours, or as if on paper."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", media=medium, features=[scheme])

    def devtools(self, command: str, **params: Any) -> Any:
        """Give the browser itself a command of the DevTools protocol."""
        body = {"cmd": command, "params": params}
        return self._call("POST", f"{self._session}/goog/cdp/execute", body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        done = (
            self._client.request(method, path, json=body)
            if body is not None
            else self._client.request(method, path)
        )
        value = done.json()["value"]
        assert done.is_success, value
        return value

    def __exit__(self, *_: object) -> None:
        if self._session:
            self._client.delete(self._session)
        self._client.close()
        if self.driver is not None:
            self.driver.terminate()
            self.driver.wait(PATIENCE)
