"""
A prompt template: words with `{{ slots }}`, in a `[user]` and perhaps a `[system]` part.

With `[assistant]` parts it is a conversation, whose last `[user]` part is to be answered.

Slots are Jinja, sandboxed (a template cannot reach Python) and strict (an undefined name is an
error), so JSON braces in a prompt are just text.
"""

import hashlib
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from llmlab.checks.plain import is_blank
from llmlab.errors import AttachmentError, TemplateError, nearest
from llmlab.records import Prompt, Turn
from llmlab.templates.attachments import PLAIN, AttachmentReader, Placing, holds_any
from llmlab.templates.fault import TemplateFault
from llmlab.templates.meta import ATTACHED_TYPES, BlockMeta, Meta, typed
from llmlab.templates.reads import Reads, hint_for, reads_of, spelt, with_row
from llmlab.templates.sandbox import environment
from llmlab.templates.slots import QUERY
from llmlab.templates.source import TOO_DEEP, split
from llmlab.templates.turns import turn_faults, turns_of

if TYPE_CHECKING:
    from typing import TypeAlias

    import jinja2

    from llmlab.templates.history import History, Version

    _Compiled: TypeAlias = tuple[
        jinja2.Template, jinja2.Template | None, tuple[jinja2.Template, ...]
    ]


@dataclass(frozen=True, kw_only=True)
class Template:
    """A prompt with slots: its name, its words, and the front matter of its file."""

    name: str
    user: str
    """The last message."""
    system: str | None = None
    turns: tuple[Turn, ...] = ()
    """Earlier messages, oldest first, slots included."""
    declared: str = ""
    """The version that the front matter declares."""
    meta: Mapping[str, object] = field(default_factory=dict)
    path: Path | None = None
    faults: tuple[TemplateFault, ...] = ()
    """What is wrong with its file; in development mode it is used nevertheless."""
    sent: "Callable[[str], Sequence[Version]] | None" = field(
        default=None, compare=False, repr=False
    )
    """Finds the versions of a name that were ever sent; in a lab's library, in its book."""

    @cached_property
    def about(self) -> Meta:
        """What the front matter says, typed: tier, slots, blocks, schema, default query ..."""
        return typed(self.meta)

    @property
    def blocks(self) -> Mapping[str, BlockMeta]:
        """How much its context blocks matter, by slot."""
        return self.about.blocks

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema of the answer, where the front matter has one."""
        return self.about.schema

    @property
    def examples(self) -> dict[str, Any]:
        """The example of each slot, as the front matter has it."""
        found = self.about.slots.items()
        return {name: slot.example for name, slot in found if slot.example is not None}

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Role and words of every part: system, where there is one, then all messages."""
        system = [("system", self.system)] if self.system else []
        return (*system, *((turn.role, turn.text) for turn in self.turns), ("user", self.user))

    @cached_property
    def text(self) -> str:
        """The words of all parts, as a file has them; `parse` reads them back."""
        return self.marked if self.system or self.turns else self.user

    @property
    def marked(self) -> str:
        """The same with a mark before each part, as the book keeps them."""
        return "\n".join(f"[{role}]\n{words}" for role, words in self.parts)

    @cached_property
    def version(self) -> str:
        """Declared version and content hash, such as `1.2+3f9a01bc`."""
        asked = f"\0{self.about.default_query}" if self._asks else ""
        said = "".join(f"\0{turn.role}\0{turn.text}" for turn in self.turns)
        words = f"{self.system or ''}\0{self.user}{asked}{said}".encode()
        digest = hashlib.sha256(words).hexdigest()[:8]
        return f"{self.declared}+{digest}" if self.declared else digest

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The names that must have a value, sorted; `query` has one where there is a default."""
        names = self.reads.names - {QUERY} if self.about.default_query else self.reads.names
        return tuple(sorted(names))

    @cached_property
    def reads(self) -> Reads:
        """What the words read, and what they print as it is."""
        said = "".join(f"\n{turn.text}" for turn in self.turns)
        return reads_of(f"{self.system or ''}{said}\n{self.user}")

    @property
    def _asks(self) -> bool:
        """Whether the default query fills a slot of the words."""
        return bool(self.about.default_query) and QUERY in self.reads.names

    def history(self) -> "History":
        """
        Return the versions of this prompt that were ever sent, oldest first, with their diffs.

        Raises:
            TemplateError: It is not from a lab's library, so there is no book to ask.
        """
        from llmlab.templates.history import History

        if self.sent is None:
            raise TemplateError(
                f"prompt {self.name!r} is not from a lab: lab.prompts[{self.name!r}].history(), "
                f"or lab.history({self.name!r})"
            )
        return History(name=self.name, versions=self.sent(self.name))

    def fill(self, values: Mapping[str, object], *, measured: bool = False) -> Prompt:
        """
        Put *values* into the slots; `{{ query }}` takes the default query where none is given.

        An image or a PDF (a path, bytes, a figure) goes along as an attachment, and `[image 1]`
        or `[file 1]` stands in its place.

        Args:
            values: By slot.
            measured: Whether the words are only counted; then an earlier message may be empty.

        Raises:
            TemplateError: A slot has no value (the nearest name is suggested), or an earlier
                message is empty.
            AttachmentError: A file cannot be read, or is neither an image nor a PDF.
        """
        missing = [slot for slot in self.slots if slot not in values]
        if missing:
            raise TemplateError(_missing(self.name, missing, values))
        if self._asks:
            values = {QUERY: self.about.default_query, **values}
        if self.may_attach(values):
            values = AttachmentReader().values(values, self.slots, self.attached)
            if holds_any(values, self.slots):
                return self._placed(values, measured=measured)
        return self._filled(values, measured=measured)

    @cached_property
    def attached(self) -> frozenset[str]:
        """The slots whose text is a path, by the front matter: of type image or pdf."""
        found = self.about.slots.items()
        return frozenset(name for name, slot in found if slot.type in ATTACHED_TYPES)

    def may_attach(self, values: Mapping[str, object]) -> bool:
        """Say whether a slot could hold an image or a PDF: that is, no plain text or number."""
        kinds = {type(values[slot]) for slot in self.slots if slot in values}
        return not kinds <= PLAIN or bool(self.attached)

    def _placed(self, values: Mapping[str, object], *, measured: bool) -> Prompt:
        """Fill, with places in the words for the attachments among *values*."""
        placing = Placing()
        prompt = self._filled(placing.values(values, self.slots), measured=measured)
        for attachment in placing.placed:
            place = placing.word(attachment)
            if place not in prompt.user:
                changed = place not in prompt.words
                why = "stands in the words as it is" if changed else _LAST_ONLY
                fix = "print it without a filter" if changed else "move its slot there"
                raise AttachmentError(
                    f"prompt {self.name!r}: {spelt(attachment.name)} is an image or a PDF, which "
                    f"{why}: {fix}"
                )
        return structs.replace(prompt, attachments=tuple(placing.placed))

    def _filled(self, values: Mapping[str, object], *, measured: bool) -> Prompt:
        if self.reads.row:
            values = with_row(values)
        user, system, turns = self._compiled
        return Prompt(
            name=self.name,
            version=self.version,
            user=_render(self.name, user, values),
            system=None if system is None else _render(self.name, system, values),
            turns=self._said(turns, values, measured=measured) if turns else (),
            shared=self.shared,
        )

    def _said(
        self,
        compiled: "Sequence[jinja2.Template]",
        values: Mapping[str, object],
        *,
        measured: bool,
    ) -> tuple[Turn, ...]:
        """Fill the earlier messages; an empty one is refused here, as providers refuse it."""
        said = []
        for number, (turn, one) in enumerate(zip(self.turns, compiled, strict=True), 1):
            text = _render(self.name, one, values)
            if is_blank(text) and not measured:
                raise TemplateError(
                    f"prompt {self.name!r}: message {number}, [{turn.role}], is empty with "
                    "these values: give it words in every case"
                )
            said.append(Turn(role=turn.role, text=text))
        return tuple(said)

    @cached_property
    def shared(self) -> int:
        """How many characters of the user's part come before its first slot; see `Prompt`."""
        before = [self.system or "", *(turn.text for turn in self.turns)]
        if any(_JINJA.search(each) for each in before):
            return -1
        words = self.user.replace("\r\n", "\n")
        first = _JINJA.search(words)
        if first is None:
            return len(words)
        before_it = words[: first.start()]
        return len(before_it.rstrip() if first[0].endswith("-") else before_it)

    @cached_property
    def _compiled(self) -> "_Compiled":
        system = None if self.system is None else _compile(self.name, self.system)
        turns = tuple(_compile(self.name, turn.text) for turn in self.turns)
        return _compile(self.name, self.user), system, turns

    def with_system(self, text: str | None) -> "Template":
        """
        Return the same with *text* as its system prompt, slots included.

        Raises:
            TemplateError: Its Jinja does not parse.
        """
        made = replace(self, system=text or None)
        _check(made)
        return made


def conversation(
    name: str, user: str, *, system: str | None = None, turns: Sequence[Turn] = ()
) -> Template:
    """
    Return a template of messages that are apart already; marks such as `[user]` are just text.

    Raises:
        TemplateError: The Jinja of one does not parse.
    """
    template = Template(name=name, user=user, system=system or None, turns=tuple(turns))
    _check(template)
    return template


_LAST_ONLY: Final = "goes with the user's last message only"
_JINJA: Final = re.compile(r"\{[{%#]-?")
"""The start of a slot, a statement or a comment."""


def parse(text: str, *, name: str, path: Path | None = None) -> Template:
    """
    Read a template: YAML front matter if there is any, then its parts.

    Raises:
        TemplateError: The front matter or the Jinja does not parse, or an `[assistant]` part is
            out of its place; says file and line.
    """
    source = split(text)
    for line, what, fix in turn_faults(source):
        raise TemplateError(f"{path.name if path else name}, line {line}: {what}; {fix}")
    meta = _front_matter(source.front, name)
    turns, user = turns_of(source)
    template = Template(
        name=str(meta.get("name", name)),
        user=user,
        system=source.part("system") or None,
        turns=turns,
        declared=str(meta.get("version", "")),
        meta=meta,
        path=path,
    )
    if not template.user:
        raise TemplateError(f"{name}: the prompt is empty")
    _check(template)
    return template


def _front_matter(front: str | None, name: str) -> dict[str, Any]:
    if front is None:
        return {}
    import yaml

    from llmlab.templates.front import front_of

    try:
        return front_of(front)
    except yaml.YAMLError as error:
        raise TemplateError(f"{name}: front matter is not YAML: {_one_line(error)}") from error
    except ValueError as error:
        raise TemplateError(f"{name}: {error}") from None


def _check(template: Template) -> None:
    import jinja2

    try:
        _ = template.slots
    except jinja2.TemplateSyntaxError as error:
        hint = hint_for(template.text)
        raise TemplateError(
            f"{template.name}, line {error.lineno}: {error.message}{hint}"
        ) from error
    except RecursionError:
        raise TemplateError(f"{template.name}: {TOO_DEEP}") from None


def _compile(name: str, text: str) -> "jinja2.Template":
    import jinja2

    try:
        return environment().from_string(text)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{name}, line {error.lineno}: {error.message}") from error
    except (RecursionError, SyntaxError):  # Python's own limits on what Jinja made of it
        raise TemplateError(f"{name}: {TOO_DEEP}") from None


def _render(name: str, template: "jinja2.Template", values: Mapping[str, object]) -> str:
    import jinja2

    try:
        return template.render(values)
    except TemplateError as error:
        raise TemplateError(f"{name}: {error}") from error
    except jinja2.TemplateError as error:
        raise TemplateError(f"{name}: {_one_line(error)}") from error
    except _OF_AN_EXPRESSION as error:
        kind = type(error).__name__
        raise TemplateError(f"{name}{_line_of(error)}: {kind}: {_one_line(error)}") from error


_OF_AN_EXPRESSION: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
"""What an expression such as `{{ a + 1 }}` raises on values of another type."""


def _line_of(error: Exception) -> str:
    """Return the line of the part in which an expression failed; Jinja's frames know it."""
    lines = [
        step.lineno for step in traceback.extract_tb(error.__traceback__)
        if step.filename == "<template>"
    ]  # fmt: skip
    return f", line {lines[-1]} of its part" if lines and lines[-1] else ""


def _missing(name: str, missing: list[str], values: Mapping[str, object]) -> str:
    """Say what is missing and, if a near name has a value, which one was meant."""
    slot = missing[0]
    known = sorted(str(key) for key in values if not str(key).startswith("_"))
    begun = [each for each in known if not each.isidentifier() and each.startswith(slot)]
    near = begun or nearest(slot, known)
    listed = ", ".join(map(spelt, missing))
    hint = f"; did you mean {spelt(near[0])}?" if near else ""
    if not hint and len(known) <= 12:  # noqa: PLR2004 - as many names as one line can carry
        hint = f"; there are: {', '.join(known) or 'none'}"
    return f"prompt {name!r}: no value for {listed}{hint}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
