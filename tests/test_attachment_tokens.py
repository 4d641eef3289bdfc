"""What images and PDFs count: by published rules, measured counts, and bounds that hold."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.catalogue import Catalogue
from llmlab.catalogue.attaching import refuse_attachments
from llmlab.errors import AttachmentError
from llmlab.records import Attachment, Prompt, Request
from llmlab.sim import Simulator
from llmlab.templates import parse
from llmlab.tokens import count_prompt
from llmlab.tokens.images import image_tokens, most_image_tokens, most_tokens_of, tokens_of
from tests.labs import lab_for
from tests.pictures import filing, picture, prepared
from tests.test_plan import planned

MODELS = [
    "openai/gpt-6-luna", "openai/gpt-5.5", "openai/gpt-5.4", "openai/gpt-5.4-mini",
    "openai/gpt-5-nano", "openai/gpt-5", "openai/gpt-4o", "openai/gpt-4o-mini", "openai/o3",
    "anthropic/claude-haiku-4-5", "anthropic/claude-opus-5-5", "xai/grok-4.3", "ollama/gemma3",
    "openrouter/google/gemini-3",
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "width", "height", "tokens"),
    [
        # Counts that a third party measured in October 2026, less its words.
        ("openai/gpt-6-astra", 256, 256, 77),
        ("openai/gpt-6-astra", 1920, 1080, 2448),
        ("openai/gpt-6-astra", 4032, 3024, 14364),
        ("openai/gpt-5.5", 2560, 1440, 4320),
        ("openai/gpt-5.5", 4032, 3024, 11868),
        ("anthropic/claude-opus-5-5", 1024, 1024, 1369),
        ("anthropic/claude-opus-5-5", 1920, 1080, 2691),
        ("anthropic/claude-haiku-4-5", 1280, 720, 1196),
        ("anthropic/claude-haiku-4-5", 1920, 1080, 1560),
        # Examples of the providers' own pages.
        ("openai/gpt-4o", 1024, 1024, 765),
        ("openai/gpt-4o", 2048, 4096, 1105),
        ("openai/gpt-4.1-mini", 1024, 1024, 1659),
        ("openai/gpt-4.1-mini", 1800, 2400, 2353),
        ("xai/grok-4.3", 448, 448, 512),
        ("xai/grok-4.3", 4000, 4000, 1792),
        # The rule goes by the model: a gateway only passes it on.
        ("openrouter/anthropic/claude-haiku-4-5", 1920, 1080, 1560),
    ],
)
def test_an_image_counts_as_published_and_measured(
    model: str, width: int, height: int, tokens: int
) -> None:
    """The rule of each vendor, against numbers that are not llmlab's."""
    assert image_tokens(width, height, model) == tokens


@given(st.sampled_from(MODELS), st.integers(1, 9000), st.integers(1, 9000))
def test_the_bound_of_an_image_is_one(model: str, width: int, height: int) -> None:
    """Whatever its size and shape, what is expected is no more than what is reserved."""
    assert 0 < image_tokens(width, height, model) <= most_image_tokens(width, height, model)


def test_a_larger_image_never_counts_less_by_much() -> None:
    """Made smaller to fit, an image keeps nearly all that the limit allows."""
    for model in ("openai/gpt-5.4", "anthropic/claude-opus-5-5"):
        counts = [image_tokens(side, side, model) for side in range(200, 4000, 100)]
        assert min(counts[-5:]) > 0.9 * max(counts)


def pdf_of(data: bytes, *, text: int = 0, pages: int = 0) -> Attachment:
    """Make an attachment of a PDF, counted or not."""
    return Attachment(
        media_type="application/pdf", data=data, name="f", pages=pages, text_bytes=text, digest="d"
    )


def test_a_pdf_counts_text_and_an_image_of_each_page() -> None:
    """Anthropic's own measure is 1,500 to 3,000 tokens a page of text, image included or not."""
    counted = pdf_of(b"%PDF", pages=10, text=10 * 2_900)

    tokens = tokens_of([counted], "anthropic/claude-haiku-4-5")

    assert tokens == 10 * (1568 + 725)  # 2,098 to 2,348 a page were measured in October 2026
    assert tokens < (most_tokens_of([counted], "anthropic/claude-haiku-4-5", window=None) or 0)


def test_pages_that_nobody_counted_are_bounded_by_the_window_alone() -> None:
    """Without pypdf there is no bound but the window, and none where that is unknown."""
    unknown = pdf_of(b"%PDF" + bytes(200_000))

    assert tokens_of([unknown], "openai/gpt-6-luna") > 0
    assert (most_tokens_of([unknown], "openai/gpt-6-luna", window=9_000) or 0) >= 9_000
    assert most_tokens_of([unknown], "openai/gpt-6-luna", window=None) is None


def test_pages_and_text_are_counted_with_pypdf() -> None:
    """With the extra `pdf` a filing is measured when it is read."""
    pytest.importorskip("pypdf")
    (found,) = parse("{{ f }}", name="p").fill({"f": filing(3)}).attachments

    assert (found.pages, found.size) == (3, "3 pages")
    assert found.text_bytes >= 3 * len("Sales rose on page 0")


def test_a_damaged_pdf_is_refused_with_pypdf() -> None:
    """Its end is there, its middle is not."""
    pytest.importorskip("pypdf")
    with pytest.raises(AttachmentError, match="is damaged"):
        parse("{{ f }}", name="p").fill({"f": b"%PDF-1.4\nno\n%%EOF\n"})


@pytest.mark.parametrize("model", ["gpt", "claude", "grok", "openai/gpt-4o-mini"])
def test_the_worst_case_has_the_image_not_its_bytes(model: str) -> None:
    """Megabytes of base64 are no bound that lets one work, and a small file of many pixels is."""
    image = parse("Up? {{ c }}", name="p").fill({"c": picture(size=(1600, 1200))})
    noise = bytes(range(256)) * 8_000
    large = Attachment(
        media_type="image/png", data=noise, name="c", width=1600, height=1200, digest="x"
    )
    heavy = Prompt(name="p", user=image.user, attachments=(large,))
    prompts = (Prompt(name="p", user=image.user), image, heavy)
    plain, small, same = (float(prepared(model, each).worst or 0) for each in prompts)

    assert len(picture(size=(1600, 1200))) < 20_000
    assert small > plain
    assert abs(same - small) < (small - plain) / 10


def test_the_rate_window_counts_the_image_not_its_bytes() -> None:
    """A megabyte of base64 would stand for 300,000 tokens a minute."""
    noise = Attachment(
        media_type="image/png", data=bytes(10**6), name="c", width=100, height=100, digest="x"
    )
    found = prepared("gpt", Prompt(name="p", user="[image 1]", attachments=(noise,)))

    assert len(found.call.body) > 1_300_000
    assert found.tokens < 2_000


def test_a_prompt_is_counted_with_its_images() -> None:
    """`lab.count` and the check of the window know them; it is an estimate, and says so."""
    with_image = parse("Up? {{ c }}", name="p").fill({"c": picture(size=(512, 512))})
    plain = count_prompt(Prompt(name="p", user=with_image.user), "openai/gpt-6-luna")

    counted = count_prompt(with_image, "openai/gpt-6-luna")

    assert counted.tokens == plain.tokens + 308
    assert counted.how == "estimate"
    assert counted.low < counted.tokens < counted.high
    assert "files by the vendor's rule" in counted.by


def test_pages_that_nobody_counted_refuse_no_prompt() -> None:
    """A scan of ten pages may be as large as 400 pages of text: only what is sure counts."""
    prompt = Prompt(name="p", user="[file 1]", attachments=(pdf_of(b"%PDF" + bytes(10**7)),))

    counted = count_prompt(prompt, "openai/gpt-6-luna")

    assert counted.low < 100
    assert counted.tokens > 100_000


async def test_a_plan_expects_what_images_cost(simulator: Simulator, tmp_path: Path) -> None:
    """A run over charts costs more than one over their names, in what is expected and at worst."""
    frame = pd.DataFrame({"headline": [picture(size=(900, 900)), picture(size=(900, 901))]})
    async with lab_for(simulator) as lab:
        words = await planned(lab, "Up?", ["gpt", "claude"])
        images = await planned(lab, "Up?", ["gpt", "claude"], on=frame)

    assert images.expected_usd is not None
    assert words.expected_usd is not None
    assert images.expected_usd > 2 * words.expected_usd
    assert images.worst_usd is not None
    assert images.worst_usd > images.expected_usd


async def test_the_reservation_covers_what_the_provider_counts(simulator: Simulator) -> None:
    """The simulator counts by its own reading of the same rules, and no call passes its bound."""
    sizes = [(3000, 2000), (40, 3000), (512, 512), (1568, 1568)]
    frame = pd.DataFrame({"c": [picture("JPEG", size) for size in sizes]})
    async with lab_for(simulator, budget={"run": 5.0}) as lab:
        run = await lab.abtest_async(
            {"p": "Up? {{ c }}"}, ["gpt", "claude", "grok"], on=frame, quiet=True, max_tokens=20
        )

    assert run.rows["error"].notna().sum() == 0
    for row in run.rows.to_dict("records"):
        prompt = parse("Up? {{ c }}", name="p").fill({"c": frame["c"][int(row["input_id"])]})
        worst = prepared(str(row["label"]), prompt, max_tokens=20).worst
        assert worst is not None
        assert float(worst) >= row["cost_usd"] > 0


def test_too_many_files_are_refused() -> None:
    """Numbers and sizes of a whole prompt are checked, too."""
    model = Catalogue.load(None).arms("claude")[0].model
    one = Attachment(media_type="image/png", data=b"x", name="c", width=9, height=9, digest="x")
    many = Prompt(name="p", user="", attachments=(one,) * 101)
    long = Prompt(name="p", user="", attachments=(pdf_of(b"x", pages=101),))
    heavy = Attachment(
        media_type="image/png", data=bytes(8 * 2**20), name="c", width=9, height=9, digest="x"
    )

    for prompt, said in ((many, "100 images at most"), (long, "100 pages")):
        with pytest.raises(AttachmentError, match=said):
            refuse_attachments(prompt, model)
    with pytest.raises(AttachmentError, match="bytes an image"):
        refuse_attachments(Prompt(name="p", user="", attachments=(heavy,)), model)


def test_what_is_not_listed_is_asked() -> None:
    """A model that the catalogue does not know may take what its provider's wire can carry."""
    one = Attachment(media_type="image/png", data=b"x", name="c", width=9, height=9, digest="x")
    prompt = Prompt(name="p", user="[image 1]", attachments=(one,))
    catalogue = Catalogue.load(None)

    for name in ("ollama/gemma3:4b", "openai/gpt-9", "xai/grok-9"):
        refuse_attachments(prompt, catalogue.arms(name)[0].model)
    assert Request(provider="openai", model="gpt-9", prompt=prompt).prompt.attachments
