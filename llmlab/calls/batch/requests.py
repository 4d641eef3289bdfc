"""What the steps of a batch share: who is asked, in which words, and how a call of it is sent."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from llmlab.calls.caller import Caller
from llmlab.calls.prepared import FREE, Prepared
from llmlab.calls.settling import is_free
from llmlab.errors import CallError, LimitError, TimedOut
from llmlab.providers.batch.ways import BatchWay, way_of
from llmlab.records import Api, Failure, HttpCall, HttpReply

CALL_S: Final = 300.0
"""Seconds for one call of a batch, a file of results included; whoever hangs is asked again."""


def can_batch(prepared: Prepared) -> bool:
    """Say whether a request can go by batch: to the provider itself, which sells it."""
    request = prepared.request
    return prepared.endpoint.backend == "live" and bool(way_of(request.provider, request.api))


def groups_of(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """Divide into batches: one provider, one API, one model, one set of headers each."""
    groups: dict[tuple[object, ...], list[Prepared]] = defaultdict(list)
    for each in prepared:
        request = each.request
        headers = tuple(sorted(each.call.headers.items()))
        groups[each.endpoint.identity, request.api, request.model, headers].append(each)
    return list(groups.values())


def way(provider: str, api: Api) -> tuple[BatchWay, str]:
    """Return how a provider takes batches; only what `can_batch` lets in comes here."""
    found = way_of(provider, api)
    assert found is not None  # noqa: S101 - see above
    return found


async def send(caller: Caller, call: HttpCall, one: Prepared) -> HttpReply:
    """
    Send a call of a batch with the headers of a single request, such as the API's version.

    Raises:
        CallError: There was no reply, or not within `CALL_S` seconds.
    """
    call = structs.replace(call, headers={**one.call.headers, **call.headers})
    try:
        async with asyncio.timeout(CALL_S):
            exchange = await caller.session.send(call, one.endpoint)
    except TimeoutError:
        provider = one.request.provider
        raise TimedOut(f"{provider}: no answer within {CALL_S:g} s", provider=provider) from None
    reply = exchange.reply
    # A file of results is kept in part: all forms of a key are looked for, whatever its status.
    return structs.replace(reply, body=one.endpoint.scrubber.clean(reply.body))


def failure(error: CallError | LimitError, prepared: Prepared, at: float) -> Failure:
    """Return the outcome of a request that came to nothing."""
    call = error if isinstance(error, CallError) else None
    return Failure(
        kind="LimitError" if call is None else call.kind,
        message=str(error),
        status=None if call is None else call.status,
        request_id=None if call is None else call.request_id,
        attempts=0 if call is None else 1,
        started_at=at,
        backend=prepared.endpoint.backend,
        cost=FREE if call is None or is_free(call) else None,
    )


def undecided(error: CallError, prepared: Prepared, at: float) -> Failure:
    """Return the outcome of a request whose batch is still waited for: nobody knows its cost."""
    return structs.replace(failure(error, prepared, at), cost=None)
