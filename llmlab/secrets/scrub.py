"""
Take the keys that an endpoint uses out of what comes from it, in the forms it may come back.

`redact` knows what keys look like; here the keys themselves are known, so that one without a
known prefix is found as well. The search of a reply costs one `in` for each probe; everything
else happens only where one was found.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from llmlab.secrets.redact import MARK
from llmlab.secrets.secret import Secret, Shy, ShyBytes

_MARK: Final = MARK.encode()
_SHORTEST: Final = 8
"""Characters of a key that is looked for everywhere; a shorter one is in ordinary words."""
_SHORT: Final = 4
"""Characters of one that is looked for in refusals and errors only."""
_SHOWN: Final = 4
"""Characters of a key's beginning or end beside a mask that are taken for a part of it."""
_CUT: Final = 8
"""Characters of a key's beginning or end that are taken for it where the rest is missing."""
_PUBLIC: Final = re.compile(r"sk-ant-(?:api\d\d-)?|sk-(?:proj-|svcacct-)?|xai-|[a-z]{2,4}[-_]")
"""How many keys begin: it tells nothing."""
_MASK: Final = re.compile(
    rb"(?:\*|\.\.|[xX]{3}|##|\xe2\x80[\xa2\xa6]|\xc2\xb7|\\u202[26])"
    rb"(?:[*.xX#]|\xe2\x80[\xa2\xa6]|\xc2\xb7|\\u202[26])*"
)
"""Stars, dots or crosses in the place of a key's middle, in UTF-8 or as JSON writes them."""
_REFUSED: Final = 400
_READ: Final = 65_536
"""Bytes of a refusal that are searched for parts of keys: no more of it is ever shown."""


class Scrubber:
    """What takes some secrets out; empty (false) when there is none to take out."""

    __slots__ = ("_forms", "_keys", "_plain", "_plain_text", "_probes", "_short", "_text")

    def __init__(self, secrets: Iterable[Secret | None] = ()) -> None:
        self._keys = tuple({each for each in secrets if each and len(each.reveal()) >= _SHORT})
        long = [each for each in self._keys if len(each.reveal()) >= _SHORTEST]
        plain = {form for each in long for form in _forms(each)}
        forms = plain | {form for each in long for form in _encoded(each)}
        # The longest first: what is within another would leave the rest of that.
        self._forms = tuple(sorted(forms, key=len, reverse=True))
        self._plain, self._probes = _probes(plain), _probes(forms)
        self._plain_text, self._text = _texts(self._plain), _texts(self._probes)
        self._short = tuple(ShyBytes(_bytes(each)) for each in self._keys if each not in long)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __repr__(self) -> str:
        return f"Scrubber({len(self._keys)} secrets)"

    def clean(self, data: bytes) -> bytes:
        """Return *data* with `[...]` where a key was; the same object where none was."""
        for probe in self._probes:
            if probe in data:
                return self._replaced(data)
        return data

    def reply(self, status: int, body: bytes) -> bytes:
        """
        Return the body of a whole reply.

        A refusal is searched for all forms and for parts of keys. Of any other reply only the
        answer is kept, and `holds` looks at that, so one search for the key itself will do.
        """
        if status >= _REFUSED:
            return self._thorough(body)
        for probe in self._plain:
            if probe in body:
                return self._replaced(body)
        return body

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers of a reply; lower-case copies where a key was in one."""
        if self._plain_text:
            values = "\n".join(headers.values())
            for probe in self._plain_text:
                if probe in values:
                    return {name.lower(): self.text(value) for name, value in headers.items()}
        return headers

    def text(self, text: str) -> str:
        """Return a text that is shown or kept, such as an error's, without keys and parts of."""
        if not self._keys:
            return text
        return self._thorough(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def holds(self, text: str) -> bool:
        """Say whether a key is in *text*, in any form."""
        for probe in self._text:  # noqa: SIM110 - half the time of `any`, and it is asked each call
            if probe in text:
                return True
        return False

    def begun_in(self, data: bytes) -> int:
        """Say how many of the last bytes may be the beginning of a key that goes on."""
        return max((_begun(data, form) for form in self._forms), default=0)

    def _replaced(self, data: bytes) -> bytes:
        for form in self._forms:
            data = data.replace(form, _MARK)
        return data

    def _thorough(self, data: bytes) -> bytes:
        if not self._keys:
            return data
        data = self._replaced(data)
        head, rest = data[:_READ], data[_READ:]
        for each in self._short:
            head = head.replace(each, _MARK)
        for key in self._keys:
            head = _without_parts(head, _bytes(key), _public(key))
        return head + rest


class Strain:
    """A Scrubber for a body that comes in pieces, wherever the cuts are."""

    __slots__ = ("_held", "scrubber")

    def __init__(self, scrubber: Scrubber) -> None:
        self.scrubber = scrubber
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what of the body is known to be clean; *chunk* itself in all but rare cases."""
        if not self._held and chunk.endswith(b"\n"):  # an event ends here, and no key has one
            return self.scrubber.clean(chunk)
        data = self.scrubber.clean(self._held + chunk)
        cut = len(data) - self.scrubber.begun_in(data)
        self._held = ShyBytes(data[cut:])
        return data[:cut]

    def end(self) -> bytes:
        """Return what was held back: the body ended, so it was no key."""
        held, self._held = bytes(self._held), b""
        return held


def _forms(secret: Secret) -> set[ShyBytes]:
    """Return the key as it is, and as URLs, JSON and HTML write it."""
    raw = str(secret.reveal())
    quoted, in_json = quote(_bytes(secret), safe=""), json.dumps(raw)[1:-1]
    forms = {
        raw,
        quoted,
        quote(_bytes(secret)),
        html.escape(raw),
        in_json,
        in_json.replace("/", "\\/"),
    }
    forms.add(_lower_hex(quoted))
    for digits in ("{:04x}", "{:04X}"):
        escaped = _escaped(raw, digits)
        forms |= {escaped, escaped.replace("/", "\\/"), escaped.replace("/", "\\u002f")}
    return {ShyBytes(form.encode(errors="surrogateescape")) for form in forms}


def _encoded(secret: Secret) -> set[ShyBytes]:
    """Return what of a base64 text only the key decides, at each place where it may begin."""
    forms = set()
    for before in range(3):
        padded = b"\0" * before + _bytes(secret)
        whole = base64.b64encode(padded).decode()
        core = whole[-(-before * 8 // 6) : len(padded) * 8 // 6]
        forms |= {core, core.replace("+", "-").replace("/", "_"), core.replace("/", "\\/")}
        forms |= {quote(core, safe=""), _lower_hex(quote(core, safe=""))}
    return {ShyBytes(form.encode()) for form in forms}


def _lower_hex(quoted: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)


def _escaped(raw: str, digits: str) -> str:
    r"""Write as .NET, Go and PHP write JSON that is safe in a page: `+` as `\u002B`."""
    return "".join(
        each if each.isalnum() or each in "-_./" else "\\u" + digits.format(ord(each))
        for each in raw
    )


def _probes(forms: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return a few searches such that a form can only be where one of them finds something."""
    least: list[bytes] = []
    for probe in sorted({_probe(each) for each in forms}, key=len):
        if not any(each in probe for each in least):
            least.append(probe)
    return tuple(least)


def _probe(form: bytes) -> bytes:
    """Return what every way of writing *form* has in common: its longest run of letters."""
    longest = max(re.findall(rb"[A-Za-z0-9]+", form) or [form], key=len)
    return ShyBytes(longest if len(longest) >= _SHORTEST else form)


def _texts(probes: Iterable[bytes]) -> tuple[Shy, ...]:
    return tuple(Shy(each.decode(errors="surrogateescape")) for each in probes)


def _begun(data: bytes, form: bytes) -> int:
    at = data.find(form[0], max(0, len(data) - len(form) + 1))
    while at >= 0:
        if form.startswith(data[at:]):
            return len(data) - at
        at = data.find(form[0], at + 1)
    return 0


def _without_parts(data: bytes, key: bytes, public: int) -> bytes:
    """Take out a key of which a server shows beginning or end: masked, or cut off."""
    if key[: public + _SHOWN] in data or key[-_SHOWN:] in data:
        data = _unmasked(data, key, public)
    if key[: public + _CUT] in data:
        for length in range(len(key) - 1, public + _CUT - 1, -1):
            data = data.replace(key[:length], _MARK)
    if key[-_CUT:] in data:
        for length in range(len(key) - 1, _CUT - 1, -1):
            data = data.replace(key[-length:], _MARK)
    return data


def _unmasked(data: bytes, key: bytes, public: int) -> bytes:
    kept, at = [], 0
    for mask in _MASK.finditer(data):
        first, last = mask.span()
        begun = next((n for n in range(len(key), 0, -1) if data.endswith(key[:n], at, first)), 0)
        ended = next((n for n in range(len(key), 0, -1) if data.startswith(key[-n:], last)), 0)
        if max(begun - public, ended) >= _SHOWN:
            kept += [data[at : first - begun], _MARK]
            at = last + ended
    return b"".join([*kept, data[at:]])


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode(errors="surrogateescape")


def _public(key: Secret) -> int:
    found = _PUBLIC.match(key.reveal())
    return found.end() if found else 0
