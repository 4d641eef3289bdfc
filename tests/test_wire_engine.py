"""One loop on one thread, usable from everywhere, that ends cleanly. # R-20."""

import asyncio
import concurrent.futures
import inspect
import subprocess
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llmlab.errors import Closed, ConfigError, CutOff, Unavailable, UsageError
from llmlab.records import HttpCall
from llmlab.secrets import Secret
from llmlab.wire import Endpoint, Engine, Session
from llmlab.wire.endpoint import checked_url


async def _where() -> str:
    return threading.current_thread().name


def test_plain_code_runs_on_the_engine() -> None:
    """Work given from a script runs on the engine's thread and its result comes back."""
    engine = Engine()
    try:
        assert engine.run(_where()) == "llmlab-engine"
    finally:
        engine.close()


def test_it_runs_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no uvloop, as on Windows, the loop is asyncio's own."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    engine = Engine()
    try:
        assert engine.run(_where()) == "llmlab-engine"
        assert isinstance(engine.loop, asyncio.SelectorEventLoop)
    finally:
        engine.close()


def test_work_that_is_cancelled_before_its_first_step_is_ended() -> None:
    """As where a lab is closed when a run begins: no coroutine is left that was never awaited."""
    engine = Engine()
    work = _where()

    def cancel_all() -> None:
        for task in asyncio.all_tasks(engine.loop):
            task.cancel()

    def meanwhile(job: Coroutine[Any, Any, str]) -> "concurrent.futures.Future[str]":
        found = asyncio.run_coroutine_threadsafe(job, engine.loop)
        engine.loop.call_soon_threadsafe(cancel_all)  # after the task is made, before its step
        busy.set()
        return found

    busy = threading.Event()
    engine.loop.call_soon_threadsafe(busy.wait)  # both are queued before the loop goes on
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "submit", meanwhile)
            with pytest.raises((Closed, CancelledError)):
                engine.run(work)
    finally:
        engine.close()

    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def test_any_loop_can_await_the_engine() -> None:
    """Another running loop awaits work on the engine's without blocking."""
    engine = Engine()
    try:
        assert await engine.bridge(_where()) == "llmlab-engine"
    finally:
        await asyncio.to_thread(engine.close)


def test_running_inside_the_engine_is_an_error_not_a_deadlock() -> None:
    """Calling the blocking form from the engine's own thread is said, not hung."""
    engine = Engine()

    async def inside() -> str:
        return engine.run(_where())

    try:
        with pytest.raises(UsageError, match="use the _async form"):
            engine.run(inside())
    finally:
        engine.close()


def test_an_interrupt_cancels_and_waits_until_it_let_go() -> None:
    """After an interrupt nothing of the work is left: its clean-up has run."""
    engine = Engine()
    cleaned: list[bool] = []

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    def interrupt() -> None:
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            engine.run(long(), tick=interrupt, every=0.01)
        assert cleaned == [True]
    finally:
        engine.close()


def test_a_script_that_forgets_to_close_ends_quietly() -> None:
    """Interpreter exit stops the engine: no hang, no 'Unclosed client session'."""
    script = """
import asyncio
from llmlab.records import HttpCall
from llmlab.wire import Endpoint, Engine, Session
engine, session = Engine(), Session()
engine.at_close(session.close)
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(provider="x", base_url="")
    exchange = await session.send(HttpCall(url=f"http://127.0.0.1:{port}/"), endpoint)
    print(exchange.reply.body.decode())
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi")
    await writer.drain()
engine.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (done.returncode, done.stdout.strip()) == (0, "hi")
    assert "Unclosed" not in done.stderr


async def _echo(request: web.Request) -> web.Response:
    return web.Response(
        status=int(request.query.get("status", "200")),
        body=await request.read(),
        headers={"X-Auth": request.headers.get("authorization", "none")},
    )


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": "100"})
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.fixture(name="server")
async def _server() -> TestServer:
    app = web.Application()
    app.router.add_post("/echo", _echo)
    app.router.add_post("/cut", _cut)
    server = TestServer(app)
    await server.start_server()
    return server


@pytest.mark.usefixtures("way")
async def test_bytes_out_bytes_in(server: TestServer) -> None:
    """Body and status come back as they are; the key is attached here and nowhere else."""
    session = Session()
    endpoint = Endpoint(provider="openai", base_url="", key=Secret("sk-planted"))
    call = HttpCall(url=str(server.make_url("/echo?status=418")), body=b"hi", auth="bearer")

    exchange = await session.send(call, endpoint)
    await session.close()
    await server.close()

    assert (exchange.reply.status, exchange.reply.body) == (418, b"hi")
    assert exchange.reply.headers["x-auth"] == "Bearer [...]", "sent, and not heard again"
    assert 0 < exchange.ttfb <= exchange.latency
    assert "planted" not in repr(endpoint)


@pytest.mark.usefixtures("way")
async def test_a_reply_that_breaks_off_may_have_been_charged(server: TestServer) -> None:
    """What was begun and not ended is `CutOff`, with the doubt about its price."""
    session = Session()
    call = HttpCall(url=str(server.make_url("/cut")))

    with pytest.raises(CutOff) as caught:
        await session.send(call, Endpoint(provider="x", base_url=""))
    await session.close()
    await server.close()

    assert caught.value.maybe_charged


@pytest.mark.usefixtures("way")
async def test_nobody_there_was_not_charged() -> None:
    """No connection is `Unavailable`: retryable, and certainly free."""
    session = Session()

    with pytest.raises(Unavailable) as caught:
        await session.send(HttpCall(url="http://127.0.0.1:9/"), Endpoint(provider="x", base_url=""))
    await session.close()

    assert caught.value.retryable
    assert not caught.value.maybe_charged


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://api.example.com/v1", "would send keys unencrypted"),
        ("ftp://x", "is not an address"),
        ("api.openai.com", "is not an address"),
    ],
)
def test_an_address_that_would_leak_a_key_is_refused(url: str, says: str) -> None:
    """Plain http is for this machine; the line names the variable. # R-63."""
    with pytest.raises(ConfigError, match=f"OPENAI_BASE_URL: .*{says}"):
        checked_url(url, name="OPENAI_BASE_URL")


def test_loopback_may_be_plain() -> None:
    """A simulator on this machine needs no certificate."""
    assert checked_url("http://127.0.0.1:80/v1/", name="x") == "http://127.0.0.1:80/v1"
