"""The page on adding a provider does what it says."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from llmlab import Lab
from llmlab.catalogue import Catalogue, Provider
from llmlab.catalogue.gateway import Dialect
from llmlab.catalogue.plugins import ProviderPlugin, plugins
from llmlab.cli import main
from llmlab.errors import AuthFailed, ConfigError, UnknownModel
from llmlab.providers.adapter import Adapter
from llmlab.providers.registry import ADAPTERS, adapter_of
from llmlab.records import HttpReply, Prompt, Request

PAGE = Path(__file__).resolve().parents[1] / "docs" / "add-a-provider.md"


def _blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's llmlab.toml, where no approvals but its own count."""
    monkeypatch.setenv("LLMLAB_TRUST_FILE", str(tmp_path / "trust.json"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Path("llmlab.toml").write_text(_blocks("toml")[0])
    return Path()


def test_the_page_runs_as_it_is_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway with a price from llmlab.toml to the dollars of an answer, then an adapter."""
    commands = [line for block in _blocks("bash") for line in block.split("\n") if line]
    assert commands == ["llmlab trust"]
    with pytest.raises(ConfigError, match="would send HARBOUR_API_KEY and prompts to"):
        Lab(book=":memory:", env={"HARBOUR_API_KEY": "hb-0123456789"}, config=project)
    assert main(commands[0].split()[1:]) == 0
    assert "HARBOUR_API_KEY" in capsys.readouterr().out

    names: dict[str, object] = {"__name__": "page"}
    for block in _blocks("python"):
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - our own page

    assert len(_blocks("python")) == 4
    adapter = names["CHAT"]
    assert {name for name in dir(Adapter) if not name.startswith("_")} <= set(dir(adapter))


def test_every_entry_of_a_row_is_on_the_page() -> None:
    """The table has what a row of a provider may have, and the dialect's fields, and no other."""
    table = PAGE.read_text(encoding="utf-8").split("| entry | is |")[1].split("\n\n")[0]
    named = {
        name
        for row in table.split("\n|")[1:]
        for name in re.findall(r"`([a-z_.]+)`", row.split("|")[0])
    }
    dialect = {f"dialect.{item.name}" for item in fields(Dialect)}
    own = {item.name for item in fields(Provider)} - {"name", "title", "dialect", "preset"}

    assert named == own | dialect


def test_the_ready_rows_of_the_page_are_the_ready_rows() -> None:
    """Each with what it was tried against."""
    table = PAGE.read_text(encoding="utf-8").split("## Ready rows")[1].split("`base_urls")[0]
    rows = re.findall(r"^\| `([a-z-]+)/.*\| .+ \| (.+) \|$", table, re.MULTILINE)

    assert {name for name, _ in rows} == {
        name for name, home in Catalogue.load().providers.items() if home.preset
    }
    assert all(against for _, against in rows)


@pytest.fixture(name="installed")
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the page's package into a folder of its own, as pip would lay it out."""
    packaged = tomllib.loads(_blocks("toml")[1])["project"]
    module = next(block for block in _blocks("text") if block.startswith("# llmlab_harbour.py"))
    _install(tmp_path, packaged["name"], packaged["entry-points"]["llmlab.providers"])
    (tmp_path / "llmlab_harbour.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.cache_clear()
    yield tmp_path
    plugins.cache_clear()
    sys.modules.pop("llmlab_harbour", None)


def _install(folder: Path, name: str, points: dict[str, str]) -> None:
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{key} = {value}\n" for key, value in points.items())
    (info / "entry_points.txt").write_text(f"[llmlab.providers]\n{lines}")


@pytest.mark.usefixtures("installed")
def test_a_package_brings_a_provider() -> None:
    """Its row and its models are in the catalogue, and it is asked as any other gateway."""
    catalogue = Catalogue.load()
    model = catalogue.find("harbour/tug-1")
    request = Request(provider="harbour", model="tug-1", prompt=Prompt(name="p", user="2 + 2?"))

    adapter = adapter_of("harbour", speaks=model.speaks, dialect=model.dialect)
    call = adapter.write(request, model, catalogue.providers["harbour"].base_url)

    assert (model.context, model.listed) == (128000, True)
    assert call.url == "https://api.harbour.example/v1/chat/completions"
    with pytest.raises(AuthFailed) as caught:
        adapter.read(HttpReply(status=401, headers={}, body=b""), request)
    assert caught.value.provider == "harbour"


@pytest.mark.usefixtures("installed")
def test_a_package_may_bring_its_own_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that speaks nobody's wire comes with what writes and reads its own."""
    names: dict[str, object] = {}
    exec(_blocks("python")[2], names)  # noqa: S102 - our own page
    plugin = ProviderPlugin(
        row={"base_url": "https://api.harbour.example/v1"}, adapters=(names["CHAT"],)
    )
    monkeypatch.setitem(sys.modules, "llmlab_harbour", SimpleNamespace(PLUGIN=plugin))

    assert Catalogue.load().find("harbour/x").speaks == ""
    assert adapter_of("harbour") is names["CHAT"]


IMPORT = "from llmlab.catalogue.plugins import ProviderPlugin\n"


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("raise ImportError('no libharbour')", "ImportError: no libharbour"),
        ("PLUGIN = 1", "is no ProviderPlugin"),
        ("import llmlab_missing", "ModuleNotFoundError"),
        (f"{IMPORT}PLUGIN = ProviderPlugin(row={{'speeks': 'openai'}})", "did you mean speaks"),
        (f"{IMPORT}PLUGIN = ProviderPlugin(row={{}}, adapters=[1])", "lacks profile, api"),
    ],
)
def test_a_broken_package_is_one_line_and_breaks_no_other(
    installed: Path, module: str, why: str
) -> None:
    """Only who asks for its provider is told, in one line with the reason."""
    (installed / "llmlab_harbour.py").write_text(module)
    _install(installed, "llmlab-shadow", {"openai": "llmlab_harbour:PLUGIN"})
    catalogue = Catalogue.load()

    assert catalogue.find("gpt").provider == "openai"
    assert catalogue.providers["openai"].keys == ("OPENAI_API_KEY",)
    with pytest.raises(UnknownModel) as said:
        catalogue.find("harbour/tug-1")
    assert why in str(said.value)
    assert "\n" not in str(said.value)


def test_a_package_cannot_take_the_place_of_a_provider(installed: Path) -> None:
    """What llmlab ships stays: a key of OpenAI's goes where it always went."""
    _install(installed, "llmlab-shadow", {"openai": "llmlab_harbour:PLUGIN"})
    catalogue = Catalogue.load()

    assert str(catalogue.providers["openai"].base_url) == "https://api.openai.com/v1"
    assert "a provider of this name" in catalogue.broken["openai"]
    assert "harbour" in catalogue.providers


def test_import_llmlab_loads_no_package() -> None:
    """Entry points are looked for with the first catalogue."""
    code = "import sys, llmlab; print('llmlab.catalogue.plugins' in sys.modules)"
    told = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert told.strip() == "False"


def test_every_module_the_page_names_is_there() -> None:
    """The page keeps up with the code it describes."""
    page = PAGE.read_text(encoding="utf-8")
    room = PAGE.parents[1] / "llmlab" / "providers"

    for module in ("chat.completions", "responses.responses", "anthropic.messages", "ollama.api",
                   "adapter", "stream", "response_builder"):  # fmt: skip
        assert f"`{module}." in page
        assert (room / f"{module.replace('.', '/')}.py").is_file()
    assert "harbour" not in {provider for provider, _ in ADAPTERS}


def test_adapters_are_short() -> None:
    """A file of an adapter is read in one go."""
    room = PAGE.parents[1] / "llmlab" / "providers"
    lines = {path.name: path.read_text("utf-8").count("\n") for path in room.rglob("*.py")}

    assert max(lines.values()) <= 180, {name: n for name, n in lines.items() if n > 180}


def test_adapters_are_pure() -> None:
    """No adapter imports what opens a socket, reads a clock, or reads the environment."""
    forbidden = {"aiohttp", "asyncio", "os", "random", "socket", "sys", "threading", "time"}

    for path in (PAGE.parents[1] / "llmlab" / "providers").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            name
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not {name.partition(".")[0] for name in named} & forbidden, path.name
