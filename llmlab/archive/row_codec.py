"""
One row as the book keeps it beside its answer, and the row again.

In: a row that has landed. Out: bytes for an item of a run; and what they say, years later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from llmlab.archive.tape import TapeLine, line_of
from llmlab.book import RunItem
from llmlab.book.stored import decoded
from llmlab.calls.identity import pack, recall
from llmlab.errors import BookError
from llmlab.records import Answer, Api, Failure, Outcome, Prompt, Reading, Request, Row


class _Kept(Struct, frozen=True, kw_only=True):
    """One row less what the book has already."""

    provider: str
    model: str
    api: Api
    label: str
    prompt: str
    version: str
    input: str
    repeat: int
    content: str
    by: str
    stream: bool = False
    from_book: bool = False
    score: float | None = None
    score_error: str = ""
    reading: Reading | None = None
    answer: Answer | None = None
    """Where it is not the one that the book has for this key: two equal cells of one plan."""
    failure: Failure | None = None
    extra_columns: dict[str, Any] = msgspec.field(default_factory=dict)
    """The values of columns that a row does not hold, by the column's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A row out of the book, with what a tape needs to know of it."""

    row: Row
    content: str
    by: str
    extra_columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> TapeLine:
        """The row as a line of a tape."""
        return line_of(self.row, content=self.content, by=self.by)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
_DECODER: Final = msgspec.json.Decoder(_Kept)


def meta_of(taken: Taken, stored: Mapping[str, bytes]) -> bytes:
    """Write what the book does not have already; *stored* are its answers by key."""
    outcome = taken.row.outcome
    there = stored.get(taken.row.request_hash)
    own = outcome if isinstance(outcome, Answer) and not _is(outcome, there) else None
    return _ENCODER.encode(_kept(taken, own))


def _is(answer: Answer, stored: bytes | None) -> bool:
    """Say whether *answer* is the one that the book has, whoever of both it came from."""
    if stored is None:
        return False
    if pack(structs.replace(answer, from_book=False)) == stored:
        return True
    # Bytes differ also where an older llmlab wrote them: then what they say decides.
    return recall(stored) == structs.replace(answer, from_book=True)


def taken_of(run: str, item: RunItem, stored: Mapping[str, bytes]) -> Taken:
    """
    Read an item of *run*; *stored* are the book's answers by key.

    Raises:
        BookError: Its answer is not in the book, or it is damaged.
    """
    kept = _read(item)
    row = Row(
        run=run,
        request=Request(
            provider=kept.provider,
            model=kept.model,
            prompt=Prompt(name=kept.prompt, user="", version=kept.version),
            api=kept.api,
            stream=kept.stream,
            label=kept.label,
            repeat=kept.repeat,
        ),
        request_hash=item.key,
        input_id=kept.input,
        outcome=_outcome(kept, item.key, stored),
        score=kept.score,
        score_error=kept.score_error,
        reading=kept.reading,
    )
    return Taken(row=row, content=kept.content, by=kept.by, extra_columns=kept.extra_columns)


def _outcome(kept: _Kept, key: str, stored: Mapping[str, bytes]) -> Outcome:
    if kept.failure is not None:
        return kept.failure
    answer = kept.answer
    if answer is None:
        if key not in stored:
            raise BookError(f"the answer {key[:12]} of a run is not in the book any more")
        answer = recall(stored[key])
    return structs.replace(answer, from_book=kept.from_book)


def label_of(item: RunItem) -> str:
    """Return what the model of an item was called."""
    return _read(item).label


def _read(item: RunItem) -> _Kept:
    return decoded(_DECODER.decode, item.meta, f"row {item.position} of a run")


def _kept(taken: Taken, answer: Answer | None) -> _Kept:
    row, request, outcome = taken.row, taken.row.request, taken.row.outcome
    return _Kept(
        provider=request.provider,
        model=request.model,
        api=request.api,
        label=request.label,
        prompt=request.prompt.name,
        version=request.prompt.version,
        input=row.input_id,
        repeat=request.repeat,
        content=taken.content,
        by=taken.by,
        stream=request.stream,
        from_book=isinstance(outcome, Answer) and outcome.from_book,
        score=row.score,
        score_error=row.score_error,
        reading=row.reading,
        answer=answer,
        failure=outcome if isinstance(outcome, Failure) else None,
        extra_columns=dict(taken.extra_columns),
    )
