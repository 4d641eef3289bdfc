"""
Who answers for each provider: its own server, or the simulator in its place.

With a key (Ollama: with a server) the provider is live. Without, its arms are played by a
stand-in: the loopback simulator speaks the provider's wire format and the embedded model
writes the words. Where the embedded model cannot be had, a seeded rule writes them.
"""

import asyncio
import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from llmlab.catalogue import Catalogue
from llmlab.catalogue.models import Provider
from llmlab.errors import BadKey, ConfigError, LocalModelError, UsageError
from llmlab.providers.ollama.host import host_of
from llmlab.secrets import Address, Environment, Secret
from llmlab.settings import Settings
from llmlab.wire import Endpoint
from llmlab.wire.endpoint import checked_url

if TYPE_CHECKING:
    from llmlab.local import LocalServer
    from llmlab.sim import Author, EmbeddedAuthor, Simulator

_STAND_IN_KEYS: Final = {
    "openai": "sk-stand-in-000000000000000000000000",
    "anthropic": "sk-ant-api03-stand-in-00000000000000",
    "deepseek": "sk-00000000000000000000000000000000",
    "xai": "xai-stand-in-00000000000000000000000",
}
"""Well-formed keys that open nothing but the simulator, which checks their shape."""


class Backends:
    """The endpoints of a lab, made when first asked for; what it started it also stops."""

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
        self._lock = asyncio.Lock()
        self.author = ""
        """Who writes the stand-ins' words: `embedded` or `rule`; empty before the first."""
        self.trouble = ""
        """Why the embedded model does not write them, and how to mend it."""

    def check(self, providers: Iterable[str]) -> None:
        """
        Refuse malformed keys and addresses that would leak one; nothing is started or sent.

        Raises:
            BadKey: Names the variable and the shape of a key.
            ConfigError: An address is no address, or plain http to another machine, or what a
                file of the project says waits for the user's word.
        """
        self._require_word()
        for name in providers:
            self._base_url(self._catalogue.providers[name])
            self._key(self._catalogue.providers[name])

    async def endpoint(self, provider: str) -> Endpoint:
        """
        Return the endpoint that answers for *provider*, starting what it needs.

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
        """Whether the lab's mode leaves no provider to answer for itself."""
        return self._settings.mode == "stand-in"

    def profile(self, provider: str) -> Provider:
        """Return who *provider* is."""
        return self._catalogue.providers[provider]

    def named(self, provider: str | None = None) -> tuple[str, ...]:
        """
        Return the providers that may be asked how they are, or only *provider*.

        Raises:
            UsageError: No provider has this name, or replay mode, where nothing is asked.
        """
        if self._settings.mode == "replay":
            raise UsageError("replay mode sends nothing: use mode='live' for this")
        names = tuple(
            name for name, profile in self._catalogue.providers.items() if profile.base_url
        )
        if provider is None:
            return names
        if provider not in names:
            near = difflib.get_close_matches(provider, names, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise UsageError(f"no provider is called {provider!r}; {hint}")
        return (provider,)

    async def live(self, provider: str) -> Endpoint | None:
        """Return where *provider* itself answers, None without key or server; nothing starts."""
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
        return await self._stand_in(name)

    async def _is_live(self, provider: Provider) -> bool:
        if self._key(provider) is not None:
            return True
        if provider.key_needed:
            return False
        return self._own_address(provider) is not None or await self._answers(provider)

    async def _answers(self, provider: Provider) -> bool:
        """Knock at a keyless provider's usual address on this machine (no completion)."""
        host, _, port = provider.base_url.removeprefix("http://").partition(":")
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 0.5)
        except (OSError, TimeoutError):
            return False
        writer.close()
        await writer.wait_closed()
        return True

    def _live(self, provider: Provider) -> Endpoint:
        url, own = self._base_url(provider), self._own_address(provider)
        return Endpoint(
            provider=provider.name,
            base_url=str(url),
            key=self._key(provider),
            login=url.login,
            identity=provider.name if own is None else f"{provider.name} at {url}",
            idempotency=provider.idempotency,
        )

    def _own_address(self, provider: Provider) -> Address | None:
        """The address the user set, in the settings or in the provider's usual variable."""
        set_to = self._settings.base_urls.get(provider.name)
        return set_to or Address.of(self._env.get(provider.base_url_env, "")) or None

    def _base_url(self, provider: Provider) -> Address:
        url = self._own_address(provider) or Address.of(provider.base_url)
        if not url:
            return url
        if provider.name == "ollama":
            url = Address(host_of(url), login=url.login, query=url.query)
        setting = f"base_urls.{provider.name}"
        is_set = provider.name in self._settings.base_urls
        where = setting if is_set else provider.base_url_env or setting
        return checked_url(url, name=where, plain_http=self._settings.plain_http)

    def _key(self, provider: Provider) -> Secret | None:
        """Find the key in the provider's variables, best first; a malformed one is an error."""
        for variable in provider.keys:
            key = self._env.secret(variable)
            if key is None:
                continue
            # Another server has its own idea of keys; only the provider's own are checked.
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
        self._writer = EmbeddedAuthor(server.addresses, server.key)
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
        )

    async def _local_server(self) -> "LocalServer":
        if self._local is None or not self._local.alive:
            from llmlab.local import LocalServer, model_path

            path = model_path(self._settings.local_model)
            self._local = await asyncio.to_thread(LocalServer.start, path)
        return self._local


def state_of(provider: Provider, env: Mapping[str, str]) -> str:
    """Say in a word or two what a provider would be now: `live`, `stand-in`, or what is missing."""
    if any(env.get(key) for key in provider.keys) or env.get(provider.base_url_env):
        return "live"
    return "stand-in" if provider.key_needed else "live if a server answers, else stand-in"
