"""How many tokens a prompt may have: the tier's budget or the model's window, less the answer."""

from dataclasses import dataclass

from llmlab.catalogue import Model
from llmlab.errors import TokenBudgetError
from llmlab.records import OWN_MACHINE, Prompt
from llmlab.tokens.count import Count, Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Tokens a prompt and its answer may have together, by tier."""

    local: int = 8_192
    """Tier 1: models on this machine."""
    api: int = 131_072
    """Tier 2: models behind an API."""

    def of(self, tier: int) -> int:
        """
        Return the budget of tier 1 or 2.

        Raises:
            TokenBudgetError: There is no such tier.
        """
        if tier not in {1, 2}:
            raise TokenBudgetError(
                f"there is no tier {tier!r}: 1 is local models, 2 is models by API"
            )
        return self.local if tier == 1 else self.api


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRoom:
    """Tokens for a prompt, and what they were computed from."""

    tokens: int
    tier: int
    budget: int
    """The tier's tokens."""
    window: int | None
    """The model's context window; None where it is not known."""
    reserved: int
    """Kept free for the answer, its reasoning included."""

    def __str__(self) -> str:
        window = f", window {self.window:,}" if self.window else ""
        return (
            f"{self.tokens:,} tokens (tier {self.tier}: {self.budget:,}{window}, "
            f"less {self.reserved:,} for the answer)"
        )


def tier_of(model: Model) -> int:
    """Return 1 for a model on this machine, 2 for one behind an API."""
    return 1 if model.provider in OWN_MACHINE else 2


def room(
    model: Model,
    *,
    max_tokens: int = 512,
    reasoning: int = 0,
    tier: int | None = None,
    tiers: Tiers | None = None,
) -> TokenRoom:
    """
    Return how many tokens a prompt for *model* may have.

    Args:
        model: Whose window counts, where it is known.
        max_tokens: The output limit.
        reasoning: Tokens of reasoning that the limit does not include.
        tier: 1 or 2; without it, by the model's provider.
        tiers: The budgets of the tiers.

    Raises:
        TokenBudgetError: The answer alone fills the window or the budget.
    """
    tier = tier or tier_of(model)
    budget = (tiers or Tiers()).of(tier)
    reserved = max_tokens + reasoning
    tokens = min(budget, model.context or budget) - reserved
    if tokens <= 0:
        raise TokenBudgetError(
            f"{model.name}: the answer may have {reserved:,} tokens, which leaves no room for a "
            f"prompt in {tokens + reserved:,}: lower max_tokens or raise the tier's budget"
        )
    return TokenRoom(
        tokens=tokens, tier=tier, budget=budget, window=model.context, reserved=reserved
    )


def check(prompt: Prompt, model: Model, space: TokenRoom, counters: Counters) -> Count:
    """
    Count a finished prompt and check that it fits.

    An estimate refuses only what is certainly too long: when its low bound does not fit.

    Raises:
        TokenBudgetError: It does not fit; says by how many tokens and what to do.
    """
    counted = counters.prompt(prompt, model)
    if counted.low > space.tokens:
        over = counted.low - space.tokens
        raise TokenBudgetError(
            f"prompt {prompt.name!r} has {counted} for {model.name}, {over:,} too many for {space}:"
            " shorten it, give its context as blocks, or lower max_tokens"
        )
    return counted
