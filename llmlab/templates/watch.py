"""See templates change while a notebook is open: development mode only."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from llmlab.errors import UsageError
from llmlab.templates.library import Library, LibraryEntry

if TYPE_CHECKING:
    import asyncio


async def watch(
    library: Library, *, stop: "asyncio.Event | None" = None
) -> AsyncGenerator[list[LibraryEntry]]:
    """
    Yield the templates that were changed, each with its faults, until *stop* is set.

    Nothing is replaced anywhere: `library[name]` reads the new file when it is next asked for,
    and a run that goes on keeps the templates it began with.

    Raises:
        UsageError: The library is in production mode, or watchfiles is not installed.
    """
    if library.mode != "development":
        raise UsageError("templates are watched in development mode only: Library(mode=...)")
    try:
        import watchfiles
    except ImportError:
        raise UsageError("watching templates needs: pip install watchfiles") from None

    seen = {entry.name: entry for entry in library.entries()}
    awatch = watchfiles.awatch(
        library.folder, stop_event=stop, recursive=False, debounce=200, step=20
    )
    async for _ in awatch:
        now = {entry.name: entry for entry in library.entries()}
        changed = [entry for name, entry in now.items() if seen.get(name) != entry]
        seen = now
        if changed:
            yield changed
