"""Rules for server-side search: wire formats and tools."""

from llmlab.catalogue.faults import ParameterFault
from llmlab.catalogue.models import Model
from llmlab.records import Api, Parameters


def search(parameters: Parameters, model: Model, api: Api) -> ParameterFault | None:
    """Return why the model cannot search like this, or None."""
    asked, rules = parameters.search, model.rules
    if asked is None:
        return None
    if api not in rules.search:
        on = [each for each in model.apis if each in rules.search]
        fix = f"say api={on[0]!r}" if on else ""
        return ParameterFault("search", f"does not search on {api}", accepts=_on(on), fix=fix)
    if asked.x and "x" not in rules.search_tools:
        return ParameterFault("search", "cannot search X", accepts="web search", fix="say x=False")
    if not (asked.web or asked.x):
        return ParameterFault("search", "is offered neither web nor x", accepts="web=True")
    if (asked.from_date or asked.to_date) and not asked.x:
        return ParameterFault(
            "search",
            "takes dates for X only",
            accepts="dates with x=True",
            fix="leave out from_date and to_date",
        )
    return _domains(len(asked.allowed_domains), rules.search_domains, web=asked.web)


def _domains(count: int, most: int | None, *, web: bool) -> ParameterFault | None:
    if count and not web:
        return ParameterFault(
            "search", "takes domains for the web only", accepts="domains with web=True"
        )
    if most is not None and count > most:
        return ParameterFault(
            "search", "takes fewer domains", accepts=f"{most} allowed_domains at most"
        )
    return None


def _on(apis: list[Api]) -> str:
    return f"it on {', '.join(apis)}" if apis else "no search"
