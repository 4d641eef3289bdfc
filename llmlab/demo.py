"""The main job: run the quickstart notebook from first to last and say what it made."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.checks.files import read_text
from llmlab.errors import UsageError

if TYPE_CHECKING:
    import nbformat

NOTEBOOK: Final = Path("notebooks/01_quickstart.ipynb")
RESULTS: Final = Path("out/quickstart")
_KEPT: Final = ("rows.parquet", "rows.csv", "summary.csv", "frontier.png", "report.html")


def demo(folder: Path, report: Callable[[str], None]) -> None:
    """
    Execute the notebook in *folder* and report each cell's text as it finishes.

    Raises:
        UsageError: The notebook is not there, a cell failed, or there is no room for results.
    """
    path = folder / NOTEBOOK
    if not path.is_file():
        raise UsageError(f"{NOTEBOOK} is not here: run llmlab demo in a checkout of llmlab")
    _writable(folder / RESULTS)
    start = time.monotonic()
    notebook = _execute(path, report)
    _keep(notebook, folder / RESULTS / "quickstart.ipynb")
    report(f"\ndone in {time.monotonic() - start:.0f} s; results in {RESULTS}/:")
    for name in (*_KEPT, "quickstart.ipynb"):
        made = folder / RESULTS / name
        report(f"  {RESULTS / name}  {made.stat().st_size:,} bytes")


def _execute(path: Path, report: Callable[[str], None]) -> "nbformat.NotebookNode":
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    try:
        words = read_text(path, "the notebook")
        notebook = nbformat.reads(words, as_version=4)  # type: ignore[no-untyped-call]
    except (nbformat.ValidationError, ValueError, RecursionError) as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{path}: not a notebook: {why}; fetch it again") from None
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        # A kernel on loopback TCP warns about encryption at every start; errors still show.
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=lambda cell, **_: _show(cell, report),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise UsageError(f"a cell of {path.name} failed: {error.evalue}") from None
    executed: nbformat.NotebookNode = notebook
    return executed


def _show(cell: Any, report: Callable[[str], None]) -> None:
    """Print what the cell printed; a display that was redrawn counts once, as it ended."""
    if cell.get("cell_type") != "code":
        return
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if text and not text.startswith("<"):
            report(text.rstrip("\n"))


def _keep(notebook: "nbformat.NotebookNode", path: Path) -> None:
    import nbformat

    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def _writable(folder: Path) -> None:
    """Find out before the work, not after it, whether results can be written."""
    probe = folder / ".room"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\0" * _ROOM)
    except OSError as error:
        raise UsageError(
            f"no room for results in {folder}: {error.strerror}; {_ROOM // 1_000_000} MB are needed"
        ) from None
    finally:
        probe.unlink(missing_ok=True)


_ROOM: Final = 4_000_000
