"""Where a provider is reached, and with which key."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from llmlab.errors import ConfigError
from llmlab.records import Auth, Backend
from llmlab.secrets import Address, Scrubber, Secret, Shy


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One provider's address and key; `backend` says who really answers there."""

    provider: str
    base_url: str
    key: Secret | None = None
    login: Secret | None = None
    """`user:password` of the address; a bearer key goes before it."""
    backend: Backend = "live"
    identity: str = ""
    """Who answers, as the book tells answers apart: two servers are two identities."""
    idempotency: str = ""
    """The header by which a request that is repeated is paid once; empty where there is none."""
    headers: dict[Auth, dict[str, str]] = field(init=False, repr=False, compare=False)
    scrubber: Scrubber = field(init=False, repr=False, compare=False)
    """What takes the endpoint's own secrets out of all that comes from it."""

    def __post_init__(self) -> None:
        made: dict[Auth, dict[str, str]] = {"none": {}, "bearer": {}, "x-api-key": {}}
        secrets = [self.key]
        if self.login:
            basic = self.login.base64()
            for headers in made.values():
                headers["authorization"] = Shy(f"Basic {basic.reveal()}")
            secrets += [basic, Secret(self.login.reveal().partition(":")[2])]
        if self.key:
            made["bearer"]["authorization"] = Shy(f"Bearer {self.key.reveal()}")
            made["x-api-key"]["x-api-key"] = Shy(self.key.reveal())
        object.__setattr__(self, "headers", made)
        object.__setattr__(self, "scrubber", Scrubber(secrets))


def checked_url(url: str, *, name: str, plain_http: bool = False) -> Address:
    """
    Return *url* without a trailing slash; refuse what would send a key in the clear (R-63).

    Raises:
        ConfigError: Not http(s), no host, a query, or http:// to another machine.
    """
    # First of all: what is shown below, in the error or in this frame, has no password in it.
    url = Address.of(url)
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{name}: {str(url)!r} is not an address like https://host/v1")
    if url.query:
        raise ConfigError(
            f"{name}: nothing may follow {str(url)!r}: paths are added to it, "
            "and a key in an address is written down by every server on the way"
        )
    if parts.scheme == "http" and not plain_http and not is_loopback(parts.hostname):
        raise ConfigError(
            f"{name}: {str(url)!r} would send keys unencrypted to another machine; "
            "use https:// or set plain_http = true"
        )
    return Address(url.rstrip("/"), login=url.login)


def _parts(url: str) -> SplitResult | None:
    """Take an address apart; None for brackets that do not close, or a port that is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def is_loopback(host: str) -> bool:
    """Say whether *host* is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
