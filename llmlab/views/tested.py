"""
What a run compared: prompts, settings, dates, and some inputs with their answers.

In: what the head of a run keeps (`Tested`) and its rows. Out: records that pages, Markdown and
files show alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from llmlab.records import Turn
from llmlab.views.text import form

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.views.comparison import ComparisonView

MOST: Final = 5
"""Inputs that are shown with their answers."""
LEAST: Final = 3
"""That many are shown even where the arms agree about them."""
LONGEST: Final = 300
"""Characters of an input or an answer that are shown."""


class PromptWords(Struct, frozen=True, kw_only=True):
    """A prompt as it was written, slots included."""

    name: str
    version: str
    user: str
    system: str = ""
    turns: tuple[Turn, ...] = ()
    """Earlier messages, oldest first."""

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Whose words they are, and the words; a prompt of one message needs no name for it."""
        system = [("system", self.system)] if self.system else []
        said = [(turn.role, turn.text) for turn in self.turns]
        return [*system, *said, ("user" if said else "", self.user)]


class Tested(Struct, frozen=True, kw_only=True):
    """Prompts and settings of a run, as kept with it; values are strings."""

    prompts: tuple[PromptWords, ...] = ()
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    """What all arms were asked with."""
    arms: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """By label: what an arm alone was asked with."""
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    """By id: the words of the inputs that are shown with their answers."""
    llmlab: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAnswer:
    """What one arm said about one input."""

    arm: str
    text: str
    score: float | None
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One input with what each arm said about it, best arm first."""

    name: str
    words: str
    target: str
    replies: tuple[SampleAnswer, ...]
    disagree: bool


def tested_of(about: "Mapping[str, Any] | Tested | None") -> Tested | None:
    """Return what was kept as a record; None for a run that kept nothing, such as an old one."""
    return msgspec.convert(about, Tested) if isinstance(about, Mapping) else about


def facts(shown: "ComparisonView") -> list[tuple[str, str]]:
    """Return dates, sizes and settings of a run as (name, text); unknown ones are absent."""
    found = [("asked", days(shown.rows))]
    if "input_id" in shown.rows.columns:
        found.append(("inputs", form.count(shown.rows["input_id"].nunique(), ",")))
    tested = shown.tested
    if tested is not None:
        found += tested.settings.items()
        found += [(label, ", ".join(f"{name} {each}" for name, each in own.items()))
                  for label, own in tested.arms.items() if own]  # fmt: skip
        found.append(("llmlab", tested.llmlab))
    return [(name, text) for name, text in found if text]


def days(rows: "pd.DataFrame") -> str:
    """Return when the first and the last call were sent, in UTC; empty where nobody knows."""
    import pandas as pd

    if "started_at" not in rows.columns:
        return ""
    times = pd.to_datetime(rows["started_at"], utc=True).dropna()
    if times.empty:
        return ""
    first, last = (f"{each:%Y-%m-%d %H:%M}" for each in (times.min(), times.max()))
    if first == last:
        return f"{first} UTC"
    return f"{first} to {last.removeprefix(first[:11])} UTC"


def samples(shown: "ComparisonView") -> list[Sample]:
    """Return up to `shown.samples` inputs with all answers: those first where the arms disagree."""
    needed = {"input_id", "prompt", "label", "text", "score", "repeat", "status", "error"}
    if shown.samples < 1 or not needed <= set(shown.rows.columns):
        return []
    rows = shown.rows[shown.rows["repeat"] == shown.rows["repeat"].min()]
    chosen = picked(
        zip(rows["input_id"], rows["score"], rows["text"], strict=True), most=shown.samples
    )
    order = list(zip(shown.summary["prompt"], shown.summary["label"], strict=True))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    for row in rows[rows["input_id"].isin(list(chosen))].to_dict("records"):
        found[row["input_id"]].append({str(name): value for name, value in row.items()})
    words = {} if shown.tested is None else shown.tested.inputs
    return [_sample(name, each, order, words, chosen[name]) for name, each in found.items()]


def picked(
    said: Iterable[tuple[str, Any, Any]], *, most: int = MOST, least: int = LEAST
) -> dict[str, bool]:
    """
    Choose inputs to be shown, of `(input id, score, text)`; True where the arms disagree.

    Those whose scores lie furthest apart come first (without scores: those with the most
    different words), then the order of the rows decides.
    """
    scores: dict[str, list[float]] = {}
    texts: dict[str, set[str]] = {}
    for name, score, text in said:
        known = scores.setdefault(name, [])
        if score is not None and score == score:  # noqa: PLR0124 - NaN
            known.append(score)
        if isinstance(text, str):
            texts.setdefault(name, set()).add(text)
    scored = any(scores.values())
    apart = {
        name: (max(each) - min(each) if each else 0.0)
        if scored
        else len({" ".join(one.lower().split()) for one in texts.get(name, ())}) - 1.0
        for name, each in scores.items()
    }
    ranked = sorted(apart, key=lambda name: -apart[name])
    differ = [name for name in ranked if apart[name] > 0][:most]
    more = [name for name in ranked if name not in differ][: max(0, min(least, most) - len(differ))]
    return {**dict.fromkeys(differ, True), **dict.fromkeys(more, False)}


def short(text: str) -> str:
    """Cut what is too long to be shown."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\u2026"


def _sample(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    order: Sequence[tuple[str, str]],
    words: Mapping[str, str],
    disagree: bool,  # noqa: FBT001 - inside only
) -> Sample:
    place = {arm: at for at, arm in enumerate(order)}
    listed = sorted(rows, key=lambda row: place.get((row["prompt"], row["label"]), len(place)))
    return Sample(
        name=name,
        words=words.get(name, ""),
        target=next((_text(row.get("target")) for row in listed), ""),
        replies=tuple(map(_reply, listed)),
        disagree=disagree,
    )


def _reply(row: Mapping[str, Any]) -> SampleAnswer:
    failed = row["status"] == "error"
    score = row["score"]
    return SampleAnswer(
        arm=f"{row['label']} \u00b7 {row['prompt']}",
        text=short(_text(row["error"]) if failed else _words(row)),
        score=None if score is None or score != score else float(score),  # noqa: PLR0124 - NaN
        failed=failed,
    )


def _words(row: Mapping[str, Any]) -> str:
    """Return what an answer says, or the tools that it calls."""
    return _text(row["text"]) or _text(row.get("tool_calls"))


def _text(value: Any) -> str:
    import pandas as pd

    return "" if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else str(value)
