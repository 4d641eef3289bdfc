"""The plan of a run: calls, models, cost, time, and the detectable difference."""

import math

from llmlab.records import JudgeForecast, Plan
from llmlab.views.html import markup
from llmlab.views.text import form

__all__ = ["Plan", "plan_html", "plan_text"]


def plan_html(plan: Plan) -> str:
    """Return the plan as a small table, below the notes to read before anything is sent."""
    rows = [[markup.cell(head), markup.cell(text, "w")] for head, text in _entries(plan, form.THIN)]
    return markup.block(
        markup.line(_title(plan), "ll-title"),
        markup.lines(_notices(plan), "ll-note"),
        markup.table([("Before sending", ""), ("", "")], rows),
    )


def plan_text(plan: Plan) -> str:
    """Return the same for a terminal."""
    entries = _entries(plan, ",")
    width = max(len(head) for head, _ in entries)
    return "\n".join(
        [
            _title(plan),
            *(f"! {notice}" for notice in _notices(plan)),
            *(f"  {head:<{width}}  {text}" for head, text in entries),
        ]
    )


def _title(plan: Plan) -> str:
    return f"{plan.name}: before anything is sent"


def _entries(plan: Plan, separator: str) -> list[tuple[str, str]]:
    entries = [("calls", _calls(plan, separator)), ("cost", _cost(plan))]
    if plan.judge is not None:
        entries.append(("then the judge", _judge(plan.judge, separator)))
    entries.append(("time", _time(plan)))
    if plan.detectable is not None:
        entries.append(("detectable", _detectable(plan.detectable)))
    entries.append(("answered by", _who(plan)))
    return entries


def _calls(plan: Plan, separator: str) -> str:
    to_send = plan.calls - plan.from_book
    sizes = [
        (len(plan.prompts), "prompt"),
        (len(plan.models), "model"),
        (plan.inputs, "input"),
        (plan.repeats, "repeat"),
    ]
    grid = " \u00d7 ".join(
        f"{form.count(size, separator)} {word}{'' if size == 1 else 's'}"
        for size, word in sizes
        if size
    )
    book = f", {form.count(plan.from_book, separator)} are in the book" if plan.from_book else ""
    total = f"{form.count(plan.calls, separator)} ({grid})"
    return f"{total}{book}, {form.count(to_send, separator)} to send"


def _cost(plan: Plan) -> str:
    expected = form.money(plan.expected_usd, 3)
    text = f"expected {expected}, at worst {form.money(plan.worst_usd, 3)}"
    return text if plan.limit_usd is None else f"{text}, limit {form.money(plan.limit_usd)}"


def _judge(judge: JudgeForecast, separator: str) -> str:
    calls = f"up to {form.count(judge.calls, separator)} calls of {judge.label}"
    dollars = form.money(judge.expected_usd, 3)
    return f"{calls}, expected {dollars} on top; its worst case is shown before it is asked"


def _detectable(least: float) -> str:
    """Return the detectable difference of a run of this size, adjusted for all pairs."""
    if math.isinf(least):
        return "nothing, however large: too few inputs (or clusters) for so many comparisons"
    return f"a difference of {least:.3f} with 80 % power, all pairs tested"


def _time(plan: Plan) -> str:
    """Return the expected duration and its basis, or when it will be known."""
    if plan.from_book == plan.calls:
        return "none: nothing is to be sent"
    if plan.seconds is None:
        return plan.seconds_by or "not known before the first answers"
    said = f"about {form.clock(max(plan.seconds, 1.0))}"
    return f"{said} ({plan.seconds_by})" if plan.seconds_by else said


def _who(plan: Plan) -> str:
    parts = []
    if plan.live:
        parts.append(f"live: {', '.join(_in_order(plan, plan.live))}")
    if plan.stand_ins:
        parts.append(f"stand-in: {', '.join(_in_order(plan, plan.stand_ins))}")
    return "; ".join(parts) or form.UNKNOWN


def _notices(plan: Plan) -> list[str]:
    if not plan.stand_ins:
        return list(plan.notes)
    words = f", words by {plan.author}" if plan.author else ""
    names = ", ".join(_in_order(plan, plan.stand_ins))
    verb = "is" if len(plan.stand_ins) == 1 else "are"
    said = f"stand-ins: {names} {verb} not asked; llmlab's simulator answers instead{words}."
    return [said, *plan.notes]


def _in_order(plan: Plan, labels: tuple[str, ...]) -> list[str]:
    """Return labels as the user named them; the calls themselves are shuffled."""
    place = {label: at for at, label in enumerate(plan.models)}
    return sorted(labels, key=lambda label: place.get(label, len(place)))
