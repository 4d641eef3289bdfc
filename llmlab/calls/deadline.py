"""The seconds a call may take, once they have begun to count."""

import asyncio


class Deadline:
    """
    Cancel the task that is at work on a call when its time is over; then `cut` says so.

    It is `asyncio.timeout` for a time that begins later than the block does, at less than half
    its price: one timer is made and no context entered, and every call needs one.
    """

    __slots__ = ("_cancelling", "_task", "_timer", "cut")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cancelling = 0
        self.cut = False

    def begin(self, seconds: float) -> None:
        """Count from now on, for the task that runs this."""
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
        """Stop counting; say, once, whether the deadline cancelled the task, and nobody else."""
        if self._timer is None or self._task is None:
            return False
        self._timer.cancel()
        self._timer = None
        return self.cut and self._task.uncancel() <= self._cancelling

    def _over(self) -> None:
        self.cut = True
        if self._task is not None:
            self._task.cancel()
