"""Fields for reasoning and schemas that several wire formats share."""

import msgspec

from llmlab.catalogue.models import Rules
from llmlab.records import Effort, Parameters, Schema


def effort_of(asked: Parameters, rules: Rules) -> Effort | None:
    """
    Return the effort to send where effort is the only switch, or None to send nothing.

    `thinking=False` is the effort `none`. `thinking=True` needs a word only if the model
    does not think by itself: then the middle one of the efforts it takes.
    """
    if asked.effort is not None or asked.thinking is None:
        return asked.effort
    if not asked.thinking:
        return "none"
    if rules.default_effort != "none":
        return None
    known: tuple[Effort, ...] = tuple(effort for effort in rules.efforts if effort != "none")
    return "medium" if "medium" in known or not known else known[len(known) // 2]


def schema_text(schema: Schema) -> str:
    """Return the words that JSON mode needs in the prompt: "json", and what it must look like."""
    document = msgspec.json.encode(schema.document).decode()
    return (
        f"Answer with one json object that follows this JSON schema, and nothing else:\n{document}"
    )
