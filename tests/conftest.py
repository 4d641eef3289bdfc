"""Shared by every test: no key of the developer's, one fake clock, five simulated providers."""

import signal
import threading
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from llmlab.sim import RuleAuthor, Simulator

if threading.current_thread() is threading.main_thread():
    # A shell starts what runs in its background with SIGINT ignored, and children inherit that:
    # a test that interrupts one would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("llmlab", deadline=None)
settings.load_profile("llmlab")
"""A machine that is busy with something else is no fault of the example that it slowed down."""

ROOT = Path(__file__).parent.parent
RECORDED = ROOT.parent / "shared" / "recorded"

_VARIABLES = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
    "DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL", "XAI_API_KEY", "XAI_BEARER_API_KEY",
    "XAI_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A key in the developer's shell must never reach a test, nor a test the word of the user."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    trust = tmp_path_factory.getbasetemp() / f"trust-{uuid.uuid4().hex}.json"
    monkeypatch.setenv("LLMLAB_TRUST_FILE", str(trust))
    prices = tmp_path_factory.getbasetemp() / f"prices-{uuid.uuid4().hex}.json"
    monkeypatch.setattr("llmlab.pricing.stored.table_path", lambda: prices)


class Clock:
    """Time that moves when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until `clock.now` is moved."""
    return Clock()


@pytest.fixture(name="simulator")
async def _simulator() -> AsyncIterator[Simulator]:
    """Five providers on loopback that answer by rule."""
    async with Simulator(author=RuleAuthor(seed=1)) as simulator:
        yield simulator


@pytest.fixture(params=["fast", "plain", "unlike"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """
    Send a test's calls each way there is.

    `fast` writes straight onto aiohttp's connections; `plain` goes through its `ClientSession`, as
    with proxies; `unlike` does so because the installed aiohttp is not as the fast way knows it.
    """
    name = str(request.param)
    if name == "plain":
        monkeypatch.setattr("llmlab.wire.session.Direct", lambda _session: None)
    if name == "unlike":
        found = ("TCPConnector.connect",)
        monkeypatch.setattr("llmlab.wire.session.differences", lambda _connector: found)
    return name
