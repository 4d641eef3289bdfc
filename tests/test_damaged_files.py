"""
Files that a person hands over, damaged in seeded ways: read, or refused in one line, never raw.

Each test prints how many files were read and how many refused (`pytest -s`).
"""

import json
import os
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from llmlab.archive import tape_reader, tape_writer
from llmlab.archive.tape import line_of
from llmlab.catalogue import Catalogue
from llmlab.errors import ConfigError, LabError, UsageError
from llmlab.frames import COLUMNS, read_rows, to_frame
from llmlab.local.model import SMOLLM2, is_stamped, write_stamp
from llmlab.notebook.design import schema_of
from llmlab.pricing import Prices
from llmlab.records import Answer, Failure, Prompt, Request, Row, Usage
from llmlab.settings import Sourced
from llmlab.templates import Library
from llmlab.widgets.picker import _with_lineup
from tests.conftest import ROOT
from tests.damage import ODD, Counts, bytes_of, documents_of, no_files, rng

PROMISED = {column.name: column.dtype for column in COLUMNS}


def rows() -> list[Row]:
    """Return answers and a failure, with the characters that files trip over."""
    texts = ["positive", '=1+1, "quoted"\nand a line', "", "été 📈\r", "NA"]
    made: list[Row] = []
    for number, text in enumerate(texts):
        usage = Usage(input=1000 + number, cached=20, output=5, reasoning=None)
        answer = Answer(
            text=text, model="gpt-6-luna", provider="openai", finish="stop", usage=usage,
            cost=Decimal("0.001"), latency=0.5, started_at=1.77e9 + number, warnings=("w",),
        )  # fmt: skip
        failure = Failure(kind="CutOff", message="ended early", partial="pos")
        prompt = Prompt(name="p", user="u")
        request = Request(provider="openai", model="gpt-6-luna", label="gpt", prompt=prompt)
        for outcome in (answer, failure)[: 1 + (number == 0)]:
            row = Row(
                run="r", request=request, request_hash=f"h{number}", input_id=f"i{number}",
                outcome=outcome, score=float(number % 2),
            )  # fmt: skip
            made.append(row)
    return made


def toml_of(tree: Any) -> str:
    """Write a tree as TOML, every inner table in one line."""
    return "".join(f"{json.dumps(name)} = {_inline(value)}\n" for name, value in tree.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float | date | time):
        return str(value)
    return '""' if value is None else json.dumps(value)


# ---- rows -----------------------------------------------------------------------------------

ODD_COLUMNS: dict[str, Callable[[int], Any]] = {
    "lists": lambda n: pa.array([["x"]] * n),
    "structs": lambda n: pa.array([{"a": 1}] * n),
    "maps": lambda n: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
    "bytes": lambda n: pa.array([b"\xff\xfe"] * n),
    "decimals": lambda n: pa.array([Decimal("1.5")] * n),
    "halves": lambda n: pa.array([0.5] * n),
    "half floats": lambda n: pa.array(np.full(n, 0.5, np.float16)),
    "infinite": lambda n: pa.array([float("inf")] * n),
    "nan": lambda n: pa.array([float("nan")] * n),
    "huge": lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    "1e308": lambda n: pa.array([1e308] * n),
    "negative": lambda n: pa.array([-1] * n),
    "booleans": lambda n: pa.array([True] * n),
    "nulls": pa.nulls,
    "words": lambda n: pa.array(["lots"] * n),
    "large words": lambda n: pa.array(["lots"] * n, pa.large_string()),
    "long digits": lambda n: pa.array(["9" * 400] * n),
    "not a date": lambda n: pa.array(["2026-99-99"] * n),
    "year 30000": lambda n: pa.array([10**15] * n, pa.timestamp("s")),
    "naive times": lambda n: pa.array([datetime(2026, 1, 1)] * n),  # noqa: DTZ001 - the point
    "zoned times": lambda n: pa.array([1] * n, pa.timestamp("us", "Asia/Tokyo")),
    "unknown zone": lambda n: pa.array([1] * n, pa.timestamp("us", "Mars/Base")),
    "days": lambda n: pa.array([date(2026, 1, 1)] * n),
    "day times": lambda n: pa.array([time(1)] * n),
    "durations": lambda n: pa.array([timedelta(1)] * n),
    "codes": lambda n: pa.array([1] * n).dictionary_encode(),
    "categories of nothing": lambda n: pa.array([None] * n, pa.string()).dictionary_encode(),
}


def damaged_rows(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the paths of rows that were damaged, as csv and as parquet."""
    frame = to_frame(rows())
    for suffix in ("csv", "parquet"):
        path = folder / f"sound.{suffix}"
        if suffix == "csv":
            frame.to_csv(path, index=False, lineterminator="\n")
        else:
            frame.to_parquet(path, index=False, write_page_checksum=True)
        for name, content in bytes_of(path.read_bytes(), rng(24), 12):
            (damaged := folder / f"bytes.{suffix}").write_bytes(content)
            yield f"{suffix} {name}", damaged
    yield from _odd_parquet(folder, pa.Table.from_pandas(frame, preserve_index=False))
    yield from _odd_csv(folder, frame)


def _odd_parquet(folder: Path, table: pa.Table) -> Iterator[tuple[str, Path]]:
    path = folder / "odd.parquet"
    for place, column in enumerate(COLUMNS):
        # One column of each kind, and of the rest a part: a file takes some 20 ms.
        whole = column.name in {"text", "score", "block", "as_of"}
        odd = list(ODD_COLUMNS.items())
        for name, make in odd if whole else odd[place % 27 :: 27]:
            pq.write_table(table.set_column(place, column.name, make(len(table))), path)
            yield f"parquet: {column.name} holds {name}", path
        if place % 5 == 0:
            pq.write_table(table.remove_column(place), path)
            yield f"parquet: no {column.name}", path
        pq.write_table(table.append_column(column.name, table.column(place)), path)
        yield f"parquet: {column.name} twice", path
    for metadata in ({}, {"pandas": b""}, {"pandas": b"{}"}, {"pandas": b"[1]"},
                     {"pandas": b'{"index_columns": ["x"], "columns": [], "column_indexes": []}'},
                     {"pandas": json.dumps({"index_columns": [], "column_indexes": [{}],
                      "columns": [{"name": "status", "numpy_type": "x"}]}).encode()}):  # fmt: skip
        pq.write_table(table.replace_schema_metadata(metadata), path)
        yield f"parquet: metadata {metadata}", path
    for name in ("", "nan", "a\nb"):
        pq.write_table(table.append_column(name, pa.nulls(len(table))), path)
        yield f"parquet: a column called {name!r}", path
    pq.write_table(table.slice(0, 0), path)
    yield "parquet: no rows", path
    pq.write_table(table.select([]), path)
    yield "parquet: no columns", path


def _odd_csv(folder: Path, frame: pd.DataFrame) -> Iterator[tuple[str, Path]]:
    path = folder / "odd.csv"
    texts = ("lots", "-1", "1.5", "1e999", "nan", "inf", "9" * 400, "2026-99-99", "True", "=1+1",
             "a\0b", '"', "\r")  # fmt: skip
    for place, column in enumerate(COLUMNS):
        for text in texts[place % 13 :: 13]:
            frame.astype("object").assign(**{column.name: text}).to_csv(path, index=False)
            yield f"csv: {column.name} holds {text[:20]!r}", path
        frame.drop(columns=column.name).to_csv(path, index=False)
        yield f"csv: no {column.name}", path
        pd.concat([frame, frame.iloc[:, [place]]], axis=1).to_csv(path, index=False)
        yield f"csv: {column.name} twice", path
    text = frame.to_csv(index=False, lineterminator="\n")
    first, _, rest = text.partition("\n")
    for name, made in {
        "no names": rest, "names only": first, "semicolons": text.replace(",", ";"),
        "tabs": text.replace(",", "\t"), "a name is empty": f",{first}\n" + rest,
        "one field too many": text + first + ",x\n", "one too few": text + "a,b\n",
        "an open quote": text + '"', "names of nothing": "," * 40 + "\n" + rest,
        "a wide row": text + "," * 10_000 + "\n", "only quotes": '"' * 999,
        "Windows": text.replace("\n", "\r\n"), "old Mac": text.replace("\n", "\r"),
    }.items():  # fmt: skip
        path.write_text(made, encoding="utf-8", newline="")
        yield f"csv: {name}", path


def keeps_its_promise(path: Path) -> None:
    """Read rows; what comes back has the promised dtypes, column by column."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = read_rows(path)
    assert frame.columns.is_unique
    for name in frame.columns.intersection(list(PROMISED)):
        assert str(frame[name].dtype) == PROMISED[name], name
    assert set(frame["status"].cat.categories) <= {"ok", "error"}


def rows_counts(folder: Path) -> Counts:
    """Read every damaged file of rows."""
    counts = Counts()
    for name, path in damaged_rows(folder):
        counts.take(name, partial(keeps_its_promise, path))
    return counts


# ---- templates ------------------------------------------------------------------------------


def damaged_templates() -> Iterator[tuple[str, bytes]]:
    """Yield templates that were damaged."""
    sound = (ROOT / "prompts" / "headline-novelty.md").read_bytes()
    yield from bytes_of(sound, rng(24), 15)
    front, _, words = sound.decode().removeprefix("---\n").partition("\n---\n")
    for name, tree in islice(documents_of(yaml.safe_load(front)), 0, None, 7):
        dumped = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
        yield name, f"---\n{dumped}---\n{words}".encode("utf-8", "replace")
    for name, entries in {
        "a key that is a number": "1: x", "a key that is null": "null: x", "a key that is a date":
        "2026-01-01: x", "a key that is a list": "? [a]\n: x", "a key that is a mapping": "? {a: b}"
        "\n: x", "a key of true": "true: x", "a date that is none": "x: 2026-99-99", "a time that"
        " is none": "x: 2026-01-01 99:99:99", "Python": "x: !!python/object/apply:os.getcwd []",
        "a set": "x: !!set {a, b}", "pairs": "x: !!omap [a: 1]", "binary": "x: !!binary '='",
        "no binary": "x: !!binary é", "a huge int": "x: " + "9" * 5000, "base 60": "x: 1:2:3:4",
        "an alias of itself": "x: &a [*a]", "a mapping of itself": "slots: &a {x: *a}",
        "a thousand million laughs": "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
        f"{b}: &{b} [" + ", ".join([f"*{a}"] * 10) + "]" for a, b in pairwise("abcdefghi")),
        "a merge": "<<: {a: 1}", "a merge of none": "<<: 1", "no anchor": "x: *b", "a tab":
        "\tx: y", "a list": "- x", "a text": "x", "a number": "5", "nothing": "", "deep": "x: "
        + "[" * 3000, "deep and closed": "x: " + "[" * 3000 + "]" * 3000, "deep mappings": "x: " +
        "{a: " * 800 + "1" + "}" * 800, "two documents": "a: 1\n--- \nb: 2", "a control": "x: \x07",
        "float": "x: !!float lots", "int": "x: !!int lots", "bool": "x: !!bool lots", "null":
        "x: !!null lots", "stamp": "x: !!timestamp lots", "slots twice": "slots: {a: {}, a: {}}",
    }.items():  # fmt: skip
        yield f"front matter has {name}", f"---\n{entries}\n---\n{words}".encode()
        yield f"also {name}", f"---\n{front}\n{entries}\n---\n{words}".encode()
    for jinja in (
        "{{", "{% if %}", "{% for x in %}", "{{ a.b.c }}", "{{ 1/0 }}", "{{ a + 1 }}", "{{ a|x }}",
        "{{ a() }}", "{{ a[9] }}", "{% include 'x' %}", "{% extends 'x' %}",
        "{% import 'x' as y %}",
        "{{ a|round }}", "{{ ''.join(a) }}", "{{ range(10**9) }}", "{{ a.__class__ }}", "{#",
        "{% raw %}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ 'x'|int('y') }}",
        "{{ " + "(" * 500 + "a" + ")" * 500 + " }}", "{{ a is divisibleby 0 }}", "{{ cycler() }}",
        "{{ 'abc'|format(a, b) }}", "{{ '%d'|format(a) }}", "{{ a|sort|first }}", "{{ none.x }}",
        "{{ dict(a) }}", "{{ lipsum(n=a) }}", "{{ namespace().b }}", "{{ 10 ** -a }}",
        "{{ a|batch('x')|list }}", "{{ a|tojson }}", "{{ a|replace(1, 2) }}", "{{ b|xmlattr }}",
        "{% for x in 5 %}{% endfor %}", "{% call a() %}{% endcall %}", "{{ 0x }}", "{{ 1_ }}",
    ):  # fmt: skip
        yield f"jinja {jinja[:30]}", f"{jinja} {{{{ a }}}} {{{{ b }}}}".encode()


def use_template(folder: Path) -> None:
    """Do with a template what a lab does."""
    library = Library(folder)
    library.entries()
    template = library["x"]
    _ = template.about, template.version, template.blocks, template.schema, template.text
    template.fill({**dict.fromkeys(template.slots, "x"), **template.examples})


def templates_counts(folder: Path) -> Counts:
    """Use every damaged template."""
    counts = Counts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in damaged_templates():
            (folder / "x.md").write_bytes(content)
            counts.take(name, lambda: use_template(folder))
    return counts


# ---- catalogues, settings, prices -----------------------------------------------------------

CATALOGUE = {
    "providers": {"mine": {
        "title": "Mine", "rules": "openai-any", "apis": ["chat"], "keys": ["MINE_KEY"],
        "key_needed": True, "key_shape": "sk-.*", "base_url": "https://mine.test/v1",
        "speaks": "openai",
    }},
    "rules": {"own": {"sampling": "always", "stop": 4, "efforts": ["low", "high"],
                      "temperature_max": 1.5, "search": ["responses"]}},
    "models": {"mine/m": {"context": 1000, "max_output": 100, "cutoff": date(2026, 1, 1),
                          "rules": "own", "apis": ["chat"]}},
    "aliases": {"m": {"model": "mine/m", "temperature": 0.5}, "n": "mine/m"},
    "lineups": {"two": ["m", "gpt"]},
    "dead": {"mine/old*": {"use": "mine/m", "since": date(2026, 1, 1)}},
}  # fmt: skip
ODD_TOML = (*ODD, date(2026, 1, 1), datetime(2026, 1, 1), time(1))  # noqa: DTZ001 - TOML has them
ODD_TEXTS = {
    "deep lists": "x = " + "[" * 3000, "deep and closed": "x = " + "[" * 3000 + "]" * 3000,
    "deep tables": "x = " + "{a = " * 1500 + "1" + "}" * 1500, "a long int": "x = " + "9" * 5000,
    "dotted": ".".join("a" * 3000) + " = 1", "twice": "x = 1\nx = 2", "no value": "x =",
    "a surrogate": 'x = "\\ud800"', "a date that is none": "x = 2026-99-99",
}  # fmt: skip


def damaged_toml(tree: Any) -> Iterator[tuple[str, bytes]]:
    """Yield TOML that was damaged, in bytes and in structure."""
    yield from bytes_of(toml_of(tree).encode(), rng(24), 30)
    for name, made in documents_of(tree, ODD_TOML):
        yield name, toml_of(made).encode("utf-8", "replace")
    for name, text in ODD_TEXTS.items():
        yield name, text.encode()


def use_catalogue(path: Path) -> None:
    """Do with a catalogue what a lab does."""
    catalogue = Catalogue.load(path)
    catalogue.dying(date(2026, 11, 1))
    for name in (*catalogue.aliases, *catalogue.lineups):
        for arm in catalogue.arms(name):
            assert arm.model.context is None or arm.model.context > 0
            assert arm.model.max_output is None or arm.model.max_output > 0


def catalogue_counts(folder: Path) -> Counts:
    """Load every damaged catalogue."""
    counts = Counts()
    path = folder / "catalogue.toml"
    for name, content in damaged_toml(CATALOGUE):
        path.write_bytes(content)
        counts.take(name, lambda: use_catalogue(path))
    return counts


SETTINGS = {
    "deadline": 30, "attempts": 2, "mode": "live", "models": "six", "book": "a.db",
    "budget": {"day": 5.0, "run": 1}, "limits": {"openai": {"rpm": 500, "tpm": 2e5}},
    "base_urls": {"xai": "https://x.test/v1"}, "plain_http": False,
    "prices": {"openai/x": {"input": 0.1, "output": 0.5, "batch": 0.5}},
}  # fmt: skip


def use_settings(folder: Path) -> None:
    """Read settings and prices as a lab does."""
    read = Sourced.read(folder=folder)
    read.entries()
    Prices(overrides=read.settings.prices)


def settings_counts(folder: Path) -> Counts:
    """Read every damaged llmlab.toml and pyproject.toml."""
    counts = Counts()
    for file, tree in (
        ("llmlab.toml", SETTINGS),
        ("pyproject.toml", {"tool": {"llmlab": SETTINGS}}),
    ):
        path = folder / file
        for name, content in damaged_toml(tree):
            path.write_bytes(content)
            counts.take(f"{file} {name}", lambda: use_settings(folder))
        path.unlink()
    return counts


# ---- tapes, schemas, stamps, line-ups ---------------------------------------------------------


def damaged_tapes() -> Iterator[tuple[str, bytes]]:
    """Yield tapes that were damaged, in bytes and line by line."""
    lines = [line_of(row, content="c", by="b") for row in rows()[:3]]
    text = tape_writer.text_of(lines)
    yield from bytes_of(text.encode(), rng(24), 60)
    head, first, *rest = text.splitlines()
    for name, made in documents_of(json.loads(first)):
        body = json.dumps(made, ensure_ascii=False)
        yield name, "\n".join([head, body, *rest, ""]).encode("utf-8", "replace")
    for name, line in {
        "deep": "[" * 3000, "deep in a field": first[:-1] + ',"x":' + "[" * 3000, "a long int":
        first.replace('"latency":0.5', '"latency":' + "9" * 5000), "NaN": first.replace("0.5",
        "NaN"), "a surrogate": first.replace("positive", "\\ud800"), "a list": "[]", "null": "null",
    }.items():  # fmt: skip
        yield name, f"{head}\n{line}\n".encode("utf-8", "replace")


def use_tape(path: Path) -> None:
    """Read a tape, look it over, and write it again."""
    tape = tape_reader.read(path)
    tape_reader.check(path)
    tape_writer.text_of(tape.lines)
    tape.with_lines(tape.lines)
    prompt = Prompt(name="p", user="u")
    request = Request(provider="openai", model="gpt-6-luna", label="gpt", prompt=prompt)
    to_frame([
        Row(run="r", request=request, request_hash="h", input_id="i", outcome=line.outcome)
        for line in tape.lines
    ])  # fmt: skip


def tape_counts(folder: Path) -> Counts:
    """Read every damaged tape."""
    counts = Counts()
    path = folder / "t.tape"
    for name, content in damaged_tapes():
        path.write_bytes(content)
        counts.take(name, lambda: use_tape(path))
    return counts


def schema_counts(folder: Path) -> Counts:
    """Read every damaged JSON schema that `--schema` may name."""
    counts = Counts()
    path = folder / "s.json"
    sound = json.dumps({"type": "object", "properties": {"a": {"type": "string"}}}).encode()
    texts = {"deep": b"[" * 100_000, "closed": b"[" * 99_999 + b"]" * 99_999, "int": b"9" * 5000}
    for name, content in [*bytes_of(sound, rng(24), 40), *texts.items()]:
        path.write_bytes(content)
        counts.take(name, lambda: schema_of(str(path), {}))
    return counts


def lineup_counts(folder: Path) -> Counts:
    """Add a line-up to every damaged catalogue of the user's."""
    counts = Counts()
    path = folder / "models.toml"
    sound = b'# mine\n[lineups]\n"two" = ["m", "n"]\n'
    texts = {name: text.encode() for name, text in ODD_TEXTS.items()}
    for name, content in [*bytes_of(sound, rng(24), 40), *texts.items()]:
        path.write_bytes(content)
        counts.take(name, lambda: _with_lineup(path, "mine", ["gpt"]))
    return counts


def stamp_counts(folder: Path) -> Counts:
    """Hold every damaged stamp against the model's file; none is taken for a sound one."""
    counts = Counts()
    model = folder / "m.gguf"
    model.write_bytes(b"m")
    write_stamp(model, SMOLLM2)
    stamp = folder / "m.gguf.checked"
    sound = stamp.read_bytes()
    deep = {"deep": b"[" * 100_000, "closed": b"[" * 99_999 + b"]" * 99_999, "int": b"9" * 5000}

    def look() -> None:
        if is_stamped(model, SMOLLM2):
            assert json.loads(stamp.read_bytes()) == json.loads(sound)
        else:
            raise UsageError("refused")

    for name, content in [*bytes_of(sound, rng(24), 40), *deep.items()]:
        stamp.write_bytes(content)
        counts.take(name, look)
    return counts


READERS: dict[str, tuple[Callable[[Path], Counts], int]] = {
    "rows": (rows_counts, 350),
    "templates": (templates_counts, 300),
    "catalogues": (catalogue_counts, 944),
    "settings": (settings_counts, 900),
    "tapes": (tape_counts, 700),
    "schemas": (schema_counts, 200),
    "line-ups": (lineup_counts, 200),
    "stamps": (stamp_counts, 200),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_is_one_line(reader: str, tmp_path: Path) -> None:
    """Never a raw exception: what a file is, or in one line why it is none."""
    count, least = READERS[reader]
    counts = count(tmp_path)

    print(f"{reader}: {counts}")  # noqa: T201 - the count is the point
    assert counts.raw == []
    assert counts.read + counts.refused >= least


NO_FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "csv": (".csv", read_rows),
    "parquet": (".parquet", read_rows),
    "template": (".md", lambda path: Library(path.parent)[path.stem]),
    "catalogue": (".toml", Catalogue.load),
    "tape": (".tape", tape_reader.read),
    "schema": (".json", lambda path: schema_of(str(path), {})),
    "line-ups": (".toml", lambda path: _with_lineup(path, "mine", ["gpt"])),
}


@pytest.mark.parametrize("reader", NO_FILES)
def test_what_is_no_file_is_never_opened(reader: str, tmp_path: Path) -> None:
    """A folder, a pipe that would wait for ever, a device without end: one line each."""
    suffix, read = NO_FILES[reader]
    counts = Counts()

    for name, path in no_files(tmp_path, suffix):
        counts.take(name, partial(read, path))

    print(f"{reader}: {counts}")  # noqa: T201 - the count is the point
    assert counts.raw == []


def test_a_folder_among_the_templates_is_a_fault_of_its_own(tmp_path: Path) -> None:
    """The others are still listed and used."""
    (tmp_path / "good.md").write_text("Say {{ a }}")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()

    entries = {entry.name: entry for entry in Library(tmp_path).entries()}

    assert "it is a folder" in str(entries["folder"].faults[0])
    assert "it is a pipe" in str(entries["pipe"].faults[0])
    assert entries["good"].slots == ("a",)


@pytest.mark.parametrize("name", ["llmlab.toml", "pyproject.toml"])
def test_settings_that_are_no_file_are_one_line(tmp_path: Path, name: str) -> None:
    """A folder or a pipe in the place of the settings."""
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match=f"{name}: cannot read the settings: it is a folder"):
        Sourced.read(folder=tmp_path)

    (tmp_path / name).rmdir()
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigError, match=f"{name}: cannot read the settings: it is a pipe"):
        Sourced.read(folder=tmp_path)


def test_a_flipped_bit_of_an_exported_parquet_is_found(tmp_path: Path) -> None:
    """Pages have checksums: damage is said, never read as another number."""
    frame = to_frame(rows())
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path, index=False, write_page_checksum=True)
    sound = path.read_bytes()
    told = 0
    for name, content in bytes_of(sound, rng(7), 60):
        path.write_bytes(content)
        try:
            read = read_rows(path)
        except UsageError:
            told += 1
            continue
        pd.testing.assert_frame_equal(read, frame, obj=name)
    assert told > 200


def test_a_damaged_value_is_said_with_its_row(tmp_path: Path) -> None:
    """Column, row and value; half a repeat was once read as no repeat."""
    path = tmp_path / "rows.csv"
    frame = to_frame(rows()).astype("object")
    for column, value in (("repeat", "0.5"), ("from_book", "maybe"), ("started_at", "soon"),
                          ("cost_usd", "free"), ("status", "fine"), ("attempts", "")):  # fmt: skip
        broken = frame.copy()
        broken.loc[2, column] = value
        broken.to_csv(path, index=False)
        with pytest.raises(LabError, match=rf"rows\.csv: column '{column}', row 3: "):
            read_rows(path)


def test_rows_that_a_spreadsheet_saved_again_are_read(tmp_path: Path) -> None:
    """Lines that end as on Windows, a byte-order mark, TRUE for True."""
    frame = to_frame(rows()[:2])
    path = tmp_path / "rows.csv"
    text = frame.to_csv(index=False, lineterminator="\r\n").replace("True", "TRUE")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("False", "FALSE").encode())

    pd.testing.assert_frame_equal(read_rows(path), frame)
