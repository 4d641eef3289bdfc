"""Which models an Ollama server has pulled: one that is not is refused before it is asked."""

from llmlab.backends.health import probe
from llmlab.backends.served import tagged
from llmlab.catalogue import Model
from llmlab.errors import CallError, UsageError
from llmlab.providers.ollama.models import read_tags, tags_call
from llmlab.wire import Endpoint, Session


class Pulled:
    """The models pulled on Ollama servers, listed once each, and again on a miss."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[str, frozenset[str]] = {}

    async def has(self, name: str, endpoint: Endpoint) -> bool:
        """
        Return whether the server has the model; a missing one may have been pulled meanwhile.

        True for a server that does not list its models: the call itself reports what is wrong.
        """
        known = self._names.get(endpoint.base_url)
        if known is not None and tagged(name) in known:
            return True
        try:
            exchange = await probe(self._session, tags_call(endpoint.base_url), endpoint)
            tags = read_tags(exchange.reply)
        except CallError:
            return True
        names = self._names[endpoint.base_url] = frozenset(tagged(tag.name) for tag in tags)
        return tagged(name) in names

    def nearest(self, endpoint: Endpoint) -> str:
        """Return the names of pulled models, for an error message."""
        return ", ".join(sorted(self._names.get(endpoint.base_url, ()))) or "none"


async def require_pulled(pulled: Pulled, model: Model, endpoint: Endpoint) -> None:
    """
    Refuse a model that a live Ollama server does not have, before any prompt is sent (R-05).

    Raises:
        UsageError: The model is not pulled; the message has the command that pulls it.
    """
    if endpoint.provider != "ollama" or endpoint.backend != "live":
        return
    if not await pulled.has(model.id, endpoint):
        raise UsageError(
            f"{model.name} is not pulled: run `ollama pull {model.id}` "
            f"(the server has {pulled.nearest(endpoint)})"
        )
