"""Jinja's sandbox, in which every template of a user or a colleague is rendered."""

from typing import TYPE_CHECKING

from llmlab.templates.written import written

if TYPE_CHECKING:
    import jinja2


def environment() -> "jinja2.Environment":
    """Return a sandbox in which an undefined name is an error and text is not escaped."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, autoescape=False, finalize=written
    )
