"""Where a provider is reached, and with which key."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from llmlab.errors import ConfigError
from llmlab.ops import Secret, Shy
from llmlab.records import Auth, Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One provider's address and key; `backend` says who really answers there."""

    provider: str
    base_url: str
    key: Secret | None = None
    backend: Backend = "live"
    identity: str = ""
    """Who answers, as the book tells answers apart: two servers are two identities."""
    idempotency: str = ""
    """The header by which a request that is repeated is paid once; empty where there is none."""
    headers: dict[Auth, dict[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        made: dict[Auth, dict[str, str]] = {"none": {}, "bearer": {}, "x-api-key": {}}
        if self.key:
            made["bearer"]["authorization"] = Shy(f"Bearer {self.key.reveal()}")
            made["x-api-key"]["x-api-key"] = Shy(self.key.reveal())
        object.__setattr__(self, "headers", made)


def checked_url(url: str, *, name: str, plain_http: bool = False) -> str:
    """
    Return *url* without a trailing slash; refuse what would send a key in the clear (R-63).

    Raises:
        ConfigError: Not http(s), no host, or http:// to another machine.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{name}: {url!r} is not an address like https://host/v1")
    if parts.scheme == "http" and not plain_http and not is_loopback(parts.hostname):
        raise ConfigError(
            f"{name}: {url!r} would send keys unencrypted to another machine; "
            "use https:// or set plain_http = true"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Say whether *host* is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
