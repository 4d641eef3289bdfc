"""
A tape: what was answered, without keys, to be handed out again where nothing can be sent.

In: lines, one an outcome. Out: the outcome of a question, found by its content alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from msgspec import structs

from llmlab.calls.identity import content_of
from llmlab.errors import ReplayMiss, UsageError
from llmlab.records import Answer, Failure, Outcome, Request, Row


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Use:
    """Where an outcome was a row: a cell of a run, or a single question."""

    run: str
    prompt: str
    label: str
    input: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeLine:
    """One outcome, and everything that is needed to find it."""

    content: str
    """Name of the question, whoever answers: `identity.content_of`."""
    key: str
    """Its name in the book it came from; the rows' `request_hash`."""
    by: str
    """Who answered, as the book tells answers apart."""
    model: str
    """`provider/model` as asked."""
    repeat: int = 0
    uses: tuple[Use, ...] = ()
    answer: Answer | None = None
    failure: Failure | None = None

    @property
    def outcome(self) -> Outcome:
        """The answer, or why there is none."""
        outcome = self.answer or self.failure
        assert outcome is not None  # noqa: S101 - every maker and the file's reader see to it
        return outcome

    @property
    def order(self) -> tuple[str, str, str, bool, tuple[Use, ...]]:
        """Its place in the file."""
        return self.content, self.by, self.key, self.answer is None, self.uses


def line_of(row: Row, *, content: str, by: str) -> TapeLine:
    """Make the line of a row; what the book answered is written as the provider said it."""
    request, outcome = row.request, row.outcome
    answer = structs.replace(outcome, from_book=False) if isinstance(outcome, Answer) else None
    use = Use(run=row.run, prompt=request.prompt.name, label=request.label, input=row.input_id)
    return TapeLine(
        content=content,
        key=row.request_hash,
        by=by,
        model=request.name,
        repeat=request.repeat,
        uses=(use,),
        answer=answer,
        failure=outcome if isinstance(outcome, Failure) else None,
    )


class Tape:
    """Lines by the content of their question; *name* is what errors call it."""

    def __init__(self, lines: Iterable[TapeLine] = (), *, name: str = "the tape") -> None:
        self.name = name
        self.lines = tuple(sorted(_joined(lines), key=lambda line: line.order))
        self._by_content: dict[str, list[TapeLine]] = defaultdict(list)
        for line in self.lines:
            self._by_content[line.content].append(line)

    def find(self, request: Request, *, run: str, input_id: str) -> TapeLine:
        """
        Return the line that answers *request*.

        Where several do, what was used in this very cell comes first, then what was used in
        this run, then answers before failures.

        Raises:
            ReplayMiss: There is none.
            UsageError: Two answerers gave one, and the run does not say which is meant.
        """
        use = Use(run=run, prompt=request.prompt.name, label=request.label, input=input_id)
        found = self._by_content.get(content_of(request), []) or self._untold(request, use)
        if not found:
            raise ReplayMiss(self._miss(request, run=run, input_id=input_id))
        best = (
            [line for line in found if use in line.uses]
            or [line for line in found if any(each.run == run for each in line.uses)]
            or [line for line in found if line.answer is not None]
            or found
        )
        answerers = sorted({line.by for line in best})
        if len(answerers) > 1:
            raise UsageError(_ambiguous(self.name, request, answerers))
        return best[0]

    def _untold(self, request: Request, use: Use) -> list[TapeLine]:
        """Find a call of a run with equal ones on a tape from before these were told apart."""
        if not request.occurrence:
            return []
        lines = self._by_content.get(content_of(structs.replace(request, occurrence=0)), [])
        return [line for line in lines if use in line.uses]

    def with_lines(self, new: Iterable[TapeLine]) -> "Tape":
        """Return this tape with *new* lines; a cell that is recorded again takes the new one."""
        new = tuple(new)
        again = {(line.repeat, use) for line in new for use in line.uses}
        old = [_without(line, again) for line in self.lines]
        return Tape([*(line for line in old if line.uses), *new], name=self.name)

    def __len__(self) -> int:
        return len(self.lines)

    def _miss(self, request: Request, *, run: str, input_id: str) -> str:
        """Name what is not there, and the nearest thing that is."""
        wanted = _Spot(request.name, request.prompt.name, input_id, request.repeat)
        said = f"{self.name} has no answer of {wanted}"
        spots = [
            _Spot(line.model, use.prompt, use.input, line.repeat)
            for line in self.lines
            for use in line.uses
        ]
        near = max(spots, key=wanted.likeness, default=None)
        if near is None:
            return f"{said}: the tape is empty"
        if near == wanted:
            return f"{said} in these words and parameters; it has one in others: record it again"
        return f"{said} (run {run}); the nearest is {near}"


@dataclass(frozen=True, slots=True)
class _Spot:
    """What a person calls a cell of the grid."""

    model: str
    prompt: str
    input: str
    repeat: int

    def likeness(self, other: "_Spot") -> tuple[int, bool, bool]:
        same = (
            self.model == other.model,
            self.prompt == other.prompt,
            self.input == other.input,
            self.repeat == other.repeat,
        )
        return sum(same), same[0], same[1]

    def __str__(self) -> str:
        return f"{self.model} to prompt {self.prompt!r}, input {self.input!r}, repeat {self.repeat}"


def _joined(lines: Iterable[TapeLine]) -> Iterator[TapeLine]:
    """Join the uses of what is one and the same outcome, so that its words are kept once."""
    same: dict[tuple[str, str, str], list[TapeLine]] = defaultdict(list)
    for line in lines:
        same[line.content, line.key, line.by].append(line)
    for group in same.values():
        while group:
            first = group[0]
            equal = [line for line in group if line.outcome == first.outcome]
            group[:] = [line for line in group if line.outcome != first.outcome]
            uses = sorted({use for line in equal for use in line.uses})
            yield replace(first, uses=tuple(uses))


def _without(line: TapeLine, again: set[tuple[int, Use]]) -> TapeLine:
    return replace(line, uses=tuple(use for use in line.uses if (line.repeat, use) not in again))


def _ambiguous(tape: str, request: Request, answerers: list[str]) -> str:
    return (
        f"{tape} has answers to prompt {request.prompt.name!r} of {request.name} by "
        f"{' and by '.join(answerers)}, and none of this run: "
        "give the run the name it was recorded under, or save a tape of one run"
    )
