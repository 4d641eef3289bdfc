"""Packing keeps what matters, never passes the room, and says what it left out."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import Rectangle

from llmlab.catalogue import Catalogue, Model
from llmlab.errors import TokenBudgetError
from llmlab.records import Prompt
from llmlab.templates import parse
from llmlab.tokens import (
    Block,
    BlockRule,
    Counters,
    Form,
    Packed,
    Packer,
    Pieces,
    Share,
    Text,
    Tiers,
    check,
    fit,
    pack,
    room,
)
from llmlab.tokens.text import sentences
from llmlab.views.blocks import budget_figure

GPT = "openai/gpt-4o"
WORDS = ["profit", "cash", "debt", "yield", "curve", "spread", "basis", "carry", "hedge"]


@dataclass(frozen=True)
class Rows:
    """A user's own block: rows of words, compact by leaving out every second word."""

    name: str
    rows: tuple[str, ...]
    forms: tuple[Form, ...] = ("full", "compact", "summary")

    @property
    def snapshot(self) -> str:
        return repr(self)

    def pieces(self, form: Form, tier: int) -> Pieces:  # noqa: ARG002 - the protocol's
        if form == "summary":
            return Pieces(head=f"{self.name}: {len(self.rows)} rows\n")
        step = 1 if form == "full" else 2
        rows = tuple(" ".join(row.split()[::step]) + "\n" for row in self.rows)
        return Pieces(head=f"{self.name}:\n", rows=rows)


rows = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), max_size=15
).map(tuple)
rules = st.builds(
    BlockRule,
    priority=st.integers(0, 100),
    minimum=st.integers(0, 60),
    must=st.booleans(),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Block], dict[str, BlockRule]]:
    """Draw one to five blocks with rules."""
    names = draw(st.lists(st.sampled_from("abcde"), min_size=1, unique=True))
    return {n: Rows(n, draw(rows)) for n in names}, {n: draw(rules) for n in names}


def fullness(share: Share) -> tuple[int, int]:
    """Rank how fully a block is shown: dropped, summary, rows in compact, in full."""
    rank = {None: 0, "summary": 1, "compact": 2, "full": 3}[share.form]
    return rank, share.shown


PACKER = Packer()


def packed_or_none(
    blocks: dict[str, Block], ruled: dict[str, BlockRule], tokens: int
) -> Packed | None:
    """Pack, or return None where what must stand there does not fit."""
    try:
        return PACKER.pack(blocks, tokens, GPT, rules=ruled)
    except TokenBudgetError:
        return None


@settings(deadline=None)
@given(cases(), st.integers(0, 400))
def test_never_over_the_budget(
    case: tuple[dict[str, Block], dict[str, BlockRule]], tokens: int
) -> None:
    """Counted again as finished text, the blocks never pass the room. # R-54."""
    packed = packed_or_none(*case, tokens)

    if packed is not None:
        counts = Counters().sizes([each.text for each in packed.shares], GPT, "prose")
        assert sum(counts) <= packed.used <= tokens


@settings(deadline=None)
@given(cases(), st.integers(0, 400))
def test_a_must_is_whole_or_an_error(
    case: tuple[dict[str, Block], dict[str, BlockRule]], tokens: int
) -> None:
    """A block marked must stands there with every row, or packing fails. # R-54."""
    packed = packed_or_none(*case, tokens)

    for share in packed.shares if packed else ():
        if share.rule.must:
            assert (share.form, share.shown) == ("full", share.rows)


@settings(deadline=None)
@given(cases(), st.integers(0, 300), st.integers(0, 100))
def test_more_tokens_never_show_less_of_what_matters_more(
    case: tuple[dict[str, Block], dict[str, BlockRule]], tokens: int, more: int
) -> None:
    """The first block that is shown otherwise with more room is shown more fully. # R-54."""
    small, large = packed_or_none(*case, tokens), packed_or_none(*case, tokens + more)

    if small is not None:
        assert large is not None
        assert [fullness(s) for s in small.shares] <= [fullness(s) for s in large.shares]
        assert fullness(small.shares[0]) <= fullness(large.shares[0])


@settings(deadline=None)
@given(cases(), st.integers(0, 400), st.randoms())
def test_order_decides_nothing(
    case: tuple[dict[str, Block], dict[str, BlockRule]], tokens: int, rng: random.Random
) -> None:
    """Blocks given in another order, to another packer, are packed the same."""
    blocks, ruled = case
    names = list(blocks)
    rng.shuffle(names)
    other = {name: blocks[name] for name in names}

    assert packed_or_none(blocks, ruled, tokens) == packed_or_none(other, ruled, tokens)


@settings(deadline=None)
@given(cases(), st.integers(0, 400))
def test_what_was_packed_packs_to_itself(
    case: tuple[dict[str, Block], dict[str, BlockRule]], tokens: int
) -> None:
    """Packing the packed texts once more in the same room changes nothing."""
    packed = packed_or_none(*case, tokens)

    if packed is not None:
        texts = {s.name: Text(s.text.rstrip("\n"), s.name, trusted=True) for s in packed.shares}
        whole = {s.name: BlockRule(priority=s.rule.priority) for s in packed.shares}
        again = pack(texts, tokens, GPT, rules=whole)
        assert [s.text for s in again.shares if s.text] == [s.text for s in packed.shares if s.text]


def test_history_goes_first_and_forms_shrink_in_order() -> None:
    """Full, compact, fewer compact rows with the newest kept, summary, nothing. # R-53."""
    block = Rows("market", tuple(f"2013-03-{day:02} open close" for day in range(1, 29)))
    whole = PACKER.pack([block], 10_000, GPT).used
    rooms = (whole, whole - 1, 80, 8, 2)
    fates = [PACKER.pack([block], tokens, GPT).shares[0] for tokens in rooms]

    assert [share.form for share in fates] == ["full", "compact", "compact", "summary", None]
    cut = fates[2]
    assert "left out" in cut.text
    assert "2013-03-28" in cut.text
    assert "2013-03-01" not in cut.text
    assert f"{cut.rows - cut.shown} of 28 rows left out" in cut.fate


def test_a_minimum_is_kept_from_higher_priorities() -> None:
    """A block's minimum stands even when one of higher priority could use it all. # R-54."""
    long = Rows("market", tuple("open high low close" for _ in range(200)), ("full",))
    news = Rows("news", tuple("profit cash debt" for _ in range(50)), ("full",))
    ruled = {"market": BlockRule(priority=90), "news": BlockRule(priority=10, minimum=60)}

    shares = {share.name: share for share in pack([long, news], 300, GPT, rules=ruled).shares}

    assert shares["news"].given > 50
    assert shares["market"].given > 200


def test_minimums_that_do_not_all_fit_go_to_the_highest_priority_first() -> None:
    """With too little for all minimums, the most important block gets its own. # R-54."""
    blocks = [Rows(name, tuple("profit cash debt" for _ in range(50)), ("full",)) for name in "ab"]
    ruled = {"a": BlockRule(priority=90, minimum=80), "b": BlockRule(priority=10, minimum=200)}

    shares = {share.name: share for share in pack(blocks, 100, GPT, rules=ruled).shares}

    assert shares["a"].given > 70


def test_what_must_stand_there_and_does_not_fit_says_how_much_is_missing() -> None:
    """The error names the blocks and the missing tokens; nothing is cut. # R-54."""
    block = Rows("portfolio", tuple("profit cash debt yield" for _ in range(40)))
    whole = pack([block], 10_000, GPT).used

    with pytest.raises(
        TokenBudgetError, match=rf"portfolio must be shown whole.* {whole - 100} are miss"
    ):
        pack([block], 100, GPT, rules={"portfolio": BlockRule(must=True)})


def test_two_blocks_of_one_name_are_refused() -> None:
    """Two blocks for one slot would overwrite each other."""
    with pytest.raises(TokenBudgetError, match="two blocks are called 'a'"):
        pack([Rows("a", ("x",)), Rows("a", ("y",))], 100, GPT)


def test_the_table_says_what_became_of_each_block() -> None:
    """Wanted, given and fate of each block, and the totals, stand in one table. # R-54."""
    packed = pack(
        [Rows("a", ("profit cash",) * 30), Rows("b", ("debt",))],
        60,
        GPT,
        rules={"b": BlockRule(must=True)},
    )

    assert [line.split()[0] for line in packed.table().splitlines()] == [
        "block",
        "a",
        "b",
        "together",
    ]
    assert "left out" in packed.table()
    assert "of 60 tokens" in packed.table()
    assert [record["block"] for record in packed.records()] == ["a", "b"]
    assert not packed.whole


def test_the_picture_shows_each_block_by_name() -> None:
    """The figure has a row for each block, and its bars add up to what was used."""
    packed = pack([Rows("a", ("profit cash",) * 30), Rows("b", ("debt",))], 60, GPT)

    above, below = budget_figure(packed).axes

    assert [label.get_text() for label in below.get_yticklabels()] == ["a (50)", "b (50)"]
    widths = [bar.get_width() for bar in above.patches if isinstance(bar, Rectangle)]
    assert sum(widths) == packed.room
    assert sum(widths[:-1]) == packed.used


def test_formatting_is_kept_by_snapshot_form_and_tier() -> None:
    """A block is written once for each form and tier, whatever the model and the room. # R-53."""
    written: list[tuple[Form, int]] = []

    @dataclass(frozen=True)
    class Seen(Rows):
        def pieces(self, form: Form, tier: int) -> Pieces:
            written.append((form, tier))
            return super().pieces(form, tier)

    packer = Packer()
    for tokens, model, tier in ((50, GPT, 1), (90, "xai/grok-4.3", 1), (50, GPT, 2)):
        packer.pack([Seen("a", ("profit",) * 9)], tokens, model, tier=tier)

    assert sorted(written) == sorted((form, tier) for form in Rows("", ()).forms for tier in (1, 2))


def test_room_is_the_smaller_of_tier_and_window_less_the_answer() -> None:
    """Tier budgets are 8 K and 128 K, both settable; the model's window counts too. # R-54."""
    catalogue = Catalogue.load()
    local, api = catalogue.find("ollama/qwen2.5:7b"), catalogue.find("openai/gpt-4o")
    small = catalogue.find("local/smollm2-135m")

    assert room(local, max_tokens=512).tokens == 8_192 - 512
    assert room(api, max_tokens=1_000, reasoning=2_000).tokens == 128_000 - 3_000
    assert room(api, max_tokens=10, tiers=Tiers(api=1_000)).tokens == 990
    assert room(small, max_tokens=48).tokens == 2_000
    with pytest.raises(TokenBudgetError, match="leaves no room"):
        room(small, max_tokens=5_000)
    with pytest.raises(TokenBudgetError, match="no tier 3"):
        room(small, tier=3)


def test_a_prompt_that_is_too_long_is_refused_before_it_is_sent() -> None:
    """The error gives count, room and the way out; what fits is counted. # R-32."""
    model = Model(provider="openai", id="gpt-4o", context=600)
    space = room(model, max_tokens=100)

    with pytest.raises(TokenBudgetError, match=r"too many for 500 tokens.*shorten it"):
        check(Prompt(name="p", user="profit " * 600), model, space, Counters())
    assert check(Prompt(name="p", user="profit"), model, space, Counters()).tokens < 20


TEMPLATE = """---
name: t
slots:
  portfolio: {type: portfolio, example: []}
  news: {type: news, example: x}
blocks:
  portfolio: {priority: 100, must: true}
  news: {priority: 40}
---
[system]
You are brief.
[user]
{{ portfolio }}
{{ news }}
Judge {{ what }}.
"""


def test_a_template_is_filled_with_blocks_that_fit() -> None:
    """Blocks get what the other words leave; the prompt fits and says what was cut. # R-32."""
    model = Model(provider="openai", id="gpt-4o", context=700)
    space = room(model, max_tokens=100)
    news = [f"Item {at}: profit and cash rose again." for at in range(200)]
    positions = [{"ticker": "AAPL", "quantity": 5, "price": 430.47}]

    fitted = fit(
        parse(TEMPLATE, name="t"),
        {"portfolio": positions, "news": news, "what": "the risk"},
        model,
        space,
        packer=Packer(),
    )

    assert fitted.count.high <= space.tokens
    assert "AAPL,5,430.47" in fitted.prompt.user
    assert "<data news-" in fitted.prompt.user
    assert "Item 199" in fitted.prompt.user
    assert "Item 0:" not in fitted.prompt.user
    assert fitted.packed is not None
    assert fitted.packed.shares[1].shown < 200


def test_words_alone_that_fill_the_room_are_refused() -> None:
    """Where no room is left for any block, the error says by how much."""
    model = Model(provider="openai", id="gpt-4o", context=120)

    with pytest.raises(TokenBudgetError, match="before any block"):
        fit(
            parse("{{ a }} {{ b }}", name="t"),
            {"a": "profit " * 200, "b": Text("x")},
            model,
            room(model, max_tokens=100),
            packer=Packer(),
        )


@given(st.text('ab. !?\n"A1。', max_size=80))
def test_sentences_are_the_text(text: str) -> None:
    """Cut into sentences and put together again, a text is as it was."""
    joined = "".join(sentences(text))

    assert joined in {text, f"{text}\n"}
