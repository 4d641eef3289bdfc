"""
Every undocumented name of aiohttp that this folder uses.

They have been the same since aiohttp 3.8, but may change: `differences` checks them.
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
    """Private attributes that a class of aiohttp has."""

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
    Return the names that the installed aiohttp lacks or has differently; empty when all fit.

    Args:
        connector: An aiohttp connector, made on the running loop.
    """
    found = [each.name for each in CALLED if not _fits(each)]
    for each in HELD:
        found += _lacks(_of(each.module, each.name), each.name, each.attributes)
    found += _lacks(connector, "connector", OF_A_CONNECTOR)
    found += _lacks(_protocol(), "ResponseHandler", OF_A_PROTOCOL)
    return tuple(found)


def _fits(called: Called) -> bool:
    """Return whether a function can be called as it is called here."""
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
    """Return the object with this dotted name; None when there is none."""
    try:
        return attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        return None


def _protocol() -> object:
    """Return a `ResponseHandler` to inspect; None where its constructor differs."""
    import asyncio

    made: Callable[..., object] | None = _of("aiohttp.client_proto", "ResponseHandler")
    try:
        return None if made is None else made(asyncio.get_running_loop())
    except TypeError:
        return None
