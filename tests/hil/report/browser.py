"""A real browser without a window, steered over its DevTools protocol (runner)."""

import base64
import io
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from websockets.sync.client import ClientConnection, connect

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
# --no-sandbox: tests run as root in containers. The others keep it from asking the network for anything of its own.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-port=0",
)
START_S, ANSWER_S = 60.0, 60.0


class Browser:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """What the page wrote to the console, or was forbidden."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> Any:  # noqa: ANN401 - as the protocol answers
        """Ask for something and wait for the answer."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def open(self, page: Path, width: int = 1200, height: int = 900) -> None:
        """Open a file and wait until it is drawn."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=page.as_uri())
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str) -> Any:  # noqa: ANN401 - any JSON
        """Value of a JavaScript expression on the page."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def picture(self, selector: str) -> Image.Image:
        """What is seen of one element."""
        element = f"document.querySelector({json.dumps(selector)})"
        box = self.value(
            f"(() => {{ const r = {element}.getBoundingClientRect();"
            "return [r.left + scrollX, r.top + scrollY, r.width, r.height] })()"
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"scale": 1}
        told = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return Image.open(io.BytesIO(base64.b64decode(told["data"]))).convert("RGB")

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=ANSWER_S))
        if message.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}:
            self.complaints.append(json.dumps(message["params"]))
        return message


@contextmanager
def running_browser(directory: Path) -> Iterator[Browser]:
    """Start a browser with its profile in the directory, and end it."""
    path = next((found for name in EXECUTABLES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail("chromium is needed to look at the page: `make browser` installs it as root", pytrace=False)
    command = [path, *FLAGS, f"--user-data-dir={directory}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab(directory, process), max_size=None, open_timeout=START_S, proxy=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        process.wait(START_S)


def _tab(directory: Path, process: "subprocess.Popen[bytes]") -> str:
    """Address of the tab's socket: the port stands in a file of the profile, the rest is asked of the browser."""
    file = directory / "DevToolsActivePort"
    deadline_s = time.monotonic() + START_S
    while not (file.exists() and len(lines := file.read_text().splitlines()) > 1):
        assert process.poll() is None, "the browser ended while it started"
        assert time.monotonic() < deadline_s, "the browser does not start"
        time.sleep(0.05)
    address = f"ws://127.0.0.1:{lines[0]}"
    with connect(address + lines[1], open_timeout=START_S, proxy=None) as socket:
        socket.send(json.dumps({"id": 0, "method": "Target.getTargets"}))
        targets = json.loads(socket.recv(timeout=ANSWER_S))["result"]["targetInfos"]
    target = next(str(target["targetId"]) for target in targets if target["type"] == "page")
    return f"{address}/devtools/page/{target}"
