"""
Words that say that something falls, so that a number without a sign beside them may be a loss.

In: a text and where in it a number without a sign stands. Out: the word that puts its sign in
doubt, or nothing. The lists are English first, with the plain words of other languages; a number
is never made negative by them, only unread.
"""

import re
from typing import Final

FALL: Final = (
    r"down(?:s|side|ward|wards|turn)?|draw-?downs?|fall\w*|fell|drop\w*|declin\w+|decreas\w+"
    r"|loss|losses|lose|loses|losing|lost|lower\w*|cut|cuts|cutting|shr[iau]nk\w*|slump\w*"
    r"|plung\w+|plummet\w*|s[iau]nk|sinks|sinking|slid|slides?|sliding|negative|contracts by"
    r"|contract(?:ed|ing|ions?)|shortfalls?|deficits?|underperform\w*|under-?weight\w*|lag(?:s"
    r"|ged|ging)?|trails"
    r"|trailed|retreat\w*|dip|dips|dipp\w+|tumbl\w+|weak\w*|depreciat\w+|correction|corrects"
    r"|sell-?(?:s )?offs?|sells? off|selling off|crash\w*|eas(?:e|es|ed|ing)|trim|trims|trimm\w+"
    r"|shed|sheds|shedding|slips?|slipp\w+|sag|sags|sagg\w+|tank(?:s|ed|ing)?|nosediv\w+|collaps\w+"
    r"|erod\w+|erosion|deteriorat\w+|worse\w*|reduc\w+|compress\w*|narrow(?:s|ed|ing)?|tighten\w*"
    r"|flatten\w*|pull(?:s|ed|ing)?[ -]?backs?|(?:gives?|gave|giving|given|hands?) (?:back|up)"
    r"|miss|misses|missed|behind|recede\w*|reced\w+|subtract\w*|devalu\w+|outflows?|redemptions?"
    r"|short(?![- ](?:term|run|dated|horizon))|shorts|shorting|sell|sells|selling|wip(?:e|es|ed"
    r"|ing)|knock\w*|shav\w+|surrender\w*"
    r"|writ(?:e|es|ten|ing)[- ]?(?:down|off)s?|impair\w*|bearish|retrac\w+|slow(?:s|ed|ing)?"
    r"|in the red"
    # German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Russian, Turkish
    r"|fiel|fielen|f\u00e4llt|gefallen|sinkt|gesunken|r\u00fcckg\u00e4ng\w*|r\u00fcckgang\w*"
    r"|verlust\w*|verlier\w*|verloren|niedriger|weniger|abw\u00e4rts|nachgegeben|nachgeben"
    r"|b\u00fc\u00dft|einbu\u00dfe\w*|abz\u00fcglich|minus|schw\u00e4ch\w+|geringer|k\u00fcrz\w+"
    r"|baiss\w*|recul\w*|perd\w*|perte\w*|chut\w+|diminu\w*|moins|inf\u00e9rieur\w*|repli\w*"
    r"|r\u00e9duc\w*|cae|caen|caer\w*|ca\u00edda\w*|cay\u00f3|baja\w*|pierd\w*|p\u00e9rdida\w*"
    r"|disminu\w*|descen\w+|retroce\w*|reducci\u00f3n|menos|cal[oa]|calare|perdit\w*|scend\w*"
    r"|ribass\w*|diminuzion\w*|meno|queda|quedas|cai|caem|cair\w*|perda\w*|recu[oa]\w*|diminui\w*"
    r"|daling\w*|daalt|gedaald|verlies|spad\w*|minsk\w*|nedg\u00e5ng\w*|fald\w*"
    r"|\u043f\u0430\u0434\u0435\u043d\w*|\u0441\u043d\u0438\u0436\w*|\u0443\u043f\u0430\w*"
    r"|\u043f\u0430\u0434\u0430\w*|\u0443\u0431\u044b\u0442\w*|\u043f\u043e\u0442\u0435\u0440\w*"
    r"|d\u00fc\u015f\w*|azal\w*|kay\u0131p\w*|eksi"
)
"""A fall, a loss or a shortfall, as a regular expression of whole words."""
_ELSEWHERE: Final = (
    "[\u8dcc\u964d\u843d\u51cf\u6e1b\u635f\u640d\u4e8f\u8667\u8ca0\u8d1f\u6389\u7f29\u7e2e\u5f31]"
    "|\u4e0b\u6ed1|\u4e0b\u8abf|\u4e0b\u8c03|\u4e0b\u843d|\u4e0b\u632b|\u30de\u30a4\u30ca\u30b9"
    "|\ud558\ub77d|\uac10\uc18c|\uc190\uc2e4|\ub9c8\uc774\ub108\uc2a4"
    "|[\u2193\u2198\u2b07\u25bc\u25bd\u25b3\u25b2\U0001f53b\U0001f53d\U0001f4c9\U0001f534]"
)
"""In scripts without blanks, and in signs; a triangle is a loss in Japan and a gain elsewhere."""
_FALLS: Final = re.compile(rf"\b(?:{FALL})\b|(?:{_ELSEWHERE})", re.IGNORECASE)
_RISES: Final = re.compile(
    r"\b(?:up|upside|ris\w+|rose|gain\w*|climb\w*|rall\w+|increas\w+|higher|grow|grows|growing"
    r"|grew|rebound\w*"
    r"|recover\w*|beat\w*|add\w*|advanc\w+|jump\w*|surg\w+|plus|positive|steig\w*|hausse|sube\w*)\b"
    r"|[\u6da8\u5347\u589e\u2191]",
    re.IGNORECASE,
)
_NEAR: Final = (
    r"(?:of|by|about|around|some|roughly|nearly|almost|approximately|another|an?|the|further|just"
    r"|von|um|de|del|di|do|da|van|o|na|\u043d\u0430)"
)
_TO: Final = re.compile(
    r"(?:(?<!close )(?<!amount )(?<!amounts )(?<!equal )(?<!equals )(?<!come )(?<!comes )\bto"
    r"|\bfrom"
    rf"|\b(?:lower|down|weaker|narrower|tighter) at|\bauf|\bbei|\b\u00e0)(?: {_NEAR})*\s*$"
    "|[\u81f3\u5230](?:\u7ea6|\u7d04)?\\s*$",
    re.IGNORECASE,
)
"""A level, not a move: `fell to 3.4`."""
_BUT: Final = re.compile(
    r"[,;:]|\b(?:but|then|and|will|would|should|before|so|impl\w+|means?|lifts?|push\w*|boost\w*"
    r"|support\w*|suggest\w*)\b",
    re.IGNORECASE,
)
"""What must stand between a fall and a rise that follows: `gives back gains of 5 %` is no rise."""
_NAMED: Final = re.compile(
    r"(?:[,;:\u2013\u2014-]\s*(?:so |hence |and |but )?|\b(?:an?|the|my|our|this)\s+)"
    r"(?:[\w'-]+ ){0,3}?(?:return|forecast|estimate|answer|value|prediction|projection|number"
    r"|result"
    r"|probability|chance|likelihood|label|score|rating|class)\b[^,;.\d]{0,24}?"
    rf"(?:\bof|\bis|\bat|\bbe|[:=])(?: {_NEAR})*\s*$",
    re.IGNORECASE,
)
"""A number that is named for itself, and no longer the size of what fell."""
_SENTENCE: Final = re.compile(r"[.!?](?=\s)|[\n\u3002\uff01]")
_CLAUSE: Final = re.compile(r"[,;:.!?(\n\u3002\uff0c]")
_ASIDE: Final = re.compile(
    r"\b(?:and|but|as|because|since|although|though|while|with|despite|given|after|before|on|if"
    r"|when|even|amid|under|in(?! the (?:red|negative))|due|thanks)\b",
    re.IGNORECASE,
)
_AT: Final = re.compile(r"\b(?:off|hit|gibt|gab)\s*$", re.IGNORECASE)
_NEXT: Final = re.compile(
    r"\s*(?:(?:off|hit|less|below|under|short|haircut|nach|ein)\b|\u5b89)", re.IGNORECASE
)
"""Words that say it only right beside the number."""
_BACK: Final = 120
_ON: Final = 40


def fall_word(text: str, start: int, end: int) -> str:
    """Return the word beside the number at *start* to *end* that may make it a loss, or nothing."""
    before, behind = text[max(0, start - _BACK) : start], text[end : end + _ON]
    near = _AT.search(before) or _NEXT.match(behind)
    return near[0].strip() if near else _before(before) or _behind(behind)


def _before(words: str) -> str:
    """Look back through the sentence: to a fall after which nothing rises and nothing is named."""
    words = _SENTENCE.split(words)[-1]
    falls = list(_FALLS.finditer(words))
    if not falls or _TO.search(words):
        return ""
    last = falls[-1]
    named, rise = _NAMED.search(words, last.end()), _RISES.search(words, last.end())
    if named or (rise and _BUT.search(words, last.end(), rise.start())):
        return ""
    return last[0]


def _behind(words: str) -> str:
    """Look on to the end of the clause."""
    words = _ASIDE.split(_CLAUSE.split(words)[0])[0]
    found = _FALLS.search(words)
    return "" if found is None or _RISES.search(words, 0, found.start()) else found[0]
