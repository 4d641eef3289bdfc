"""Profile of a provider on the wire: headers, paths, free endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import structs

from llmlab.providers.caching import cache_key_of
from llmlab.records import Auth, HttpCall, Request

_ENCODER: Final = msgspec.json.Encoder()
_MODEL: Final = "{model}"
"""Stands in a base address for the model, as in Azure's `/openai/deployments/{model}`."""
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
    cache_field: str = ""
    """The field that names the shared beginning of prompts; empty where there is none."""

    def call(self, base_url: str, path: str, body: Mapping[str, object] | None = None) -> HttpCall:
        """Return the call of *path*: a POST of *body* as JSON, or a GET without one."""
        url = self._url(base_url, path, body or {})
        if body is None:
            return HttpCall(url=url, method="GET", headers=self.headers, auth=self.auth)
        return HttpCall(
            url=url,
            body=_ENCODER.encode(body),
            headers=self.headers,
            auth=self.auth,
            sent=_without_words(body),
        )

    def _url(self, base_url: str, path: str, body: Mapping[str, object]) -> str:
        if "?" in base_url or _MODEL in base_url:
            return self._placed(base_url, path, str(body.get("model", "")))
        return self.base_of(base_url).rstrip("/") + path

    def _placed(self, base_url: str, path: str, model: str) -> str:
        """Return the address of *path* where the base has a query, or a place for the model."""
        base, _, query = base_url.partition("?")
        base = self.base_of(base).rstrip("/")
        if _MODEL in base:
            # What is asked of no model, such as the list of models, is asked above it.
            above = base.partition(_MODEL)[0].rstrip("/").rpartition("/")[0]
            base = base.replace(_MODEL, quote(model, safe="")) if model else above
        joint = "&" if "?" in path else "?"
        return base + path + (joint + query if query else "")

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
        if self.standard is None or self.standard[0] in body:
            return self.call(base_url, path, body)
        asked, sent = _ENCODER.encode(body), _without_words(body)
        sent[self.standard[0]] = self.standard[1]
        return HttpCall(
            url=self._url(base_url, path, body),
            body=asked[:-1] + _closing(self.standard),
            headers=self.headers,
            auth=self.auth,
            sent=sent,
            asked=asked,
        )

    def keyed(self, call: HttpCall, request: Request) -> HttpCall:
        """Return *call* with a name for what its prompt shares with others; it asks the same."""
        name = cache_key_of(request) if self.cache_field else ""
        if not name or self.cache_field in call.sent:
            return call
        body = call.body[:-1] + b"," + _ENCODER.encode({self.cache_field: name})[1:]
        sent = {**call.sent, self.cache_field: name}
        return structs.replace(call, body=body, sent=sent, asked=call.asked or call.body)

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


def _without_words(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if name not in _WORDS}


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
