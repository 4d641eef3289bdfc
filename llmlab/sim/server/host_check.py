"""
Who may talk to the simulator: programs that call it by its own name, and no web page.

A page in a browser can reach loopback. Under a name of its own that it has pointed at 127.0.0.1
(DNS rebinding) it could read the replies, too; then the `Host` header has that name. `Origin` and
`Sec-Fetch-Site` are what a browser says when a page asks; programs send neither.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HTTP: Final = 80
_OF_NO_PAGE: Final = frozenset({"none", "same-origin"})
"""`Sec-Fetch-Site` of an address that a person typed, and of the simulator's own replies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCheck:
    """What a request must say to be let in."""

    bound: str = "127.0.0.1"
    """The host that the simulator listens on."""
    port: int = 0
    origins: Collection[str] = ()
    """Pages that may ask, such as `http://localhost:3000`."""

    def refusal(self, hosts: Collection[str], origin: str | None, site: str | None) -> str:
        """Return in one line why a request is not answered; empty where it is."""
        if len(hosts) != 1 or not self._is_mine(next(iter(hosts)).lower()):
            return f"the Host header must name this simulator: {bracketed(self.bound)}:{self.port}"
        if origin is not None and origin not in self.origins:
            return "a web page may not ask: name its origin in Simulator(origins=...)"
        if origin is None and site is not None and site not in _OF_NO_PAGE:
            return "a web page may not ask the simulator"
        return ""

    def _is_mine(self, host: str) -> bool:
        name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        if not colon:
            name, port = host, str(_HTTP)
        return port == str(self.port) and self._is_name(name)

    def _is_name(self, name: str) -> bool:
        if name in _LOOPBACK or name == bracketed(self.bound).lower():
            return True
        if not _is_wildcard(self.bound):
            return False
        # An address cannot be pointed elsewhere, as a name can; of names this machine's counts.
        return _is_address(name.strip("[]")) or name == socket.gethostname().lower()


def bracketed(host: str) -> str:
    """Return *host* as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def guard(
    door: Callable[[], HostCheck],
) -> "Callable[..., Awaitable[web.StreamResponse]]":
    """Return a middleware that answers 403 with one line where *door* refuses."""
    from aiohttp import web

    @web.middleware
    async def guarded(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        headers = request.headers
        refusal = door().refusal(
            headers.getall("Host", []), headers.get("Origin"), headers.get("Sec-Fetch-Site")
        )
        return web.Response(status=403, text=f"{refusal}\n") if refusal else await handler(request)

    return guarded


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
