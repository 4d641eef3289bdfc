"""Collects the parts of a reply, whole or streamed, and builds the `Answer`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Struct, structs

from llmlab.providers.believed import NOTHING, all_can_be, what_cannot_be
from llmlab.providers.decoding import UNREADABLE
from llmlab.providers.functions import HeardCall
from llmlab.providers.logprobs import tokens_of
from llmlab.providers.structured import parsed_of
from llmlab.providers.tiers import served_at
from llmlab.records import (
    OWN_MACHINE,
    Answer,
    Finish,
    Piece,
    Request,
    Source,
    TokenLogprob,
    Usage,
)


class ResponseBuilder(Struct, kw_only=True):
    """The parts of a reply, in whatever order they come."""

    texts: list[str] = msgspec.field(default_factory=list)
    thoughts: list[str] = msgspec.field(default_factory=list)
    refusals: list[str] = msgspec.field(default_factory=list)
    model: str = ""
    id: str | None = None
    fingerprint: str | None = None
    stop: str | None = None
    """The provider's own word for why it stopped."""
    tools: bool = False
    """Whether it calls a function, whether or not the call can be read."""
    calls: list[HeardCall] = msgspec.field(default_factory=list)
    tokens: list[TokenLogprob] = msgspec.field(default_factory=list)
    usage: Usage = NOTHING
    billed: Decimal | None = None
    tier: str | None = None
    """The tier of service it was served at, "" for the standard one; None where none is said."""
    region: str = ""
    sources: list[Source] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the words of the answer, or those of the refusal."""
        return "".join(self.texts) or "".join(self.refusals)

    def say(self, text: str | None, reasoning: str | None = None) -> Piece | None:
        """Take a piece of the answer, of the reasoning, or of both; None if it is neither."""
        if text:
            self.texts.append(text)
        if reasoning:
            self.thoughts.append(reasoning)
        return Piece(text=text or "", reasoning=reasoning or "") if text or reasoning else None

    def decline(self, text: str | None) -> Piece | None:
        """Take a piece of a refusal, which the caller sees as text."""
        if not text:
            return None
        self.refusals.append(text)
        return Piece(text=text)

    def cite(self, url: str, title: str = "") -> None:
        """Note a page that the answer cites; a page cited twice is one source."""
        if url and all(url != source.url for source in self.sources):
            self.sources.append(Source(url=url, title=title))

    def weigh(self, found: object) -> None:
        """Take the next tokens with their log-probabilities."""
        tokens, odd = tokens_of(found)
        self.tokens += tokens
        self.warn(*([odd] if odd else []))

    def warn(self, *texts: str) -> None:
        """Note what is odd, once."""
        for text in texts:
            if text not in self.warnings:
                self.warnings.append(text)

    def answer(
        self,
        request: Request,
        finishes: Mapping[str, Finish],
        request_id: str | None = None,
    ) -> Answer:
        """Return the answer; *finishes* translates the provider's word for the end."""
        finish = self._finish(finishes)
        text = self.text
        parsed, notes = parsed_of(text, request.parameters.schema, finish)
        self.warn(*notes)
        if self.usage.output is None or self.usage.input is None:
            self.warn(*self._uncounted(request))
        if request.parameters.logprobs is not None and not self.tokens and text:
            self.warn("no log-probabilities came, though they were asked for")
        request_id = request_id or self.id
        if not all_can_be(self.usage, self.billed):
            self.warn(what_cannot_be(self.usage, self.billed, request_id))
            self.usage, self.billed = NOTHING, None
        return Answer(
            text=text,
            usage=self._usage(request),
            finish=finish,
            model=self.model or request.model,
            requested=request.name,
            provider=request.provider,
            reasoning="".join(self.thoughts),
            parsed=parsed,
            billed=self.billed,
            request_id=request_id,
            fingerprint=self.fingerprint,
            sources=tuple(self.sources),
            tool_calls=tuple(each.made() for each in self.calls) if self.calls else (),
            logprobs=tuple(self.tokens),
            warnings=self._named(request.provider, request_id) if self.warnings else (),
        )

    def _named(self, provider: str, request_id: str | None) -> tuple[str, ...]:
        return tuple(_with_id(text, provider, request_id) for text in self.warnings)

    def _usage(self, request: Request) -> Usage:
        tier = self.tier
        if tier is None:
            tier = served_at(None, request.parameters.tier)
        if not tier and not self.region:
            return self.usage
        return structs.replace(self.usage, service_tier=tier, region=self.region)

    def _uncounted(self, request: Request) -> list[str]:
        """Name the counts that a reply lacks; where Ollama's are absent they are estimated."""
        if request.provider in OWN_MACHINE or any(UNREADABLE in each for each in self.warnings):
            return []
        counts = {"input": self.usage.input, "output": self.usage.output}
        lacking = [name for name, count in counts.items() if count is None]
        named = " and ".join(f"usage.{name}" for name in lacking)
        return [f"no {named} in the reply: what it cost is not known"] if lacking else []

    def stated(self) -> tuple[Usage | None, Decimal | None]:
        """Return what a reply without an answer says that it used and cost; None where nothing."""
        if self.usage.output is None or not all_can_be(self.usage, self.billed):
            return None, None
        tier = {"service_tier": self.tier or "", "region": self.region}
        return structs.replace(self.usage, **tier), self.billed

    def _finish(self, finishes: Mapping[str, Finish]) -> Finish:
        if self.refusals:
            return "refusal"
        if self.stop is None:
            self.warn("the provider did not say why the answer ended")
        finish = finishes.get(self.stop, "other") if self.stop else "stop"
        if finish == "other":
            self.warn(f"it ended for a reason that llmlab does not know: {str(self.stop)[:40]!r}")
        return "tool" if self.tools and finish == "stop" else finish


_NAMED: Final = (UNREADABLE, "unknown ", "no usage")
"""How warnings begin that need to say whose reply it was."""


def unknown(what: str, word: object) -> str:
    """Name a part of a reply that llmlab does not know, and does not read."""
    return f"unknown {what} {str(word)[:40]!r}, which is not read"


def _with_id(warning: str, provider: str, request_id: str | None) -> str:
    """Add who replied, and the request's id: the provider's support asks for it."""
    if not warning.startswith(_NAMED):
        return warning
    return f"{warning} ({provider}, request {request_id or 'without an id'})"
