"""The page on adding a provider does what it says."""

import ast
import re
from pathlib import Path

import pytest

from llmlab.catalogue import Catalogue
from llmlab.errors import AuthFailed
from llmlab.providers.adapter import Adapter
from llmlab.providers.registry import ADAPTERS, adapter_of
from llmlab.records import HttpReply, Prompt, Request

PAGE = Path(__file__).resolve().parents[1] / "docs" / "add-a-provider.md"


def test_the_worked_example_runs() -> None:
    """A new gateway is one file and one row; the page's own code writes, reads and streams."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - our own page

    assert len(blocks) == 2
    adapter = names["CHAT"]
    assert {name for name in dir(Adapter) if not name.startswith("_")} <= set(dir(adapter))


def test_the_row_of_data_is_enough(tmp_path: Path) -> None:
    """A gateway in the user's own catalogue is found, written and read in its own name."""
    rows = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.toml").write_text(rows[0])
    catalogue = Catalogue.load(tmp_path / "mine.toml")
    model = catalogue.find("harbour/tug-1")
    request = Request(provider="harbour", model="tug-1", prompt=Prompt(name="p", user="2 + 2?"))

    adapter = adapter_of("harbour", speaks=model.speaks)
    call = adapter.write(request, model, catalogue.providers["harbour"].base_url)

    assert call.url == "https://api.harbour.example/v1/chat/completions"
    with pytest.raises(AuthFailed) as caught:
        adapter.read(HttpReply(status=401, headers={}, body=b""), request)
    assert caught.value.provider == "harbour"


def test_every_module_the_page_names_is_there() -> None:
    """The page keeps up with the code it describes."""
    page = PAGE.read_text(encoding="utf-8")
    room = PAGE.parents[1] / "llmlab" / "providers"

    for module in ("chat.completions", "responses.responses", "anthropic.messages", "ollama.api",
                   "adapter", "stream", "response_builder"):  # fmt: skip
        assert f"`{module}." in page
        assert (room / f"{module.replace('.', '/')}.py").is_file()
    assert "harbour" not in {provider for provider, _ in ADAPTERS}


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
