"""Summary table of a comparison, one row per arm: its columns, and as plain text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from llmlab.views.comparison import LOST, ArmView, ComparisonView, arms, known, mark_notes
from llmlab.views.text import form

TIED = "Arms that share a letter are tied: their difference may be chance, all pairs considered."
WINNER = (
    "P(best): chance that its true score is the highest; as winner: the highest score, "
    "corrected for its having been picked."
)
NEAR_CHANCE = "\u00b0 not clearly better than chance"
_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column of the summary: its heading and what it says of an arm."""

    head: str
    text: Callable[[ArmView], str]
    side: Literal["", "r"] = "r"
    points: bool = False
    """Whether decimal points stand under each other."""
    second: bool = False
    """Whether a page has it as the second line of the column before it."""


def summary_text(shown: ComparisonView) -> str:
    """Return the same for a terminal."""
    listed, used = arms(shown), columns(shown)
    stacks = [[each.head, *map(_plain, texts_of(each, listed))] for each in used]
    if any(arm.mark for arm in listed):
        stacks.insert(2, ["", *(f"({arm.mark})" if arm.mark else "" for arm in listed)])
    sides: list[str] = [column.side for column in used]
    sides[2:2] = [""] * (len(stacks) - len(sides))
    head = [shown.title, _plain(caption(shown)), *(f"! {note}" for note in shown.notes)]
    head += [shown.verdict, ""]
    return "\n".join(
        [text for text in head[:-1] if text] + head[-1:]
        + text_table(stacks, sides) + [""] + footnotes(shown)
    )  # fmt: skip


def text_table(stacks: list[list[str]], sides: Sequence[str]) -> list[str]:
    """Return the lines of a table given by columns, each with its heading first."""
    widths = [max(map(len, stack)) for stack in stacks]
    made = []
    for row in zip(*stacks, strict=True):
        cells = (
            text.rjust(width) if side else text.ljust(width)
            for text, width, side in zip(row, widths, sides, strict=True)
        )
        made.append("  ".join(cells).rstrip())
    made.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return made


def columns(shown: ComparisonView) -> list[TableColumn]:
    """Return the columns in which any arm has a value."""
    listed = arms(shown)
    used = [TableColumn(head="Prompt", text=lambda a: a.prompt, side="")]
    used += [TableColumn(head="Model", text=lambda a: a.label or a.model, side="")]
    used += _score_columns(shown, listed) + _MONEY
    if known([arm.ttft_p50_s for arm in listed]):
        used.append(TTFT)
    used += [*_REST, *_lost(listed)]
    inputs = {arm.inputs for arm in listed}
    return used if len(inputs) == 1 else [*used, _INPUTS]


def caption(shown: ComparisonView) -> str:
    """Return the size of the experiment in one line."""
    listed = arms(shown)
    inputs = {arm.inputs for arm in listed}
    parts = [_plural(len(listed), "arm")]
    if len(inputs) == 1 and (each := inputs.pop()) is not None:
        parts.append(f"{_plural(each, 'input')} each")
    if calls := known([arm.calls for arm in listed]):
        parts.append(_plural(sum(calls), "call"))
    if any(arm.score_low is not None for arm in listed):
        parts.append(f"{shown.level:.0%} intervals")
    return " \u00b7 ".join(parts)


def footnotes(shown: ComparisonView) -> list[str]:
    """Return the footnotes of a table: letters, marks and the source of prices."""
    listed = arms(shown)
    made = []
    if any(arm.tied for arm in listed):
        made.append(TIED)
    if any(arm.winner_score is not None for arm in listed):
        made.append(WINNER)
    if any(near_chance(arm) for arm in listed):
        made.append(f"{NEAR_CHANCE} (p \u2265 {_ALPHA}, adjusted).")
    if shown.chance is not None and any(arm.score is not None for arm in listed):
        made.append(f"Chance: {form.score(shown.chance)}.")
    return made + mark_notes(shown) + ([shown.basis] if shown.basis else [])


def near_chance(arm: ArmView) -> bool:
    """Return whether the arm was tested against chance and did not clearly beat it."""
    return arm.p_chance_adjusted is not None and arm.p_chance_adjusted >= _ALPHA


def _score_columns(shown: ComparisonView, listed: list[ArmView]) -> list[TableColumn]:
    if not any(arm.score is not None for arm in listed):
        return []
    used = [TableColumn(head=shown.score_name or "score", text=score_text)]
    if any(arm.score_low is not None for arm in listed):
        used.append(_INTERVAL)
    if any(arm.tied for arm in listed):
        used.append(TableColumn(head="tied", text=lambda a: a.tied, side=""))
    if any(arm.winner_score is not None for arm in listed):
        used += _WINNER
    return used


def _lost(listed: list[ArmView]) -> list[TableColumn]:
    """Return a column for each thing that answers were instead of scored; none where all were."""
    names = [name for name in LOST if any(name in arm.lost for arm in listed)]
    shown = ["scored", *names] if names else []
    return [
        TableColumn(head=name, text=partial(_counted, name), second=bool(at % 2))
        for at, name in enumerate(shown)
    ]


def _counted(name: str, arm: ArmView) -> str:
    return form.count(getattr(arm, name))


def score_text(arm: ArmView) -> str:
    """Return the score, marked where it is not clearly better than chance."""
    return form.score(arm.score) + ("\u00b0" if near_chance(arm) else "")


def _tokens(arm: ArmView) -> str:
    return f"{form.count(arm.input_tokens)} / {form.count(arm.output_tokens)}"


def _percent(arm: ArmView) -> str:
    return "" if arm.probability_best is None else f"{arm.probability_best:.0%}"


def _as_winner(arm: ArmView) -> str:
    if arm.winner_score is None:
        return ""
    limits = form.interval(arm.winner_low, arm.winner_high)
    return f"{form.score(arm.winner_score)} {limits}".rstrip()


_WINNER = [
    TableColumn(head="P(best)", text=_percent),
    TableColumn(head="as winner", text=_as_winner, second=True),
]
TOKENS = TableColumn(head="tokens in / out", text=_tokens)
_INTERVAL = TableColumn(
    head="interval", text=lambda a: form.interval(a.score_low, a.score_high), second=True
)
_MONEY = [
    TableColumn(head="cost", text=lambda a: form.money(a.cost_usd, 3), points=True),
    TableColumn(
        head="per 1,000",
        text=lambda a: form.money(a.cost_per_1000_usd),
        points=True,
        second=True,
    ),
    TableColumn(head="latency p50", text=lambda a: form.seconds(a.latency_p50_s)),
    TableColumn(head="p95", text=lambda a: form.seconds(a.latency_p95_s), second=True),
]
FAILED = TableColumn(head="failed", text=lambda a: form.count(a.failures), second=True)
TTFT = TableColumn(head="first token p50", text=lambda a: form.seconds(a.ttft_p50_s))
_REST = [
    TOKENS,
    TableColumn(head="calls", text=lambda a: form.count(a.calls)),
    FAILED,
]
_INPUTS = TableColumn(head="inputs", text=lambda a: form.count(a.inputs))


def texts_of(column: TableColumn, listed: list[ArmView]) -> list[str]:
    """Return a column's text for each arm, with decimal points aligned where asked."""
    texts = [column.text(arm) for arm in listed]
    return form.aligned(texts) if column.points else texts


def _plain(text: str) -> str:
    spaces: dict[str, str | int | None] = {
        form.THIN: ",",
        form.FIGURE_SPACE: " ",
        form.PUNCTUATION_SPACE: " ",
    }
    return text.translate(str.maketrans(spaces))


def _plural(number: float, word: str) -> str:
    return f"{form.count(number)} {word}{'' if number == 1 else 's'}"
