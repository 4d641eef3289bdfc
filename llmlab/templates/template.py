"""
A prompt template: words with `{{ slots }}`, in a `[user]` and perhaps a `[system]` part.

Slots are Jinja, sandboxed (a template cannot reach Python) and strict (an undefined name is an
error), so JSON braces in a prompt are just text.
"""

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.errors import TemplateError
from llmlab.records import Prompt

if TYPE_CHECKING:
    import jinja2

_PART: Final = re.compile(r"^\[(system|user)\][ \t]*$", re.MULTILINE)
_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Template:
    """Words with slots, the name they are known by, and what their file says about them."""

    name: str
    user: str
    system: str | None = None
    declared: str = ""
    """The version that the front matter declares."""
    meta: Mapping[str, object] = field(default_factory=dict)
    path: Path | None = None

    @cached_property
    def version(self) -> str:
        """Declared version and content hash, such as `1.2+3f9a01bc`."""
        words = f"{self.system or ''}\0{self.user}".encode()
        digest = hashlib.sha256(words).hexdigest()[:8]
        return f"{self.declared}+{digest}" if self.declared else digest

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The names that must have a value, sorted."""
        from jinja2 import meta

        both = f"{self.system or ''}\n{self.user}"
        return tuple(sorted(meta.find_undeclared_variables(_environment().parse(both))))

    def fill(self, values: Mapping[str, object]) -> Prompt:
        """
        Put *values* into the slots.

        Raises:
            TemplateError: A slot has no value; the nearest name is suggested.
        """
        missing = [slot for slot in self.slots if slot not in values]
        if missing:
            raise TemplateError(_missing(self.name, missing, values))
        system = self._compiled[1]
        return Prompt(
            name=self.name,
            version=self.version,
            user=_render(self.name, self._compiled[0], values),
            system=None if system is None else _render(self.name, system, values),
        )

    @cached_property
    def _compiled(self) -> tuple["jinja2.Template", "jinja2.Template | None"]:
        make = _environment().from_string
        return make(self.user), None if self.system is None else make(self.system)


def parse(text: str, *, name: str, path: Path | None = None) -> Template:
    """
    Read a template: YAML front matter if there is any, then its parts.

    Raises:
        TemplateError: The front matter or the Jinja does not parse; says file and line.
    """
    meta, body = _front_matter(text, name)
    parts = _parts(body)
    template = Template(
        name=str(meta.get("name", name)),
        user=parts["user"],
        system=parts.get("system"),
        declared=str(meta.get("version", "")),
        meta=meta,
        path=path,
    )
    if not template.user:
        raise TemplateError(f"{name}: the prompt is empty")
    _check(template)
    return template


def _front_matter(text: str, name: str) -> tuple[dict[str, Any], str]:
    found = _FRONT.match(text)
    if found is None:
        return {}, text
    import yaml

    try:
        meta = yaml.safe_load(found[1]) or {}
    except yaml.YAMLError as error:
        raise TemplateError(f"{name}: front matter is not YAML: {_one_line(error)}") from error
    if not isinstance(meta, dict):
        raise TemplateError(f"{name}: front matter must be `key: value` lines")
    return meta, text[found.end() :]


def _parts(body: str) -> dict[str, str]:
    """Split at `[system]` and `[user]` lines; what stands before the first is the user's."""
    pieces = _PART.split(body)
    parts = {"user": pieces[0].strip()}
    for role, words in zip(pieces[1::2], pieces[2::2], strict=True):
        parts[role] = "\n\n".join(filter(None, (parts.get(role, ""), words.strip())))
    return parts


def _check(template: Template) -> None:
    import jinja2

    try:
        _ = template.slots
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{template.name}, line {error.lineno}: {error.message}") from error


def _environment() -> "jinja2.Environment":
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)


def _render(name: str, template: "jinja2.Template", values: Mapping[str, object]) -> str:
    import jinja2

    try:
        return template.render(values)
    except jinja2.TemplateError as error:
        raise TemplateError(f"{name}: {_one_line(error)}") from error


def _missing(name: str, missing: list[str], values: Mapping[str, object]) -> str:
    """Say what is missing and, if a near name has a value, which one was meant."""
    slot = missing[0]
    known = sorted(str(key) for key in values if not str(key).startswith("_"))
    near = difflib.get_close_matches(slot, known, n=1)
    listed = ", ".join(f"{{{{ {each} }}}}" for each in missing)
    hint = f"; did you mean {{{{ {near[0]} }}}}?" if near else ""
    if not hint and len(known) <= 12:  # noqa: PLR2004 - as many names as one line can carry
        hint = f"; there are: {', '.join(known) or 'none'}"
    return f"prompt {name!r}: no value for {listed}{hint}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
