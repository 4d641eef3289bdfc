"""Whatever key an endpoint uses is taken out of everything that comes from it."""

import asyncio
import base64
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab import Lab
from llmlab.errors import CallError, ConfigError
from llmlab.secrets import Address, Scrubber, Secret, Strain
from tests.echo import ECHOES, HEX, SHAPES, echoing, events, key_in, traces, whole

FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda key: key,
    "bearer": lambda key: f"Authorization: Bearer {key}",
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of the header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 for urls": lambda key: base64.urlsafe_b64encode(f"u:{key}".encode()).decode(),
    "quoted": lambda key: quote(key, safe=""),
    "json": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "json for pages": lambda key: key.replace("+", "\\u002B").replace("=", "\\u003D"),
    "first and last by stars": lambda key: f"{key[:10]}******{key[-4:]}",
    "last by stars": lambda key: f"****{key[-4:]}",
    "first by dots": lambda key: f"{key[:20]}...",
    "last by dots": lambda key: f"\u2022\u2022\u2022\u2022{key[-6:]}",
    "ellipsis": lambda key: f"{key[:12]}\u2026{key[-4:]}",
    "cut off": lambda key: key[:24],
}
WHOLE = [name for name in FORMS if "by" not in name and name not in {"ellipsis", "cut off"}]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_shows_no_key_in_any_form(shape: str, form: str) -> None:
    """84 combinations of what a key looks like and how a server may write it. # R-60."""
    key = SHAPES[shape]
    scrubber = Scrubber([Secret(key)])
    said = FORMS[form](key)
    body = f'{{"error": {{"message": "wrong key: {said} (see the docs)"}}}}'.encode()

    clean = scrubber.reply(401, body)

    assert clean != body
    assert key not in msgspec.json.decode(clean)["error"]["message"]
    assert said not in clean.decode()
    assert said not in scrubber.text(f"wrong key: {said} (see the docs)")
    assert not [each for each in traces(key) if each in clean.decode()]
    assert scrubber.text(said).count("[...]") == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_an_ordinary_reply_is_the_same_object(shape: str) -> None:
    """Nothing is copied or changed where no key is: dots, stars, crosses and hex are words."""
    scrubber = Scrubber([Secret(SHAPES[shape])])
    body = b'{"text": "Well... **bold** xxx 9f86 sk-... xai-... correct horse \xe2\x80\xa6"}'

    assert scrubber.reply(200, body) is body
    assert scrubber.clean(body) is body
    assert scrubber.reply(400, body) == body


@pytest.mark.parametrize("key", ["none", "EMPTY", "k", "", "sk-test"])
def test_a_word_that_is_no_key_is_left_in_answers(key: str) -> None:
    """Servers without keys are given any word; it may be in an answer."""
    body = b'{"text": "none, EMPTY, k, sk-test"}'

    assert Scrubber([Secret(key), None]).reply(200, body) is body


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(0, 200), max_size=12),
    before=st.text("sk-9f86 \n", max_size=30),
    after=st.text("sk-9f86 \n", max_size=30),
    shape=st.sampled_from(sorted(SHAPES)),
    form=st.sampled_from(WHOLE),
)
def test_a_key_across_pieces_is_found_wherever_they_are_cut(
    cuts: list[int], before: str, after: str, shape: str, form: str
) -> None:
    """The pieces of a stream, put together, are the whole body cleaned: law of `Strain`."""
    key = SHAPES[shape]
    scrubber = Scrubber([Secret(key)])
    body = f"{before}{FORMS[form](key)}{after}".encode()
    at = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    strain = Strain(scrubber)

    pieces = [strain.feed(body[a:b]) for a, b in itertools.pairwise(at)] + [strain.end()]

    assert key not in b"".join(pieces).decode()
    assert b"".join(pieces) == scrubber.clean(body)


def test_pieces_without_a_key_come_as_they_came() -> None:
    """Events end with a line feed, and pass as the objects they are."""
    strain = Strain(Scrubber([Secret(HEX)]))
    pieces = [b"data: 9f86\n\n", b"data: 9f", b"x\n", b"data: {}\n\n"]

    assert strain.feed(pieces[0]) is pieces[0]
    assert strain.feed(pieces[1]) == b"data: "
    assert strain.feed(pieces[2]) == b"9fx\n"
    assert strain.feed(pieces[3]) is pieces[3]
    assert strain.end() == b""


# ---- through a lab ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("echo", ECHOES)
async def test_no_answer_and_no_failure_has_the_key_in_it(
    echo: str, shape: str, tmp_path: Path
) -> None:
    """Whole replies, headers, broken ones: nothing in the row, the error or the book. # R-60."""
    await _asked(lambda head: ECHOES[echo](key_in(head)), SHAPES[shape], tmp_path)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_no_stream_has_the_key_in_it(size: int, shape: str, tmp_path: Path) -> None:
    """A key in one event, or divided over many, is not in the answer."""

    def reply(head: str) -> bytes:
        key = key_in(head)
        pieces = [key[at : at + size] for at in range(0, len(key), size)]
        return whole(200, events("Key: ", *pieces, "!"), kind="text/event-stream")

    await _asked(reply, SHAPES[shape], tmp_path, stream=True)


async def _asked(
    reply: Callable[[str], bytes], key: str, folder: Path, *, stream: bool = False
) -> None:
    env = {"OPENAI_API_KEY": key}
    heads: list[str] = []

    def noted(head: str) -> bytes:
        heads.append(head)
        return reply(head)

    async with echoing(noted) as url:
        lab = Lab(book=folder / "lab.db", env={**env, "OPENAI_BASE_URL": url}, config=folder,
                  attempts=1)  # fmt: skip
        async with lab:
            run = await lab.abtest_async({"p": "Hi."}, "gpt", quiet=True, stream=stream)
            try:
                said = repr(await lab.ask_async("Hello.", "gpt"))
            except CallError as error:
                said = f"{error!r} {vars(error)!r} {error.__context__!r} {error.__cause__!r}"
    assert key in heads[0], "it must be sent, or this proves nothing"
    shown = said + run.rows.astype(str).to_csv()
    kept = await asyncio.to_thread(
        lambda: b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    )
    assert not [each for each in traces(key) if each in shown]
    assert not [each for each in traces(key) if each.encode() in kept]


# ---- user and password in an address ----------------------------------------------------


@pytest.mark.parametrize(
    ("written", "address", "login"),
    [
        ("https://host/v1", "https://host/v1", None),
        ("https://u:p%40w@host:8443/v1", "https://host:8443/v1", "u:p@w"),
        ("https://u:p/w@host/v1", "https://host/v1", "u:p/w"),
        ("https://u:p@w@host/v1", "https://host/v1", "u:p@w"),
        ("https://token@host/v1", "https://host/v1", "token"),
        ("host:11434", "host:11434", None),
        ("https://host:8443/@cf/v1", "https://host:8443/@cf/v1", None),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1", None),
    ],
)
def test_an_address_is_taken_apart(written: str, address: str, login: str | None) -> None:
    """What is shown and compared is one thing, what is sent as a header another."""
    found = Address.of(written)

    assert (str(found), found.query) == (address, False)
    assert (found.login.reveal() if found.login else None) == login
    assert Address.of(found) is found


PASSWORD = "pl4nted:p%40ss/w0rd".replace("/", "%2F")


async def test_a_password_in_an_address_is_sent_and_shown_nowhere(tmp_path: Path) -> None:
    """It becomes a header; identity, book, tape, errors, reprs and `llmlab config` have none."""
    heads: list[str] = []

    def reply(head: str) -> bytes:
        heads.append(head)
        basic = head[head.lower().index("basic ") + 6 :].split(maxsplit=1)[0]
        told = base64.b64decode(basic).decode()
        return whole(400, json.dumps({"error": {"message": f"{told} {basic}"}}).encode())

    async with echoing(reply) as url:
        own = url.replace("//", f"//user:{PASSWORD}@")
        lab = Lab(
            book=folder_book(tmp_path), env={"ANTHROPIC_API_KEY": f"sk-ant-api03-{'a' * 30}"},
            config=tmp_path, base_urls={"anthropic": own}, attempts=1, mode="record",
            tape=tmp_path / "run.tape",
        )  # fmt: skip
        async with lab:
            run = await lab.abtest_async({"p": "Hi."}, "claude", quiet=True)
            shown = "".join([
                run.rows.astype(str).to_csv(), lab.configuration(), repr(lab), repr(lab.settings),
                repr(await lab._services.backends.endpoint("anthropic")),
                (await asyncio.to_thread(lab.health, "anthropic")).to_csv(),
            ])  # fmt: skip
            endpoint = await lab._services.backends.endpoint("anthropic")

    kept = await asyncio.to_thread(
        lambda: b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    )
    assert base64.b64encode(b"user:pl4nted:p@ss/w0rd").decode() in heads[0]
    assert endpoint.identity == f"anthropic at {url}"
    for trace in ("pl4nted", "p@ss", "p%40ss", base64.b64encode(b"user:pl4nted").decode()[:-1]):
        assert trace not in shown
        assert trace.encode() not in kept


def folder_book(folder: Path) -> Path:
    """Return where the book lies."""
    return folder / "lab.db"


@pytest.mark.parametrize(
    "url",
    [
        "htps://user:pl4nted@host/v1",
        "user:pl4nted@host/v1",
        "http://user:pl4nted@203.0.113.7/v1",
        "https://host/v1?key=pl4nted",
        "https://user:pl4nted@host/v1#pl4nted",
        "https://user:pl4nted@[::1/v1",
        "https://user:pl4nted@host:port/v1",
    ],
)
@pytest.mark.parametrize("how", ["environment", "argument", "file"])
def test_a_bad_address_is_refused_without_showing_its_password(
    url: str, how: str, tmp_path: Path
) -> None:
    """The line names the variable or entry and the host; so does nothing in its frames."""
    env = {"OPENAI_API_KEY": f"sk-{'a' * 40}"}
    urls: dict[str, object] = {}
    if how == "environment":
        env["OPENAI_BASE_URL"] = url
    elif how == "argument":
        urls["base_urls"] = {"openai": url}
    else:
        (tmp_path / "llmlab.toml").write_text(f'[base_urls]\nopenai = "{url}"\n')

    with pytest.raises(ConfigError) as said:
        Lab(env=env, config=tmp_path, **urls)  # type: ignore[arg-type]

    assert "pl4n" not in str(said.value)
    assert "ted@" not in str(said.value)
