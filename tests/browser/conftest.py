"""A real JupyterLab with a real kernel, seen through a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from llmlab.local import model_path
from tests.kernel import environment

ROOT = Path(__file__).parent.parent.parent
PICTURES = ROOT / "out" / "browser"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


@dataclass(frozen=True, slots=True)
class Lab:
    """A running JupyterLab."""

    address: str
    folder: Path
    settings: Path

    def theme(self, name: str) -> None:
        """Choose the theme for pages that are opened from now on."""
        self._set("apputils-extension", "themes", {"theme": THEMES[name]})
        self._set("apputils-extension", "notification", {"fetchNews": "false"})
        self._set("notebook-extension", "tracker", {"autoStartDefaultKernel": True})

    def _set(self, extension: str, plugin: str, values: dict[str, object]) -> None:
        folder = self.settings / "@jupyterlab" / extension
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{plugin}.jupyterlab-settings").write_text(json.dumps(values))


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run JupyterLab on loopback in a copy of the notebooks; kernels answer by the seeded rule."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    (folder / "llmlab.toml").touch()
    settings = folder / "settings"
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    env = environment(folder, {"JUPYTERLAB_SETTINGS_DIR": str(settings)})
    if os.environ.get("PICTURES"):  # for the README: the words of the embedded model, not a rule's
        env["LLMLAB_LOCAL_MODEL"] = str(model_path().parent)
    log = (folder / "jupyter.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *_options(port, folder)],
        cwd=folder,
        env={**env, "JUPYTER_CONFIG_DIR": str(folder / "config")},
        stdout=log,
        stderr=log,
    )
    try:
        _wait(f"{address}/api", process)
        yield Lab(address, folder, settings)
    finally:
        process.terminate()
        process.wait(300)
        log.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Debian's chromium, headless."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"{CHROMIUM} is not installed")
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(params=list(THEMES))
def page(request: pytest.FixtureRequest, jupyter: Lab, browser: Browser) -> Iterator[Page]:
    """Open an empty tab in each theme."""
    jupyter.theme(request.param)
    fresh = browser.new_page(viewport={"width": 1280, "height": 900})
    fresh.set_default_timeout(60_000)
    failed = request.session.testsfailed
    said: list[str] = []
    fresh.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    yield fresh
    if request.session.testsfailed > failed:
        PICTURES.mkdir(parents=True, exist_ok=True)
        fresh.screenshot(path=str(PICTURES / f"failed-{request.node.name}.png"))
        print("\n".join(said[-20:]))  # noqa: T201 - pytest shows it beside the failure
    fresh.close()


@pytest.fixture
def theme(request: pytest.FixtureRequest) -> str:
    """The theme that `page` is shown in."""
    return str(request.node.callspec.params["page"])


def _options(port: int, folder: Path) -> list[str]:
    return [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError("JupyterLab ended before it answered")
        try:
            urllib.request.urlopen(address, timeout=1).close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"{address} does not answer")
