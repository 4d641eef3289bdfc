"""
The proxy that the environment names for an address: `HTTPS_PROXY`, `NO_PROXY` and the like.

aiohttp's `trust_env` would do it, but also reads `~/.netrc`: a password there for a provider's
host would be sent beside the API key, or raise a `ValueError` beside a bearer key.
"""

from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from yarl import URL


def proxy_of(url: "URL") -> str | None:
    """Return the proxy for *url*, or None. It may block: call it on another thread."""
    named = getproxies().get(url.scheme)
    if not named or url.host is None or proxy_bypass(url.host):
        return None
    return named if "://" in named else f"http://{named}"
