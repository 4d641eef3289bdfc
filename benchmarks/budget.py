"""
Measure counting and packing against tiktoken, and where the estimates' constants come from.

    python benchmarks/budget.py          speed of counts and packing, as ratios side by side
    python benchmarks/budget.py ratios   tokens per o200k token by kind of text: families.toml

`ratios` needs the extra `tokenizers`, and ctok (which wants Python 3.12) for Anthropic's rows.
"""

import gc
import importlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import resources
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pandas as pd

from llmlab.tokens import BlockRule, Counters, MarketSnapshot, Packer, Portfolio, Text
from llmlab.tokens.encoders import Encoder, encoder, reference, slow_encoder

ROUNDS = 9
MODEL = "openai/gpt-4o"
LIBRARY = Path(json.__file__).parent.parent
# The scripts are meant: RUF001 takes their letters for Latin ones.
# ruff: noqa: RUF001
SCRIPTS = (
    "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    (
        "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は"
        "、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。"
    ),
    (
        "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천"
        "부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다."
    ),
    (
        "Все люди рождаются свободными и равными в сво"
        "ем достоинстве и правах. Они наделены разумом"
        " и совестью и должны поступать в отношении др"
        "уг друга в духе братства."
    ),
    (
        "يولد جميع الناس أحرارًا متساوين في الكرامة وا"
        "لحقوق. وقد وهبوا عقلاً وضميرًا وعليهم أن يعام"
        "ل بعضهم بعضًا بروح الإخاء."
    ),
    (
        "כל בני האדם נולדו בני חורין ושווים בערכם ובזכ"
        "ויותיהם. כולם חוננו בתבונה ובמצפון, לפיכך חוב"
        "ה עליהם לנהוג איש ברעהו ברוח של אחוה."
    ),
    (
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσ"
        "οι στην αξιοπρέπεια και τα δικαιώματα. Είναι "
        "προικισμένοι με λογική και συνείδηση, και οφε"
        "ίλουν να συμπεριφέρονται μεταξύ τους με πνεύμ"
        "α αδελφοσύνης."
    ),
    (
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में"
        " जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन"
        "्हें बुद्धि और अन्तरात्मा की देन प्राप्त है औ"
        "र परस्पर उन्हें भाईचारे के भाव से बर्ताव करना"
        " चाहिए।"
    ),
    (
        "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกี"
        "ยรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และ"
        "ควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ"
    ),
)
"""Article 1 of the Universal Declaration of Human Rights in nine scripts."""


def main() -> None:
    """Print the tables."""
    if sys.argv[1:] == ["ratios"]:
        ratios()
        return
    counting()
    packing()
    importing()


def counting() -> None:
    """Time a first and a second count against `tiktoken.encode`, round by round."""
    encode = reference("o200k_base").encode
    slow = slow_encoder("o200k_base")
    ways: dict[str, Callable[[str], Encoder | None]] = {
        "installed": encoder,
        "tiktoken": lambda _: slow,
    }
    print(f"counting, o200k_base, medians of {ROUNDS} rounds; x is against tiktoken.encode")
    head = f"{'text':12} {'encode ms':>10}"
    for way in ways:
        head += f"  {way + ' ms':>13} {'x':>6} {'again us':>9}"
    print(head)
    for name, text in texts().items():
        times = max(1, 100_000 // len(text))
        theirs = []
        ours: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            theirs.append(seconds(partial(encode, text, disallowed_special=()), times))
            for way, encoders in ways.items():
                made = iter([Counters(encoders=encoders) for _ in range(times + 1)])
                first = seconds(partial(_fresh, made, text), times)
                known = next(made)
                known.count(text, MODEL)
                again = seconds(partial(known.count, text, MODEL), 1_000)
                ours[way].append((first, again))
        line = f"{name:12} {median(theirs) * 1e3:10.3f}"
        for way in ways:
            first, again = (median(each) for each in zip(*ours[way], strict=True))
            line += f"  {first * 1e3:13.3f} {median(theirs) / first:6.2f} {again * 1e6:9.1f}"
        print(line)


def _fresh(made: Iterator[Counters], text: str) -> None:
    next(made).count(text, MODEL)


def packing() -> None:
    """Pack 2,000 candles, 50 positions and 200 news items into 8 K, first and afterwards."""
    blocks = desk()
    rules = {
        "portfolio": BlockRule(priority=100, must=True),
        "market": BlockRule(priority=80, minimum=2_000),
        "news": BlockRule(priority=60, minimum=1_500),
    }
    print("\npacking 2,000 candles, 50 positions, 200 news items into 8,000 tokens, ms")
    print(f"{'model':28} {'first':>8} {'again':>8} {'new objects, same content':>26}")
    for model in (MODEL, "anthropic/claude-haiku-4-5", "deepseek/deepseek-flash"):
        times: list[tuple[float, float, float]] = []
        for _ in range(ROUNDS):
            pack = partial(Packer().pack, tokens=8_000, model=model, rules=rules, tier=1)
            given, fresh = desk(), desk()
            first, again = seconds(partial(pack, given)), seconds(partial(pack, given))
            times.append((first, again, seconds(partial(pack, fresh))))
        medians = [median(each) * 1e3 for each in zip(*times, strict=True)]
        print(f"{model:28} {medians[0]:8.2f} {medians[1]:8.2f} {medians[2]:26.2f}")
    print()
    print(Packer().pack(blocks, 8_000, MODEL, rules=rules, tier=1))


def importing() -> None:
    """Time `import llmlab.tokens` and name the heavy modules it brings, which must be none."""
    code = (
        "import sys,time;t=time.perf_counter();import llmlab.tokens;d=time.perf_counter()-t;"
        "heavy={'pandas','numpy','tiktoken','toktok','tokenizers','matplotlib','scipy'}&set(sys.modules);"
        "print(round(d*1e3),sorted(heavy))"
    )
    found = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - this very interpreter
        for _ in range(3)
    ]
    print("\nimport llmlab.tokens, ms and heavy modules:", *(each.stdout.strip() for each in found))


def median(values: Iterable[float]) -> float:
    """Return the middle one."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def seconds(run: Callable[[], object], times: int = 1) -> float:
    """Return the CPU seconds of one call, all threads, averaged over *times*."""
    gc.collect()
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) / times


def texts() -> dict[str, str]:
    """Return prose, JSON, code and prices of 1 kB, 100 kB and 1 MB."""
    found = corpora(400, 4_000)
    whole = {kind: "\n".join(found[kind]) for kind in ("prose", "json", "code", "numbers")}
    return {
        f"{kind} {name}": (text * (size // len(text) + 1))[:size]
        for kind, text in whole.items()
        for name, size in (("1k", 1_000), ("100k", 100_000), ("1M", 1_000_000))
    }


def prices() -> pd.DataFrame:
    """Return the real price table of bokeh_sampledata."""
    return pd.read_csv(str(resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz"))


def desk() -> tuple[MarketSnapshot, Portfolio, Text]:
    """Return the blocks of a desk: all made from real prices."""
    table = prices()
    candles = table[table["Ticker"] == "AAPL"].tail(2_000).drop(columns="Ticker")
    last = table.groupby("Ticker").tail(10)
    positions = pd.DataFrame(
        {
            "ticker": [f"{row.Ticker} {row.Date}" for row in last.itertuples()],
            "quantity": range(100, 100 + len(last)),
            "price": last["Close"].to_numpy(),
            "stop": last["Low"].to_numpy(),
        }
    )
    news = [
        f"{row.Date}: {row.Ticker} closed at {row.Close:.2f} after trading between {row.Low:.2f} "
        f"and {row.High:.2f}; {row.Volume:,} shares changed hands."
        for row in table.tail(200).itertuples()
    ]
    return (
        MarketSnapshot(frame=candles, ticker="AAPL"),
        Portfolio(frame=positions),
        Text(news, "news"),
    )


# ---- where the constants come from


def ratios() -> None:
    """Print tokens per o200k token: all texts together, 5th and 95th percentile."""
    base = _batch("o200k_base")
    others: dict[str, Callable[[str], int]] = {
        name: _batch(name)
        for name in ("cl100k_base", "deepseek", "qwen", "qwen3.5")
        if encoder(name)
    }
    for version, frame in (("3.0", 7), ("4.7", 6), ("4.8", 6)):
        count = _ctok(version, frame)
        if count:
            others[f"claude {version}"] = count
    for kind, found in corpora(40, 2_500).items():
        print(f"\n{kind}: {len(found)} texts")
        known = [base(text) for text in found]
        for name, count in others.items():
            counted = [count(text) for text in found]
            each = sorted(a / b for a, b in zip(counted, known, strict=True))
            cut = len(each) // 20
            print(
                f"  {name:12} {sum(counted) / sum(known):.3f}  "
                f"[{each[cut]:.3f}, {each[-cut - 1]:.3f}]"
            )


def _batch(name: str) -> Callable[[str], int]:
    found = encoder(name)
    assert found is not None
    return lambda text: found.batch([text])[0]


def _ctok(version: str, frame: int) -> Callable[[str], int] | None:
    try:
        ctok: Any = importlib.import_module("ctok")
    except ImportError:
        return None
    return lambda text: int(ctok.token_count(text, version)) - frame


def corpora(count: int, size: int) -> dict[str, list[str]]:
    """Cut *count* texts of *size* characters a kind out of what is installed."""
    rng = random.Random(1)  # noqa: S311 - draws of texts, not secrets
    table = prices()
    numbers = []
    for at in range(count):
        start = rng.randrange(len(table) - 200)
        part = table[start : start + size // 55]
        numbers.append(part.to_csv(index=False) if at % 2 else part.round(2).to_string(index=False))
    packages = Path(pd.__file__).parent.parent
    return {
        "prose": _cut(map(_prose, _installed()), count, size, rng),
        "json": _cut(_read(packages.glob("**/*.json")), count, size, rng),
        "code": _cut(_read(LIBRARY.glob("*.py")), count, size, rng),
        "numbers": numbers,
        "script": list(SCRIPTS),
    }


def _installed() -> list[str]:
    """Return the descriptions of the installed packages, by name."""
    found = sorted(distributions(), key=lambda each: str(each.metadata["Name"]).lower())
    return [str(each.metadata["Description"] or "") for each in found]


def _prose(text: str) -> str:
    """Keep the paragraphs of a description: no code, tables, lists or badges."""
    bare = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = ("|", "[", "!", "..", "    ", "<", "-", "*")
    kept = (p for p in bare.split("\n\n") if p.count(" ") > 15 and not p.startswith(lines))
    return "\n\n".join(kept)


def _read(paths: Iterable[Path]) -> Iterable[str]:
    for path in sorted(paths):
        try:
            yield path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def _cut(found: Iterable[str], count: int, size: int, rng: random.Random) -> list[str]:
    long = [text for text in found if len(text) > 900]
    rng.shuffle(long)
    made = []
    for text in (long * (count // max(len(long), 1) + 1))[:count]:
        start = rng.randrange(max(1, len(text) - size))
        made.append(text[start : start + size])
    return made


if __name__ == "__main__":
    main()
