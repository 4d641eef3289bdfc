"""The HTTP headers of every request, whichever way it is sent."""

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from llmlab.errors import ConfigError
from llmlab.records import HttpCall
from llmlab.secrets import Shy
from llmlab.wire.endpoint import Endpoint

if TYPE_CHECKING:
    from yarl import URL

_ALWAYS: Final = {
    "accept": "*/*",
    # Only these two: they are what `unpacking` decodes.
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "llmlab",
}
_UNSENDABLE: Final = re.compile("[\r\n\0\ud800-\udfff]")
"""Characters that allow header injection, and surrogates that stand for invalid UTF-8."""


def headers_of(call: HttpCall, endpoint: Endpoint, url: "URL") -> dict[str, str]:
    """
    Return the headers of *call* at *url*: the common ones, its own, and the authorization.

    An API key has precedence over `user:password@` in the URL.

    Raises:
        ConfigError: A header holds a line break, or a byte that is no text.
    """
    headers = {**_ALWAYS, **_basic(url), **call.headers, **endpoint.headers[call.auth]}
    bad = [name for name in headers if _UNSENDABLE.search(name + headers[name])]
    if bad:
        why = "a line break or a byte that is no text"
        raise ConfigError(f"{endpoint.provider}: the header {bad[0]!r} holds {why}")
    return headers


def _basic(url: "URL") -> dict[str, str]:
    """Return `user:password@` of a URL as a basic authorization header (RFC 7617)."""
    if url.user is None and url.password is None:
        return {}
    # In one expression: a local with the password in it would show in a verbose traceback.
    return {
        "authorization": Shy(
            "Basic " + b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode("ascii")
        )
    }
