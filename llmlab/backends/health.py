"""
Health checks of providers and lists of what they serve, by free requests only.

In: a session, endpoints. Out: one row per provider, lists of models, errors before a prompt is
sent.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from llmlab.backends.backends import Backends
from llmlab.errors import CallError, TimedOut
from llmlab.providers.adapter import Adapter
from llmlab.providers.listing import ListedModel, health_call, models_call, read_health, read_models
from llmlab.providers.registry import adapter_of
from llmlab.records import HttpCall
from llmlab.wire import Endpoint, Session
from llmlab.wire.session import Exchange

KEPT_S: Final = 60.0
"""Seconds for which a finding is cached."""

PATIENCE_S: Final = 10.0
"""Time-out of a free request, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The state of a provider; `checked` is the request that was made, empty for none."""

    provider: str
    endpoint: str
    """Host that was checked."""
    state: str
    """`ok`, `no key`, `no server`, `stand-in`, or the kind of error, such as `AuthFailed`."""
    detail: str
    checked: str
    latency_s: float | None
    checked_at: datetime


class Health:
    """Checks each provider's free endpoint and caches the finding for a minute."""

    def __init__(
        self, session: Session, backends: Backends, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._session = session
        self._backends = backends
        self._clock = clock
        self._found: dict[str, tuple[float, Finding]] = {}
        self._listed: dict[str, tuple[float, tuple[ListedModel, ...]]] = {}

    async def look(self, providers: Iterable[str]) -> list[Finding]:
        """Return a finding for each of *providers*; those not cached are checked concurrently."""
        looks = [self._remembered(name) for name in providers]
        return list(await asyncio.gather(*looks))

    async def listed(self, providers: Iterable[str]) -> dict[str, tuple[ListedModel, ...]]:
        """Return the models that each provider lists; providers that do not answer are left out."""
        names = list(providers)
        lists = await asyncio.gather(*[self._list(name) for name in names])
        return {name: each for name, each in zip(names, lists, strict=True) if each is not None}

    async def _remembered(self, provider: str) -> Finding:
        at, finding = self._found.get(provider, (-KEPT_S, None))
        if finding is None or self._clock() - at >= KEPT_S:
            finding = await self._look(provider)
            self._found[provider] = (self._clock(), finding)
        return finding

    async def _look(self, provider: str) -> Finding:
        endpoint = await self._backends.live(provider)
        if endpoint is None:
            return self._absent(provider)
        adapter = self._adapter(provider)
        call = health_call(adapter, endpoint.base_url)
        try:
            exchange = await probe(self._session, call, endpoint)
            state, detail, latency = "ok", read_health(exchange.reply, adapter), exchange.latency
        except CallError as error:
            state, detail, latency = error.kind, endpoint.scrubber.text(str(error)), None
        return Finding(
            provider=provider,
            endpoint=urlsplit(call.url).netloc,
            state=state,
            detail=detail,
            checked=f"{call.method} {urlsplit(call.url).path}",
            latency_s=latency,
            checked_at=self._now(),
        )

    def _absent(self, provider: str) -> Finding:
        profile = self._backends.profile(provider)
        stand_in = self._backends.all_stand_in
        state = "stand-in" if stand_in else "no key" if profile.key_needed else "no server"
        return Finding(
            provider=provider,
            endpoint="",
            state=state,
            detail="stand-ins answer here, by the lab's mode" if stand_in else profile.console,
            checked="",
            latency_s=None,
            checked_at=self._now(),
        )

    async def _list(self, provider: str) -> tuple[ListedModel, ...] | None:
        at, known = self._listed.get(provider, (-KEPT_S, None))
        if known is not None and self._clock() - at < KEPT_S:
            return known
        endpoint = await self._backends.live(provider)
        if endpoint is None:
            return None
        adapter = self._adapter(provider)
        try:
            exchange = await probe(self._session, models_call(adapter, endpoint.base_url), endpoint)
            listed = read_models(exchange.reply, adapter)
        except CallError:
            # A provider that does not answer is left out; `health` says what is wrong.
            return None
        self._listed[provider] = (self._clock(), listed)
        return listed

    def _adapter(self, provider: str) -> Adapter:
        home = self._backends.profile(provider)
        return adapter_of(provider, home.apis[0], speaks=home.speaks, dialect=home.dialect)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), tz=UTC)


async def probe(session: Session, call: HttpCall, endpoint: Endpoint) -> Exchange:
    """Send a free request; raise `TimedOut` after `PATIENCE_S` seconds."""
    try:
        return await asyncio.wait_for(session.send(call, endpoint), PATIENCE_S)
    except TimeoutError:
        raise TimedOut(f"no answer within {PATIENCE_S:g} s", provider=endpoint.provider) from None
