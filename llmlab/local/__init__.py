"""In: a folder. Out: a small real language model on 127.0.0.1, for when no key is set."""

from llmlab.local.fetch import install
from llmlab.local.model import LocalStatus, model_path, status
from llmlab.local.server import LocalServer

__all__ = ["LocalServer", "LocalStatus", "install", "model_path", "status"]
