"""The page on adding a provider does what it says."""

import ast
import re
from pathlib import Path

from llmlab.providers.adapter import Adapter
from llmlab.providers.registry import ADAPTERS

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


def test_every_module_the_page_names_is_there() -> None:
    """The page keeps up with the code it describes."""
    page = PAGE.read_text(encoding="utf-8")
    room = PAGE.parents[1] / "llmlab" / "providers"

    for module in ("chat", "responses", "anthropic", "ollama", "adapter", "stream", "heard"):
        assert f"`{module}." in page
        assert (room / f"{module}.py").is_file()
    assert "harbour" not in {provider for provider, _ in ADAPTERS}


def test_adapters_are_pure() -> None:
    """No adapter imports what opens a socket, reads a clock, or reads the environment."""
    forbidden = {"aiohttp", "asyncio", "os", "random", "socket", "sys", "threading", "time"}

    for path in (PAGE.parents[1] / "llmlab" / "providers").glob("*.py"):
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
