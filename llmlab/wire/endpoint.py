"""An endpoint: a provider's address and API key."""

import ipaddress
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from llmlab.errors import ConfigError
from llmlab.records import Auth, Backend
from llmlab.secrets import Address, Scrubber, Secret, Shy


class Line(Protocol):
    """Where calls wait for a model on this machine, which answers few at a time."""

    @property
    def copies(self) -> int:
        """How many are answered at a time."""
        ...

    def take(self, text: str, at: str = "") -> AbstractAsyncContextManager[str]:
        """
        Wait until a copy may read the prompt *text*; it is held while the block runs.

        Args:
            text: System prompt, a line break, the user's words.
            at: The address of the only copy that will do; any when empty.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One provider's address and key; `backend` says who answers: live, local or stand-in."""

    provider: str
    base_url: str
    key: Secret | None = None
    login: Secret | None = None
    """`user:password` of the address, for basic auth; a bearer key has precedence."""
    backend: Backend = "live"
    identity: str = ""
    """Who answers, part of the cache key: two servers are two identities."""
    idempotency: str = ""
    """The header by which a request that is repeated is paid once; empty where there is none."""
    key_header: str = ""
    """The header that carries the key; empty for what the wire format says."""
    more_headers: Mapping[str, Secret] = field(default_factory=dict, repr=False, compare=False)
    """More headers of every request, by name in lower case."""
    more_keys: tuple[Secret, ...] = field(default=(), repr=False, compare=False)
    """The secrets in `more_headers`, to be redacted."""
    line: Line | None = field(default=None, repr=False, compare=False)
    """Where a call waits before it is sent and before its deadline begins; None at providers."""
    line_at: str = ""
    """The copy that this endpoint is; empty where any copy answers for it."""
    headers: dict[Auth, dict[str, str]] = field(init=False, repr=False, compare=False)
    scrubber: Scrubber = field(init=False, repr=False, compare=False)
    """Redacts the endpoint's own secrets in everything that comes from it."""

    def __post_init__(self) -> None:
        made: dict[Auth, dict[str, str]] = {"none": {}, "bearer": {}, "x-api-key": {}}
        secrets = [self.key, *self.more_keys]
        if self.login:
            basic = self.login.base64()
            for headers in made.values():
                headers["authorization"] = Shy(f"Basic {basic.reveal()}")
            secrets += [basic, Secret(self.login.reveal().partition(":")[2])]
        if self.key:
            for auth, headers in made.items():
                headers.update(_with_key(self.key, auth, self.key_header.lower()))
        for headers in made.values():
            headers.update((name, value.reveal()) for name, value in self.more_headers.items())
        object.__setattr__(self, "headers", made)
        object.__setattr__(self, "scrubber", Scrubber(secrets))


def _with_key(key: Secret, auth: Auth, header: str) -> dict[str, str]:
    """Return the header that carries the key: the one named, or that of the wire format."""
    header = header or {"none": "", "bearer": "authorization", "x-api-key": "x-api-key"}[auth]
    if not header:
        return {}
    return {header: Shy(f"Bearer {key.reveal()}") if header == "authorization" else key.reveal()}


def checked_url(url: str, *, name: str, plain_http: bool = False) -> Address:
    """
    Return *url* without a trailing slash; refuse one that would send a key unencrypted (R-63).

    Raises:
        ConfigError: Not http(s), no host, a query, or http:// to another machine.
    """
    # First: what the error or this frame shows must not contain the password.
    url = Address.of(url)
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{name}: {str(url)!r} is not an address like https://host/v1")
    if url.query:
        raise ConfigError(
            f"{name}: {str(url)!r} must end with its path, without a query: paths are added to it, "
            "and a key in a URL is logged by every server on the way"
        )
    if parts.scheme == "http" and not plain_http and not is_loopback(parts.hostname):
        raise ConfigError(
            f"{name}: {str(url)!r} would send keys unencrypted to another machine; "
            "use https:// or set plain_http = true"
        )
    return Address(url.rstrip("/"), login=url.login)


def _parts(url: str) -> SplitResult | None:
    """Split a URL; None for unclosed brackets or an invalid port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
