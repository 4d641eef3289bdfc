"""
Write tape files: a header line, then one JSON object a line, sorted.

In: lines of a tape. Out: text that diffs well in git and holds no key.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT
from msgspec.structs import fields

from llmlab.archive.tape import TapeLine
from llmlab.errors import UsageError
from llmlab.records import Answer, Failure, Usage
from llmlab.secrets import private, redact

SCHEMA: Final = "llmlab tape 1"
HEAD: Final = msgspec.json.encode({"schema": SCHEMA}).decode()

_WORDS: Final = frozenset({"text", "reasoning", "parsed", "sources", "partial"})
"""Fields with the model's own words. `redact` would also remove Markdown rules and addresses that
belong to the answer, and a changed answer may get another score."""

_KEY: Final = re.compile(
    r"\b(?:sk|xai|pk|rk)-[A-Za-z0-9_-]{16,}|(?i:\bbearer\s+[A-Za-z0-9._~+/=-]{16,})"
)


def text_of(lines: Iterable[TapeLine]) -> str:
    """Return the file's text; the same lines always make the same text."""
    body = [encoded(line) for line in sorted(lines, key=lambda line: line.order)]
    return "\n".join([HEAD, *body, ""])


def write(path: Path, lines: Iterable[TapeLine]) -> None:
    """
    Write a tape atomically: a reader finds the old file or the new one, never a part.

    It holds prompts and answers, so only its owner may read it, in any folder.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        if private.is_private_place(path.absolute()):
            private.make_folder(path.absolute().parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        private.replace(path, text_of(lines).encode())
    except OSError as error:
        raise UsageError(f"the tape {path} cannot be written: {error.strerror}") from error


def encoded(line: TapeLine) -> str:
    """Return a line as it is written."""
    plain = msgspec.to_builtins(line, order="deterministic")
    for name, kind in (("answer", Answer), ("failure", Failure)):
        if plain[name] is None:
            del plain[name]
        else:
            plain[name] = _short(plain[name], kind)
            if "usage" in plain[name]:
                plain[name]["usage"] = _short(plain[name]["usage"], Usage)
    return msgspec.json.encode(_clean(plain)).decode()


def _short(plain: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """Leave out fields at their default."""
    usual = {
        item.name: item.default if item.default is not NODEFAULT else {}
        for item in fields(kind)
        if not item.required
    }
    return {
        name: value
        for name, value in plain.items()
        if name not in usual or not _same(value, usual[name])
    }


def _same(value: object, usual: object) -> bool:
    return value == (list(usual) if isinstance(usual, tuple) else usual)


def _clean(value: Any, *, words: bool = False) -> Any:
    """Redact what looks like a key; outside the model's own words also ids and addresses."""
    if isinstance(value, str):
        return _KEY.sub(lambda found: redact(found[0]), value) if words else redact(value)
    if isinstance(value, dict):
        return {name: _clean(inner, words=words or name in _WORDS) for name, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, words=words) for inner in value]
    return value
