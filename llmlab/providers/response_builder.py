"""What was heard from a model, whole or streamed, and how it becomes an `Answer`."""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Final

import msgspec
from msgspec import Struct

from llmlab.providers.believed import NOTHING, all_can_be, what_cannot_be
from llmlab.providers.decoding import UNREADABLE
from llmlab.providers.structured import parsed_of
from llmlab.records import Answer, Finish, Piece, Request, Source, Usage

_TICKS: Final = Decimal(10) ** 10
"""xAI's `cost_in_usd_ticks` to the dollar (docs.x.ai, "Cost tracking")."""
_EXACT: Final = Context(prec=60)
"""Our own: a notebook that sets `getcontext().prec = 6` must not round a bill."""


class ResponseBuilder(Struct, kw_only=True):
    """All a reply says, in whichever order it says it."""

    texts: list[str] = msgspec.field(default_factory=list)
    thoughts: list[str] = msgspec.field(default_factory=list)
    refusals: list[str] = msgspec.field(default_factory=list)
    model: str = ""
    id: str | None = None
    fingerprint: str | None = None
    stop: str | None = None
    """The provider's own word for why it stopped."""
    tools: bool = False
    usage: Usage = NOTHING
    billed: Decimal | None = None
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
        request_id = request_id or self.id
        if not all_can_be(self.usage, self.billed):
            self.warn(what_cannot_be(self.usage, self.billed, request_id))
            self.usage, self.billed = NOTHING, None
        return Answer(
            text=text,
            usage=self.usage,
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
            warnings=tuple(_with_id(text, request_id) for text in self.warnings),
        )

    def _finish(self, finishes: Mapping[str, Finish]) -> Finish:
        if self.refusals:
            return "refusal"
        if self.stop is None:
            self.warn("the provider did not say why the answer ended")
        elif self.stop not in finishes:
            self.warn(f"unknown reason for the end: {self.stop[:40]!r}, taken as a stop")
        finish = finishes.get(self.stop or "", "stop")
        return "tool" if self.tools and finish == "stop" else finish


def _with_id(warning: str, request_id: str | None) -> str:
    """Add the request's id to a warning about counts: the provider's support asks for it."""
    return f"{warning} (request {request_id})" if warning.startswith(UNREADABLE) else warning


def dollars(ticks: int | None) -> Decimal | None:
    """Return the dollars of *ticks*, which xAI counts ten billion to the dollar."""
    return None if ticks is None else _EXACT.divide(Decimal(ticks), _TICKS)


def odd_usage(usage: Usage, total: int | None) -> list[str]:
    """Return what does not add up in *usage*, in words; nothing is put right."""
    whole, output = usage.input, usage.output
    odd: list[str] = []
    if total is not None and whole is not None and output is not None and total != whole + output:
        odd.append(f"usage does not add up: {whole} in + {output} out is not the total {total}")
    if whole is not None and (usage.cached or 0) + usage.cache_write > whole:
        odd.append(f"usage does not add up: more cached than the whole input of {whole}")
    if usage.reasoning is not None and output is not None and usage.reasoning > output:
        odd.append(f"usage does not add up: {usage.reasoning} reasoning in {output} out")
    if usage.cache_write_1h > usage.cache_write:
        odd.append("usage does not add up: more cached for an hour than cached at all")
    return odd
