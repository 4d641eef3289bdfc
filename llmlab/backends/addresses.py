"""Where a provider is reached: its address and headers, with the user's variables filled in."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from llmlab.catalogue.gateway import filled, variables_in
from llmlab.catalogue.models import Provider
from llmlab.errors import ConfigError
from llmlab.secrets import Address, Environment, Secret

_PORTS: Final = {"http": 80, "https": 443}


def usual_address(provider: Provider, env: Mapping[str, str]) -> Address:
    """Return the address of the provider's row; empty where one of its variables is not set."""
    return Address.of(filled(provider.base_url, env, trim="/"))


def lacking(provider: Provider, env: Mapping[str, str]) -> str:
    """Return the first variable that the row needs and that is not set; empty for none."""
    texts = (provider.base_url, *provider.query.values(), *provider.headers.values())
    unset = (text for text in texts if text and not filled(text, env))
    return next((name for text in unset for name in variables_in(text) if not env.get(name)), "")


def with_query(url: Address, provider: Provider, env: Mapping[str, str]) -> Address:
    """Return the address with the query of the row, unless it has one of its own."""
    if not provider.query or "?" in url:
        return url
    query = urlencode({name: filled(value, env) for name, value in provider.query.items()})
    return Address(f"{url}?{query}", login=url.login)


def headers_of(provider: Provider, env: Environment) -> dict[str, Secret]:
    """
    Return the headers of the row with their variables filled in.

    Raises:
        ConfigError: A variable is not set; nothing would be sent in its place.
    """
    made: dict[str, Secret] = {}
    for name, value in provider.headers.items():
        made[name.lower()] = Secret(filled(value, env))
        if not made[name.lower()]:
            variables = ", ".join(variables_in(value))
            raise ConfigError(
                f"{provider.name}: the header {name} needs {variables}, which is not set"
            )
    return made


def keys_in_headers(provider: Provider, env: Environment) -> tuple[Secret, ...]:
    """Return the values of the variables in the row's headers: any of them may be a key."""
    found = (env.secret(name) for name in variables_in(*provider.headers.values()))
    return tuple(each for each in found if each is not None)


def place_of(address: str) -> tuple[str, int] | None:
    """Return host and port of an address; None where it has none."""
    parts = urlsplit(address)
    if not parts.hostname:
        return None
    return parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
