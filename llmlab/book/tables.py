"""
Writes of runs, their rows, template versions and marks.

In: a transaction and what to store. Out: rows; `BookError` before anything was changed.
"""

from collections.abc import Sequence

from llmlab.book.entries import RunItem, RunRecord
from llmlab.book.rows import insert_rows
from llmlab.book.transaction import Transaction
from llmlab.errors import BookError


def save_run(transaction: Transaction, record: RunRecord) -> None:
    """Store a run, once; the same name with another plan is refused."""
    connection = transaction.connection
    found = connection.execute("SELECT plan FROM runs WHERE name = ?", (record.name,)).fetchone()
    if found is None:
        connection.execute(
            "INSERT INTO runs (name, created_at, plan) VALUES (?, ?, ?)",
            (record.name, record.created_at, record.plan),
        )
    elif bytes(found[0]) != record.plan:
        raise BookError(
            f"run {record.name!r} is in the book with another plan: choose another name"
        )


def add_rows(transaction: Transaction, run: str, items: Sequence[RunItem]) -> None:
    """Store rows of an existing run; a position that exists is overwritten."""
    connection = transaction.connection
    if connection.execute("SELECT 1 FROM runs WHERE name = ?", (run,)).fetchone() is None:
        raise BookError(f"there is no run {run!r} in the book: save_run first")
    insert_rows(
        connection,
        "INSERT INTO run_items (run, position, key, meta) VALUES ",
        [(run, item.position, item.key, item.meta) for item in items],
        tail=" ON CONFLICT (run, position) DO UPDATE SET key = excluded.key, meta = excluded.meta",
    )


def note_template(transaction: Transaction, name: str, version: str, text: str) -> None:
    """Store the text of a template version, once; another text under it is refused."""
    connection = transaction.connection
    found = connection.execute(
        "SELECT text FROM templates WHERE name = ? AND version = ?", (name, version)
    ).fetchone()
    if found is None:
        connection.execute(
            "INSERT INTO templates (name, version, text, first_used_at) VALUES (?, ?, ?, ?)",
            (name, version, text, transaction.now),
        )
    elif found[0] != text:
        raise BookError(
            f"template {name!r} version {version!r} is in the book with another text: "
            "give the new text a new version"
        )


def mark(transaction: Transaction, key: str, name: str, value: str) -> None:
    """Store a person's mark."""
    transaction.connection.execute(
        "INSERT INTO labels (key, name, value, marked_at) VALUES (?, ?, ?, ?)",
        (key, name, value, transaction.now),
    )
