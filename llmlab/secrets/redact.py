"""
Redact what looks secret: keys, authorisation headers, account ids, addresses.

Provider error texts echo masked keys, organisation and team ids and the caller's address
(providers.md, gotcha 41), so every text from outside is redacted here before it is
shown, logged or stored.
"""

import re
from typing import Final

MARK: Final = "[...]"

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"

_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?i)\b(?:authorization|x-api-key|api-key)\b[\"']?\s*[:=]\s*[\"']?(?:bearer\s+)?[^\s\"',;}]+",
        r"(?i)\bbearer\s+[A-Za-z0-9._~+/=*-]{8,}",
        r"\b(?:sk|xai|pk|rk)-[A-Za-z0-9_*.-]{4,}",
        r"\b(?:gsk_|AIza|ABSK|tgp_v1_)[A-Za-z0-9_+/=-]{12,}",
        r"\*{3,}[A-Za-z0-9]{0,8}|[A-Za-z0-9_-]{0,12}\*{4,}[A-Za-z0-9]{0,8}",
        r"\b(?:org|proj|team|user|acct)[-_][A-Za-z0-9]{8,}\b",
        rf"(?i)\b(?:team|organi[sz]ation|account|project)\s+(?:id\s+)?[\"']?{_UUID}",
        rf"\b{_OCTET}(?:\.{_OCTET}){{3}}\b",
        r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}(?![\w:])",
        r"[\w.+-]+@[\w-]+\.[\w.-]+\b",
    )
)


def redact(text: str) -> str:
    """Return *text* with keys, account ids, IP and e-mail addresses replaced by `[...]`."""
    for pattern in _PATTERNS:
        text = pattern.sub(MARK, text)
    return text
