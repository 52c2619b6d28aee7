"""A headless Chromium for tests, over its own pipe: no package, no port, no network."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WAIT = 300.0
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=OptimizationGuideOnDeviceModel,OptimizationHints,Translate,MediaRouter",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)

PLACE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    " os.execv(sys.argv[3], sys.argv[3:])"
)
"""Chromium reads its commands from 3 and answers on 4."""


def chromium() -> str | None:
    """The program, if this machine has one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Visit:
    """What one page did."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.facts: dict[str, Any] = {}


class Browser:
    """One Chromium, driven by the DevTools protocol over file descriptors 3 and 4."""

    def __init__(self, program: str, profile: Path) -> None:
        self._program, self._profile = program, profile
        self._number = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        low, self._out = os.pipe()
        self._in, other = os.pipe()
        # Above 9, so that neither is closed when the other takes its place.
        ends = tuple(fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (low, other))
        chosen = [self._program, *SWITCHES, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLACE, *(str(end) for end in ends), *chosen],
            pass_fds=ends,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for one in (low, other, *ends):
            os.close(one)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._send("Browser.close")
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def visit(self, address: str, width: int, picture: Path | None = None) -> Visit:
        """Open ``address`` at ``width`` pixels and wait until it is loaded and drawn."""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable", session)
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            session,
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self._events.clear()
        self._ask("Page.navigate", session, url=address)
        self._until(lambda event: event["method"] == "Page.loadEventFired")
        seen = Visit()
        seen.facts = json.loads(self._value(session, FACTS))
        if picture is not None:
            shot = self._ask("Page.captureScreenshot", session, captureBeyondViewport=True)
            picture.write_bytes(base64.b64decode(shot["data"]))
        for event in self._events:
            _note(event, seen)
        self._ask("Target.closeTarget", targetId=target)
        return seen

    def _value(self, session: str, expression: str) -> Any:
        found = self._ask(
            "Runtime.evaluate",
            session,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    def _ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = self._send(method, session, **parameters)
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, message
                answer: dict[str, Any] = message["result"]
                return answer
            self._events.append(message)

    def _until(self, wanted: Any) -> None:
        if any("method" in event and wanted(event) for event in self._events):
            return
        while True:
            message = self._receive()
            self._events.append(message)
            if "method" in message and wanted(message):
                return

    def _send(self, method: str, session: str | None = None, **parameters: Any) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return self._number

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + WAIT
        while b"\0" not in self._buffer:
            left = end - time.monotonic()
            ready, _, _ = select.select([self._in], [], [], max(left, 0))
            if not ready:
                raise TimeoutError(f"the browser said nothing for {WAIT:g} s")
            chunk = os.read(self._in, 1 << 16)
            if not chunk:
                raise ConnectionError("the browser went away")
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


FACTS = """
(async () => {
  await document.fonts.ready;
  const frames = () => new Promise(done => setTimeout(done, 50));
  for (let k = 0; k < 40; k++) {
    const open = [...document.querySelectorAll("[data-plot]")].filter(
      box => !box.querySelector(".main-svg"));
    if (!open.length) break;
    await frames();
  }
  const root = document.documentElement;
  const words = [...document.querySelectorAll("caption > span, figcaption, p, h1, h2, li")];
  const clipped = words.filter(one => !one.closest("td") && one.getClientRects().length
    && one.getBoundingClientRect().right > root.clientWidth + 1);
  return JSON.stringify({
    width: root.scrollWidth,
    view: root.clientWidth,
    title: document.title,
    clipped: clipped.map(one => one.textContent.slice(0, 80)),
    plots: document.querySelectorAll("[data-plot]").length,
    drawn: document.querySelectorAll("[data-plot] .main-svg").length > 0,
    broken: [...document.images].filter(
      one => one.complete && !one.naturalWidth && one.loading !== "lazy").map(one => one.src),
    text: document.body.innerText,
    overlapped: [...document.querySelectorAll("[data-plot]")].filter(
      box => box.querySelector(".main-svg")?.getBoundingClientRect().bottom
        > box.getBoundingClientRect().bottom + 2).map(box => box.id),
    order: getComputedStyle(document.querySelector(".skip")).position,
  });
})()
"""


def _note(event: dict[str, Any], seen: Visit) -> None:
    given = event.get("params", {})
    match event.get("method"):
        case "Runtime.exceptionThrown":
            seen.errors.append(str(given["exceptionDetails"]))
        case "Log.entryAdded" if given["entry"]["level"] in {"error", "warning"}:
            seen.errors.append(str(given["entry"]))
        case "Runtime.consoleAPICalled" if given["type"] in {"error", "warning", "assert"}:
            seen.errors.append(str(given))
        case "Network.requestWillBeSent":
            seen.requests.append(given["request"]["url"])
