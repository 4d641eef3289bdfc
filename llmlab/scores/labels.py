"""
Read the label of an answer: whole words in any case and form, letters only where they are labels.

A label that is negated (`not positive`), only listed (`positive, negative or neutral?`) or quoted
does not count. Several labels in one answer are no label, unless one has the place of an answer.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from llmlab.scores.folded import Folded, fold
from llmlab.scores.mentions import Mention, Places, chosen, listed, negated, own_words
from llmlab.scores.numbers import numbers_in
from llmlab.scores.plain import DASH, MINUS, plain, unmarked, unshortened
from llmlab.scores.unread import Read

_LEAD: Final = re.compile(
    r"(?:(?:it(?:'s| is)|this is|that is|i(?:'d| would)? (?:say|go with|choose|pick|call it"
    r"|label it)|clearly"
    r"|mostly|slightly|rather|so|overall|therefore|thus|hence|label|sentiment|answer|option|class"
    r"|the"
    r"|is|:|=|\W)[\s,:]*)*",
    re.IGNORECASE,
)
PLACES: Final = Places(
    nouns=r"answer|label|class|classification|category|sentiment|rating|grade|tone|stance|signal"
    r"|regime"
    r"|choice|option|verdict|assessment|judge?ment|prediction|result|output|view|outlook|decision|action|call|recommendation"
    r"|novelty|sector|trend|Antwort|Ergebnis|Stimmung|Urteil|r\u00e9ponse|respuesta|risposta"
    r"|\u043e\u0442\u0432\u0435\u0442"
    r"|\u7b54\u6848|\u6807\u7b7e|\u60c5\u7eea|\u30e9\u30d9\u30eb|\u7b54\u3048|\ub2f5",
    alone=lambda before, after: _LEAD.fullmatch(before) is not None and not after,
)
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
"""Characters of scripts that write no spaces between words, or attach endings to them."""
_WORDS: Final = frozenset("ai")
"""Letters that are words of English."""
_NUMBER: Final = re.compile(r"[-+\u2212]?[0-9]+(?:\.[0-9]+)?")
_GRADED: Final = re.compile(r"\w[-+]")
"""A label that ends with a sign, as ratings do: `AA-`."""


class Labels:
    """The labels of a run, each by the words that stand for it, and how to find them."""

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self._numbers = {
            float(_dashes(word)): label
            for word, label in meanings.items() if _NUMBER.fullmatch(word)
        }  # fmt: skip
        self._meanings = {
            word: label for word, label in meanings.items() if not _NUMBER.fullmatch(word)
        }
        self._graded = any(_GRADED.search(word[-2:]) for word in self._meanings)
        if self._graded:
            self._meanings = {_dashes(word): label for word, label in self._meanings.items()}
        words = [word for word in self._meanings if not _is_letter(word)]
        self._letters = {word: label for word, label in self._meanings.items() if _is_letter(word)}
        self._spoken = _pattern(words, graded=self._graded) if words else None
        self._lettered = (
            _letter_pattern(self._letters, graded=self._graded) if self._letters else None
        )

    def said(self, text: str) -> Read[str]:
        """Return the label of *text*, folded, or why it has none."""
        only = self._spoken and self._meanings.get(fold(text.strip(" .!*\n")))
        if only:
            return only
        own = own_words(unshortened(unmarked(plain(text))))
        own = _dashes(own) if self._graded else own
        found = sorted(self._found(own), key=lambda each: (each.start, -each.end))
        said: Read[str] = chosen(own, listed(own, found), PLACES, "label")
        return said

    def exactly(self, value: object) -> str | None:
        """Return the label that a value of a JSON document is; None when it is none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            word = fold(str(value).strip())
            return self._meanings.get(word) or self._number(word)
        return self._numbers.get(float(value))

    def _number(self, word: str) -> str | None:
        word = _dashes(word)
        return self._numbers.get(float(word)) if _NUMBER.fullmatch(word) else None

    def _found(self, text: str) -> Iterator[Mention]:
        for start, end, label in (*self._words_in(text), *self._letters_in(text)):
            denied = negated(text, start, end)
            why = f"the answer says what it is not ({text[start:end]})" if denied else ""
            yield Mention(start, end, label, why, counts=False)
        if self._numbers:
            yield from self._numbers_in(text)

    def _words_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        if self._spoken is None:
            return
        folded = Folded(text)
        for found in self._spoken.finditer(folded.text):
            word = " ".join(found[0].split())
            if word == "no" and _DETERMINER.match(folded.text, found.end()):
                continue
            yield folded.start(found.start()), folded.end(found.end()), self._meanings[word]

    def _letters_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        if self._lettered is None:
            return
        for found in self._lettered.finditer(text):
            start, end = found.span(found.lastgroup or 0)
            if _NAMED_BEFORE.search(text, max(0, start - 16), start) or _NAMED_AFTER.match(
                text, end
            ):
                continue
            yield start, end, self._letters[text[start:end].lower()]

    def _numbers_in(self, text: str) -> Iterator[Mention]:
        """Yield the numbers that are labels; a number that is none says something else."""
        for each in numbers_in(text, signed=min(self._numbers) < 0):
            bracketed = "a number in brackets may be a label or a loss"
            why = each.why or (bracketed if text[each.start] == "(" else "")
            if why and abs(each.value) in map(abs, self._numbers):
                yield Mention(each.start, each.end, "", why)
            elif each.value in self._numbers:
                yield Mention(each.start, each.end, self._numbers[each.value])


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()


def _dashes(text: str) -> str:
    """Write each minus and dash as the plain one."""
    return text.replace(MINUS, "-").replace(DASH, "-")


_DETERMINER: Final = re.compile(
    r"\s+(?!(?:because|since|as|it|i|this|that|they|we|he|she|there|but|and|the|not)\b)\w"
)
"""A word after `no` that makes it no answer: `no evidence`."""
_NAMED_BEFORE: Final = re.compile(
    r"(?:\b(?:Series|Plan|Vitamin|Schedule|Exhibit|Appendix|Section|Mrs?|Ms|Dr)\.?|S&P) $"
)
_NAMED_AFTER: Final = re.compile(r"\+\+|-[a-z]| (?:shares?|round|stock|funding)\b")
"""What makes a letter part of a name: `Series B`, `Class A shares`, `C-suite`."""


def _pattern(words: list[str], *, graded: bool) -> re.Pattern[str]:
    """Find whole words; in a script without blanks there is no edge to look for."""
    longest = sorted(words, key=len, reverse=True)
    return re.compile("|".join(_bounded(word, graded=graded) for word in longest))


def _bounded(word: str, *, graded: bool) -> str:
    before = "" if _UNSPACED.match(word[0]) else r"(?<!\w)(?<!\w-)"
    after = "" if _UNSPACED.match(word[-1]) else r"(?!\w|-\w)"
    sign = _NO_SIGN if graded else ""
    return before + r"\s+".join(re.escape(part) for part in word.split()) + after + sign


_NO_SIGN: Final = r"(?!\s?[-+]|\s(?i:minus|plus)\b)"
"""Where some labels end with a sign, `AA` is not the label of `AA-`."""


def _letter_pattern(letters: Mapping[str, str], *, graded: bool) -> re.Pattern[str]:
    """
    Find letters where they are labels: alone in a line, in brackets or quotes, after `answer`.

    A capital that is no word may also stand in a sentence; the article `a` and the pronoun `I` only
    before what follows neither of them: `A because`, `A or B`.
    """
    every, edge = "".join(letters), _NO_SIGN if graded else ""
    either, capital = f"[{every}{every.upper()}]{edge}", f"[{every.upper()}]{edge}"
    upper = "".join(set(every.upper()) - set("".join(_WORDS).upper()))
    nouns = "option|label|class|category|choice|grade"
    ends = r"(?=\s*(?:[.,;:!)\]]|$))"
    parts = [
        rf"(?m:^[ ]*(?P<line>{either})[ ]*[).:,;!\-\u2013\u2014]*[ ]*$)",
        rf"(?m:^[ ]*(?P<lead>{either})[).:](?=\s))",
        rf"[(\[\"']\s?(?P<held>{either})\s?[)\]\"']",
        rf"(?:\b(?i:{nouns}|answer|type|is)|[:=])\s*(?P<told>{capital}){ends}",
        rf"\b(?i:{nouns})\s+(?P<noun>{capital})(?!['\w])",
        rf"(?<![\w'.])(?P<end>{capital})(?=[.,;:!)]*\s*$)",
    ]
    if upper:
        parts.append(rf"(?<![\w'.])(?P<bare>[{upper}]{edge})(?![\w'&]|\.\w)")
    parts += [
        rf"(?<![\w'.&])(?P<word_{word}>{word.upper()}{edge}){after}"
        for word, after in _NO_WORD.items() if word in letters
    ]  # fmt: skip
    return re.compile("|".join(parts))


_NO_WORD: Final = {
    "a": r"(?=\s+(?:because|since|is|was|or|over|versus|vs|rather|instead|fits|wins)\b"
    r"|\s+and\s+[B-Z]\b|\s*[/,\u2013\u2014])",
    "i": r"(?=\s+(?:because|or|over|versus|vs)\b|\s*/)",
}
"""What follows a letter that is a word only where it is a label."""
