"""Who a provider is: its addresses, its key, its free endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from llmlab.records import Auth, HttpCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Who a provider is, whatever it is asked: addresses, key, free endpoints. One row."""

    provider: str
    default_base: str
    base_env: str
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key, the preferred one first."""
    key_shape: str = r"\S{8,}"
    """A regular expression that a well-formed key matches in full."""
    key_hint: str = ""
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
        url = (self.base_of(base_url) or self.default_base).rstrip("/")
        return HttpCall(
            url=url + path,
            body=b"" if body is None else msgspec.json.encode(body),
            method="GET" if body is None else "POST",
            headers=dict(self.headers) | {"content-type": "application/json"},
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

    @property
    def key_env(self) -> tuple[str, ...]:
        """Return the environment variables that may hold the key."""
        return self.home.key_env

    @property
    def base_env(self) -> str:
        """Return the environment variable that may move the base address."""
        return self.home.base_env

    @property
    def default_base(self) -> str:
        """Return the base address without a setting."""
        return self.home.default_base

    @property
    def key_shape(self) -> str:
        """Return the regular expression of a well-formed key."""
        return self.home.key_shape

    @property
    def key_hint(self) -> str:
        """Return where a key comes from and what it looks like."""
        return self.home.key_hint
