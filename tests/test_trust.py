"""What a colleague's project says about keys and addresses waits for the user's word."""

import asyncio
import stat
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web

from llmlab import Lab, default
from llmlab.backends.trusted import accept, accepted, trust_file
from llmlab.cli import main
from llmlab.errors import ConfigError
from llmlab.sim import RuleAuthor, Simulator

PLANTED = "sk-planted-0000000000000000000000"
ENV = {
    "OPENAI_API_KEY": PLANTED,
    "GITHUB_TOKEN": "ghp_planted00000000000000000000000000",
    "LLMLAB_LOCAL_MODEL": "/nonexistent",
}


class Colleague:
    """A server that a project's file names; it notes every byte of a header that it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(f"{request.path} {dict(request.headers)} {await request.text()}")
        return web.json_response({"error": {"message": "no"}}, status=400)


@pytest.fixture(name="colleague")
async def _colleague() -> AsyncIterator[Colleague]:
    colleague = Colleague()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", colleague.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    colleague.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield colleague
    await runner.cleanup()


def _moved(url: str) -> dict[str, str]:
    """Return the files of a project that sends OpenAI's key elsewhere."""
    return {"llmlab.toml": f'[base_urls]\nopenai = "{url}"\n'}


def _moved_in_pyproject(url: str) -> dict[str, str]:
    return {"pyproject.toml": f'[tool.llmlab.base_urls]\nopenai = "{url}"\n'}


def _steals(url: str) -> dict[str, str]:
    """Return the files of a project whose catalogue names a variable that is no provider's."""
    return {
        "llmlab.toml": 'catalogue = "models.toml"\n',
        "models.toml": f'[providers.harbour]\nspeaks = "openai"\nkeys = ["GITHUB_TOKEN"]\n'
        f'base_url = "{url}"\n[lineups]\nsix = ["harbour/a"]\n',
    }


def _moves_in_catalogue(url: str) -> dict[str, str]:
    return {
        "llmlab.toml": 'catalogue = "models.toml"\n',
        "models.toml": f'[providers.openai]\nbase_url = "{url}"\n',
    }


PROJECTS = (_moved, _moved_in_pyproject, _steals, _moves_in_catalogue)


def _project(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


async def _ask(folder: Path, model: str = "gpt", **options: object) -> None:
    """Make a lab there and ask, as a notebook would."""
    async with Lab(book=":memory:", env=ENV, config=folder, **options) as lab:  # type: ignore[arg-type]
        await lab.ask_async("Hello.", model)


@pytest.mark.parametrize("files", PROJECTS)
async def test_a_colleagues_project_sends_no_key_without_a_word(
    files: object, colleague: Colleague, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names file, key variable, host and command; the server of the file hears nothing."""
    monkeypatch.chdir(tmp_path)
    _project(tmp_path, files(colleague.url))  # type: ignore[operator]
    key = "GITHUB_TOKEN" if files is _steals else "OPENAI_API_KEY"
    host = colleague.url.removesuffix("/v1")

    with pytest.raises(ConfigError) as said:
        await _ask(tmp_path, "harbour/a" if files is _steals else "gpt")

    line = str(said.value)
    assert "\n" not in line
    assert f"toml would send {key}" in line
    assert host in line
    assert f"`llmlab trust` in {tmp_path}" in line
    assert "planted" not in line
    assert not colleague.heard


@pytest.mark.parametrize("files", PROJECTS)
async def test_after_llmlab_trust_it_is_sent(
    files: object, colleague: Colleague, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The word is given once; `--list` says for what, and `--forget` takes it back."""
    monkeypatch.chdir(tmp_path)
    _project(tmp_path, files(colleague.url))  # type: ignore[operator]

    assert main(["trust"]) == 0
    assert " may send " in capsys.readouterr().out
    with pytest.raises(Exception, match="no"):
        await _ask(tmp_path, "harbour/a" if files is _steals else "gpt")
    assert colleague.heard

    assert main(["trust", "--list"]) == 0
    assert str(tmp_path) in capsys.readouterr().out
    assert main(["trust", "--forget"]) == 0
    with pytest.raises(ConfigError, match="llmlab trust"):
        Lab(book=":memory:", env=ENV, config=tmp_path)


def test_a_changed_address_asks_anew_and_a_changed_deadline_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was accepted is the content that matters, in this folder."""
    monkeypatch.chdir(tmp_path)
    _project(tmp_path, _moved("https://one.example/v1"))
    main(["trust"])
    Lab(env=ENV, config=tmp_path).close()

    text = (tmp_path / "llmlab.toml").read_text()
    (tmp_path / "llmlab.toml").write_text(f"deadline = 9\n{text}")
    Lab(env=ENV, config=tmp_path).close()

    _project(tmp_path, _moved("https://two.example/v1"))
    with pytest.raises(ConfigError, match=r"two\.example"):
        Lab(env=ENV, config=tmp_path)


def test_a_changed_catalogue_asks_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue is accepted by what its providers say, not by its name."""
    monkeypatch.chdir(tmp_path)
    _project(tmp_path, _steals("https://one.example/v1"))
    main(["trust"])
    Lab(env=ENV, config=tmp_path).close()

    text = (tmp_path / "models.toml").read_text()
    (tmp_path / "models.toml").write_text(text.replace("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"))

    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY"):
        Lab(env=ENV, config=tmp_path)


def test_the_word_holds_for_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same lines in another project would send other prompts: another question."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        _project(folder, _moved("https://one.example/v1"))
    monkeypatch.chdir(one)
    main(["trust"])

    Lab(env=ENV, config=one).close()
    with pytest.raises(ConfigError, match="llmlab trust"):
        Lab(env=ENV, config=two)


def test_environment_and_arguments_need_no_word(tmp_path: Path) -> None:
    """They are the user's own, and what they say goes before what a file says."""
    _project(tmp_path, _moved("https://evil.example/v1"))
    url = "https://mine.example/v1"

    with pytest.raises(ConfigError):
        Lab(env=ENV, config=tmp_path)
    Lab(env=ENV, config=tmp_path, base_urls={"openai": url}).close()
    (tmp_path / "llmlab.toml").write_text("")
    Lab(env={**ENV, "OPENAI_BASE_URL": url}, config=tmp_path).close()


def test_a_catalogue_in_a_project_reads_no_foreign_key_whoever_named_it(tmp_path: Path) -> None:
    """A file of the project changes with the project; one outside of it is the user's own."""
    project = tmp_path / "project"
    project.mkdir()
    files = _steals("https://harbour.example/v1")
    _project(project, {**files, "llmlab.toml": ""})
    _project(tmp_path, {"models.toml": files["models.toml"]})

    with pytest.raises(ConfigError, match="GITHUB_TOKEN"):
        Lab(env=ENV, config=project, catalogue=project / "models.toml")
    named = {**ENV, "LLMLAB_CATALOGUE": str(project / "models.toml")}
    with pytest.raises(ConfigError, match="GITHUB_TOKEN"):
        Lab(env=named, config=project)
    Lab(env=ENV, config=project, catalogue=tmp_path / "models.toml").close()


def test_looking_needs_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`llmlab config`, `models`, `runs` and `%load_ext llmlab` work, and say the line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", PLANTED)
    _project(tmp_path, _moved("https://evil.example/v1"))
    default.use(None)

    codes = [main([command]) for command in ("config", "models", "runs")]
    shown = capsys.readouterr()

    assert codes == [0, 0, 0]
    assert "https://evil.example/v1  llmlab.toml, waits" in shown.out
    assert shown.err.count("llmlab trust") == 2
    assert "llmlab trust" in default.greeting()
    assert "planted" not in shown.out + shown.err


async def test_a_lab_that_looks_sends_nothing(colleague: Colleague, tmp_path: Path) -> None:
    """It reads what is kept; the first question is where the line comes."""
    _project(tmp_path, _moved(colleague.url))
    async with Lab(book=":memory:", env=ENV, config=tmp_path, look=True) as lab:
        runs = await asyncio.to_thread(lab.runs)
        with pytest.raises(ConfigError, match="llmlab trust"):
            await lab.ask_async("Hello.", "gpt")
        with pytest.raises(ConfigError, match="llmlab trust"):
            await asyncio.to_thread(lab.health, "openai")

    assert len(runs) == 0
    assert lab.settings.base_urls == {}
    assert not colleague.heard


async def test_a_stand_in_needs_no_word(tmp_path: Path) -> None:
    """Nothing is sent, so a colleague's addresses do not matter."""
    _project(tmp_path, _moved("https://evil.example/v1"))
    await _ask(tmp_path, mode="stand-in")


@pytest.mark.parametrize(
    "line",
    [
        'book = "{outside}/lab.db"',
        'book = "../lab.db"',
        'tape = "{outside}/run.tape"',
        'prompts = "{outside}"',
        'local_model = "model"',
        "remote_images = true",
    ],
)
def test_a_path_out_of_the_project_waits(line: str, tmp_path: Path) -> None:
    """Also a model of another's, and pictures that carry words away: in every mode."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "llmlab.toml").write_text(line.format(outside=(tmp_path / "outside").as_posix()))

    for mode in ("live", "stand-in"):
        with pytest.raises(ConfigError, match="llmlab trust"):
            Lab(env={}, config=project, mode=mode)


@pytest.mark.parametrize(
    "text", ["", 'book = "data/lab.db"', 'prompts = "templates"\nmodels = "gpt"\n[budget]\nday = 1']
)
def test_other_settings_of_a_project_need_no_word(text: str, tmp_path: Path) -> None:
    """Limits, line-ups, prompts and paths inside are data."""
    (tmp_path / "llmlab.toml").write_text(text)

    Lab(env={}, config=tmp_path).close()


def test_aliases_and_lineups_of_a_project_need_no_word(tmp_path: Path) -> None:
    """A catalogue that names models and no addresses is data, too."""
    catalogue = tmp_path / "models.toml"
    catalogue.write_text('[lineups]\nmine = ["gpt"]\n')
    (tmp_path / "llmlab.toml").write_text(f"catalogue = '{catalogue}'")

    with Lab(env={}, config=tmp_path) as lab:
        assert [arm.label for arm in lab.catalogue.arms("mine")] == ["gpt"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_the_word_is_kept_where_only_the_user_writes(tmp_path: Path) -> None:
    """0600 from the first byte, and one that others could write is not believed."""
    accept(tmp_path, "0" * 64, ["llmlab.toml: send"])
    assert stat.S_IMODE(trust_file().stat().st_mode) == 0o600

    trust_file().chmod(0o666)
    with pytest.raises(ConfigError, match="may be written by others"):
        accepted()


def test_a_damaged_file_of_words_is_one_line(tmp_path: Path) -> None:
    """Nothing is believed of it, and the line says which file."""
    accept(tmp_path, "0" * 64, ["x"])
    trust_file().write_text("{")
    _project(tmp_path, _moved("https://evil.example/v1"))

    with pytest.raises(ConfigError, match=r"trust-.*cannot be read"):
        Lab(env=ENV, config=tmp_path)


def test_a_host_cannot_draw_on_the_terminal(tmp_path: Path) -> None:
    """Escape sequences and look-alike letters in a file's address are shown as they are."""
    _project(tmp_path, _moved("https://ex\\u001b[2Kample.\\u0430pi/v1"))

    with pytest.raises(ConfigError) as said:
        Lab(env=ENV, config=tmp_path)

    assert str(said.value).isascii()
    assert str(said.value).isprintable()


async def test_the_magic_gives_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colleague: Colleague
) -> None:
    """`%lab trust` in a notebook does what `llmlab trust` does in a shell."""
    from types import SimpleNamespace

    from llmlab.notebook.status import told

    monkeypatch.chdir(tmp_path)
    _project(tmp_path, _moved(colleague.url))
    listing = told(SimpleNamespace(what="trust", more=[], model=None), {})

    assert "OPENAI_API_KEY" in str(listing.rows)
    Lab(env=ENV, config=tmp_path).close()


async def test_a_simulator_in_the_users_environment_is_live(tmp_path: Path) -> None:
    """What `llmlab sim` prints is set in a shell, and works in any project at once."""
    _project(tmp_path, {"llmlab.toml": ""})
    async with Simulator(author=RuleAuthor()) as simulator:
        env = {**ENV, "OPENAI_BASE_URL": simulator.base_url("openai")}
        async with Lab(book=":memory:", env=env, config=tmp_path) as lab:
            answer = await lab.ask_async("Hello.", "gpt")

    assert answer.backend == "live"
