"""What the steps of a batch share: grouping, sending, and failures."""

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
"""Deadline of one HTTP call of a batch, in seconds, a file of results included."""


def can_batch(prepared: Prepared) -> bool:
    """Say whether a request can go by batch: to the provider itself, at no other tier of its."""
    request = prepared.request
    if prepared.endpoint.backend != "live" or request.parameters.tier not in (None, "default"):
        return False
    return bool(way_of(request.provider, request.api))


def groups_of(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """
    Divide into batches, each with one endpoint, one API, one model and one set of headers.

    Those that are larger together than a provider takes become several.
    """
    groups: dict[tuple[object, ...], list[Prepared]] = defaultdict(list)
    for each in prepared:
        request = each.request
        headers = tuple(sorted(each.call.headers.items()))
        groups[each.endpoint.identity, request.api, request.model, headers].append(each)
    return [part for group in groups.values() for part in _divided(group)]


_MOST_BYTES: Final = {"openai": 190 * 10**6, "anthropic": 240 * 10**6, "xai": 24 * 10**6}
"""
Bytes of requests in one batch: OpenAI takes files of 200 MB, Anthropic batches of 256 MB, xAI
calls of 25 MB. Words hardly reach them, images do.
"""


def _divided(group: Sequence[Prepared]) -> list[list[Prepared]]:
    """Divide where all together are larger than the provider takes."""
    most = _MOST_BYTES.get(group[0].request.provider, 0)
    parts: list[list[Prepared]] = [[]]
    size = 0
    for each in group:
        size += len(each.call.body)
        if most and size > most and parts[-1]:
            parts.append([])
            size = len(each.call.body)
        parts[-1].append(each)
    return parts


def way(provider: str, api: Api) -> tuple[BatchWay, str]:
    """Return how a provider takes batches, for requests that passed `can_batch`."""
    found = way_of(provider, api)
    assert found is not None  # noqa: S101 - see above
    return found


async def send(caller: Caller, call: HttpCall, one: Prepared) -> HttpReply:
    """
    Send one HTTP call of a batch, with the headers of a single request (such as the API version).

    Raises:
        CallError: There was no reply, or not within `CALL_S` seconds.
    """
    call = structs.replace(call, headers={**one.call.headers, **call.headers})
    try:
        async with asyncio.timeout(CALL_S):
            exchange = await caller.context.session.send(call, one.endpoint)
    except TimeoutError:
        provider = one.request.provider
        raise TimedOut(f"{provider}: no answer within {CALL_S:g} s", provider=provider) from None
    reply = exchange.reply
    # Parts of a file of results are kept: remove all forms of a key, whatever the status.
    return structs.replace(reply, body=one.endpoint.scrubber.clean(reply.body))


def failure(error: CallError | LimitError, prepared: Prepared, at: float) -> Failure:
    """Return *error* as the outcome of a request."""
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
    """Return the outcome of a request whose batch is still waited for: its cost is unknown."""
    return structs.replace(failure(error, prepared, at), cost=None)
