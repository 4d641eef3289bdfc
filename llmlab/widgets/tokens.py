"""Share of each model's context window that a prompt takes, updated as anything changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipywidgets import HTML, HBox, IntText, Textarea, VBox
from traitlets import Int, Unicode
from traitlets import List as ListOf

from llmlab import default
from llmlab.catalogue import Model, ModelVariant
from llmlab.design.grid import merged
from llmlab.errors import LabError, TokenBudgetError
from llmlab.lab import Lab
from llmlab.records import Parameters
from llmlab.templates import Template, parse
from llmlab.tokens import Count, Fitted, Packer, Tiers, TokenRoom, fit, room
from llmlab.tokens.fit import blocks_of
from llmlab.views.tokens import Filled, PromptPart, filled_html, filled_text
from llmlab.widgets.static_snapshot import StaticSnapshot


class TokenBudget(StaticSnapshot, VBox):  # type: ignore[misc]  # ipywidgets comes untyped
    """
    Bars per block against the room of each model, and what would be left out.

    Args:
        template: Text with slots, or the name of a template in the prompts folder.
        values: By slot: words, or blocks (DataFrames, `llmlab.tokens` blocks).
        models: A line-up, names, or a `ModelPicker`, which the bars then follow.
        max_tokens: Kept free for the answer.
    """

    pictured = ("template", "models", "max_tokens")

    template = Unicode(help="the words, slots included")
    models = ListOf(Unicode(), help="whose windows are shown")
    max_tokens = Int(512, help="kept free for the answer")

    def __init__(
        self,
        template: str,
        values: Mapping[str, object] | None = None,
        models: Any = None,
        *,
        max_tokens: int = 512,
        lab: Lab | None = None,
    ) -> None:
        self._lab = lab or default.lab()
        self._values = dict(values or {})
        self._packer = Packer()
        self._bars = HTML()
        self._words = Textarea(description="template", rows=6, layout={"width": "calc(100% - 8px)"})
        self._limit = IntText(description="answer", step=64, layout={"width": "180px"})
        super().__init__([self._words, HBox([self._limit]), self._bars])
        self.template = _text_of(template, self._lab)
        self.max_tokens = max_tokens
        self._words.value, self._limit.value = self.template, max_tokens
        self._follow(models)
        self._words.observe(lambda change: setattr(self, "template", change["new"]), "value")
        self._limit.observe(lambda change: setattr(self, "max_tokens", change["new"]), "value")
        self.observe(lambda _: self._draw(), ["template", "models", "max_tokens"])
        self._draw()

    @property
    def values(self) -> Mapping[str, object]:
        """What fills the slots; set it to see the bars move."""
        return self._values

    @values.setter
    def values(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)
        self._draw()

    @property
    def filled(self) -> tuple[Filled, ...]:
        """The figures behind the bars, one a model."""
        try:
            template = parse(self.template, name="template")
            arms = self._lab.catalogue.arms(list(self.models)) if self.models else ()
        except LabError as error:
            return (Filled(model="", trouble=str(error)),)
        return tuple(self._one(template, arm) for arm in arms)

    def still(self) -> str:
        """Return the bars."""
        return filled_html(self.filled)

    def __repr__(self) -> str:
        return "\n".join(filled_text(each) for each in self.filled)

    def _follow(self, models: Any) -> None:
        if hasattr(models, "chosen"):
            models.observe(lambda change: setattr(self, "models", change["new"]), "chosen")
            self.models = list(models.chosen)
            return
        names: str | Sequence[str] = models or self._lab.settings.models
        self.models = [arm.label for arm in self._lab.catalogue.arms(names)]

    def _one(self, template: Template, arm: ModelVariant) -> Filled:
        try:
            space, words = self._room(arm), self._alone(template, arm.model)
            try:
                fitted = fit(template, self._values, arm.model, space, packer=self._packer)
            except TokenBudgetError:
                if words.high <= space.tokens:
                    raise  # a block that must be whole: the error says which
                return _filled(arm, space, (_part(words),), words, refused=True)
        except LabError as error:
            return Filled(model=arm.label, trouble=str(error))
        return _filled(arm, space, (_part(words), *_parts(fitted)), fitted.count)

    def _room(self, arm: ModelVariant) -> TokenRoom:
        """Return the room that a run of this lab would have."""
        settings = self._lab.settings
        tiers = Tiers(local=settings.tier_local, api=settings.tier_api)
        limit = merged(arm, Parameters(max_tokens=self.max_tokens)).max_tokens
        return room(arm.model, max_tokens=limit, tiers=tiers)

    def _alone(self, template: Template, model: Model) -> Count:
        """Count the words without any block."""
        bare = dict.fromkeys(blocks_of(template, self._values), "")
        words = template.fill({**self._values, **bare}, measured=True)
        return self._packer.counters.prompt(words, model)

    def _draw(self) -> None:
        self._bars.value = self.still()


def _filled(
    arm: ModelVariant,
    space: TokenRoom,
    parts: tuple[PromptPart, ...],
    counted: Count,
    *,
    refused: bool = False,
) -> Filled:
    return Filled(
        model=arm.label,
        parts=parts,
        room=space.tokens,
        window=space.window,
        limit=space.budget,
        setting="tier_local" if space.tier == 1 else "tier_api",
        reserved=space.reserved,
        exact=counted.how == "exact",
        refused=refused,
    )


def _part(words: Count) -> PromptPart:
    """Return the part for text without blocks; an estimate counts at its upper bound."""
    return PromptPart(name="words", tokens=words.high, wanted=words.high)


def _parts(fitted: Fitted) -> list[PromptPart]:
    shares = fitted.packed.shares if fitted.packed else ()
    return [
        PromptPart(name=share.name, tokens=share.given, wanted=share.wanted, fate=share.fate)
        for share in shares
    ]


def _text_of(template: str, lab: Lab) -> str:
    """Return the text of a template of that name in the prompts folder, else *template* itself."""
    return lab.prompts[template].text if template in lab.prompts else template
