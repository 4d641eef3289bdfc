#!/usr/bin/env bash
# aiohttp 3.14.5: repr() of a response whose reply has not come yet makes that request fail.
#
# `ClientResponse.headers` is computed once and kept. `repr()` reads it; asked before the reply is
# there it keeps None, and when the reply comes, `start()` reads the kept None: AttributeError
# "'NoneType' object has no attribute 'getall'". Who prints what a program holds while it waits
# (an object browser, a crash reporter, a verbose traceback) breaks requests that were fine.
#
# Seen on 2026-11-28 with Python 3.11. The script fails when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q aiohttp==3.14.5
cat > "$folder/look.py" <<'PYTHON'
import asyncio
import gc
import sys

import aiohttp
from aiohttp import web


async def main(look: bool) -> str:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hello(_: web.Request) -> web.Response:
        asked.set()
        await answer.wait()
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"

    async def ask() -> str:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text()

    task = asyncio.create_task(ask())
    await asked.wait()
    if look:
        [repr(each) for each in gc.get_objects() if isinstance(each, aiohttp.ClientResponse)]
    answer.set()
    try:
        return await task
    except AttributeError as error:
        return f"AttributeError: {error}"
    finally:
        await runner.cleanup()


print(asyncio.run(main(look=sys.argv[1] == "look")))
PYTHON
alone=$("$folder/venv/bin/python" "$folder/look.py" alone)
looked=$("$folder/venv/bin/python" "$folder/look.py" look)
echo "not looked at: $alone"
echo "looked at:     $looked"
[ "$alone" = "hello" ]
[ "$looked" = "AttributeError: 'NoneType' object has no attribute 'getall'" ]
