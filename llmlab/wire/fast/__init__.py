"""
What goes past aiohttp's public interface, and nothing else (decisions 7 and 11).

`names` lists every name that is used of aiohttp and is not in its documentation, and says whether
the installed aiohttp has them as they are used here. Where it has not, nothing of this folder
runs, and `Session` sends through `ClientSession.request`.
"""

from llmlab.wire.fast.direct import Direct, DirectReply
from llmlab.wire.fast.names import differences

__all__ = ["Direct", "DirectReply", "differences"]
