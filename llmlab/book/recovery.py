"""
Recovery: register owners of the book, and settle the attempts of dead ones.

In: the owners' rows and lock files. Out: attempts that dead owners left under way as `unknown`.
"""

import os
import socket
from pathlib import Path

from llmlab.book.money import scopes
from llmlab.book.owners import forget, is_dead
from llmlab.book.transaction import Open, Transaction
from llmlab.book.writes import give_up

_LEFT = """
    SELECT id, key, coalesce(worst_pico, 0), started_at, run
    FROM attempts LEFT JOIN outcomes ON attempt = id
    WHERE id >= ? AND owner = ? AND attempt IS NULL
"""


def register(transaction: Transaction, token: str) -> int:
    """Register this process as an owner; return the owner's id."""
    cursor = transaction.connection.execute(
        "INSERT INTO owners (token, host, pid, opened_at, first_attempt) "
        "SELECT ?, ?, ?, ?, coalesce(max(id), 0) + 1 FROM attempts",
        (token, socket.gethostname(), os.getpid(), transaction.now),
    )
    return int(cursor.lastrowid or 0)


def recover(transaction: Transaction, folder: Path | None) -> list[int]:
    """Give up the open attempts of every dead owner; return their ids."""
    given_up: list[int] = []
    owners = transaction.connection.execute(
        "SELECT id, token, first_attempt FROM owners WHERE ended_at IS NULL AND id <> ?",
        (transaction.owner,),
    ).fetchall()
    for owner, token, first in owners:
        if folder is not None and is_dead(folder, token):
            given_up += end(transaction, owner, first, "lost")
            forget(folder, token)
    if given_up:
        transaction.others().forget(given_up)
    return given_up


def end(transaction: Transaction, owner: int, first: int, ending: str) -> list[int]:
    """Close an owner's row; attempts it left under way become `unknown`."""
    left = transaction.connection.execute(_LEFT, (first, owner)).fetchall()
    for attempt, key, worst, started_at, run in left:
        entry = Open(key, worst, scopes(started_at, run))
        give_up(transaction, attempt, entry, f"the book was {ending} while this was under way")
    transaction.connection.execute(
        "UPDATE owners SET ended_at = ?, ending = ? WHERE id = ? AND ended_at IS NULL",
        (transaction.now, ending, owner),
    )
    return [attempt for attempt, *_ in left]


def end_self(transaction: Transaction) -> list[int]:
    """Close the row of the transaction's own owner."""
    (first,) = transaction.connection.execute(
        "SELECT first_attempt FROM owners WHERE id = ?", (transaction.owner,)
    ).fetchone()
    return end(transaction, transaction.owner, first, "closed")
