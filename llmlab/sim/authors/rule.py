"""
The rule author: answers by rule, without a model, deterministic for a seed.

A prompt that offers labels gets one of them, one that asks for a number in a range gets a
number, a schema gets a valid instance, anything else a sentence made from the prompt. A function
that is demanded, or whose words the question has, is called. Each model has its own skill and
picks another label when it fails, so that arms differ and a comparison has something to find.
Tokens follow `count_tokens`: four bytes each.
"""

import json
import re
from dataclasses import dataclass

from llmlab.sim.authors.author import Asked, Finish, OfferedTool, Written, count_tokens, draw
from llmlab.sim.authors.calls import called
from llmlab.sim.authors.instance import instance
from llmlab.sim.authors.weights import weights

_NOT_A_LABEL = r"(?!or\b|and\b)"
_WORD = rf"{_NOT_A_LABEL}[\"'`]?[A-Za-z][\w-]*[\"'`]?"
_LIST = re.compile(rf"({_WORD}(?:\s*,\s*{_WORD})*),?\s+or\s+({_WORD})")
_BARS = re.compile(rf"{_WORD}(?:\s*[|/]\s*{_WORD})+")
_COLON = re.compile(
    rf"(?:one of|labels?|options?|choices?)\s*:\s*({_WORD}(?:\s*,\s*{_WORD})+)", re.IGNORECASE
)
_RANGE = re.compile(
    r"(?:number|integer|score|scale|probability|rate)\b[^.\n]{0,40}?(-?\d+(?:\.\d+)?)"
    r"\s*(?:to|and|-)\s*(-?\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_RISING = """
beat beats rise rises rose gain gains gained surge surges surged up record growth grows profit
strong raises raised upgrade wins won jump jumps jumped higher soars rally
"""
_FALLING = """
miss misses missed fall falls fell loss losses lost drop drops dropped down weak cuts cut lawsuit
downgrade plunge plunges plunged lower warns warning slump recall fraud
"""
_GOOD, _BAD = frozenset(_RISING.split()), frozenset(_FALLING.split())
_SKILL = (0.65, 0.95)
"""Range of skills: the share of prompts on which a model picks the suggested label."""
_SENTENCE = 16


@dataclass(frozen=True, slots=True)
class RuleAuthor:
    """Writes by rule; `cached` is the cached share of a prompt of 1024 tokens or more."""

    seed: int = 0
    cached: float = 0.0
    name: str = "rule"

    async def write(self, asked: Asked) -> Written:
        """Answer within the output limit; reasoning comes first and may use all of it."""
        tool = called(asked, free=True)
        if tool is not None:
            return self._call(asked, tool)
        text = self._answer(asked)
        text, matched = _stopped(text, asked.stop)
        reasoning = self._reasoning(asked, text) if asked.thinking else ""
        reasoning, _ = _limited(reasoning, asked.max_tokens)
        spent = count_tokens(reasoning)
        text, cut = _limited(text, asked.max_tokens - spent)
        finish: Finish = "length" if cut else "stop"
        prompt = asked.tokens
        return Written(
            text=text,
            reasoning=reasoning,
            input_tokens=prompt,
            output_tokens=spent + count_tokens(text),
            reasoning_tokens=spent,
            cached_tokens=int(prompt * self.cached) if prompt >= 1024 else 0,  # noqa: PLR2004 - see class
            finish=finish,
            matched_stop=None if cut else matched,
            logprobs=weights(asked, text, _labels(asked)) if asked.logprobs is not None else (),
        )

    def _call(self, asked: Asked, tool: OfferedTool) -> Written:
        """Call *tool* with arguments that fit its schema; its tokens are those of both."""
        value = instance(tool.parameters, lambda labels: self._pick(asked, labels))
        arguments = json.dumps(value, ensure_ascii=False)
        return Written(
            text="",
            input_tokens=asked.tokens,
            output_tokens=count_tokens(tool.name + arguments),
            calls=((tool.name, arguments),),
        )

    def _answer(self, asked: Asked) -> str:
        if asked.schema is not None:
            value = instance(asked.schema, lambda labels: self._pick(asked, labels))
            return json.dumps(value, ensure_ascii=False)
        # What the last message asks for comes first; else what was asked for before it.
        for prompt in (f"{asked.system}\n{asked.user}", *([asked.said] if asked.turns else ())):
            labels = labels_in(prompt)
            if labels:
                return self._pick(asked, labels)
            span = _RANGE.search(prompt)
            if span:
                return self._number(asked, float(span[1]), float(span[2]))
        return self._sentence(asked)

    def _pick(self, asked: Asked, labels: list[str]) -> str:
        low, high = _SKILL
        skill = low + (high - low) * self._draw("skill", asked.model)
        luck = self._draw("luck", *_known(asked))
        right = (
            _suggested(asked.user, labels)
            or labels[int(self._draw("truth", asked.user) * len(labels))]
        )
        if luck < skill or len(labels) == 1:
            return right
        others = [label for label in labels if label != right]
        return others[int(self._draw("miss", asked.model, asked.user) * len(others))]

    def _number(self, asked: Asked, low: float, high: float) -> str:
        truth = self._draw("truth", asked.user)
        noise = self._draw("noise", *_known(asked)) - 0.5
        value = low + (high - low) * min(1.0, max(0.0, truth + 0.3 * noise))
        whole = low.is_integer() and high.is_integer() and high - low > 1
        return str(round(value)) if whole else f"{value:.2f}"

    def _sentence(self, asked: Asked) -> str:
        said = asked.user.split()[-_SENTENCE:]
        openings = ("In short:", "To sum up:", "Briefly:", "The point is this:")
        opening = openings[int(self._draw("opening", asked.model, asked.seed) * len(openings))]
        return f"{opening} {' '.join(said)}"

    def _reasoning(self, asked: Asked, text: str) -> str:
        said = " ".join(asked.user.split()[-_SENTENCE:])
        return f"The prompt ends with: {said} What follows from its words is: {text}"

    def _draw(self, *parts: object) -> float:
        return draw(self.seed, *parts)


def _known(asked: Asked) -> list[object]:
    """Return what an answer depends on by chance: the model, and every word that it reads."""
    earlier = [each for turn in asked.turns for each in turn]
    return [asked.model, asked.seed, asked.system, *earlier, asked.user]


def _labels(asked: Asked) -> list[str]:
    """Return the labels that the last message names, or else those named before it."""
    return labels_in(f"{asked.system}\n{asked.user}") or labels_in(asked.said)


def labels_in(prompt: str) -> list[str]:
    """Return the labels that a prompt offers: `a, b or c`, `a|b|c`, `labels: a, b, c`."""
    for pattern in (_COLON, _BARS, _LIST):
        found = pattern.search(prompt)
        if found:
            words = re.findall(_WORD, ", ".join(found.groups()) or found[0])
            return list(dict.fromkeys(word.strip("\"'`") for word in words))
    return []


def _suggested(text: str, labels: list[str]) -> str | None:
    """Return the label that the text suggests, where the labels are about good and bad."""
    by_name = {label.lower(): label for label in labels}
    pairs = (("positive", "negative"), ("bullish", "bearish"), ("up", "down"), ("buy", "sell"))
    pair = next(((a, b) for a, b in pairs if a in by_name and b in by_name), None)
    if pair is None:
        return None
    words = re.findall(r"[a-z]+", text.lower())
    mood = sum(word in _GOOD for word in words) - sum(word in _BAD for word in words)
    if mood:
        return by_name[pair[0] if mood > 0 else pair[1]]
    return by_name.get("neutral") or by_name.get("hold")


def _stopped(text: str, stop: tuple[str, ...]) -> tuple[str, str | None]:
    """Return the text before the first stop sequence, and that sequence."""
    places = [(text.find(mark), mark) for mark in stop if mark and mark in text]
    if not places:
        return text, None
    at, mark = min(places)
    return text[:at], mark


def _limited(text: str, tokens: int) -> tuple[str, bool]:
    """Cut the text to a number of tokens; return whether anything was cut."""
    if count_tokens(text) <= tokens:
        return text, False
    return text.encode()[: 4 * max(0, tokens)].decode(errors="ignore"), True
