"""Tokens before sending: one set of counters for a lab, which learns from what providers report."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from llmlab.book import Book
from llmlab.catalogue import Model, ModelVariant
from llmlab.design.grid import merged
from llmlab.records import Answer, Parameters, Request
from llmlab.runs.runner import Planned
from llmlab.settings import Settings
from llmlab.templates import Template
from llmlab.templates.attachments import described
from llmlab.templates.written import written

if TYPE_CHECKING:
    from llmlab.tokens import Count, Counters, Fitted, Packer, TokenRoom

_KEY: Final = "counters"
_NAME: Final = "learned"
"""Name of the book's label for what was learned; the newest value counts."""

_LESSONS: Final = 200
"""Most answers of a run to learn from; the correction is settled long before."""


class Counting:
    """Counts, refuses prompts that cannot fit, and learns; vocabularies are loaded when needed."""

    def __init__(self, book: Callable[[], Book], settings: Settings) -> None:
        self._book = book
        self._settings = settings
        self._lock = threading.Lock()
        self._rooms: dict[tuple[int, str, int | None], TokenRoom] = {}

    @cached_property
    def counters(self) -> "Counters":
        """The counters, with the corrections learned in earlier runs."""
        from llmlab.tokens import Counters, Learned

        stored = self._book().labels(_NAME).get(_KEY)
        return Counters(learned=Learned.from_json(stored.encode()) if stored else None)

    @cached_property
    def packer(self) -> "Packer":
        """The packer, with what it has formatted already."""
        from llmlab.tokens import Packer

        return Packer(self.counters)

    def count(self, text: str, model: Model) -> "Count":
        """Return how many tokens *text* has for *model*, how that is known, and its band."""
        return self.counters.count(text, model)

    def fitted(
        self, template: Template, values: Mapping[str, object], arm: ModelVariant, base: Parameters
    ) -> "Fitted":
        """
        Fill *template* for one arm, its context blocks packed into what its window leaves.

        Raises:
            TokenBudgetError: A block that must be whole does not fit; says by how many tokens.
        """
        from llmlab.tokens import fit

        space = self._room(merged(arm, base).max_tokens, arm.model)
        return fit(template, values, arm.model, space, packer=self.packer)

    def _room(self, max_tokens: int, model: Model) -> "TokenRoom":
        found = self._rooms.get((max_tokens, model.name, model.context))
        if found is None:
            from llmlab.tokens import Tiers, room

            tiers = Tiers(local=self._settings.tier_local, api=self._settings.tier_api)
            found = room(model, max_tokens=max_tokens, tiers=tiers)
            self._rooms[max_tokens, model.name, model.context] = found
        return found

    def check(self, request: Request, model: Model) -> None:
        """
        Refuse a prompt that certainly does not fit, before it is sent (R-32).

        Raises:
            TokenBudgetError: Prompt and output limit pass the model's window or the tier's budget.
        """
        space = self._room(request.parameters.max_tokens, model)
        # Bytes bound tokens: most prompts are so short that nothing needs to be counted.
        words = request.prompt.words
        if request.prompt.attachments or len(words.encode()) > space.tokens:
            from llmlab.tokens import check

            check(request.prompt, model, space, self.counters)

    def learn(self, plan: Sequence[Planned], answers: "Sequence[tuple[str, Answer]]") -> None:
        """Learn from live answers just received: compare counted with reported tokens."""
        cells = {each.prepared.key: each for each in plan}
        lessons = [
            (cells[key], answer.usage.input)
            for key, answer in answers
            if key in cells and _teaches(answer, cells[key].prepared.request)
        ]
        if not lessons:
            return
        with self._lock:
            for each, reported in lessons[:_LESSONS]:
                request, model = each.prepared.request, each.prepared.model
                counted = self.counters.prompt(request.prompt, model)
                self.counters.learn(model, counted, reported or 0)
            self._book().mark(_KEY, _NAME, self.counters.learned.to_json().decode())


def shown(templates: Sequence[Template], values: Mapping[str, object]) -> dict[str, object]:
    """Return the slot values of *templates* as a judge reads them: whole, nothing cut."""
    from llmlab.tokens.fit import blocks_of

    found: dict[str, object] = {}
    for template in templates:
        blocks = blocks_of(template, values)
        for slot in template.slots:
            block = blocks.get(slot)
            if block is None:
                found.setdefault(slot, written(described(values[slot])))
                continue
            pieces = block.pieces(block.forms[0], _WHOLE)
            found.setdefault(slot, pieces.text(len(pieces.rows)))
    return found


_WHOLE: Final = 2
"""The tier whose blocks are written with every digit that matters."""


def _teaches(answer: Answer, request: Request) -> bool:
    """Say whether the count is the provider's own, of the real model, for the words alone."""
    usage, asked = answer.usage, request.parameters
    if asked.tools or asked.schema is not None:
        return False  # both are in the count, too
    return (
        answer.backend == "live"
        and not answer.from_book
        and not usage.estimated
        and not usage.searches
        and not request.prompt.attachments
        and bool(usage.input)
    )
