"""
Only code that uses private names of aiohttp (decisions 7 and 11).

`names` lists every undocumented name of aiohttp that is used, and checks whether the installed
aiohttp has them as they are used here. Where it has not, nothing in this folder runs, and
`Session` sends through `ClientSession.request`.
"""

from llmlab.wire.fast.direct import Direct, DirectReply
from llmlab.wire.fast.names import differences

__all__ = ["Direct", "DirectReply", "differences"]
