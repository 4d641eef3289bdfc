"""How many tokens a text has, by the provider that would charge for them."""

from typing import TYPE_CHECKING

from llmlab.catalogue import ModelVariant
from llmlab.errors import UsageError
from llmlab.providers.listing import count_call, read_count
from llmlab.records import Prompt, Request
from llmlab.runs.services import Services

if TYPE_CHECKING:
    from llmlab.tokens import Count


async def asked_count(services: Services, text: str, arm: ModelVariant) -> "Count":
    """
    Ask the provider how many tokens *text* has; see `Lab.count`.

    Raises:
        BadParameter: The provider has no counter.
        UsageError: Nobody but a stand-in would answer.
        CallError: The provider did not answer.
    """
    from llmlab.tokens import Count

    prompt = Prompt(name="count", user=text)
    request = Request(provider=arm.model.provider, model=arm.model.id, prompt=prompt)
    endpoint = await services.backends.endpoint(arm.model.provider)
    if endpoint.backend == "stand-in":
        raise UsageError(
            f"{arm.label} is played by a stand-in, which cannot count for it: "
            "set its key, or leave out ask=True"
        )
    exchange = await services.session.send(
        count_call(request, endpoint.base_url, arm.model), endpoint
    )
    tokens = read_count(exchange.reply, arm.model.provider)
    return Count(
        tokens=tokens, how="exact", low=tokens, high=tokens,
        kind="prose", by=f"{arm.model.provider}'s own counter", words=(("prose", tokens),),
    )  # fmt: skip
