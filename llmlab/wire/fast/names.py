"""
Every name of aiohttp that this folder uses and that is not in its documentation.

They have been as they are here since aiohttp 3.8, but nobody promises them: `differences` looks.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class Called:
    """A function of aiohttp and how it is called here."""

    module: str
    name: str
    positional: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What a class of aiohttp's has under names of its own."""

    module: str
    name: str
    attributes: tuple[str, ...]


CALLED: Final = (
    Called(
        "aiohttp.connector",
        "TCPConnector.connect",
        ("self", "req", "traces", "timeout"),
        awaited=True,
    ),
    Called("aiohttp.connector", "Connection.release", ("self",)),
    Called("aiohttp.connector", "Connection.close", ("self",)),
    Called(
        "aiohttp.client_proto",
        "ResponseHandler.set_response_params",
        ("self",),
        ("read_until_eof", "auto_decompress"),
    ),
    Called("aiohttp.client_proto", "ResponseHandler.read", ("self",), awaited=True),
    Called("aiohttp.client_proto", "ResponseHandler.set_exception", ("self", "exc", "cause")),
    Called(
        "aiohttp.client_reqrep",
        "ClientRequest.__init__",
        ("self", "method", "url"),
        ("loop", "session", "headers"),
    ),
)
HELD: Final = (
    Held("aiohttp.connector", "Connection", ("protocol", "transport")),
    Held("aiohttp.http", "RawResponseMessage", ("code", "headers")),
)
OF_A_PROTOCOL: Final = ("_buffer", "_payload", "transport")
OF_A_CONNECTOR: Final = ("_acquired", "_conns", "_factory", "_loop")


def differences(connector: "aiohttp.BaseConnector") -> tuple[str, ...]:
    """
    Say what the installed aiohttp has not, or not as it is used here; nothing when all is there.

    Args:
        connector: One of its connectors, made on the running loop.
    """
    found = [each.name for each in CALLED if not _fits(each)]
    for each in HELD:
        found += _lacks(_of(each.module, each.name), each.name, each.attributes)
    found += _lacks(connector, "connector", OF_A_CONNECTOR)
    found += _lacks(_protocol(), "ResponseHandler", OF_A_PROTOCOL)
    return tuple(found)


def _fits(called: Called) -> bool:
    """Say whether a function can be called as it is called here."""
    function = _of(called.module, called.name)
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*called.positional, **dict.fromkeys(called.keywords))
    except (TypeError, ValueError):
        return False
    return inspect.iscoroutinefunction(function) is called.awaited


def _lacks(owner: object, name: str, attributes: tuple[str, ...]) -> list[str]:
    return [f"{name}.{each}" for each in attributes if not hasattr(owner, each)]


def _of(module: str, name: str) -> Any:
    """Return what has this dotted name; None when nothing has."""
    try:
        return attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        return None


def _protocol() -> object:
    """Return what reads replies, made for a look; None where it is made in another way."""
    import asyncio

    made: Callable[..., object] | None = _of("aiohttp.client_proto", "ResponseHandler")
    try:
        return None if made is None else made(asyncio.get_running_loop())
    except TypeError:
        return None
