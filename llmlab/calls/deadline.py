"""The deadline of a call, which starts with its first attempt."""

import asyncio


class Deadline:
    """
    Cancel the task of a call when its time is over; `cut` is then True.

    It is `asyncio.timeout` for a time that starts later than the block, at less than half the
    CPU time: one timer and no context manager; every call needs one.
    """

    __slots__ = ("_cancelling", "_task", "_timer", "cut")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cancelling = 0
        self.cut = False

    def begin(self, seconds: float) -> None:
        """Start the deadline: *seconds* from now, for the current task."""
        self._task = asyncio.current_task()
        assert self._task is not None  # noqa: S101 - a coroutine runs in one
        self._cancelling = self._task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._over)

    def hold(self) -> None:
        """Stop counting until `begin` says how many seconds are left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> bool:
        """Stop the timer; return, once, whether only the deadline cancelled the task."""
        if self._timer is None or self._task is None:
            return False
        self._timer.cancel()
        self._timer = None
        return self.cut and self._task.uncancel() <= self._cancelling

    def _over(self) -> None:
        self.cut = True
        if self._task is not None:
            self._task.cancel()
