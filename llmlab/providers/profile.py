"""Profile of a provider on the wire: headers, paths, free endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import msgspec
from msgspec import structs

from llmlab.records import Auth, HttpCall

_ENCODER: Final = msgspec.json.Encoder()
_WORDS: Final = frozenset({"model", "messages", "prompt", "system", "input", "instructions"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderProfile:
    """What all of a provider's APIs share on the wire; its address and key are the catalogue's."""

    provider: str
    auth: Auth = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict)
    base_of: Callable[[str], str] = str
    """Puts a base address that a user wrote in order."""
    health: str = "/models"
    models: str = "/models"
    count: str = ""
    """Path of the free token counter; empty where there is none."""
    standard: tuple[str, str] | None = None
    """The field and word that hold a question at the standard tier, whatever the account says."""

    def call(self, base_url: str, path: str, body: Mapping[str, object] | None = None) -> HttpCall:
        """Return the call of *path*: a POST of *body* as JSON, or a GET without one."""
        url = self.base_of(base_url).rstrip("/") + path
        if body is None:
            return HttpCall(url=url, method="GET", headers=self.headers, auth=self.auth)
        return HttpCall(
            url=url,
            body=_ENCODER.encode(body),
            headers=self.headers,
            auth=self.auth,
            sent={name: value for name, value in body.items() if name not in _WORDS},
        )

    def question(
        self,
        base_url: str,
        path: str,
        body: Mapping[str, object],
        extra: Mapping[str, object] | None = None,
    ) -> HttpCall:
        """
        Return the call that asks a model, with the caller's own *extra* fields in *body*.

        It is held at the standard tier unless *body* names one. What holds it is no part of what
        is asked, so that an answer keeps its name.
        """
        if extra:
            body = _joined(body, extra)
        call = self.call(base_url, path, body)
        if self.standard is None or self.standard[0] in body:
            return call
        name, word = self.standard
        held = call.body[:-1] + _closing(self.standard)
        return structs.replace(call, body=held, sent={**call.sent, name: word}, asked=call.body)

    def file(self, base_url: str, path: str) -> HttpCall:
        """Return the call that fetches a file of many answers."""
        return structs.replace(self.call(base_url, path), bulk=True)


class HasProfile:
    """Gives an adapter the name of its profile's provider."""

    __slots__ = ()
    profile: ProviderProfile

    @property
    def provider(self) -> str:
        """Return the provider's name."""
        return self.profile.provider


@cache
def _closing(standard: tuple[str, str]) -> bytes:
    """Return the end of a body that one more field is put into."""
    return b"," + _ENCODER.encode(dict([standard]))[1:]


def _joined(body: Mapping[str, object], extra: Mapping[str, object]) -> dict[str, object]:
    """Merge *extra* into *body*; tables of one name become one, as Ollama's `options`."""
    made = dict(body)
    for name, value in extra.items():
        before = made.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        made[name] = {**before, **value} if both else value  # type: ignore[dict-item]  # are both
    return made
