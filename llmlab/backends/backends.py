"""
Backends: which server answers for each provider, its own or a stand-in.

With a key (Ollama: with a server) the provider is live. Otherwise a stand-in answers: the
loopback simulator speaks the provider's wire format and the embedded model writes the text.
Where the embedded model is not available, a seeded rule writes it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from llmlab.backends.addresses import (
    headers_of,
    keys_in_headers,
    lacking,
    place_of,
    usual_address,
    with_query,
)
from llmlab.catalogue import Catalogue
from llmlab.catalogue.models import Provider
from llmlab.errors import BadKey, ConfigError, LocalModelError, UsageError, suggest
from llmlab.providers.ollama.host import host_of
from llmlab.secrets import Address, Environment, Secret
from llmlab.settings import Settings
from llmlab.wire import Endpoint
from llmlab.wire.endpoint import checked_url

if TYPE_CHECKING:
    from llmlab.local import LocalServer
    from llmlab.sim import Author, EmbeddedAuthor, Simulator
    from llmlab.sim.authors.turns import Turns

_STAND_IN_KEYS: Final = {
    "openai": "sk-stand-in-000000000000000000000000",
    "anthropic": "sk-ant-api03-stand-in-00000000000000",
    "deepseek": "sk-00000000000000000000000000000000",
    "xai": "xai-stand-in-00000000000000000000000",
}
"""Well-formed dummy keys for the simulator, which checks their shape."""


class Backends:
    """The endpoints of a lab, made when first needed; it stops what it started."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        settings: Settings,
        env: Mapping[str, str],
        waiting: str = "",
    ) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._env = Environment.of(env)
        self._waiting = waiting
        self._made: dict[str, Endpoint] = {}
        self._simulator: Simulator | None = None
        self._writer: EmbeddedAuthor | None = None
        self._local: LocalServer | None = None
        self._line: Turns | None = None
        self._lock = asyncio.Lock()
        self.author = ""
        """What writes the stand-ins' answers: `embedded` or `rule`; empty before the first."""
        self.trouble = ""
        """Why the embedded model does not write them, and the fix."""

    def check(self, providers: Iterable[str]) -> None:
        """
        Refuse malformed keys, and addresses that would leak one; nothing is started or sent.

        Raises:
            BadKey: Names the variable and the shape of a key.
            ConfigError: An address is malformed, or plain http to another machine, or a project
                file needs the user's approval.
        """
        self._require_word()
        for name in providers:
            self._base_url(self._catalogue.providers[name])
            self._key(self._catalogue.providers[name])

    async def endpoint(self, provider: str) -> Endpoint:
        """
        Return the endpoint of *provider*, starting a stand-in where needed.

        Raises:
            UsageError: In replay mode, where nothing is started or sent.
        """
        if self._settings.mode == "replay":
            raise UsageError("replay mode sends nothing: use mode='live' for this")
        self._require_word()
        async with self._lock:
            if provider not in self._made:
                self._made[provider] = await self._make(provider)
            return self._made[provider]

    @property
    def all_stand_in(self) -> bool:
        """Whether the lab's mode replaces every provider by a stand-in."""
        return self._settings.mode == "stand-in"

    def profile(self, provider: str) -> Provider:
        """Return the profile of *provider*."""
        return self._catalogue.providers[provider]

    def named(self, provider: str | None = None) -> tuple[str, ...]:
        """
        Return the providers that may be checked, or only *provider*.

        Raises:
            UsageError: No provider has this name, or replay mode, where nothing is sent.
        """
        if self._settings.mode == "replay":
            raise UsageError("replay mode sends nothing: use mode='live' for this")
        names = tuple(
            name for name, profile in self._catalogue.providers.items() if profile.base_url
        )
        if provider is None:
            return tuple(name for name in names if self._is_used(self._catalogue.providers[name]))
        if provider not in names:
            raise UsageError(f"no provider is called {provider!r}; {suggest(provider, names)}")
        return (provider,)

    def _is_used(self, provider: Provider) -> bool:
        """Say whether to show a provider: those that llmlab only brings, where they are set up."""
        own = self._own_address(provider) is not None
        return not provider.preset or own or any(self._env.get(key) for key in provider.keys)

    async def live(self, provider: str) -> Endpoint | None:
        """Return *provider*'s own endpoint, None without key or server; nothing is started."""
        profile = self._catalogue.providers[provider]
        if self._settings.mode in {"replay", "stand-in"} or not profile.base_url:
            return None
        self._require_word()
        return self._live(profile) if await self._is_live(profile) else None

    async def close(self) -> None:
        """Stop the simulator and the embedded model, if they were started."""
        simulator, self._simulator = self._simulator, None
        local, self._local = self._local, None
        writer, self._writer = self._writer, None
        self._made.clear()
        if simulator is not None:
            await simulator.close()
        if writer is not None:
            await writer.close()
        if local is not None:
            await asyncio.to_thread(local.stop)

    def _require_word(self) -> None:
        if self._waiting:
            raise ConfigError(self._waiting)

    async def _make(self, name: str) -> Endpoint:
        if name == "local":
            return await self._embedded()
        provider = self._catalogue.providers[name]
        if self._settings.mode != "stand-in" and await self._is_live(provider):
            return self._live(provider)
        if provider.speaks or provider.preset:
            raise UsageError(_no_stand_in(provider, lacking(provider, self._env)))
        return await self._stand_in(name)

    async def _is_live(self, provider: Provider) -> bool:
        if not self._base_url(provider):
            return False
        if self._key(provider) is not None:
            return True
        if provider.key_needed and provider.keys:
            return False
        return self._own_address(provider) is not None or await self._answers(provider)

    async def _answers(self, provider: Provider) -> bool:
        """Return whether a keyless provider's usual address on this machine accepts connections."""
        place = place_of(usual_address(provider, self._env))
        if place is None:
            return False
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(*place), 0.5)
        except (OSError, TimeoutError):
            return False
        writer.close()
        await writer.wait_closed()
        return True

    def _live(self, provider: Provider) -> Endpoint:
        url = self._base_url(provider)
        # Who answers decides which answers are the same: each of a gateway's hosts is its own.
        moved = self._own_address(provider) is not None or "${" in provider.base_url
        return Endpoint(
            provider=provider.name,
            base_url=str(url),
            key=self._key(provider),
            login=url.login,
            identity=f"{provider.name} at {url}" if moved else provider.name,
            idempotency=provider.idempotency,
            key_header=provider.key_header,
            more_headers=headers_of(provider, self._env),
            more_keys=keys_in_headers(provider, self._env),
        )

    def _own_address(self, provider: Provider) -> Address | None:
        """The address that the user set, in the settings or the provider's usual variable."""
        set_to = self._settings.base_urls.get(provider.name)
        return set_to or Address.of(self._env.get(provider.base_url_env, "")) or None

    def _base_url(self, provider: Provider) -> Address:
        url = self._own_address(provider) or usual_address(provider, self._env)
        if not url:
            return url
        if provider.name == "ollama":
            url = Address(host_of(url), login=url.login, query=url.query)
        setting = f"base_urls.{provider.name}"
        is_set = provider.name in self._settings.base_urls
        where = setting if is_set else provider.base_url_env or setting
        url = checked_url(url, name=where, plain_http=self._settings.plain_http)
        return with_query(url, provider, self._env)

    def _key(self, provider: Provider) -> Secret | None:
        """Return the key from the provider's variables, in order; a malformed one is an error."""
        for variable in provider.keys:
            key = self._env.secret(variable)
            if key is None:
                continue
            # Another server may have other keys; only the provider's own format is checked.
            standard = self._own_address(provider) is None
            if standard and provider.key_shape and not key.matches(provider.key_shape):
                raise BadKey(
                    f"{variable} does not look like a key of {provider.title}: {provider.key_hint}"
                )
            return key
        return None

    async def _stand_in(self, name: str) -> Endpoint:
        simulator = await self._running()
        return Endpoint(
            provider=name,
            base_url=simulator.base_url(name),
            key=Secret(_STAND_IN_KEYS[name]) if name in _STAND_IN_KEYS else None,
            backend="stand-in",
            identity=f"{name}, stand-in by {self.author}",
            line=self._line if self.author == "embedded" else None,
        )

    async def _running(self) -> "Simulator":
        if self._simulator is None:
            from llmlab.sim import Simulator

            self._simulator = Simulator(author=await self._author())
            await self._simulator.start()
        return self._simulator

    async def _author(self) -> "Author":
        from llmlab.sim import EmbeddedAuthor, RuleAuthor

        try:
            server = await self._local_server()
        except LocalModelError as error:
            self.author, self.trouble = "rule", str(error)
            return RuleAuthor(seed=0)
        self.author = "embedded"
        self._writer = EmbeddedAuthor(server.addresses, server.key, self._line)
        return self._writer

    async def _embedded(self) -> Endpoint:
        from llmlab.local.model import SMOLLM2

        server = await self._local_server()
        return Endpoint(
            provider="local",
            base_url=f"{server.address}/v1",
            key=Secret(server.key),
            backend="local",
            identity=f"local {SMOLLM2.sha256[:12]}",
            line=self._line,
            line_at=server.address,
        )

    async def _local_server(self) -> "LocalServer":
        if self._local is None or not self._local.alive:
            from llmlab.local import LocalServer, model_path
            from llmlab.sim.authors.turns import Turns

            path = model_path(self._settings.local_model)
            self._local = await asyncio.to_thread(LocalServer.start, path)
            self._line = Turns(self._local.addresses)
        return self._local


def _no_stand_in(provider: Provider, variable: str) -> str:
    """Say what a gateway lacks: no stand-in knows its models."""
    keys = " or ".join(provider.keys)
    needs = variable or keys if provider.key_needed or variable else ""
    fix = f"set {needs}" if needs else f"start its server at {provider.base_url}"
    more = f" ({provider.console})" if provider.console else ""
    return f"{provider.name} cannot be asked: {fix}{more}; stand-ins do not play a gateway's models"


def state_of(provider: Provider, env: Mapping[str, str]) -> str:
    """Return a provider's state in words: `live`, `stand-in`, or what a gateway lacks."""
    if any(env.get(key) for key in provider.keys) or env.get(provider.base_url_env):
        return "live"
    if provider.speaks or provider.preset:
        return "no key" if provider.key_needed and provider.keys else "live if a server answers"
    return "stand-in" if provider.key_needed else "live if a server answers, else stand-in"
