"""What `%lab` shows: the state of the lab, or one part of it in full."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from llmlab import default
from llmlab.errors import UsageError, suggest
from llmlab.notebook.completion import LAB_WORDS
from llmlab.views.listing import NONE, Listing, listing_of
from llmlab.views.text import form

if TYPE_CHECKING:
    from llmlab.lab import Lab


def told(args: Any, names: Mapping[str, object]) -> Listing:
    """
    Return the part of the state that was asked for, ready to be displayed.

    Raises:
        UsageError: The word is none of `%lab`'s.
    """
    if args.what == "trust":  # before a lab is made: it would not be, here
        return _trust()
    lab = default.lab()
    if args.what == "count":
        return _count(lab, args, names)
    tellers: dict[str, Callable[[Lab], Listing]] = {
        "status": _status,
        "models": _models,
        "spend": _spend,
        "runs": lambda each: listing_of(each.runs(), "Runs in the book"),
        "health": lambda each: listing_of(each.health(), "Providers, asked just now for free"),
        "config": _config,
    }
    if args.what not in tellers:
        raise UsageError(f"%lab: no word is {args.what!r}; {suggest(args.what, LAB_WORDS)}")
    if args.more:
        raise UsageError(f"%lab {args.what}: {' '.join(args.more)!r} is one word too many")
    return tellers[args.what](lab)


def _trust() -> Listing:
    """Trust the project's files as they are now."""
    claims = default.trust()
    title = "From here on this project may" if claims else "No file here waits for your word"
    rows = tuple((each.file, each.does) for each in claims)
    return Listing(title=title, heads=("file", "may"), rows=rows)


def _spend(lab: "Lab") -> Listing:
    listing = listing_of(lab.spend(), "Spent, in dollars")
    return replace(listing, notes=(*listing.notes, *_old_prices(lab)))


def _old_prices(lab: "Lab") -> tuple[str, ...]:
    """Return a warning when costs rest on an old price table."""
    warning = lab.prices.warning()
    return () if warning is None else (warning,)


def _status(lab: "Lab") -> Listing:
    today = lab.spent_today()
    limit = lab.settings.budget.day
    of = "" if limit is None else f" of {form.money(limit)} allowed"
    keys = lab.models().set_index("model")["key"]
    rows = [
        (arm.label, arm.model.name, str(keys.get(arm.model.name, "unknown")))
        for arm in lab.catalogue.arms(lab.settings.models)
    ]
    notes = [
        f"mode {lab.settings.mode}, book {lab.book.path or 'in memory'}",
        f"spent today: {form.money(today, 3)}{of}",
        *(_gate(gate) for gate in lab.gates()),
        f"runs in the book: {len(lab.runs())}",
        *_old_prices(lab),
    ]
    return Listing(
        title=f"Line-up {lab.settings.models}",
        heads=("name", "model", "key"),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _gate(gate: Any) -> str:
    """Say in a line whether calls pass to a provider."""
    limiter = gate.limiter
    parts = [f"{gate.provider}: breaker {gate.breaker}", f"{gate.in_flight} under way"]
    parts += [f"{model} narrowed to {width} at once by 429s" for model, width in gate.narrow]
    if limiter.waiting:
        parts.append(f"{limiter.waiting} wait for the rate limit")
    if limiter.paused_s:
        by = f" by {limiter.paused_by}" if limiter.paused_by else ""
        parts.append(f"paused for {form.seconds(limiter.paused_s)} more{by}")
    parts.append(f"{limiter.requests_in_window} in the last minute")
    return ", ".join(parts)


def _models(lab: "Lab") -> Listing:
    frame = lab.models()
    shown = ["model", "aliases", "context", "input_usd_per_mtok", "output_usd_per_mtok", "cutoff"]
    names = {"input_usd_per_mtok": "input_usd", "output_usd_per_mtok": "output_usd"}
    return listing_of(
        frame[[*shown, "key", "retires"]].rename(columns=names),
        "Models",
        notes=["input and output are dollars per million tokens; \u2013 is not known"],
    )


def _count(lab: "Lab", args: Any, names: Mapping[str, object]) -> Listing:
    """Count words given on the line, or those of a variable."""
    from llmlab.tokens import count

    if not args.more:
        raise UsageError("%lab count: give the words, or the name of a variable that holds them")
    held = names.get(args.more[0]) if len(args.more) == 1 else None
    text = held if isinstance(held, str) else " ".join(args.more)
    arms = lab.catalogue.arms(args.model or lab.settings.models)
    rows = [(arm.label, str(count(text, arm.model))) for arm in arms]
    return Listing(title="Tokens", heads=("model", "tokens"), rows=tuple(rows), right=_RIGHT)


_RIGHT = frozenset({"tokens"})


def _config(lab: "Lab") -> Listing:
    """Every setting with its value and where it came from; secrets are no settings."""
    rows = [
        (name, _plain(getattr(lab.settings, name)), str(lab.sources.get(name, "default")))
        for name in type(lab.settings).__dataclass_fields__
    ]
    return Listing(title="Settings", heads=("setting", "value", "from"), rows=tuple(rows))


def _plain(value: object) -> str:
    """Write a setting as a person would: limits by name, nothing as a dash."""
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        told = [f"{name} {inner}" for name, inner in value.items() if inner is not None]
        return ", ".join(told) or NONE
    return NONE if value is None else str(value)
