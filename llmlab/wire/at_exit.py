"""What is closed when the engine ends, at exit at the latest: sessions, servers, tasks."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

Closer: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Closers:
    """Closes what was added, the last first, on the loop that it was used on."""

    def __init__(self) -> None:
        self._closers: list[Closer] = []

    def add(self, closer: Closer) -> None:
        """Await *closer* at the end."""
        self._closers.append(closer)

    async def close(self) -> None:
        """Cancel what still runs, then await every closer; the first error is raised."""
        mine = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not mine]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        errors: list[Exception] = []
        while self._closers:
            try:
                await self._closers.pop()()
            except Exception as error:  # noqa: BLE001 - raised when all have closed
                errors.append(error)
        if errors:
            raise errors[0]
