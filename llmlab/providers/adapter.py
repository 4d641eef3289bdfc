"""Interface of every provider adapter, and the steps that all of them share."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from llmlab.catalogue.models import Model
from llmlab.errors import BadParameter, CallError
from llmlab.providers.profile import ProviderProfile
from llmlab.records import Answer, Api, HttpCall, HttpReply, Piece, Request, Usage

NO_HEADERS: Final[Mapping[str, str]] = {}


class Decoder(Protocol):
    """Decodes a stream of bytes, cut anywhere, into the answer that a whole reply would give."""

    @property
    def text(self) -> str:
        """What the model has said so far."""
        ...

    @property
    def usage(self) -> Usage:
        """The tokens known so far; all None until the provider says."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the terminal marker has come; what follows it is ignored."""
        ...

    @property
    def failed(self) -> CallError | None:
        """The error that the stream carried, as soon as it is known."""
        ...

    def feed(self, chunk: bytes) -> list[Piece]:
        """Take the next bytes; never raise, `failed` tells."""
        ...

    def close(self) -> Answer:
        """Return the answer; raise the stream's own error, or `CutOff` if it has no end."""
        ...


class Adapter(Protocol):
    """One wire format of one provider."""

    @property
    def profile(self) -> ProviderProfile:
        """Return who the provider is."""
        ...

    @property
    def api(self) -> Api:
        """Return which wire format it is."""
        ...

    @property
    def provider(self) -> str:
        """Return the provider's name."""
        ...

    def write(self, request: Request, model: Model, base_url: str) -> HttpCall:
        """Return the HTTP request for *request* to the server at *base_url*."""
        ...

    def read(self, reply: HttpReply, request: Request) -> Answer:
        """Return the answer of a reply, or raise the `CallError` it stands for."""
        ...

    def stream(self, request: Request, headers: Mapping[str, str] = NO_HEADERS) -> Decoder:
        """Return a decoder for the reply's body; *headers* are the reply's, for its id."""
        ...


def unlisted(request: Request) -> Model:
    """Return the model of *request* when the caller knows nothing about it."""
    return Model(provider=request.provider, id=request.model, listed=False)


def refuse(request: Request, fields: Sequence[str], why: str) -> None:
    """Raise `BadParameter` if *request* sets one of *fields*, which this wire cannot say."""
    for name in fields:
        if getattr(request.parameters, name) not in (None, ()):
            raise BadParameter(f"{request.name} cannot take {name}: {why}")
