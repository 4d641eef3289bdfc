"""The address of a server, and apart from it the user and password that were written in it."""

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


class Address(str):
    """
    `https://host/v1` for whoever shows or compares it; `login` is for the wire alone.

    Nothing is refused here, since an error would have the password in one of its frames:
    `wire.endpoint.checked_url` does that with what is left.
    """

    __slots__ = ("login", "query")

    login: Secret | None
    """`user:password`, percent signs decoded; None where none was written."""
    query: bool
    """Whether something followed `?` or `#`; it may have been a key, and is not kept."""

    def __new__(cls, text: str = "", *, login: Secret | None = None, query: bool = False) -> Self:
        """Make one of its parts; `of` takes what a person wrote apart."""
        made = super().__new__(cls, text)
        made.login, made.query = login, query
        return made

    @classmethod
    def of(cls, text: str) -> Self:
        """Take user, password and query out of what a person wrote."""
        if isinstance(text, cls):
            return text
        found = _WRITTEN.fullmatch(text.strip())
        assert found is not None  # noqa: S101 - every part may be absent
        return cls(
            (found["scheme"] or "") + found["rest"],
            login=Secret(unquote(found["login"])) if found["login"] else None,
            query=bool(found["query"]),
        )
