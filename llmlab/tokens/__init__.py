"""In: a `Template`, values and context blocks. Out: a `Prompt` that fits, and what was left out."""

from llmlab.tokens.blocks import Block, BlockRule, Form, Pieces
from llmlab.tokens.count import Count, Counters, count, count_prompt
from llmlab.tokens.fit import Fitted, fit
from llmlab.tokens.frames import MarketSnapshot, Portfolio, Table
from llmlab.tokens.guard import Flag
from llmlab.tokens.learn import CountCorrection, Learned
from llmlab.tokens.pack import Packed, Packer, Share, pack
from llmlab.tokens.text import Text
from llmlab.tokens.window import Tiers, TokenRoom, check, room

__all__ = [
    "Block",
    "BlockRule",
    "Count",
    "CountCorrection",
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
    "Share",
    "Table",
    "Text",
    "Tiers",
    "TokenRoom",
    "check",
    "count",
    "count_prompt",
    "fit",
    "pack",
    "room",
]
