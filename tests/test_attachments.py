"""Images and PDFs as slots: read once, sent by every provider's rule, refused before sending."""

import base64
import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pandas as pd
import pytest
from PIL import Image

from llmlab import Lab
from llmlab.calls.batch.requests import groups_of
from llmlab.calls.identity import content_of
from llmlab.catalogue import Model
from llmlab.errors import AttachmentError, TemplateError
from llmlab.providers.registry import adapter_of
from llmlab.records import Api, Attachment, Prompt, Request
from llmlab.sim import Simulator
from llmlab.templates import parse
from llmlab.templates.attachments import AttachmentReader
from tests.labs import lab_for, questions
from tests.loopback import Came, Loopback, Said
from tests.pictures import chart, filing, picture, prepared, saved
from tests.test_batches import lab_for as batching

PNG, JPEG = picture(), picture("JPEG")
WORDS = "Up or down? {{ chart }}"


def filled(words: str = WORDS, **values: Any) -> Prompt:
    """Fill a template of one slot or more."""
    return parse(words, name="p").fill(values)


def asked(name: str, prompt: Prompt, api: Api) -> Request:
    """Ask *name* with *prompt*."""
    provider, _, model = name.partition("/")
    return Request(provider=provider, model=model, prompt=prompt, api=api)


def body_of(name: str, prompt: Prompt, api: Api, base_url: str = "http://h") -> dict[str, Any]:
    """Return what goes over the wire."""
    request = asked(name, prompt, api)
    adapter = adapter_of(request.provider, api)
    model = Model(provider=request.provider, id=request.model)
    found: dict[str, Any] = json.loads(adapter.write(request, model, base_url).body)
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_file_is_an_attachment_by_its_first_bytes(kind: str, tmp_path: Path) -> None:
    """A path becomes `[image 1]`; type and size are read from the bytes, whatever its name."""
    data = picture(kind)
    prompt = filled(chart=saved(tmp_path, "chart.dat", data))

    (found,) = prompt.attachments
    assert prompt.user == "Up or down? [image 1]"
    assert (found.media_type, found.width, found.height) == (f"image/{kind.lower()}", 64, 48)
    assert (found.data, found.digest) == (data, hashlib.sha256(data).hexdigest())


def test_bytes_figures_and_pillow_images_are_attachments() -> None:
    """What a notebook has at hand goes along as PNG; equal figures have equal bytes."""
    one, again = filled(chart=chart()), filled(chart=chart())

    assert one.attachments[0].media_type == "image/png"
    assert one.attachments[0].digest == again.attachments[0].digest
    assert filled(chart=PNG).attachments[0].data == PNG
    assert filled(chart=Image.new("CMYK", (5, 4))).attachments[0].width == 5


def test_files_are_numbered_as_the_words_print_them() -> None:
    """Images and files have numbers of their own; the same bytes travel once."""
    words = "{{ b }} {{ a }} {{ pdf }} {{ b }} {% if 0 %}{{ unseen }}{% endif %} {{ row['c d'] }}"
    other = picture(colour="blue")
    prompt = filled(words, a=PNG, b=JPEG, pdf=filing(), unseen=other, **{"c d": PNG})

    assert prompt.user == "[image 1] [image 2] [file 1] [image 1]  [image 2]"
    assert [each.name for each in prompt.attachments] == ["b", "a", "pdf"]


def test_a_list_of_images_goes_along_whole() -> None:
    """A slot may hold several, and a loop prints each."""
    prompt = filled("{% for page in chart %}{{ page }};{% endfor %}", chart=[PNG, JPEG])

    assert prompt.user == "[image 1];[image 2];"
    assert len(prompt.attachments) == 2


def test_declared_slots_take_a_path_as_text(tmp_path: Path) -> None:
    """With `type: image` in the front matter a column of text is a column of paths."""
    head = "---\nname: p\nslots:\n  chart: {type: image, example: a.png}\n---\n"
    path = str(saved(tmp_path, "a.png", PNG))

    assert parse(head + WORDS, name="p").fill({"chart": path}).attachments[0].data == PNG
    assert filled(chart=path).attachments == ()


def test_a_file_is_read_once_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many prompts and inputs show it; a file that has changed is read again."""
    path = saved(tmp_path, "a.png", PNG)
    read: list[Path] = []
    plain = Path.read_bytes

    def noted(path: Path) -> bytes:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    reader = AttachmentReader()

    first = reader.values({"chart": path}, ["chart"], frozenset())
    again = reader.values({"chart": path}, ["chart"], frozenset())
    path.write_bytes(picture(size=(9, 9)))
    changed = reader.values({"chart": path}, ["chart"], frozenset())

    assert first["chart"] is again["chart"]
    assert changed["chart"] != first["chart"]
    assert len(read) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "cannot read"),
        (b"", "is empty"),
        (b"plain words", "is neither PNG, JPEG, GIF, WEBP nor PDF"),
        (PNG[:60], "is damaged"),
        (JPEG[:-40], "is damaged"),
        (filing()[:300], "is damaged: its end is missing"),
    ],
)
def test_a_bad_file_is_one_line_with_its_slot(
    tmp_path: Path, data: bytes | None, said: str
) -> None:
    """Missing, empty, of another kind or cut off: known before anything is sent."""
    path = tmp_path / "chart.png"
    if data is not None:
        path.write_bytes(data)

    with pytest.raises(AttachmentError) as caught:
        filled(chart=path)

    assert said in str(caught.value)
    assert "{{ chart }}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("whole", [PNG, JPEG, picture("GIF"), picture("WEBP"), filing()])
def test_flipped_bytes_are_one_line_or_no_harm(whole: bytes) -> None:
    """Whatever a decoder raises for a damaged file, a person reads one line."""
    draw = random.Random(7)  # noqa: S311 - the same damage each time
    for _ in range(30):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(5, len(data))] = draw.randrange(256)
        try:
            filled(chart=bytes(data))
        except (AttachmentError, TemplateError) as error:
            assert "\n" not in str(error)  # noqa: PT017 - either may come


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A pipe would wait for ever, and a folder is none."""
    os.mkfifo(tmp_path / "pipe.png")

    with pytest.raises(AttachmentError, match="it is a pipe or a device"):
        filled(chart=tmp_path / "pipe.png")
    with pytest.raises(AttachmentError, match="it is a folder"):
        filled(chart=tmp_path)


def test_words_of_a_dataset_name_no_files(tmp_path: Path) -> None:
    """Text is a path only where the template declares it, and then of an image or a PDF."""
    secret = tmp_path / "secret.txt"
    secret.write_text("sk-planted")
    head = "---\nname: p\nslots:\n  chart: {type: image, example: a.png}\n---\n"

    assert filled(chart=str(secret)).user == f"Up or down? {secret}"
    with pytest.raises(AttachmentError) as caught:
        parse(head + WORDS, name="p").fill({"chart": str(secret)})
    assert "sk-planted" not in str(caught.value)


def test_other_bytes_are_still_no_text() -> None:
    """Bytes of no known kind are refused as before."""
    with pytest.raises(TemplateError, match="decode it first"):
        filled(chart=b"\x00\x01")


def test_an_image_cannot_stand_in_the_system_part() -> None:
    """No API takes one there."""
    with pytest.raises(AttachmentError, match="last message only"):
        filled("[system]\nSee {{ chart }}\n[user]\nUp?", chart=PNG)


def test_the_bytes_show_in_no_print() -> None:
    """A prompt that is printed has type, size and digest of its files."""
    shown = repr(filled(chart=PNG))

    assert "image/png 64x48, sha256" in shown
    assert "IHDR" not in shown


def test_the_digest_is_part_of_what_is_asked() -> None:
    """A tape tells two images apart; a prompt without any keeps the name that it had."""
    keys = {
        content_of(asked("openai/gpt-6-luna", prompt, "chat"))
        for prompt in (filled(chart=PNG), filled(chart=JPEG), filled(chart="[image 1]"))
    }
    plain = asked("openai/gpt-6-luna", Prompt(name="p", user="hello"), "chat")

    assert len(keys) == 3
    assert content_of(plain) == "3d82057b585025900bce09166f37f532878031b98886203b3d74db1444c10120"


# ---- the SDKs as independent writers of the same bodies ------------------------------------


def sent_by_sdk(ask: Any) -> dict[str, Any]:
    """Return the body that an SDK sends; what it makes of the reply does not matter."""
    with Loopback(lambda _: Said(body=b'{"error": "no"}', status=400)) as server:
        with pytest.raises(Exception):  # noqa: B017, PT011 - each SDK has its own
            ask(server.url)
        return dict(json.loads(_last(server.log).body))


def _last(log: list[Came]) -> Came:
    return log[-1]


def url_of(data: bytes, kind: str) -> str:
    """Write a data URL as the providers' pages show it."""
    return f"data:{kind};base64,{base64.standard_b64encode(data).decode()}"


def test_chat_completions_are_what_the_openai_sdk_sends() -> None:
    """Image and PDF as content parts, before the text."""
    pdf = filing()

    def ask(url: str) -> None:
        with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
            client.chat.completions.create(
                model="gpt-6-luna",
                max_completion_tokens=512,
                messages=[
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": url_of(PNG, "image/png")}},
                            {
                                "type": "file",
                                "file": {
                                    "filename": "file-2.pdf",
                                    "file_data": url_of(pdf, "application/pdf"),
                                },
                            },
                            {"type": "text", "text": "[image 1] [file 1]"},
                        ],
                    }
                ],
            )

    ours = body_of("openai/gpt-6-luna", filled("{{ a }} {{ b }}", a=PNG, b=pdf), "chat")
    del ours["service_tier"]
    assert ours == sent_by_sdk(ask)


def test_responses_are_what_the_openai_sdk_sends() -> None:
    """The same in Responses, whose parts are named otherwise."""
    pdf = filing()

    def ask(url: str) -> None:
        with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
            client.responses.create(
                model="gpt-6-luna",
                max_output_tokens=512,
                store=False,
                input=[
                    {  # type: ignore[misc, list-item]  # the detail of an image has a default
                        "role": "user",
                        "content": [
                            {"type": "input_image", "image_url": url_of(PNG, "image/png")},
                            {
                                "type": "input_file",
                                "filename": "file-2.pdf",
                                "file_data": url_of(pdf, "application/pdf"),
                            },
                            {"type": "input_text", "text": "[image 1] [file 1]"},
                        ],
                    }
                ],
            )

    ours = body_of("openai/gpt-6-luna", filled("{{ a }} {{ b }}", a=PNG, b=pdf), "responses")
    del ours["service_tier"]
    assert ours == sent_by_sdk(ask)


def test_messages_are_what_the_anthropic_sdk_sends() -> None:
    """Image and document blocks in base64."""
    pdf = filing()

    def ask(url: str) -> None:
        with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client:
            client.messages.create(
                model="claude-haiku-4-5",
                max_tokens=512,
                messages=[
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/jpeg",
                                    "data": base64.b64encode(JPEG).decode(),
                                },
                            },
                            {
                                "type": "document",
                                "source": {
                                    "type": "base64",
                                    "media_type": "application/pdf",
                                    "data": base64.b64encode(pdf).decode(),
                                },
                            },
                            {"type": "text", "text": "[image 1] [file 1]"},
                        ],
                    }
                ],
            )

    ours = body_of(
        "anthropic/claude-haiku-4-5", filled("{{ a }} {{ b }}", a=JPEG, b=pdf), "messages"
    )
    del ours["service_tier"]
    assert ours == sent_by_sdk(ask)


def test_ollama_gets_what_its_own_client_sends() -> None:
    """Images are a field beside the text."""

    def ask(url: str) -> None:
        message = {"role": "user", "content": "Up or down? [image 1]", "images": [PNG]}
        client = ollama.Client(url)
        try:
            client.chat("gemma3", messages=[message])
        finally:
            client._client.close()

    ours = body_of("ollama/gemma3", filled(chart=PNG), "chat")
    assert ours["messages"] == sent_by_sdk(ask)["messages"]
    whole = body_of("ollama/gemma3", filled(chart=PNG), "generate")
    assert whole["images"] == ours["messages"][0]["images"]


# ---- runs ----------------------------------------------------------------------------------


def charts(folder: Path, count: int = 3) -> pd.DataFrame:
    """Make a frame with a column of paths."""
    colours = ["red", "green", "blue", "black"]
    paths = [saved(folder, f"{n}.png", picture(colour=colours[n])) for n in range(count)]
    labels = ["up", "down", "up", "down"][:count]
    return pd.DataFrame({"chart": paths, "label": labels}, index=list("abcd")[:count])


PROMPTS = {"plain": WORDS, "role": "You are an analyst. Up or down? {{ chart }}"}


async def test_a_column_of_paths_is_asked_about(simulator: Simulator, tmp_path: Path) -> None:
    """Prompts are compared over charts, and the provider's own count has the image in it."""
    async with lab_for(simulator) as lab:
        run = await lab.abtest_async(
            PROMPTS, ["gpt", "claude", "grok"], on=charts(tmp_path), score="label", target="label",
            quiet=True, max_tokens=20,
        )  # fmt: skip
        rows = run.rows
        sent = questions(simulator)
        again = await lab.abtest_async(
            PROMPTS, ["gpt", "claude", "grok"], on=charts(tmp_path), score="label", target="label",
            quiet=True, max_tokens=20,
        )  # fmt: skip

    assert (len(rows), rows["error"].notna().sum(), sent) == (18, 0, 18)
    assert again.rows["from_book"].all()
    assert questions(simulator) == 18
    # 64 x 48 pixels: 2 x 2 patches of 32 times 1.2, 3 x 2 of 28, one tile of 448 and one more.
    words = -(-len("Up or down? [image 1]") // 4) + 4
    plain = rows[rows["prompt"] == "plain"].groupby("label", observed=True)["input_tokens"].first()
    assert dict(plain - words) == {"gpt": 5, "claude": 6, "grok": 512}


async def test_a_question_about_a_figure(simulator: Simulator) -> None:
    """`values=` takes a figure; a stream carries it, too."""
    async with lab_for(simulator) as lab:
        answer = await lab.ask_async("Up or down? {{ chart }}", "claude", values={"chart": chart()})
        pieces = [
            each
            async for each in lab.stream("Up or down? {{ chart }}", "gpt", values={"chart": PNG})
        ]

    assert answer.text
    assert pieces


async def test_batches_carry_images(simulator: Simulator, tmp_path: Path) -> None:
    """What goes by batch has the same body."""
    async with batching(simulator) as lab:
        run = await lab.abtest_async(
            {"p": WORDS}, ["gpt", "claude"], on=charts(tmp_path), batch=True, quiet=True,
            max_tokens=20,
        )  # fmt: skip

    assert run.rows["error"].notna().sum() == 0
    assert len(run.rows) == 6


def test_a_batch_is_no_larger_than_its_provider_takes() -> None:
    """Ten megabytes an image: xAI takes one at a time, the others many."""
    data = Attachment(
        media_type="image/png", data=bytes(10**7), name="c", width=9, height=9, digest="x"
    )
    prompt = Prompt(name="p", user="[image 1]", attachments=(data,))
    sizes = {}
    for model in ("gpt", "grok"):
        one = prepared(model, prompt)
        sizes[model] = [len(each) for each in groups_of([one] * 16)]

    assert sizes == {"gpt": [14, 2], "grok": [1] * 16}


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("deepseek", PNG, "deepseek/deepseek-flash takes no images"),
        ("qwen", PNG, "ollama/qwen2.5:7b takes no images"),
        ("grok", filing(), "takes no PDF; give its pages as images"),
        ("grok", picture("GIF"), "takes PNG and JPEG only"),
        ("claude", picture(size=(8001, 2)), "takes 8,000 pixels a side at most"),
    ],
)
async def test_what_a_model_does_not_take_is_refused_before_sending(
    simulator: Simulator, tmp_path: Path, model: str, data: bytes, said: str
) -> None:
    """One line with the input's name, and nothing was sent, to no model."""
    frame = pd.DataFrame({"chart": [PNG, data]}, index=["first", "second"])
    if model in ("deepseek", "qwen"):
        frame = frame.iloc[1:]
    async with lab_for(simulator) as lab:
        with pytest.raises(AttachmentError) as caught:
            await lab.abtest_async({"p": WORDS}, ["gpt", model], on=frame, quiet=True)

    assert said in str(caught.value)
    assert str(caught.value).startswith("input 'second': {{ chart }}")
    assert questions(simulator) == 0


async def test_trials_on_the_same_charts_are_counted(simulator: Simulator) -> None:
    """Figures drawn again are the same inputs, other ones are not: the best of many is deflated."""
    async with lab_for(simulator) as lab:
        counts = []
        for prompt, data in (("A", PNG), ("B", bytes(bytearray(PNG))), ("C", JPEG)):
            frame = pd.DataFrame({"chart": [data], "label": ["up"]})
            run = await lab.abtest_async(
                {prompt: f"{prompt}: {WORDS}"}, ["gpt", "claude"], on=frame, score="label",
                target="label", quiet=True,
            )  # fmt: skip
            counts.append(run.trials)

    assert counts == [2, 4, 2]


async def test_a_damaged_file_names_its_input(simulator: Simulator, tmp_path: Path) -> None:
    """Which of a thousand files it was is what one has to know."""
    frame = charts(tmp_path)
    (tmp_path / "1.png").write_bytes(PNG[:50])
    async with lab_for(simulator) as lab:
        with pytest.raises(AttachmentError, match=r"^input 'b': \{\{ chart \}\}.*is damaged"):
            await lab.abtest_async({"p": WORDS}, ["gpt"], on=frame, quiet=True)

    assert questions(simulator) == 0


async def test_nothing_that_is_kept_has_the_bytes(simulator: Simulator, tmp_path: Path) -> None:
    """Book, tape, report and export have notes and digests, not megabytes."""
    noise = Image.effect_noise((400, 300), 90)
    noise.save(tmp_path / "noise.png")
    size = (tmp_path / "noise.png").stat().st_size
    frame = pd.DataFrame({"chart": [tmp_path / "noise.png"], "label": ["up"]})
    async with lab_for(simulator, book=tmp_path / "lab.db") as lab:
        run = await lab.abtest_async(
            {"p": WORDS}, ["gpt"], on=frame, score="label", target="label", quiet=True
        )
        raw = await lab.abtest_async(
            {"p": WORDS}, ["gpt"], on=frame.assign(chart=[(tmp_path / "noise.png").read_bytes()]),
            score="label", target="label", quiet=True,
        )  # fmt: skip
        lab.save_tape(tmp_path / "tape.jsonl")
        for each, name in ((run, "a"), (raw, "b")):
            each.report(tmp_path / f"{name}.html")
            each.export(tmp_path / f"{name}.json")

    assert size > 80_000
    assert raw.rows["from_book"].all()
    data = (tmp_path / "noise.png").read_bytes()
    marks = (base64.b64encode(data)[100:160], data[1000:1030])
    for path in list(tmp_path.iterdir()):  # noqa: ASYNC240 - a test may wait
        if path.is_file() and path.name != "noise.png":
            assert not any(mark in path.read_bytes() for mark in marks), path
    assert "image/png" in (tmp_path / "b.html").read_text("utf-8")
    assert "noise.png" in (tmp_path / "a.html").read_text("utf-8")


async def test_a_tape_answers_the_same_images_only(simulator: Simulator, tmp_path: Path) -> None:
    """In replay mode another image is another question."""
    async with lab_for(simulator) as lab:
        first = await lab.ask_async(WORDS, "gpt", values={"chart": PNG})
        lab.save_tape(tmp_path / "tape.jsonl")
    async with Lab(mode="replay", tape=tmp_path / "tape.jsonl", env={}, config="/") as lab:
        again = await lab.ask_async(WORDS, "gpt", values={"chart": PNG})
        with pytest.raises(Exception, match="no answer"):
            await lab.ask_async(WORDS, "gpt", values={"chart": JPEG})

    assert again.text == first.text
