"""docs/performance.md, made of what was measured: the words are here, the figures are not."""

from collections.abc import Callable
from typing import Final

from benchmarks import (
    book,
    calls,
    flight,
    frames,
    imports,
    peers,
    pricing,
    rooms,
    scale,
    simulator,
    streaming,
    tokens,
)
from benchmarks import stats as reading
from benchmarks.figures import Result, table
from benchmarks.promises import HEAD, PROMISES, Results

SHOW: Final[dict[str, Callable[[Result], str]]] = {
    "calls": calls.show,
    "peers": peers.show,
    "pricing": pricing.show,
    "streaming": streaming.show,
    "imports": imports.show,
    "flight": flight.show,
    "frames": frames.show,
    "stats": reading.show,
    "tokens": tokens.show,
    "book": book.show,
    "rooms": rooms.show,
    "scale": scale.show,
    "simulator": simulator.show,
}
"""Every benchmark, in the order of the page."""

TEMPLATE: Final = """\
# Performance

What llmlab costs beside doing the same by hand, measured by `make bench` on {machine}, which other
programs used at the same time: trust the ratios, not the microseconds. This page is written by
`python -m benchmarks.report` from what was measured; no figure in it is typed.

**How.** The reference is what a careful person writes with aiohttp and orjson: one session, the
body encoded, the answer decoded, its text and usage read, nothing kept. Every client is a process
of its own, pinned to one core; a loopback server on the other core answers 1.5 kB with usage and
OpenAI's rate limit headers. Clients take turns in rounds. CPU is that of the whole process with
all its threads, scaled by a fixed loop of Python around each block. A ratio is the median of
the ratios within a round, in brackets the quartiles. How many calls were in flight, and how many
connections were made, is what the server saw. No two prompts are equal, so the book answers none.

## Targets

{promises}

## A call

![CPU a call by how many are in flight](pictures/performance-calls.svg)

*Everything on* is the whole pipeline of a run: preparing and hashing the request, rate limits,
a reservation against a run and a day limit, the book in a file, decoding, pricing, the row.
*Book off* is the same with the book in memory and without limits. *Awaited one by one* is
`await lab.ask_async(...)` from another event loop, *abtest* the public call from the plan to the
frame; both with everything on. "In flight" is a first wave that the server kept for a second.

{calls}

## Other clients

Each with its defaults, as its documentation shows it, retries off; all in one environment of
their own, with the reference and llmlab beside them in the same rounds. They do less than a run of
llmlab does: no book, no spending limit, no statistics. `make bench-peers` measures them.

{peers}

## A price

{pricing}

## Streams

CPU is that of a chunk. The first row reads whatever bytes come and splits them; the second by
lines, as most people would write it. *A call* is a caller inside llmlab that is handed each piece,
`lab.stream` is the public generator, read from another event loop. With a chunk at a time,
waking up costs more than decoding, which is why the paced streams are dear for everyone.

{streaming}

## Starting

`import llmlab` loads next to nothing; what a notebook or script then uses is loaded when it is
named first, which is the row of `Lab`.

{imports}

## 10,000 calls in flight

Memory has the connections in it, which the reference needs too: what llmlab adds is the difference
between the rows.

{flight}

## Rows to a frame

The other side is given every column as a list that is ready; llmlab reads its records first.

{frames}

## Statistics

{stats}

## Tokens

Blocks that were counted before are looked up by their content, so a prompt that changes a little
costs a little. Packed into a window; the repeated cases use what the first one left.

{tokens}

## The book

The difference between calls with and without it, its writing thread included.

{book}

## Where it goes

The engine's thread in a run with everything on, by `cProfile`: a map, not a bill.

{rooms}

**What is not reached, and what would have to change.** A run's own work is spread over all rooms,
none of which stands out. The first lever was the client: a POST goes straight onto aiohttp's pool
and parser (decision 7); what aiohttp still takes is its parser and its pool. The second were the
records, which are Structs (decision 8). What would come next is fewer coroutines a call (a state
machine in the place of readable steps), a reservation kept in memory for a block of calls, and an
event loop in C; each costs clarity or a promise.

*Awaited one by one* crosses two threads that share Python's lock; free threading would change it,
and handing in many questions at once (`lab.abtest`) does not have it. `lab.stream` hands every
piece across in the same way. *The book* costs most when calls end one by one: a commit writes the
pages that its few rows touch, and the index of answers, whose keys are hashes, touches a page a
row; longer groups would cost time to every answer, and an index by time would not find them.
*10,000 in flight*: the connection, its parser and its task are most of the memory, for the
reference as well, and both get slower as the caches get colder.

## Scale

![Time, memory and book by the number of calls](pictures/performance-scale.svg)

Each size is a `lab.abtest` in a fresh process. Dashed is the largest run's cost a call. Memory and
book hold prompts of more than a kilobyte and answers of as much.

{scale}

## The simulator

{simulator}

## Doing it again

`make bench` measures all of this but the other clients, `make bench-peers` those; each alone is
`python -m benchmarks.NAME`, with `--help` and `--quick`. Figures are kept in `out/bench/`.
"""


def page(results: Results) -> str:
    """Return the page's Markdown."""
    known = next(each for each in results.values() if each is not None)
    promises = table(HEAD, [each.line(results) for each in PROMISES])
    parts = {name: part(name, results.get(name)) for name in SHOW}
    return TEMPLATE.format(machine=known["machine"], promises=promises, **parts)


def part(name: str, result: Result | None) -> str:
    """Return what a benchmark shows, or that it was not run."""
    return f"Not measured: `python -m benchmarks.{name}`." if result is None else SHOW[name](result)
