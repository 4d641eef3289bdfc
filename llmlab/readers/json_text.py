"""Values of a foreign file as text: the same value is always the same text."""

import json
from typing import Any


def json_of(value: Any) -> str:
    """Return *value* as JSON, with its keys in order."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def text_of(value: Any) -> str:
    """Return a text as it is, and any other value as JSON."""
    return value if isinstance(value, str) else json_of(value)
