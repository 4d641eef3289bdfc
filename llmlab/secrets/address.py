"""The address of a server, with the user and password that a URL held kept apart."""

import re
from typing import Final, Self
from urllib.parse import unquote

from llmlab.secrets.secret import Secret

_WRITTEN: Final = re.compile(
    r"(?s)(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?"
    # Up to the @; also where a password has a / that should have been written as %2F.
    r"(?:(?P<login>[^/?#]*|[^@/?#]*:(?!\d+(?:[/?#]|$))[^@]*)@)?"
    r"(?P<rest>[^?#]*)(?P<query>.*)"
)


_VERSION: Final = re.compile(r"\?api-version=\d{4}-\d\d-\d\d(?:-preview)?")
"""A query that is no key: Azure's, without which its older addresses answer nothing."""


class Address(str):
    """
    A server's address, such as `https://host/v1`, without its login; `login` is for `wire` only.

    Nothing is refused here, since an error would have the password in one of its frames:
    `wire.endpoint.checked_url` validates what is left.
    """

    __slots__ = ("login", "query")

    login: Secret | None
    """`user:password`, percent-decoded; None where the URL had none."""
    query: bool
    """Whether the URL had a query or fragment that may have been a key, and is not kept."""

    def __new__(cls, text: str = "", *, login: Secret | None = None, query: bool = False) -> Self:
        """Make an address from its parts; `of` parses a URL."""
        made = super().__new__(cls, text)
        made.login, made.query = login, query
        return made

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse a URL: take user, password and query out of it."""
        if isinstance(text, cls):
            return text
        found = _WRITTEN.fullmatch(text.strip())
        assert found is not None  # noqa: S101 - every part may be absent
        kept = found["query"] if _VERSION.fullmatch(found["query"]) else ""
        return cls(
            (found["scheme"] or "") + found["rest"] + kept,
            login=Secret(unquote(found["login"])) if found["login"] else None,
            query=bool(found["query"]) and not kept,
        )
