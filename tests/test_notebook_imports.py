"""Starting is light: heavy libraries load when first used."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pandas", "numpy", "scipy", "matplotlib", "aiohttp", "ipywidgets", "anywidget", "jinja2")
SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance(); "
WAYS = {
    "import llmlab": "import llmlab",
    "load_ext": f"{SHELL}s.run_line_magic('load_ext', 'llmlab')",
}


@pytest.mark.parametrize("way", WAYS)
def test_starting_loads_nothing_heavy(tmp_path: Path, way: str) -> None:
    """Neither `import llmlab` nor `%load_ext llmlab` loads a library that takes its time."""
    code = f"{WAYS[way]}\nimport sys\nprint('heavy:', [n for n in {HEAVY} if n in sys.modules])"

    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert said.stdout.splitlines()[-1] == "heavy: []"


def test_a_malformed_setting_is_said_when_it_is_loaded(tmp_path: Path) -> None:
    """A slip in llmlab.toml is one line at `%load_ext`, not a surprise at the first question."""
    (tmp_path / "llmlab.toml").write_text("deadlin = 3\n")

    said = subprocess.run(
        [sys.executable, "-c", f"{SHELL}s.run_cell('%load_ext llmlab')"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert "did you mean deadline?" in said.stdout + said.stderr
    assert "Traceback" not in said.stdout + said.stderr
