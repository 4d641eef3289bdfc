"""What goes with every request, whichever way it is sent."""

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
    # These two and no other: they are what `unpacking` undoes.
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "llmlab",
}
_UNSENDABLE: Final = re.compile("[\r\n\0\ud800-\udfff]")
"""What would smuggle a header, and what a byte becomes that was no UTF-8."""


def headers_of(call: HttpCall, endpoint: Endpoint, url: "URL") -> dict[str, str]:
    """
    Return the headers of *call* at *url*: ours, its own, and the key above `user:password@`.

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
    """Return `user:password@` of an address as the header that it means (RFC 7617)."""
    if url.user is None and url.password is None:
        return {}
    # In one expression: a local with the password in it would show in a verbose traceback.
    return {
        "authorization": Shy(
            "Basic " + b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode("ascii")
        )
    }
