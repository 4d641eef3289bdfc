"""Who a provider is: its addresses, its key, its free endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from llmlab.records import Auth, HttpCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What all of a provider's APIs share on the wire; its address and key are the catalogue's."""

    provider: str
    auth: Auth = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict)
    base_of: Callable[[str], str] = str
    """Puts a base address that a user wrote in order."""
    health: str = "/models"
    models: str = "/models"
    count: str = ""
    """Path of the free token counter; empty where there is none."""

    def call(self, base_url: str, path: str, body: object = None) -> HttpCall:
        """Return the call of *path*: a POST of *body* as JSON, or a GET without one."""
        return HttpCall(
            url=self.base_of(base_url).rstrip("/") + path,
            body=b"" if body is None else msgspec.json.encode(body),
            method="GET" if body is None else "POST",
            headers=self.headers,
            auth=self.auth,
        )


class AtHome:
    """Lets an adapter speak for its home."""

    __slots__ = ()
    home: Home

    @property
    def provider(self) -> str:
        """Return the provider's name."""
        return self.home.provider
