"""A channel carries values from one thread's loop to another, in order, all of them, to its end."""

import asyncio
import threading

from llmlab.wire import Channel


async def test_values_put_by_another_thread_arrive_in_order() -> None:
    """Whatever the two loops do at the same time, nothing is lost and nothing is turned round."""
    channel: Channel[int] = Channel()

    def fill() -> None:
        for number in range(20_000):
            channel.put(number)
        channel.end()

    thread = threading.Thread(target=fill)
    thread.start()
    found = [number async for come in channel for number in come]
    thread.join()

    assert found == list(range(20_000))


async def test_a_value_put_while_the_reader_waits_wakes_it() -> None:
    """The bell rings again after it was heard: a slow stream does not hang."""
    channel: Channel[int] = Channel()
    found = []

    async def read() -> None:
        async for (number,) in channel:
            found.append(number)
            threading.Thread(target=channel.put if number < 50 else channel.end,
                             args=(number + 1,) if number < 50 else ()).start()  # fmt: skip

    channel.put(0)
    async with asyncio.timeout(10):
        await read()

    assert found == list(range(51))


def test_a_reader_that_has_gone_stops_nobody() -> None:
    """Putting for a loop that is closed is no error: the call goes on and is paid for."""

    async def make() -> Channel[int]:
        return Channel()

    channel = asyncio.run(make())

    channel.put(1)
    channel.end()
