"""One answer's figures, in one line."""

from typing import Final

from llmlab.records import Answer
from llmlab.views.text import form

_SHOWN: Final = 200
"""Characters of a call's arguments that are shown."""


def figures(answer: Answer) -> str:
    """Return model, tokens, cost and time, marked when simulated or from the book."""
    usage = answer.usage
    parts = [
        answer.requested or answer.model,
        f"{form.count(usage.input)} in, {form.count(usage.output)} out",
        _cost(answer),
        form.seconds(answer.latency),
    ]
    if answer.ttft is not None:
        parts.append(f"first word {form.seconds(answer.ttft)}")
    parts += [f"calls {each.name}({each.arguments[:_SHOWN]})" for each in answer.tool_calls]
    if answer.finish not in ("stop", "tool"):
        parts.append(f"ended by {answer.finish}")
    if answer.from_book:
        parts.append("from the book, not sent again")
    if answer.backend != "live":
        parts.append(
            {"stand-in": "stand-in: not this model", "local": "local model"}[answer.backend]
        )
    return " · ".join([*parts, *answer.warnings])


def _cost(answer: Answer) -> str:
    if answer.cost is None:
        return "cost unknown"
    dollars = form.money(float(answer.cost), 3)
    return f"{dollars} (simulated)" if answer.backend == "stand-in" else dollars
