"""In: a `Template`, values and context blocks. Out: a `Prompt` that fits, and what was left out."""

from llmlab.budget.blocks import Block, BlockRule, Form, Pieces
from llmlab.budget.count import Count, Counters, count, count_prompt
from llmlab.budget.fit import Fitted, fit
from llmlab.budget.frames import MarketSnapshot, Portfolio, Table
from llmlab.budget.guard import Flag
from llmlab.budget.learn import Correction, Learned
from llmlab.budget.pack import Packed, Packer, Share, pack
from llmlab.budget.text import Text
from llmlab.budget.window import Room, Tiers, check, room

__all__ = [
    "Block",
    "BlockRule",
    "Correction",
    "Count",
    "Counters",
    "Fitted",
    "Flag",
    "Form",
    "Learned",
    "MarketSnapshot",
    "Packed",
    "Packer",
    "Pieces",
    "Portfolio",
    "Room",
    "Share",
    "Table",
    "Text",
    "Tiers",
    "check",
    "count",
    "count_prompt",
    "fit",
    "pack",
    "room",
]
