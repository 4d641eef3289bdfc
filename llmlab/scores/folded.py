"""Case-folded text for finding words in any case and form, with positions in the original."""

import unicodedata
from functools import lru_cache


def fold(text: str) -> str:
    """Return *text* as it is compared: compatibility forms and case folded, single spaces."""
    return " ".join(Folded(text).text.split())


class Folded:
    """A folded text; `start` and `end` map its positions to those of the original."""

    def __init__(self, text: str) -> None:
        if text.isascii():
            self.text, self._places = text.lower(), None
            return
        pieces = [_fold(char) for char in unicodedata.normalize("NFC", text)]
        self.text = "".join(pieces)
        self._places = [at for at, piece in enumerate(pieces) for _ in piece]

    def start(self, at: int) -> int:
        """Return the original position of the character at *at*."""
        return at if self._places is None else self._places[at]

    def end(self, at: int) -> int:
        """Return the original end of the character before *at*."""
        return at if self._places is None else self._places[at - 1] + 1


@lru_cache(4096)
def _fold(char: str) -> str:
    """Fold one character of a text in NFC, possibly to several."""
    folded = unicodedata.normalize("NFKC", char).casefold()
    return unicodedata.normalize("NFKC", folded)
