"""The earlier messages of a prompt, in the shape that every wire with messages shares."""

from collections.abc import Sequence

from llmlab.records import Turn


def earlier(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """Return earlier messages as role and content, oldest first."""
    return [{"role": turn.role, "content": turn.text} for turn in turns]
