"""Threads for blocking work, such as DNS look-ups; usable until the interpreter has ended."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads(ThreadPoolExecutor):
    """
    One thread per piece of work, also after the main thread has ended.

    `concurrent.futures` refuses work once the main thread has ended, although other threads may
    go on for hours, and a lab that was not closed is closed only after that.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run *fn* on a new thread; on this one where no thread can be started any more."""
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                _settle(future, lambda: fn(*args, **kwargs))

        try:
            Thread(target=work, name="llmlab-work", daemon=True).start()
        except RuntimeError:  # the interpreter ends
            work()
        return future


def _settle(future: "Future[Any]", work: Callable[[], Any]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
        future.set_exception(error)
    else:
        future.set_result(result)
