"""Choose models by price, window and key; the choice is a list of names."""

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import anywidget
from traitlets import Bool, Dict, Unicode
from traitlets import List as ListOf

from llmlab import default
from llmlab.checks.files import read_text, toml_of
from llmlab.errors import ConfigError, LabError
from llmlab.lab import Lab
from llmlab.views.export.whole_file import write_whole
from llmlab.views.html import markup
from llmlab.views.listing import NONE
from llmlab.views.text import form
from llmlab.widgets.static_snapshot import StaticSnapshot

_HEADS: Final = (
    ("model", ""), ("provider", ""), ("window", "r"), ("$ in\nper million", "r"),
    ("$ out\nper million", "r"), ("key", ""), ("health", ""), ("retires", ""),
)  # fmt: skip
_CSS: Final = """
.ll-picker .ll-tall{max-height:22em;overflow-y:auto;margin:6px 0}
.ll-picker input:not([type=checkbox]),.ll-picker select{font:inherit;color:inherit;padding:3px 6px;
margin-right:8px;background:transparent;border:1px solid var(--ll-line);border-radius:3px}
.ll-picker input[type=search]{width:20em}
.ll-picker span.ll-said{margin-left:8px}
.ll-picker .ll-keep{margin-top:6px}
.ll-picker tr[hidden]{display:none}
.ll-picker option{color:initial}
.ll-picker button{font:inherit;color:inherit;background:transparent;cursor:pointer;
padding:3px 9px;border:1px solid var(--ll-line);border-radius:3px}
.ll-picker button:disabled{opacity:.55;cursor:default}
.ll-picker tbody tr{cursor:pointer}
.ll-picker table.ll thead th{position:sticky;top:0;z-index:1;
background:var(--jp-layout-color0,var(--vscode-editor-background,Canvas))}
"""


class ModelPicker(StaticSnapshot, anywidget.AnyWidget):
    """
    A table of the catalogue to tick models in; `chosen` is the list of their names.

    `chosen` goes wherever models are named: `lab.abtest(models=picker.chosen)`,
    `%%abtest picker`, `TokenBudget(models=picker)`.

    Args:
        chosen: A line-up or names that are ticked at first; the lab's own line-up when None.
    """

    pictured = ("chosen", "models")

    _esm = Path(__file__).with_name("static") / "picker.js"
    _style = Unicode(markup.CSS + _CSS).tag(sync=True)
    chosen = ListOf(Unicode(), help="names, in the order they were ticked").tag(sync=True)
    heads: ListOf[Any] = ListOf().tag(sync=True)
    models: ListOf[Any] = ListOf(help="rows of the table").tag(sync=True)
    lineups = Dict(help="names of each line-up").tag(sync=True)
    looking = Bool(default_value=False, help="whether the providers are being asked").tag(sync=True)
    told = Unicode(help="when the providers were asked, or why they could not be").tag(sync=True)
    saved = Unicode(help="what became of the line-up that was saved last").tag(sync=True)

    def __init__(
        self, chosen: str | Sequence[str] | None = None, *, lab: Lab | None = None
    ) -> None:
        self._lab = lab or default.lab()
        arms = self._lab.catalogue.arms(chosen or self._lab.settings.models)
        super().__init__(
            chosen=[arm.label for arm in arms],
            heads=[list(head) for head in _HEADS],
            models=self._rows({}),
            lineups=self._lineups(),
        )
        self.on_msg(lambda _, said, __: self._hear(said))

    def look(self) -> None:
        """Check the providers' health, free of charge, and fill the health column."""
        states = self._lab.health().set_index("provider")["state"].to_dict()
        served = self._lab.models(live=True).set_index("model")["served"].to_dict()
        rows = self._lab.models()
        pairs = zip(rows["model"], rows["provider"], strict=True)
        health = {name: _state(home, states.get(home), served.get(name)) for name, home in pairs}
        self.models = self._rows(health)
        self.told = f"asked at {datetime.now(tz=UTC):%H:%M} UTC"

    def _hear(self, said: object) -> None:
        """Handle a click on a button of the page."""
        if said == "look":
            self.start_look()
        elif isinstance(said, dict) and isinstance(said.get("save"), str):
            self._save_shown(said["save"])

    def _save_shown(self, name: str) -> None:
        """Save under *name* and say in the widget where to, or why not."""
        try:
            if self._lab.settings.catalogue is None:
                self._lab.lineup(name, self.chosen)
                self.lineups = self._lineups()
                self.saved = f'known to this lab; to a file: picker.save("{name}", "models.toml")'
            else:
                self.saved = f"saved in {self.save(name)}"
        except LabError as error:
            self.saved = str(error)

    def start_look(self) -> None:
        """Run `look` without waiting: the column is filled once the providers have answered."""
        if self.looking:
            return
        self.looking, self.told = True, "asking the providers, for free \u2026"
        # On a thread of its own: the kernel stays free, and traits may be set from any thread.
        threading.Thread(target=self._looked, name="llmlab-picker", daemon=True).start()

    def _looked(self) -> None:
        try:
            self.look()
        except LabError as error:
            self.told = str(error)
        finally:
            self.looking = False

    def save(self, name: str, path: str | Path | None = None) -> Path:
        """
        Keep the choice as the line-up *name* in a catalogue file of the user's own.

        This lab knows the line-up at once, others when they are made with that file.

        Args:
            name: The line-up's name.
            path: The file; the one that the setting `catalogue` names when None.

        Raises:
            ConfigError: There is no such setting and no path, the file is not TOML, or an
                alias has this name; nothing is written then.
        """
        target = path or self._lab.settings.catalogue
        if target is None:
            raise ConfigError(
                'say where: save(name, "models.toml"), with catalogue = "models.toml" in '
                "llmlab.toml, or set it first"
            )
        self._lab.catalogue.with_lineup(name, self.chosen)
        kept = _with_lineup(Path(target), name, list(self.chosen))
        self._lab.lineup(name, self.chosen)
        self.lineups = self._lineups()
        return kept

    def still(self) -> str:
        """Return the rows that are ticked."""
        rows = [
            [markup.cell(text, side) for text, side in each["cells"]]
            for each in self.models
            if each["name"] in self.chosen
        ]
        return markup.block(markup.table(list(_HEADS), rows))

    def __repr__(self) -> str:
        return f"<ModelPicker: {', '.join(self.chosen)}>"

    def _lineups(self) -> dict[str, list[str]]:
        catalogue = self._lab.catalogue
        return {name: [arm.label for arm in catalogue.arms(name)] for name in catalogue.lineups}

    def _rows(self, health: dict[str, str]) -> list[dict[str, Any]]:
        """Return a row for each alias, then for each model that has none."""
        by_model = {row["model"]: row for row in self._lab.models().to_dict("records")}
        named = {label: arm.model.name for label, arm in self._lab.catalogue.aliases.items()}
        rest = {name: name for name in by_model if name not in named.values()}
        shown = {**named, **rest}
        return [_row(label, by_model[name], health) for label, name in shown.items()
                if name in by_model]  # fmt: skip


def _row(label: str, model: dict[Any, Any], health: dict[str, str]) -> dict[str, Any]:
    provider, _, name = str(model["model"]).partition("/")
    cells = [
        (label if label == model["model"] else f"{label} \u00b7 {name}", ""),
        (provider, ""),
        (_known(model["context"], form.count), "r"),
        (_known(model["input_usd_per_mtok"], form.money), "r"),
        (_known(model["output_usd_per_mtok"], form.money), "r"),
        (str(model["key"]), ""),
        (health.get(str(model["model"]), NONE), ""),
        (_known(model["retires"], str), ""),
    ]
    words = " ".join(text for text, _ in cells).lower()
    return {"name": label, "cells": [list(cell) for cell in cells], "words": words}


def _state(provider: str, state: str | None, served: object) -> str:
    """Return a model's state: its provider's, or that a healthy provider does not list it."""
    if state is None:
        return NONE
    if state == "ok" and served is False:
        return "not pulled" if provider == "ollama" else "ok, not listed"
    return state


def _known(value: Any, say: Any) -> str:
    import pandas as pd

    return NONE if value is None or pd.isna(value) else str(say(value))


def _with_lineup(path: Path, name: str, models: list[str]) -> Path:
    """Write the line-up into the file's `[lineups]`, in place of one of that name."""
    there = os.path.lexists(path)
    text = read_text(path, "the catalogue", error=ConfigError) if there else ""
    entry = f"{_quoted(name)} = [{', '.join(map(_quoted, models))}]"
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() != _quoted(name)]
    at = next((at for at, line in enumerate(kept) if line.strip() == "[lineups]"), None)
    if at is None:
        kept += [*([""] if kept else []), "[lineups]"]
        at = len(kept) - 1
    kept.insert(at + 1, entry)
    made = "\n".join(kept) + "\n"
    toml_of(made, path, error=ConfigError)  # what is not valid is not written
    return write_whole(path, made.encode())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
