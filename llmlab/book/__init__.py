"""
The book: one SQLite file with every call, its answer, its money and its audit trail.

In: `Attempt` before a call is sent, `Settlement` before its answer is handed on, runs, labels.
Out: answers by key, what was spent and reserved, runs, history; `LimitError` and `BookError`.

Keys are strings and answers are bytes: the book knows no provider, no request, no prompt.
"""

from llmlab.book.batches import Batch, BatchItem, Claimed, new_token
from llmlab.book.book import Book
from llmlab.book.elsewhere import Elsewhere
from llmlab.book.entries import (
    Account,
    Attempt,
    Limits,
    Once,
    RunItem,
    RunRecord,
    Settlement,
    TemplateVersion,
)
from llmlab.book.writes import NotUnderWay

__all__ = [
    "Account",
    "Attempt",
    "Batch",
    "BatchItem",
    "Book",
    "Claimed",
    "Elsewhere",
    "Limits",
    "NotUnderWay",
    "Once",
    "RunItem",
    "RunRecord",
    "Settlement",
    "TemplateVersion",
    "new_token",
]
