"""
Publish the notebooks with their outputs: `make docs` runs this file, then builds the site.

    python docs/notebooks.py     # executes notebooks/ without keys, into out/notebooks
    mkdocs build                 # takes them from there (this file is a hook of mkdocs.yml)

The committed notebooks have no outputs, so that a change of theirs can be read. Where they were
not executed, their pages have the cells and say so.
"""  # noqa: INP001 - a hook of mkdocs, beside the pages it makes

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notebooks"
EXECUTED = ROOT / "out" / "notebooks"
NOT_RUN = "*These cells were not run when this page was built: `make docs` runs them.*"


def main() -> int:
    """Execute every notebook in a copy of the project, without keys; stop at the first error."""
    EXECUTED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        project = Path(made)
        for folder in ("notebooks", "prompts"):
            shutil.copytree(ROOT / folder, project / folder)
        (project / "llmlab.toml").touch()
        for path in sorted(SOURCE.glob("*.ipynb")):
            print(f"running {path.name}", flush=True)  # noqa: T201 - it takes a minute or two
            execute(project / "notebooks" / path.name, EXECUTED / path.name)
    return 0


def execute(path: Path, target: Path) -> None:
    """Run one notebook where it lies and keep it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env=without_keys())
    nbformat.write(notebook, target)


def without_keys() -> dict[str, str]:
    """Return an environment in which every provider is a stand-in, so that nothing is spent."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    return {**kept, "LLMLAB_MODE": "stand-in", "PYTHONPATH": str(ROOT)}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook, and the changelog."""
    for source in sorted(SOURCE.glob("*.ipynb")):
        executed = EXECUTED / source.name
        words, pictures = page(executed if executed.is_file() else source)
        name = f"notebooks/{source.stem}"
        files.append(File.generated(config, f"{name}.md", content=words))
        for picture, data in pictures.items():
            files.append(File.generated(config, f"notebooks/{picture}", content=data))
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    files.append(File.generated(config, "changelog.md", content=changes))
    return files


def page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by name."""
    notebook = nbformat.read(path, as_version=4)
    ran = any(cell.get("outputs") for cell in notebook.cells)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            _settle(output)
    words, resources = MarkdownExporter().from_notebook_node(
        notebook, resources={"unique_key": path.stem, "output_files_dir": path.stem}
    )
    found: dict[str, bytes] = resources.get("outputs", {})
    return words if ran else f"{NOT_RUN}\n\n{words}", found


def _settle(output: Any) -> None:
    """Leave of an output the one form that a page without a kernel shows."""
    data = output.get("data", {})
    if data.get("text/html"):
        # One line: Markdown would take what follows an empty one for words of its own.
        html = re.sub(r"\n\s*\n", "\n", data["text/html"])
        output["data"] = {"text/html": html}
    elif "image/png" in data:
        output["data"] = {"image/png": data["image/png"]}
    elif "application/vnd.jupyter.widget-view+json" in data:
        output["data"] = {}


if __name__ == "__main__":
    sys.exit(main())
