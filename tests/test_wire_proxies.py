"""Over a proxy that the environment names a call is the same, and no other password goes along."""

from pathlib import Path

import pytest

from llmlab.records import Auth, HttpCall
from llmlab.wire import Session
from tests.wire_server import BODY, OK, serving

ADDRESS = "http://api.example.invalid/v1/chat"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own proxies must not reach a test."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_named_proxy_is_asked_for_everything(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy gets the whole address, and user and password of its own and no others."""
    async with serving(OK, session=Session(proxies=True)) as (proxy, session):
        monkeypatch.setenv("http_proxy", f"http://user:p%40w@127.0.0.1:{proxy.port}")
        call = HttpCall(url=ADDRESS, method="GET" if method == "GET" else "POST")
        exchange = await session.send(call, proxy.endpoint())

    assert exchange.reply.body == BODY
    head = proxy.requests[0].lower()
    assert head.startswith(f"{method} {ADDRESS} http/1.1\r\n".lower().encode())
    assert b"proxy-authorization: basic dxnlcjpwqhc=\r\n" in head
    assert b"\r\nauthorization: bearer sk-x\r\n" in head


async def test_no_proxy_is_asked_for_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_PROXY` holds: a server on this machine is reached directly."""
    async with serving(OK, session=Session(proxies=True)) as (server, session):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        exchange = await session.send(server.call(), server.endpoint())

    assert exchange.reply.body == BODY


@pytest.mark.parametrize("auth", ["bearer", "x-api-key", "none"])
async def test_a_password_in_netrc_is_nobodys_key(
    auth: Auth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept for the host in `~/.netrc` is neither sent nor an error."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password planted\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(OK, session=Session(proxies=True)) as (server, session):
        call = HttpCall(url=server.url, auth=auth)
        exchange = await session.send(call, server.endpoint())

    assert exchange.reply.body == BODY
    assert (b"authorization" in server.requests[0].lower()) == (auth == "bearer")
    assert b"Basic" not in server.requests[0]
