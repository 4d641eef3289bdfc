"""A redirect is an error that names the other address; nothing follows it, and no key leaves."""

from contextlib import AsyncExitStack
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.errors import Refused
from llmlab.records import Auth, HttpCall
from llmlab.wire import Session
from llmlab.wire.moved import moved
from tests.wire_server import OK, Scripted, serving


def _moved(status: int, location: str) -> bytes:
    head = f"HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 2\r\n\r\n{{}}"
    return head.encode()


async def _asked(session: Session, server: Scripted, call: HttpCall, *, stream: bool) -> int:
    """Send *call*, whole or as a stream; return the status of its reply."""
    endpoint = server.endpoint("sk-planted")
    if not stream:
        return (await session.send(call, endpoint)).reply.status
    async with session.open(call, endpoint) as flow:
        return (await flow.whole()).status


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("auth", ["bearer", "x-api-key"])
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nothing_follows_a_redirect(
    status: int, method: Literal["POST", "GET"], auth: Auth, *, stream: bool
) -> None:
    """Neither prompt nor key go to the other host, and it was free and is not tried again."""
    async with AsyncExitStack() as stack:
        other, _ = await stack.enter_async_context(serving(OK))
        server, session = await stack.enter_async_context(serving(OK))
        there = f"http://user:secret@localhost:{other.port}/v2/chat?key=secret"
        server.replies.insert(0, _moved(status, there))
        call = HttpCall(url=server.url, body=b"{}", method=method, auth=auth)
        with pytest.raises(Refused) as caught:
            await _asked(session, server, call, stream=stream)
        once = (len(server.requests), len(other.requests))
        after = await _asked(session, server, call, stream=stream)

    error = caught.value
    assert str(error) == (
        f"openai: {status} sends the call on to http://localhost:{other.port}/v2/chat, which is "
        "not followed; set base_urls.openai if that is where it should go"
    )
    assert (error.status, error.retryable, error.maybe_charged) == (status, False, False)
    assert once == (1, 0)
    assert after == 200


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/v2/chat?key=secret", "https://api.openai.com/v2/chat"),
        ("//other.example/x", "https://other.example/x"),
        ("http://[2001:db8::1]:81/x#y", "http://[2001:db8::1]:81/x"),
        ("", "no address"),
        ("ftp://other.example/x", "an address that is not http"),
        ("javascript:alert(1)", "an address that is not http"),
        ("http://[::1", "an address that cannot be read"),
        ("http://other.example:99999999/", "an address that cannot be read"),
        ("https://other.example/sk-abcdefghijkl", "https://other.example/[...]"),
    ],
)
def test_the_other_address_is_shown_without_what_is_secret(location: str, shown: str) -> None:
    """Relative, broken and absent ones have words too; query, user and password are left out."""
    error = moved(307, {"location": location}, "https://u:p@api.openai.com/v1/chat?a=1", "openai")

    assert f" on to {shown}, which" in str(error)


@given(location=st.text(max_size=400))
def test_any_location_makes_one_short_line(location: str) -> None:
    """Whatever a server writes there, the line is one line and printable."""
    line = str(moved(302, {"location": location}, "https://api.openai.com/v1/chat", "openai"))

    assert line.isprintable()
    assert len(line) < 300
