"""How the words of a template changed from version to version."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from llmlab.errors import TemplateError


class Version(Protocol):
    """The words of a template at one version, as the book keeps them."""

    @property
    def version(self) -> str:
        """Declared version and content hash."""

    @property
    def text(self) -> str:
        """`Template.text`."""

    @property
    def first_used_at(self) -> float:
        """Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The versions of one template that were used, the oldest first."""

    name: str
    versions: Sequence[Version]

    def diff(self, old: str | None = None, new: str | None = None) -> str:
        """
        Return a unified diff between two versions; without names, between the last two.

        Raises:
            TemplateError: There is no such version, or fewer than two.
        """
        before, after = self._pick(old, -2), self._pick(new, -1)
        lines = difflib.unified_diff(
            before.text.splitlines(), after.text.splitlines(),
            before.version, after.version, lineterm="",
        )  # fmt: skip
        return "\n".join(lines)

    def table(self) -> str:
        """Return one line a version: first use in UTC, version, lines added and removed."""
        lines = []
        for at, each in enumerate(self.versions):
            day = datetime.fromtimestamp(each.first_used_at, UTC).strftime("%Y-%m-%d %H:%M")
            lines.append(f"{day}  {each.version}  {self._change(at)}".rstrip())
        return "\n".join(lines)

    def _change(self, at: int) -> str:
        if at == 0:
            return ""
        before, after = self.versions[at - 1].text, self.versions[at].text
        marks = [line[:1] for line in difflib.ndiff(before.splitlines(), after.splitlines())]
        return f"+{marks.count('+')} -{marks.count('-')}"

    def _pick(self, version: str | None, at: int) -> Version:
        if version is None:
            if len(self.versions) < -at:
                raise TemplateError(f"prompt {self.name!r} was used in one version only")
            return self.versions[at]
        found = [each for each in self.versions if each.version == version]
        if not found:
            there = ", ".join(each.version for each in self.versions)
            raise TemplateError(f"prompt {self.name!r} has no version {version!r}; it has {there}")
        return found[0]
