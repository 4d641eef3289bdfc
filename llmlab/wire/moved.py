"""
A reply that sends the call on to another address: nobody follows it.

A paid prompt would go to a host that nobody chose, a key perhaps with it, and what a GET brings
from there would be taken for the provider's answer.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from llmlab.errors import Refused
from llmlab.secrets import redact

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_LONGEST: Final = 120
"""Characters of another address that are shown."""


def moved(status: int, headers: Mapping[str, str], url: str, provider: str) -> Refused:
    """Return the error that a redirect of the call of *url* means; it names the other address."""
    return Refused(
        f"{provider}: {status} sends the call on to {_place(headers.get('location', ''), url)}, "
        f"which is not followed; set base_urls.{provider} if that is where it should go",
        provider=provider,
        status=status,
    )


def _place(location: str, url: str) -> str:
    """Return scheme, host and path of *location*; not its query, user and password."""
    if not location.strip():
        return "no address"
    try:
        parts = urlsplit(urljoin(url, location.strip()))
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that cannot be read"
    if not host or parts.scheme not in {"http", "https"}:
        return "an address that is not http"
    shown = f"[{host}]" if ":" in host else host
    place = f"{parts.scheme}://{shown}{f':{port}' if port else ''}{redact(parts.path)}"
    plain = "".join(each if each.isprintable() else "?" for each in place)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 3]}..."
