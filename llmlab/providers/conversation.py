"""The earlier messages of a prompt, in the shape that every wire with messages shares."""

from collections.abc import Sequence

from llmlab.records import Turn


def earlier(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """Return earlier messages as role and content, oldest first."""
    # Most prompts have none, and a list comprehension costs even then.
    return [{"role": turn.role, "content": turn.text} for turn in turns] if turns else []
