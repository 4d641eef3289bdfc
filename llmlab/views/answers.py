"""Answers to the same input side by side, with their differences marked."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from llmlab.frames.wide import natural
from llmlab.views.text import form

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 600
"""Letters of an answer that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnswer:
    """What one arm said about one input."""

    key: str
    """The call's identity in the book; empty where the arm said nothing."""
    text: str
    score: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownInput:
    """One input, with what each arm said about it, in the order of the arms."""

    name: str
    said: tuple[ShownAnswer, ...]

    @property
    def disagree(self) -> bool:
        """Whether the arms differ: by score where there is one, else by the words."""
        scores = {each.score for each in self.said if each.score is not None}
        if scores:
            return len(scores) > 1
        words = {" ".join(each.text.lower().split()) for each in self.said if not each.failed}
        return len(words) > 1


def beside(
    rows: "pd.DataFrame", order: "Sequence[tuple[str, str]]" = ()
) -> tuple[list[str], list[ShownInput]]:
    """Return the arms' names, and each input (and repeat) with all its answers."""
    arms = list(dict.fromkeys([*order, *zip(rows["prompt"], rows["label"], strict=True)]))
    place = {arm: at for at, arm in enumerate(arms)}
    found: dict[str, list[ShownAnswer]] = {}
    many = bool((rows["repeat"] != 0).any())
    for row in rows.to_dict("records"):
        name = f"{row['input_id']} (repeat {row['repeat']})" if many else str(row["input_id"])
        line = found.setdefault(name, [ShownAnswer(key="", text="")] * len(arms))
        line[place[row["prompt"], row["label"]]] = _said(row)
    heads = [f"{prompt} \u00b7 {label}" for prompt, label in arms]
    asked = [ShownInput(name=name, said=tuple(found[name])) for name in sorted(found, key=natural)]
    return heads, asked


def words_html(said: ShownAnswer, first: ShownAnswer | None = None) -> str:
    """Return the words as HTML; what *first* lacks is underlined, what only it has struck out."""
    text = said.text[:LONGEST] + ("\u2026" if len(said.text) > LONGEST else "")
    if said.failed:
        return f'<span class="ll-note">{escape(text)}</span>'
    if first is None or first is said:
        return escape(text)
    return _difference(first.text[:LONGEST].split(), text.split())


def _difference(old: Sequence[str], new: Sequence[str]) -> str:
    parts = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = escape(" ".join(old[a:b])), escape(" ".join(new[c:d]))
        if kind == "equal":
            parts.append(come)
            continue
        parts += [f"<del>{gone}</del>"] * bool(gone) + [f"<ins>{come}</ins>"] * bool(come)
    return " ".join(parts)


def _said(row: dict[Any, Any]) -> ShownAnswer:
    failed = row["status"] == "error"
    score = row["score"]
    return ShownAnswer(
        key=str(row["request_hash"]),
        text=_text(row["error"]) if failed else _text(row["text"]) or _text(row.get("tool_calls")),
        score=None if score is None or score != score else float(score),  # noqa: PLR0124 - NaN
        failed=failed,
    )


def _text(value: Any) -> str:
    import pandas as pd

    return "" if pd.isna(value) else str(value)


def score_of(said: ShownAnswer) -> str:
    """Return the score as a cell's foot says it."""
    return "" if said.score is None else f"score {form.score(said.score)}"
