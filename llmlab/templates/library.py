"""A folder of templates by name, read when first asked for and again when a file changed."""

import difflib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from llmlab.checks.files import MOST, NotText, require_file, text_of
from llmlab.errors import TemplateError
from llmlab.templates.check import check
from llmlab.templates.fault import TemplateFault, TemplateWarning, listed
from llmlab.templates.history import Version
from llmlab.templates.template import Template, parse

Strictness: TypeAlias = Literal["production", "development"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """One line of the list of templates."""

    name: str
    version: str
    tier: int | None
    description: str
    slots: tuple[str, ...]
    faults: tuple[TemplateFault, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """
    The `*.md` files of a folder; `library["terse"]` reads `terse.md`, again when it changed.

    In `development` a template with faults is used with a `TemplateWarning`; in `production` it
    is refused, with every fault listed. A `Template` that was handed out never changes: a run
    keeps the one it began with.
    """

    folder: Path
    mode: Strictness = "development"
    sent: Callable[[str], Sequence[Version]] | None = None
    """Finds the versions of a name that were ever sent, for `Template.history`."""
    _read: dict[str, tuple[tuple[int, int], Template]] = field(default_factory=dict, repr=False)

    def names(self) -> tuple[str, ...]:
        """Return the names of the templates, sorted; no file is read."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.md")))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __getitem__(self, name: str) -> Template:
        """
        Return the template called *name*.

        Raises:
            TemplateError: There is none of this name, it does not parse, or it has faults and
                this is production.
        """
        path = self._path(name)
        try:
            status = path.stat()
        except (OSError, ValueError):
            raise TemplateError(self._absent(name)) from None
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._read.get(name)
        if known is None or known[0] != stamp:
            known = (stamp, self._load(name, path))
            self._read[name] = known
        return known[1]

    def check(self, name: str | None = None) -> tuple[TemplateFault, ...]:
        """
        Return every fault of a template, or of all templates of the folder.

        Raises:
            TemplateError: There is no template of this name.
        """
        if name is None:
            return tuple(fault for each in self.names() for fault in self.check(each))
        path = self._path(name)
        if not os.path.lexists(path):
            raise TemplateError(self._absent(name))
        text = _text(path)
        return (
            (text,) if isinstance(text, TemplateFault) else check(text, file=path.name, stem=name)
        )

    def entries(self) -> tuple[LibraryEntry, ...]:
        """Read every template and return what a list of them shows, faulty ones too."""
        return tuple(self._entry(name) for name in self.names())

    def _load(self, name: str, path: Path) -> Template:
        faults = self.check(name)
        plain = isinstance(words := _text(path), str) and not words.startswith("---")
        if faults and self.mode == "production":
            raise TemplateError(f"prompt {name!r} is refused in production: {listed(faults)}")
        if isinstance(words, TemplateFault):
            raise TemplateError(str(words))
        template = replace(parse(words, name=name, path=path), faults=faults, sent=self.sent)
        if faults and not plain:
            warnings.warn(
                f"prompt {name!r} is used although it has {listed(faults)}",
                TemplateWarning,
                stacklevel=3,
            )
        return template

    def _entry(self, name: str) -> LibraryEntry:
        faults = self.check(name)
        words = _text(self._path(name))
        try:
            read = parse(words if isinstance(words, str) else "", name=name)
        except TemplateError:
            return LibraryEntry(
                name=name, version="", tier=None, description="", slots=(), faults=faults
            )
        return LibraryEntry(
            name=name,
            version=read.version,
            tier=read.about.tier,
            description=read.about.description,
            slots=read.slots,
            faults=faults,
        )

    def _path(self, name: str) -> Path:
        """Return the file of a name; a name that leaves the folder has none."""
        return self.folder / f"{Path(name).name}.md"

    def _absent(self, name: str) -> str:
        names = self.names()
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            return f"no prompt is called {name!r}; did you mean {' or '.join(near)}?"
        there = f"has {', '.join(names)}" if names else "has no *.md file"
        return f"no prompt is called {name!r}; {self.folder} {there}"


def _text(path: Path) -> str | TemplateFault:
    try:
        require_file(path, "the template", error=TemplateError, most=MOST)
        return text_of(path.read_bytes())
    except NotText as error:
        fix = "save the file as UTF-8"
        return TemplateFault(file=path.name, line=error.line, what=str(error), fix=fix)
    except (TemplateError, OSError) as error:
        what = str(error).removeprefix(f"{path}: ")
        return TemplateFault(
            file=path.name, line=1, what=what, fix="put the text of a prompt there"
        )
