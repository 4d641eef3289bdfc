"""
A conversation with one model: what was said so far goes with each new message.

It lives in this object alone: the book keeps every answer, but not which conversation it was of.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from copy import copy
from decimal import Decimal
from typing import Any, Final, Literal

from msgspec.structs import replace

from llmlab.design.options import parameters_of
from llmlab.design.question import OPTIONS, Question, checked_text, one_model
from llmlab.errors import UsageError
from llmlab.records import Answer, Piece, Turn
from llmlab.runs.asking import answer_to
from llmlab.runs.services import Services
from llmlab.runs.streaming import streamed
from llmlab.views.conversation import conversation_html, conversation_text

_NOT_HERE: Final = ("values", "messages", "system")
"""Options of a question that a message of a conversation does not take."""
_WITHOUT_TEXT: Final = "no text came: the conversation goes on as if this had not been asked"
_HALF: Final[Mapping[str, str]] = {
    "cut": "the conversation goes on from an answer that was cut",
    "refused": "the conversation goes on from a refusal",
    "filtered": "the conversation goes on from an answer that was filtered",
    "unread": "the conversation goes on from an answer that may be half of one",
}


class Conversation:
    """
    What was said to one model and what it answered; `Lab.chat` begins one.

    `say` sends all of it with the new message, so each message costs the earlier ones again. What
    was said already is in the book: the same messages in the same order cost nothing, today and
    after a restart; `say(text, repeat=1)` draws another answer.

    A call that fails leaves the conversation as it was. An answer that was cut, refused or
    filtered is part of it, with a warning; an answer without text is not, nor is its question.
    """

    def __init__(
        self,
        services: Services,
        model: str | None,
        *,
        system: str | None,
        options: Mapping[str, Any],
    ) -> None:
        self._services = services
        self._system = None if system is None else checked_text(system, "system")
        self._options = _own(options)
        self._turns: tuple[Turn, ...] = ()
        self._answers: tuple[Answer, ...] = ()
        self._waits = False
        catalogue = services.catalogue
        name = services.settings.models if model is None else one_model(model, catalogue.lineups)
        self._label = catalogue.arms(name)[0].label
        parameters_of(_parameters(self._options), own=OPTIONS)

    # ---- saying something ---------------------------------------------------------------

    def say(self, text: str, *, tick: Callable[[], None] | None = None, **options: Any) -> Answer:
        """
        Say *text* and return the answer; *options* are for this message alone.

        Raises:
            UsageError: The text is empty, or another message waits for its answer.
            CallError: The call failed; the conversation is as it was.
        """
        with self._waiting():
            asked = self._asked(text)
            work = self._answer(asked, _own(options))
            return self._took(asked, self._services.engine.run(work, tick=tick, every=0.05))

    async def say_async(self, text: str, **options: Any) -> Answer:
        """Say *text*, from any event loop; see `say`."""
        with self._waiting():
            asked = self._asked(text)
            work = self._answer(asked, _own(options))
            return self._took(asked, await self._services.engine.bridge(work))

    async def stream(self, text: str, **options: Any) -> AsyncGenerator[Piece, None]:
        """
        Yield the pieces of the answer as they arrive; the last one has the whole `answer`.

        A stream that is left before its end, or fails, leaves the conversation as it was.
        """
        with self._waiting():
            asked, given = self._asked(text), _own(options)
            told = streamed(
                self._services.engine,
                lambda on_piece: self._answer(asked, {**given, "on_piece": on_piece}),
            )
            async with aclosing(told) as pieces:
                async for piece in pieces:
                    if piece.answer is None:
                        yield piece
                    else:
                        yield replace(piece, answer=self._took(asked, piece.answer))

    def fork(self) -> "Conversation":
        """Return a copy that goes on by itself, to try another message from here."""
        other = copy(self)
        other._waits = False  # noqa: SLF001 - of its own class
        return other

    # ---- what was said ------------------------------------------------------------------

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said, oldest first, the system prompt not included."""
        return self._turns

    @property
    def messages(self) -> list[dict[str, str]]:
        """What was said with the system prompt, as `ask(messages=...)` takes it."""
        system = [("system", self._system)] if self._system else []
        said = [*system, *((turn.role, turn.text) for turn in self._turns)]
        return [{"role": role, "content": text} for role, text in said]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Every answer, those without text too, oldest first; a copy begins with the earlier."""
        return self._answers

    @property
    def cost(self) -> Decimal | None:
        """
        Dollars that its answers cost; those of the book cost nothing. None without a price.

        A stand-in's are simulated, as in `Answer.cost`.
        """
        costs = [each.cost for each in self._answers if not each.from_book]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if len(known) == len(costs) else None

    def __len__(self) -> int:
        """Return the number of messages, the system prompt not included."""
        return len(self._turns)

    def __repr__(self) -> str:
        return conversation_text(self._label, self.messages, self.cost, simulated=self._by_stand_in)

    def _repr_html_(self) -> str:
        return conversation_html(self._label, self.messages, self.cost, simulated=self._by_stand_in)

    @property
    def _by_stand_in(self) -> bool:
        return any(each.backend == "stand-in" for each in self._answers)

    # ---- inside -------------------------------------------------------------------------

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Let one message at a time wait for its answer: the next one needs it."""
        if self._waits:
            raise UsageError(
                "this conversation waits for an answer: await it first, or say it to a fork()"
            )
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def _asked(self, text: str) -> Question:
        return Question(prompt=text, system=self._system, turns=self._turns, reuse=True)

    async def _answer(self, asked: Question, options: Mapping[str, Any]) -> Answer:
        return await answer_to(self._services, asked, self._label, **{**self._options, **options})

    def _took(self, asked: Question, answer: Answer) -> Answer:
        """Make question and answer part of the conversation, and say what is odd about it."""
        half = _HALF.get(answer.gap, "") if answer.text.strip() else _WITHOUT_TEXT
        if half:
            answer = replace(answer, warnings=(*answer.warnings, half))
        self._answers = (*self._answers, answer)
        if answer.text.strip():
            said: list[tuple[Literal["user", "assistant"], str]] = [
                ("user", str(asked.prompt)),
                ("assistant", answer.text),
            ]
            self._turns += tuple(Turn(role=role, text=text) for role, text in said)
        return answer


def _own(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return *options*, of which a conversation has some by itself."""
    odd = next((name for name in _NOT_HERE if name in options), None)
    if odd is not None:
        raise UsageError(
            f"a message of a conversation takes no {odd}: say what is meant, or ask(messages=...)"
        )
    return dict(options)


def _parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in options.items() if name not in OPTIONS}
