"""
Read a judge's reply: A, B, or a tie; None where it is in doubt.

In: a reply. Out: the choice, or None. The places, in this order; the first that has a choice
decides, and its choices must agree:

1. a stated place: `{"choice": "A"}`, `[[A]]`, `Choice: A` (also winner, verdict, final answer ...);
2. a line or sentence that begins with a choice and goes on to reasons (`A. It is`, `A because`),
   together with what sentences claim: `B is better`, `A loses to B`, `prefer A`, `both are equal`.

A and B are read by the same patterns, so that a reply with A and B exchanged is read exchanged. The
article (`A tie`, `A better answer`) is no choice, nor is what is asked, quoted or negated.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from llmlab.scores.folded import fold
from llmlab.scores.jsons import document_in, leaves
from llmlab.scores.mentions import own_words
from llmlab.scores.plain import plain, unmarked, unshortened
from llmlab.scores.unread import Unread

Choice: TypeAlias = Literal["A", "B", "T"]

_NOUN: Final = (
    r"(?:answer|response|option|reply|output|candidate|assistant|solution|text|model|version"
    r"|summary"
    r"|completion|antwort|r\u00e9ponse|respuesta|risposta|resposta|\u7b54\u6848|\u56de\u7b54"
    r"|\u043e\u0442\u0432\u0435\u0442)"
)
_WORD: Final = "A-Za-z0-9_\u00c0-\u024f\u0400-\u04ff"
_ONE: Final = r"(?:one|answer|response|option|reply|output|assistant)"
_AFTER_ORDINAL: Final = (
    r"(?=[ \t\"')]*(?:$|[.,;:!)]|(?:is|was|seems|wins|over|to|than|because|since|as|by|beats|loses"
    r"|has"
    r"|outperforms|falls|comes|would)\b))"
)
_ORDINAL: Final = {
    "first": rf"(?:(?:the )?(?:first|1st) {_ONE}(?!\w)|the (?:first|former)\b{_AFTER_ORDINAL})",
    "second": rf"(?:(?:the )?(?:second|2nd) {_ONE}(?!\w)|the (?:second|latter)\b{_AFTER_ORDINAL})",
}
_SIDES: Final = (("A", "1", "first"), ("B", "2", "second"))


def _option(letter: str, number: str, ordinal: str) -> str:
    """Return the pattern for the names of one of the two answers."""
    held = rf"[\"'(\[]*(?-i:{letter})[\"')\]]*(?![{_WORD}'&/]|\.\w)"
    spoken = rf"(?:the )?{_NOUN}[ _]?(?:no\.? ?|number |#)?(?:{held}|{number}(?![{_WORD}.,]\d|\d))"
    return rf"(?:{spoken}|{_ORDINAL[ordinal]}|(?<![{_WORD}'.]){held})"


_A, _B = (_option(*side) for side in _SIDES)
_SPACE: Final = r"[ \t\"')\]]+"
_VERY: Final = (
    r"(?:(?:much|far|slightly|clearly|clear|a bit|a little|somewhat|significantly|marginally"
    r"|overall|also"
    r"|considerably|definitely|by far|the|still|generally|simply|just|a lot|noticeably|strongly"
    r"|really"
    r"|probably|likely|therefore|thus|ultimately|in my view|i think) )*"
)
_GOOD: Final = (
    r"(?:accurate|precise|correct|complete|useful|helpful|relevant|informative|clear|thorough"
    r"|specific"
    r"|convincing|faithful|balanced|coherent|comprehensive|nuanced|actionable|appropriate|reliable"
    r"|truthful|factual|sound|consistent|to the point|concise|detailed|direct|on point"
    r"|well[- ]reasoned)"
)
_BAD: Final = (
    r"(?:wrong|incorrect|inaccurate|misleading|flawed|confusing|vague|erroneous|unhelpful)"
)
_IS: Final = (
    r"(?:is|are|was|seems|seems to be|appears|appears to be|looks|would be|ist|est|es|\u00e8"
    r"|\u00e9|feels|reads"
    r"|does|performs|answers(?: the (?:task|question))?|explains(?: it)?|handles (?:it|this))"
)
_BETTER: Final = (
    rf"(?:better|superior|stronger|preferable|preferred|best|the winner|winner|winning|more {_GOOD}"
    r"|besser|meilleure?|mejor|migliore|melhor|better one|clearer|the one)"
    r"(?![- ](?:off|avoided|ignored|left|described|seen|understood|viewed|suited|known|written"
    r"|worded"
    r"|formatted|looking|structured|phrased|styled|organi[sz]ed))"
)
_WORSE: Final = (
    rf"(?:worse|inferior|weaker|the worse one|worst|less {_GOOD}|schlechter|pire|peor|peggiore"
    rf"|pior|the loser)"
)
_BEATS: Final = (
    r"(?:beats|outperforms|outperformed|surpasses|edges out|wins (?:over|against)"
    r"|is preferred (?:to|over)"
    r"|is preferable to|trumps|is (?:much |far |slightly |clearly )?(?:better|superior"
    r"|stronger) (?:than|to))"
)
_LOSES: Final = (
    r"(?:loses (?:to|against)|falls short of|is (?:beaten|outperformed|surpassed|edged out) by"
    r"|is (?:much |far |slightly |clearly )?(?:worse|weaker|inferior) (?:than|to)"
    rf"|(?:is not|isn't) as (?:good|strong|well\w*|{_GOOD}) as|is less {_GOOD} than)"
)
_PICK: Final = (
    r"(?:prefer|prefers|preferring|choose|chose|choosing|pick|picked|select|selected|favou?rs?"
    r"|(?:go|going|went|side|siding) (?:with|for)|vote (?:for|goes to)|preference (?:for|is"
    r"|goes to)"
    r"|lean(?:ing)? (?:to|towards?|for)|i (?:really )?like|opt for|award it to|give it to|goes to"
    r"|(?:winner|choice|verdict|pick) is|win(?:s|ner)? goes to|edge (?:goes )?to"
    rf"|(?:better|best|stronger|superior|preferred|preferable|winning|correct|right|more {_GOOD})"
    r"(?: (?:one|answer|response|option|reply|output|choice|of the two))? (?:is|would be))"
)
_CUE_WORSE: Final = (
    r"(?:(?:worse|weaker|inferior|losing)(?: (?:one|answer|response|option|reply|output"
    r"|of the two))? is)"
)

_WINS: Final = "(?:wins|won|has the edge|comes out on top|it is)"
_NO_POINT: Final = r"(?! (?:(?:a |some )?(?:points?|marks?|bit)|out|on|in|of|some)\b)"
_NOT_OF: Final = r"(?! ?(?:length|in (?:length|style|tone|format|structure|size)|long\b|short\b))"
_TIES: Final = re.compile(
    r"(?<![\w-])(?:(?:(?:an?|the) )?(?:tie|draw|stalemate|tied|toss-?up)(?![\w-])"
    rf"|(?:both|they|the two|the answers|{_A} and {_B}|{_B} and {_A}|both (?:answers|responses"
    rf"|options|replies))"
    r"(?: (?:answers|responses|options|replies))?(?: (?:are|seem|were|look))?(?: both)?"
    r"(?: (?:roughly|about|essentially|just|practically|more or less))?"
    rf" (?:equal(?!ly)|equivalent|tied|identical|the same(?! \w)|comparable|on par"
    rf"|indistinguishable){_NOT_OF}"
    r"|equally (?:good|bad|strong|weak|valid|correct|helpful|useful|accurate|well)"
    r"|neither(?: (?:one|answer|response))? (?:wins|beats the other|(?:is|seems)"
    r"(?: (?:clearly|really|much|any|the))* (?:better|superior|stronger|best|winner|preferable))"
    rf"|no (?:clear |real |meaningful |significant )?(?:difference|winner|preference){_NOT_OF}"
    r"|unentschieden|gleich gut|gleichwertig|\u00e9galit\u00e9|empate|pareggio|\u5e73\u5c40"
    r"|\u4e0d\u5206\u4e0a\u4e0b|\u4e00\u6837\u597d|\u5f15\u304d\u5206\u3051"
    r"|\u043d\u0438\u0447\u044c\u044f)",
    re.IGNORECASE,
)
_ONLY_TIE: Final = re.compile(
    r"(?:(?:an? )?(?:tie|draw|tied)|t|neither(?: one| of them)?|both|equal|equally good|even|same"
    r"|the same"
    r"|c\b(?= ?\(tie\)).*)",
    re.IGNORECASE,
)
_DENIED: Final = re.compile(
    r"\b(?:not|never|no|few|nobody|none|hesitate|supposedly|cannot|hardly|barely|scarcely|neither"
    r"|nor|without|rather than|instead of"
    r"|unless|if"
    r"|had|whether|might|may|could|would have|would be|at first|initially|wrong to|mistake to"
    r"|claim\w*"
    r"|argu\w*|says|said|some|nicht|kein\w*|pas|nunca)\b|n't\b|\u4e0d",
    re.IGNORECASE,
)
_ALLOWED: Final = re.compile(
    r"(?:is|are|isn't|was) (?:not )?as \w+ as|would be|no (?:clear |real |meaningful "
    r"|significant )?"
    r"(?:difference|winner|preference)|neither(?: (?:one|answer|response))? (?:is|wins|seems"
    r"|beats)|not only"
    r"|no doubt|\u4e0d\u5206\u4e0a\u4e0b",
    re.IGNORECASE,
)


def choice_of(text: str) -> Choice | None:
    """Return what the judge chose; None where the reply does not say it beyond doubt."""
    held = _in_json(text)
    if held is not None:
        return held or None
    words = unshortened(unmarked(plain(text)))
    if len(words) <= _WORDLIKE and (only := _named(words)):
        return only
    stated = set(_stated(words))
    if stated:
        return stated.pop() if len(stated) == 1 and not _REVISED.search(words) else None
    own = _CONCEDED.sub(r"\1", own_words(words))
    said = {*_led(own), *_claims(own)}
    return said.pop() if len(said) == 1 else None


_REVISED: Final = re.compile(
    r"\b(?:wait|actually|correction|scratch that|on second thought|on reflection)\b[ ,:]*"
    rf"[^\n]{{0,30}}(?:{_A}|{_B})",
    re.IGNORECASE,
)
_WORDLIKE: Final = 12
"""Characters of a reply that can be nothing but a choice; then `a` is one, too."""


# ---- a stated place -------------------------------------------------------------------------

_KEYS: Final = frozenset(
    [
        "choice",
        "winner",
        "verdict",
        "answer",
        "better",
        "preferred",
        "preference",
        "judgement",
        "judgment",
        "decision",
        "result",
        "final_answer",
        "best",
    ]
)


def _in_json(text: str) -> Choice | Literal[""] | None:
    """Return the choice of a JSON reply, "" when it has none, None when there is no document."""
    if "{" not in text:
        return None
    data: Any = document_in(text)
    if isinstance(data, Unread):
        return "" if data.why.endswith("differ") else None
    found = {_named(str(value)) for key, value in leaves(data) if fold(key) in _KEYS}
    return (found.pop() or "") if len(found) == 1 else ""


_STATED: Final = re.compile(
    r"\[\[\s*(?P<held>[^\[\]\n]{1,12})\s*\]\]"
    r"|(?:^|(?<=[\n.;!]))[ \t>*-]*(?:(?:so|therefore|thus|hence),? )?(?:(?:my|the|final|overall) )*"
    r"(?:choice|winner|verdict|decision|preference|judge?ment|final answer|pick|better|best"
    r"|(?:better|preferred|best) (?:answer|response|option|one)|answer)"
    r"[ \t]*(?::|=|\bis:?(?= ?[\"'(\[]*(?-i:[ABT])[\"')\]]*[.!]?[ \t]*(?:\n|$))"
    r"|(?<=choice )(?=(?-i:[AB])[.!]?[ \t]*(?:\n|$)))[ \t]*(?:\n\s*)?(?P<said>[^\n]*)",
    re.IGNORECASE,
)


def _stated(text: str) -> Iterator[Choice | None]:
    """Yield the choice in each stated place; None for one without a single choice."""
    for found in _STATED.finditer(text):
        if found["held"]:
            yield _named(found["held"])
        else:
            yield _named(found["said"]) or _opening(found["said"]) or _only_claim(found["said"])


def _only_claim(said: str) -> Choice | None:
    """Return the one thing that is claimed in a stated place: `Verdict: B > A`."""
    claimed = set(_claims(said))
    return claimed.pop() if len(claimed) == 1 else None


def _named(word: str) -> Choice | None:
    """Return the choice that *word* names, if it is nothing else."""
    bare = word.strip(" \t\n.*\"'()[]!,:;")
    if bare.upper() == "C":  # the tie of MT-Bench's own instruction
        return "T"
    for choice, pattern in _NAMES:
        if pattern.fullmatch(bare):
            return choice
    return None


_NAMES: Final[tuple[tuple[Choice, re.Pattern[str]], ...]] = (
    ("A", re.compile(rf"a|{_A}", re.IGNORECASE)),
    ("B", re.compile(rf"b|{_B}", re.IGNORECASE)),
    ("T", _ONLY_TIE),
)


def _opening(said: str) -> Choice | None:
    """Return the choice that a stated place opens with, if what follows only gives reasons."""
    said = said.strip(" \t*\"'([")
    for choice, pattern in _OPENINGS:
        found = pattern.match(said)
        if found and not _OTHER.search(said[found.end() :]):
            return choice
    return None


_GOES_ON: Final = (
    r"[\"')\]]*(?:[ \t]*$|[ \t]*[.,;!(\u2013\u2014-]|[ \t]+(?:because|since|as|for|due|is|wins"
    r"|by|slightly|clearly)\b)"
)
_OPENINGS: Final[tuple[tuple[Choice, re.Pattern[str]], ...]] = (
    ("A", re.compile(rf"(?:{_A}){_GOES_ON}", re.IGNORECASE)),
    ("B", re.compile(rf"(?:{_B}){_GOES_ON}", re.IGNORECASE)),
    (
        "T",
        re.compile(
            rf"(?:(?:an? )?(?:tie|draw)|t|neither|both|equal|equally good){_GOES_ON}", re.IGNORECASE
        ),
    ),
)
_OTHER: Final = re.compile(
    r"\b(?:no|not|wait|actually|or|rather|but|correction|however)\b|\b(?:is|are) worse\b",
    re.IGNORECASE,
)

# ---- what lines begin with, and what sentences claim -----------------------------------------

_SENTENCE: Final = re.compile(r"(?<=[.!;])\s+|[\n\u3002\uff01\uff1b]+")
_CLAUSE: Final = re.compile(
    r",\s*(?:but|while|whereas|although|though|however|yet|and|so|because|since)\b|\b(?:but"
    r"|whereas|although|though"
    r"|however|yet|because|since|so that)\b|[;:]|,\s",
    re.IGNORECASE,
)
_BECAUSE: Final = (
    r"(?:[ \t]*[\u2013\u2014][ \t]|[ \t]+-[ \t]|[ \t]*,?[ \t]*(?:because|since|as|for being"
    r"|due to|by)\b)"
)
_OPENER: Final = (
    r"(?:(?:i(?:'d| would)? (?:say|think|believe|guess)|it(?:'s| is)|definitely|clearly|probably"
    r"|overall|therefore|thus|hence|so|in (?:conclusion|sum|short))[,:]? )*"
)
_LED: Final = rf"{_OPENER}[\"'(\[]*(?:{{option}})[\"')\]]*(?:[ \t.!,;]*$|{_BECAUSE})"
_LEADS: Final[tuple[tuple[Choice, re.Pattern[str]], ...]] = (
    ("A", re.compile(_LED.replace("{option}", _A), re.IGNORECASE)),
    ("B", re.compile(_LED.replace("{option}", _B), re.IGNORECASE)),
)
_CONCEDED: Final = re.compile(
    rf"(?m)^([ \t]*{_OPENER}(?:{_A}|{_B})),? (?:even though|although|though|despite|albeit|while"
    r"|whereas)\b[^.;!?\n]*",
    re.IGNORECASE,
)
"""What is granted to the other answer after a choice: `B, although A is more concise`."""
_ITEMS: Final = tuple(
    re.compile(rf"(?:^|[\n.;,])[ \t]*(?:{option})[ \t]*[:(=\u2013\u2014-]", re.IGNORECASE)
    for option in (_A, _B)
)


def _led(text: str) -> Iterator[Choice | None]:
    """
    Yield the choice that a line or sentence is, or begins with before a reason.

    Where both answers are gone through (`A: short. B: exact.`) a beginning is a heading.
    """
    both = all(pattern.search(text) for pattern in _ITEMS)
    for sentence in _SENTENCE.split(text):
        bare = sentence.strip(" \t.!*\"'")
        if _ONLY_TIE.fullmatch(bare):
            yield "T"
        for choice, pattern in _LEADS:
            if pattern.match(sentence.strip()):
                yield None if both else choice


def _other(choice: Choice) -> Choice:
    return {"A": "B", "B": "A", "T": "T"}[choice]  # type: ignore[return-value]  # of the three


_BETTER_ELSEWHERE: Final = (
    r"\u66f4\u597d|\u66f4\u51c6\u786e|\u8f83\u597d|\u306e(?:\u65b9|\u307b\u3046)\u304c"
    r"(?:\u826f\u3044|\u3088\u3044|\u512a\u308c)|\u043b\u0443\u0447\u0448\u0435"
)
"""`Is better` in Chinese, Japanese and Russian."""


def _patterns() -> Iterator[tuple[re.Pattern[str], Choice]]:
    """Yield the pattern of each claim with its choice, specific ones first, A and B alike."""
    kinds: tuple[tuple[str, bool | None], ...] = (
        (rf"{{one}}{_SPACE}{_VERY}{_BEATS}{_SPACE}{{other}}", True),
        (rf"{{one}}{_SPACE}{_VERY}{_LOSES}{_SPACE}{{other}}", False),
        (r"{one}\s*(?:>+|\u227b)\s*{other}", True),
        (r"{one}\s*(?:<+|\u227a)\s*{other}", False),
        (r"{one}\s*(?:=+|\u2248|~)\s*{other}", None),
        (rf"{{one}}{_SPACE}{_IS} {_VERY}as \w+ as{_SPACE}{{other}}", None),
        (rf"{_CUE_WORSE}{_SPACE}{{one}}", False),
        (rf"(?:find|found|consider|rate|judge|think) {{one}} (?:to be )?{_VERY}{_BETTER}", True),
        (rf"\bonly {{one}}{_SPACE}(?:is|was) (?:right|correct)", True),
        (rf"{{one}}{_SPACE}{_VERY}{_IS} {_VERY}{_BETTER}\b(?! (?:at|in|on|than)\b)", True),
        (rf"{{one}}{_SPACE}{_VERY}{_IS} {_VERY}{_WORSE}\b(?! (?:at|in|on)\b)", False),
        (rf"{{one}}{_SPACE}{_IS} {_VERY}less {_BAD}\b", True),
        (rf"{{one}}{_SPACE}{_IS} {_VERY}more {_BAD}\b", False),
        (rf"\b{_PICK}{_SPACE}{{one}}(?! (?:less|least|the least|worse)\b)", True),
        (rf"{{one}}{_SPACE}{_VERY}{_WINS}\b{_NO_POINT}", True),
        (rf"{{one}}{_SPACE}{_VERY}(?:loses|lost|falls short)\b{_NO_POINT}", False),
        (r"{one} over {other}", True),
        (rf"{{one}}\s*(?:{_BETTER_ELSEWHERE})", True),
    )  # fmt: skip
    for kind, wins in kinds:
        for mine, one, other in (("A", _A, _B), ("B", _B, _A)):
            said = "T" if wins is None else mine if wins else _other(mine)  # type: ignore[arg-type]
            made = kind.replace("{one}", one).replace("{other}", other)
            yield re.compile(made, re.IGNORECASE), said  # type: ignore[misc]


_CLAIMS: Final = tuple(_patterns())


def _claims(text: str) -> Iterator[Choice | None]:
    """Yield what sentences claim; None for what is denied, supposed, granted or taken back."""
    for sentence in _SENTENCE.split(text):
        hedged = _HEDGED.search(sentence) is not None
        for opened, clause in _clauses(sentence):
            granted = _GRANTED.search(opened) or _GRANTED.match(clause.lstrip())
            claims = list(_claimed(clause))
            if not claims and _BUT.search(opened) and _OPTIONS.search(clause):
                yield None
            for said in claims:
                yield None if granted or (hedged and said == "T") else said


def _clauses(sentence: str) -> Iterator[tuple[str, str]]:
    """Yield each clause with what opens it; one that may concede what was chosen before it, too."""
    at, opened = 0, ""
    for cut in [*_CLAUSE.finditer(sentence), None]:
        clause = sentence[at : cut.start() if cut else len(sentence)]
        chosen = _ENDS_WITH_OPTION.search(sentence[max(0, at - _BACK) : at - len(opened)])
        granted = chosen and _WHILE.search(opened + clause[:_OPENING])
        yield ("although" if granted else opened), clause
        if cut:
            at, opened = cut.end(), cut[0] if clause.strip() else opened + cut[0]


_EITHER: Final = rf"(?:{_A}|{_B})"
_GRANTED: Final = re.compile(r"\b(?:although|though|albeit|even if|despite)\b", re.IGNORECASE)
"""Opens what speaks against the choice: `B, although A is more concise`."""
_WHILE: Final = re.compile(r"^[ \t,]*(?:while|whereas|when)\b", re.IGNORECASE)
_BUT: Final = re.compile(r"\b(?:but|yet|however)\b", re.IGNORECASE)
_OPTIONS: Final = re.compile(_EITHER, re.IGNORECASE)
_ENDS_WITH_OPTION: Final = re.compile(rf"{_EITHER}[ \t,]*(?:\w+ly)?[ \t,]*$", re.IGNORECASE)
_OPENING: Final = 12
_BACK: Final = 64
_HEDGED: Final = re.compile(
    r"\b(?:lean\w*|slight\w*|edge|nudge\w*|forced|pressed|narrow\w*|close to|near(?:ly)?|almost"
    r"|would be|could be|virtual\w*|not quite)\b",
    re.IGNORECASE,
)
"""What makes of a tie less than one: `nearly a tie, but A`."""


def _claimed(clause: str) -> Iterator[Choice | None]:
    tie = _TIES.search(clause)
    if tie is not None:
        yield None if _denied(clause, tie) else "T"
        return
    taken: list[tuple[int, int]] = []
    for pattern, said in _CLAIMS:
        for found in pattern.finditer(clause):
            start, end = found.span()
            # The first match is the most specific: `A is better than B` has `is better` in it, too.
            if all(end <= low or start >= high for low, high in taken):
                taken.append((start, end))
                yield None if _denied(clause, found) else said


def _denied(clause: str, claim: re.Match[str]) -> bool:
    """Say whether a denial stands before or in a claim, or a condition before or after it."""
    words = _ALLOWED.sub(" ", clause[: claim.end()])
    return _DENIED.search(words) is not None or _IF.search(clause, claim.end()) is not None


_IF: Final = re.compile(r"\b(?:if|unless|until|provided|were it|had it|or so)\b", re.IGNORECASE)
