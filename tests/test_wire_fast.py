"""What goes past aiohttp's public interface is fenced, listed, and left alone where it differs."""

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler

from llmlab.wire.fast import differences, names
from tests.conftest import ROOT
from tests.wire_server import BODY, OK, serving

WIRE = ROOT / "llmlab" / "wire"


def _private(path: Path) -> set[str]:
    """Return the private names of others that a file uses: ruff has each marked, or it inherits."""
    text = path.read_text()
    marked = [line for line in text.splitlines() if "noqa: SLF001" in line]
    if path.name == "pool.py":
        marked.append(text)
    return {name for line in marked for name in re.findall(r"\.(_[a-z]\w*)", line)}


def test_every_private_name_is_in_the_fence_and_on_the_list() -> None:
    """No other file of the package uses one of aiohttp's; those of the fence are all looked for."""
    outside = {path.name: _private(path) for path in WIRE.glob("*.py")}
    inside = set().union(*[_private(path) for path in (WIRE / "fast").glob("*.py")])

    assert not any(outside.values())
    assert "_buffer" in inside
    assert inside <= {*names.OF_A_PROTOCOL, *names.OF_A_CONNECTOR}


async def test_the_installed_aiohttp_is_as_the_fast_way_knows_it() -> None:
    """So calls go the fast way; when this fails, they go through `ClientSession` and are slower."""
    async with aiohttp.TCPConnector() as connector:
        assert differences(connector) == ()


async def _keywords_only(self: Any, req: Any, *, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109
    """Connect as aiohttp's own session asks for it, and not as the fast way does."""
    return await aiohttp.BaseConnector.connect(self, req, traces, timeout)


class Renamed(ResponseHandler):
    """A reader of replies that keeps what came under another name."""

    def __getattribute__(self, name: str) -> Any:
        if name == "_buffer":
            raise AttributeError(name)
        return super().__getattribute__("_buffer" if name == "_came" else name)


def _no_longer_awaited(self: ResponseHandler) -> Any:
    return super(ResponseHandler, self).read()


_CHANGES = {
    "TCPConnector.connect": ("aiohttp.TCPConnector.connect", _keywords_only),
    "ResponseHandler._buffer": ("aiohttp.client_proto.ResponseHandler", Renamed),
    "ResponseHandler.read": ("aiohttp.client_proto.ResponseHandler.read", _no_longer_awaited),
}


@pytest.mark.parametrize("missing", _CHANGES)
async def test_another_aiohttp_is_used_by_its_public_interface(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a name is gone or is called in another way, calls are answered all the same."""
    where, changed = _CHANGES[missing]
    monkeypatch.setattr(where, changed, raising=False)
    with caplog.at_level("DEBUG", logger="llmlab"):
        async with serving(OK, OK, OK) as (server, session):
            replies = [await session.send(server.call(), server.endpoint()) for _ in range(3)]
            direct = session._direct

    assert [each.reply.body for each in replies] == [BODY] * 3
    assert direct is None
    said = [record.getMessage() for record in caplog.records if record.name.startswith("llmlab")]
    assert said == [
        (
            f"aiohttp {aiohttp.__version__} lacks names of the fast path ({missing}): "
            "calls go through ClientSession"
        )
    ]


async def test_a_known_aiohttp_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """The fast way is the usual one: nothing is logged."""
    with caplog.at_level("DEBUG", logger="llmlab"):
        async with serving(OK) as (server, session):
            await session.send(server.call(), server.endpoint())

    assert not [record for record in caplog.records if record.name.startswith("llmlab")]


async def test_an_aiohttp_without_its_modules_is_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A module that has moved is a difference like any other, never an error."""
    moved = names.Called("aiohttp.nowhere", "Thing.do", ("self",))
    monkeypatch.setattr(names, "CALLED", (moved,))
    monkeypatch.setattr(names, "HELD", (names.Held("aiohttp.nowhere", "Thing", ("code",)),))
    async with aiohttp.TCPConnector() as connector:
        found = differences(connector)

    assert found == ("Thing.do", "Thing.code")
