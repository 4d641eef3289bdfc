"""A text in which words are found whatever their case and form, and where each stood before."""

import unicodedata
from functools import lru_cache


def fold(text: str) -> str:
    """Return *text* as it is compared: compatibility forms and case folded, single blanks."""
    return " ".join(Folded(text).text.split())


class Folded:
    """A folded text; `start` and `end` lead back to the places in the text it was made of."""

    def __init__(self, text: str) -> None:
        if text.isascii():
            self.text, self._places = text.lower(), None
            return
        pieces = [_fold(char) for char in unicodedata.normalize("NFC", text)]
        self.text = "".join(pieces)
        self._places = [at for at, piece in enumerate(pieces) for _ in piece]

    def start(self, at: int) -> int:
        """Return where the character of place *at* stood."""
        return at if self._places is None else self._places[at]

    def end(self, at: int) -> int:
        """Return where the character before place *at* ended."""
        return at if self._places is None else self._places[at - 1] + 1


@lru_cache(4096)
def _fold(char: str) -> str:
    """Fold one character of a text in NFC; a case that changes length is no matter here."""
    folded = unicodedata.normalize("NFKC", char).casefold()
    return unicodedata.normalize("NFKC", folded)
