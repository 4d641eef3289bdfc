"""Parse an error body, in any of the envelopes that providers use."""

import html
import re
from dataclasses import dataclass
from typing import Final

import msgspec

from llmlab.records import HttpReply
from llmlab.secrets.redact import MARK, redact

_LARGEST: Final = 65_536
"""Bytes of an error body that are looked at."""
_LONGEST: Final = 1_000
"""Characters of a message that are cleaned and searched for phrases."""

_TITLE: Final = re.compile(r"(?is)<title[^>]{0,200}>(.{0,300}?)(?:</title>|$)")
_CHARSETS: Final = frozenset(
    {"utf-8", "utf8", "us-ascii", "iso-8859-1", "latin-1", "windows-1252", "utf-16", "gbk"}
    | {"gb2312", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "koi8-r", "windows-1251"}
)
"""Charsets believed; Python knows more names, some of which are no charsets at all."""
_CHARSET: Final = re.compile(r"(?i)charset=[\"']?([\w.:-]{2,40})")
_ECHOED: Final = re.compile(r"(?i)(api[ -]key(?: provided)?: ?)[^\s,;]*[^\s,;.]")
"""Providers repeat the key they refuse, masked or not (`Incorrect API key provided: ...`)."""
_CUT_FIELD: Final = re.compile(r'"(message|type|code|error)"\s*:\s*"((?:[^"\\]|\\.){1,1000})')
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """The message, cleaned and on one line, and the codes that name its kind."""

    message: str
    words: tuple[str, ...] = ()
    """Code and type, the more exact one first."""
    request_id: str | None = None


class _Details(msgspec.Struct):
    error_code: str | None = None


class _Inner(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    details: _Details | None = None


class _Envelope(msgspec.Struct):
    error: _Inner | str | None = None
    message: str | None = None
    detail: str | None = None
    type: str | None = None
    code: str | int | None = None
    request_id: str | None = None


def said_of(reply: HttpReply) -> ErrorBody:
    """Return what the body says; never raise, whatever it is."""
    text = _text(reply).strip()
    if not text:
        return ErrorBody(message="(empty body)")
    start = text[:200].lower()
    if "html" in reply.headers.get("content-type", "").lower() or start.startswith("<"):
        return ErrorBody(message=_title(text))
    try:
        return said_in(msgspec.json.decode(text.encode(errors="replace")), text)
    except (msgspec.MsgspecError, RecursionError):
        return _cut(text)


def said_in(value: object, text: str = "") -> ErrorBody:
    """Return what decoded JSON says; *text* is the body it came from."""
    if isinstance(value, str):
        return ErrorBody(message=_clean(value))
    if isinstance(value, list) and value:
        value = value[0]  # Google's chat completions put the envelope into a list
    try:
        envelope = msgspec.convert(value, _Envelope)
    except (msgspec.MsgspecError, RecursionError):
        return ErrorBody(message=_clean(text or "an error of an unknown shape"))
    inner = envelope.error
    if not isinstance(inner, _Inner):
        inner = _Inner(message=inner, type=envelope.type, code=envelope.code)
        inner.message = inner.message or envelope.message or envelope.detail
    detail = inner.details.error_code if inner.details else None
    words = tuple(str(word).lower() for word in (detail, inner.code, inner.type) if word)
    message = inner.message or " ".join(words) or text or "(no message)"
    return ErrorBody(message=_clean(message), words=words, request_id=envelope.request_id)


def _text(reply: HttpReply) -> str:
    body = reply.body[:_LARGEST]
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", errors="replace")
    named = _CHARSET.search(reply.headers.get("content-type", ""))
    charset = named[1].lower() if named else ""
    try:
        return body.decode(charset if charset in _CHARSETS else "utf-8-sig")
    except UnicodeError:
        return body.decode(errors="replace")


def _title(page: str) -> str:
    found = _TITLE.search(page)
    title = html.unescape(found[1]).strip() if found else ""
    return _clean(title) or "(a page without a title)"


def _cut(text: str) -> ErrorBody:
    """Read plain text, or JSON that broke off: its fields are still better than its braces."""
    fields: dict[str, str] = {}
    for name, value in _CUT_FIELD.findall(text):
        fields.setdefault(name, value)
    message = fields.get("message") or fields.get("error") or text
    words = tuple(fields[name].lower() for name in ("code", "type") if name in fields)
    return ErrorBody(message=_clean(message), words=words)


def _clean(text: str) -> str:
    line = _BLANKS.sub(" ", text[:_LONGEST]).strip()
    return redact(_ECHOED.sub(rf"\1{MARK}", line)).strip()
