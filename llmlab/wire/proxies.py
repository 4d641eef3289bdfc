"""
The proxy that the environment names for an address: `HTTPS_PROXY`, `NO_PROXY` and their like.

aiohttp's `trust_env` would do it, and read `~/.netrc` too: a password that is kept there for a
provider's host goes out beside our key, or, where our key is a bearer's, raises a `ValueError`.
"""

from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from yarl import URL


def proxy_of(url: "URL") -> str | None:
    """Return the proxy for *url*, or None; it may ask the system, so call it on another thread."""
    named = getproxies().get(url.scheme)
    if not named or url.host is None or proxy_bypass(url.host):
        return None
    return named if "://" in named else f"http://{named}"
