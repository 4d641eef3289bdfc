"""Fill a template with values and context blocks so that the prompt fits the model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmlab.catalogue import Model
from llmlab.errors import TokenBudgetError
from llmlab.records import Prompt
from llmlab.templates import Template
from llmlab.templates.reads import spelt
from llmlab.templates.written import is_table
from llmlab.tokens.blocks import Block, BlockRule
from llmlab.tokens.count import Count
from llmlab.tokens.frames import MarketSnapshot, Portfolio, Table
from llmlab.tokens.pack import Packed, Packer
from llmlab.tokens.text import Text
from llmlab.tokens.window import TokenRoom, check


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A prompt that fits, its tokens, and how its blocks were shown."""

    prompt: Prompt
    count: Count
    room: TokenRoom
    packed: Packed | None = None
    """None when no value was a block."""


def fit(
    template: Template,
    values: Mapping[str, object],
    model: Model,
    space: TokenRoom,
    *,
    packer: Packer,
    rules: Mapping[str, BlockRule] | None = None,
) -> Fitted:
    """
    Fill *template*, giving its blocks what the other words leave of *space*.

    Args:
        template: Its front matter may say priority, minimum and must of a block.
        values: By slot; blocks are packed (see `blocks_of`), any other value is written as it is.
        model: Its tokenizer counts.
        space: From `room`.
        packer: Caches formatted and counted blocks.
        rules: By slot; they override the template's.

    Raises:
        TemplateError: A slot has no value.
        TokenBudgetError: The words alone are too long, or a block that must be whole does not fit.
    """
    blocks = blocks_of(template, values)
    if not blocks:
        prompt = template.fill(values)
        return Fitted(prompt=prompt, count=check(prompt, model, space, packer.counters), room=space)
    left = _left(template, {**values, **dict.fromkeys(blocks, "")}, model, space, packer)
    packed = packer.pack(
        blocks,
        left,
        model,
        rules={**_declared(template), **(rules or {})},
        tier=space.tier,
    )
    prompt = template.fill({**values, **packed.texts})
    counted = check(prompt, model, space, packer.counters)
    return Fitted(prompt=prompt, count=counted, room=space, packed=packed)


def _left(
    template: Template, values: Mapping[str, object], model: Model, space: TokenRoom, packer: Packer
) -> int:
    """Return the tokens that the words without any block leave, at their upper bound."""
    words = packer.counters.prompt(template.fill(values, measured=True), model)
    left = space.tokens - words.high
    if left < 0:
        raise TokenBudgetError(
            f"prompt {template.name!r} has {words} before any block: {-left:,} too many for {space}"
        )
    return left


def blocks_of(template: Template, values: Mapping[str, object]) -> dict[str, Block]:
    """
    Return the values that are context blocks, by slot.

    A slot declared as `portfolio`, `market`, `table` or `news` makes a block of a DataFrame, of
    a list of rows, or of words, so text from outside is marked as data without being asked. Any
    DataFrame, Series or array that the template prints as it is becomes a `Table`: its own print
    would leave out most of it. One that the template takes apart (`{{ frame.close.max() }}`)
    stays what it is.
    """
    found: dict[str, Block] = {}
    for slot in template.slots:
        value = values.get(slot)
        declared = template.about.slots.get(slot)
        if declared is None and isinstance(value, str | int | float | None):
            continue  # as nearly every value is; to check for a block is slow
        made = _made(slot, declared.type, value) if declared else value
        if is_table(made) and slot in template.reads.printed:
            made = table_of(made, slot)
        if isinstance(made, Block):
            found[slot] = made
    return found


def table_of(value: object, name: str) -> Table:
    """
    Return a DataFrame, Series or array as a block; an index other than 0, 1, 2 ... is a column.

    Raises:
        TokenBudgetError: It has three dimensions or more, which no table shows.
    """
    import pandas as pd

    convert = getattr(value, "to_pandas", None)
    made: Any = convert() if convert is not None else value
    try:
        frame = made.to_frame() if isinstance(made, pd.Series) else pd.DataFrame(made)
    except ValueError as error:
        raise TokenBudgetError(f"{spelt(name)} cannot be shown as a table: {error}") from None
    if frame.index.name is None and not isinstance(frame.index, pd.RangeIndex):
        frame = frame.rename_axis("index")
    return Table(frame=frame, name=name)


def _made(slot: str, kind: str, value: object) -> object:
    if isinstance(value, Block) or value is None:
        return value
    if kind == "news":
        return Text(value if isinstance(value, str) else [str(each) for each in _rows(value)], slot)
    if kind not in {"portfolio", "market", "table"} or isinstance(value, str):
        return value
    import pandas as pd

    frame = value if isinstance(value, pd.DataFrame) else pd.DataFrame(_rows(value))
    maker = {"portfolio": Portfolio, "market": MarketSnapshot, "table": Table}[kind]
    return maker(frame=frame, name=slot)


def _rows(value: object) -> list[Any]:
    if isinstance(value, Iterable):
        return list(value)
    raise TokenBudgetError(f"a block cannot be made of a {type(value).__name__}: give a DataFrame")


def _declared(template: Template) -> dict[str, BlockRule]:
    return {
        name: BlockRule(priority=each.priority, minimum=each.minimum, must=each.must)
        for name, each in template.blocks.items()
    }
