"""
The environment, in a type that shows names and no values.

Verbose tracebacks print the variables of every frame, and the attributes and subscripts on the
lines that are shown: a plain dict of the environment there is every key of the user.
"""

import os
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Final

from llmlab.secrets.secret import Secret, Shy

# Not written `os.environ`: a traceback through that line would print what it is.
_process: Final = attrgetter("environ")


class Environment(Mapping[str, str]):
    """Environment variables as they were when this was made; any of them may be a secret."""

    __slots__ = ("_values",)

    def __init__(self, given: Mapping[str, str]) -> None:
        try:
            self._values = {name: Secret(given.get(name, "")) for name in tuple(given)}
        finally:
            del given  # the frame of an interrupt here must not have it

    @classmethod
    def of(cls, given: Mapping[str, str] | None = None) -> "Environment":
        """Return *given* as an Environment; the process's own when None."""
        try:
            if isinstance(given, cls):
                return given
            return cls(_process(os) if given is None else given)
        finally:
            del given

    def __getitem__(self, name: str) -> Shy:
        return self._values[name].reveal()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Environment({', '.join(sorted(self._values))})"

    def secret(self, name: str) -> Secret | None:
        """Return the variable's value without blanks around it; None when nothing is left."""
        held = self._values.get(name)
        return (held.stripped() or None) if held is not None else None


_NEEDED: Final = frozenset(
    {
        "APPDATA", "COMSPEC", "CONDA_PREFIX", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
        "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOCALAPPDATA", "LOGNAME", "PATH",
        "PATHEXT", "PROGRAMDATA", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ",
        "USER", "USERNAME", "USERPROFILE", "VIRTUAL_ENV", "WINDIR",
    }
)  # fmt: skip
_NEEDED_KINDS: Final = ("LC_", "OMP_", "PYTHON", "XDG_", "CUDA_", "GGML_", "GOMP_", "KMP_")


def for_child(*kinds: str, **more: str) -> dict[str, str]:
    """
    Return the environment of a child process: what programs need to run at all, and *more*.

    Named are those that may pass, not those that may not: no list of names knows every key.

    Args:
        *kinds: Beginnings of further names that the child needs, such as `PIP_`.
        **more: Variables to set.
    """
    here = Environment.of()
    passed = {name: str(here[name]) for name in here if _passes(name.upper(), kinds)}
    return {**passed, **more}


def _passes(name: str, kinds: tuple[str, ...]) -> bool:
    return name in _NEEDED or name.startswith((*_NEEDED_KINDS, *kinds))
