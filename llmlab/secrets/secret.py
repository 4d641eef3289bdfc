"""A key that cannot be printed by accident."""

import base64
import re
from typing import Final, NoReturn, Self, final

_DOTS: Final = "••••••••"


class Shy(str):
    """
    A header value that goes on the wire whole and shows as dots in every `repr`.

    A verbose traceback prints the locals of every frame, those of aiohttp too; there the
    headers are a multidict, whose `repr` asks each value for its own. Its methods (`strip`,
    slices, f-strings) give a plain str: whoever needs those asks the `Secret` instead.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return _DOTS


class ShyBytes(bytes):
    """Bytes with a key in them, such as the head of a request; their `repr` is dots."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _DOTS


@final
class Secret:
    """
    Hold a key; every way of showing it prints dots, and only `reveal` gives it back.

    IPython's verbose tracebacks, pickles, f-strings and DataFrames all go through `repr`,
    `str`, `format` or `__reduce__`, so those are the doors that are closed here.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        # Shy, for a debugger or a walk over all objects reaches behind the slot, too.
        self.__value = Shy(value)

    def reveal(self) -> Shy:
        """Return the key itself; called by `wire`, where it becomes a header."""
        return self.__value

    def stripped(self) -> "Secret":
        """Return the same without blanks around it."""
        return Secret(self.__value.strip())

    def base64(self) -> "Secret":
        """Return it as basic authorization writes it."""
        return Secret(base64.b64encode(self.__value.encode(errors="surrogateescape")).decode())

    def matches(self, pattern: str) -> bool:
        """Say whether the whole of it matches a regular expression."""
        return re.fullmatch(pattern, self.__value) is not None

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __repr__(self) -> str:
        return _DOTS

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: hand the other process its own key")
