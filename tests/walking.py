"""Look for planted words in every object that something leads to, and in the frames of errors."""

import gc
import sys
import types
from collections.abc import Iterable, Iterator
from types import FrameType, ModuleType, TracebackType

import aiohttp
import numpy as np

from llmlab.secrets import Shy, ShyBytes

_CODE = (type, ModuleType, types.CodeType, types.BuiltinFunctionType)
"""What holds code, and by its globals leads to the whole program."""


def found_in(roots: Iterable[object], traces: Iterable[str], most: int = 400_000) -> list[str]:
    """Say where a trace is in what *roots* lead to, by whatever reference, shown as it prints."""
    words = tuple(traces)
    queue: list[tuple[object, str]] = [(root, type(root).__name__) for root in roots]
    seen = {id(each) for each, _ in queue}
    kept = [each for each, _ in queue]  # alive, or an id would be used again
    found = []
    while queue and len(seen) < most:
        each, path = queue.pop()
        if has(each, words):
            found.append(f"{path}: {type(each).__qualname__}")
        for inner in _led_to(each):
            if id(inner) not in seen and not isinstance(inner, _CODE):
                seen.add(id(inner))
                kept.append(inner)
                name = getattr(inner, "__qualname__", type(inner).__name__)
                queue.append((inner, f"{path[-200:]} > {name}"))
    return found


_OWN = ("tests", "__main__", "IPython", "_pytest")
"""Modules whose frames are a test's, or a cell's, own."""


def has(value: object, words: tuple[str, ...]) -> bool:
    """Say whether a text, or what something prints as, has one of *words* in it."""
    if isinstance(value, Shy | ShyBytes):
        return any(each in repr(value) for each in words)
    if isinstance(value, str):
        return any(each in value for each in words)
    if isinstance(value, bytes | bytearray):
        return any(each.encode() in value for each in words)
    if isinstance(value, aiohttp.ClientResponse):
        # Its repr, asked for before the reply is there, breaks the request (findings/); what it
        # holds is walked through all the same.
        return False
    if type(value).__module__.startswith(("llmlab", "multidict", "yarl", "aiohttp")):
        return any(each in repr(value) for each in words)
    return False


def _led_to(value: object) -> Iterator[object]:
    if isinstance(value, types.FunctionType):
        yield from (value.__closure__, value.__defaults__, value.__kwdefaults__)
        return
    if isinstance(value, FrameType):
        yield from value.f_locals.values()
        return
    if isinstance(value, np.ndarray) and value.dtype == object:
        yield from value.ravel().tolist()
        return
    yield from gc.get_referents(value)
    for name in ("cr_frame", "gi_frame", "ag_frame", "tb_frame", "tb_next", "__context__",
                 "__cause__", "__traceback__"):  # fmt: skip
        inner = getattr(value, name, None) if not isinstance(value, type) else None
        if isinstance(inner, FrameType | TracebackType | BaseException):
            yield inner


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames of an error and of all that led to it, also where that is suppressed."""
    for each in (error, error.__context__, error.__cause__):
        trace = each.__traceback__ if each is not None else None
        while trace is not None:
            yield trace.tb_frame
            trace = trace.tb_next
    for inner in {error.__context__, error.__cause__} - {None}:
        yield from frames_of(inner)  # type: ignore[arg-type]  # None was taken out


def frames_now() -> Iterator[FrameType]:
    """Yield every frame of every thread."""
    for frame in sys._current_frames().values():
        inner: FrameType | None = frame
        while inner is not None:
            yield inner
            inner = inner.f_back


def shown_by(frames: Iterable[FrameType], traces: Iterable[str]) -> list[str]:
    """Say which locals of frames of a library print a trace; a test's own are its own."""
    words = tuple(traces)
    return [
        f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}: {name}"
        for frame in frames
        if not frame.f_globals.get("__name__", "").startswith(_OWN)
        for name, value in frame.f_locals.items()
        if any(each in repr(value) for each in words) or has(value, words)
    ]
