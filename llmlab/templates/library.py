"""A folder of templates by name, read when first asked for."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from llmlab.errors import TemplateError
from llmlab.templates.template import Template, parse


@dataclass(frozen=True, slots=True)
class Library:
    """The `*.md` files of a folder; `library["terse"]` reads `terse.md`, again when it changed."""

    folder: Path
    _read: dict[str, tuple[int, Template]] = field(default_factory=dict, repr=False)

    def names(self) -> tuple[str, ...]:
        """Return the names of the templates, sorted; no file is read."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.md")))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __getitem__(self, name: str) -> Template:
        """
        Return the template called *name*.

        Raises:
            TemplateError: There is none of this name, or it does not parse.
        """
        path = self.folder / f"{name}.md"
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            raise TemplateError(self._absent(name)) from None
        known = self._read.get(name)
        if known is None or known[0] != changed:
            known = (changed, parse(path.read_text(encoding="utf-8"), name=name, path=path))
            self._read[name] = known
        return known[1]

    def _absent(self, name: str) -> str:
        names = self.names()
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            return f"no prompt is called {name!r}; did you mean {' or '.join(near)}?"
        there = f"has {', '.join(names)}" if names else "has no *.md file"
        return f"no prompt is called {name!r}; {self.folder} {there}"
