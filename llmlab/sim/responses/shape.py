"""The documents of the Responses API: output items, the whole response, and its usage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmlab.sim.authors.author import Written
from llmlab.sim.call import Call, Json
from llmlab.sim.models import SimulatedModel
from llmlab.sim.openai.rules import cache_write, tier_of
from llmlab.sim.search import SimulatedSearch, citation
from llmlab.sim.tools import call_id
from llmlab.sim.weights import Weight

_ECHOED: Json = {
    "instructions": None, "max_output_tokens": None, "max_tool_calls": None, "metadata": {},
    "parallel_tool_calls": True, "previous_response_id": None, "prompt_cache_key": None,
    "safety_identifier": None, "store": True, "temperature": 1.0, "tool_choice": "auto",
    "tools": [], "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled", "user": None,
}  # fmt: skip
"""Request fields that the response repeats, with their defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The parts of one response."""

    call: Call
    model: SimulatedModel
    written: Written
    effort: str
    searches: tuple[SimulatedSearch, ...] = ()
    charge: int | None = None
    """xAI's charge in ticks; None at OpenAI."""
    weights: list[Weight] = field(default_factory=list)

    @property
    def status(self) -> str:
        """`completed`; `incomplete` when a limit or a filter ended the text."""
        return "incomplete" if self.written.finish in ("length", "filter") else "completed"

    def items(self) -> list[Json]:
        """Return the output items: reasoning, searches, the message unless empty, and calls."""
        found = [self._search_item(n, search) for n, search in enumerate(self.searches)]
        silent = self.written.reasoning or self.written.calls
        message = [self._message()] if self.written.text or not silent else []
        return [*self._reasoning(), *found, *message, *self._calls()]

    def document(self) -> Json:
        """Return the finished response."""
        return {
            **self.opening(),
            "status": self.status,
            "completed_at": self.call.now,
            "incomplete_details": self._incomplete(),
            "output": self.items(),
            "usage": self.usage(),
            **self._tool_usage(),
        }

    def opening(self) -> Json:
        """Return the response as it is before any output."""
        body = self.call.body
        echoed = {name: body.get(name, default) for name, default in _ECHOED.items()}
        asked = body.get("text")
        given = asked if isinstance(asked, Mapping) else {}
        text = {"format": {"type": "text"}, "verbosity": "medium", **given}
        return {
            "id": f"resp_{self.call.serial}" if self.charge is None else self.call.serial[:36],
            "object": "response",
            "created_at": self.call.now,
            "completed_at": None,
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": self.model.reported,
            "output": [],
            "reasoning": {"effort": self.effort, "summary": self._summary_asked()},
            "service_tier": tier_of(body),
            "text": text,
            "usage": None,
            **echoed,
        }

    def usage(self) -> Json:
        """Return usage: input includes cached, output includes reasoning; xAI adds its charge."""
        written = self.written
        details: Json = {"cached_tokens": written.cached_tokens}
        if self.call.provider == "openai":
            details["cache_write_tokens"] = cache_write(self.call, self.model, written)
        usage = {
            "input_tokens": written.input_tokens,
            "input_tokens_details": details,
            "output_tokens": written.output_tokens,
            "output_tokens_details": {"reasoning_tokens": written.reasoning_tokens},
            "total_tokens": written.input_tokens + written.output_tokens,
        }
        return usage if self.charge is None else {**usage, **self._xai_usage(self.charge)}

    def _xai_usage(self, charge: int) -> Json:
        counts = {
            f"{tool}_calls": sum(search.tool == tool for search in self.searches)
            for tool in ("web_search", "x_search")
        }
        others = dict.fromkeys(("code_interpreter_calls", "file_search_calls", "mcp_calls"), 0)
        details = {"server_side_tool_usage_details": {**counts, **others}} if self.searches else {}
        last = {"input_tokens": self.written.input_tokens,
                "output_tokens": self.written.output_tokens}  # fmt: skip
        return {
            "num_sources_used": 0,
            "num_server_side_tools_used": len(self.searches),
            "cost_in_usd_ticks": charge,
            "context_details": last,
            **details,
        }

    def _tool_usage(self) -> Mapping[str, Any]:
        if self.call.provider != "openai":
            return {}
        return {"tool_usage": {"web_search": {"num_requests": len(self.searches)}}}

    def _incomplete(self) -> Json | None:
        reasons = {"length": "max_output_tokens", "filter": "content_filter"}
        reason = reasons.get(self.written.finish)
        return {"reason": reason} if reason else None

    def _summary_asked(self) -> str | None:
        reasoning = self.call.body.get("reasoning")
        asked = reasoning.get("summary") if isinstance(reasoning, Mapping) else None
        return asked or (None if self.charge is None else "detailed")

    def _reasoning(self) -> list[Json]:
        if not self.written.reasoning_tokens and not self.written.reasoning:
            return []
        if self.call.provider == "deepseek":
            said = [{"type": "reasoning_text", "text": self.written.reasoning}]
            return [{"id": f"rs_{self.call.serial}", "type": "reasoning", "summary": [],
                     "content": said}]  # fmt: skip
        summary = [{"type": "summary_text", "text": self.written.reasoning}]
        item: Json = {
            "id": f"rs_{self.call.serial}",
            "type": "reasoning",
            "summary": summary if self._summary_asked() and self.written.reasoning else [],
        }
        if "reasoning.encrypted_content" in (self.call.body.get("include") or ()):
            item["encrypted_content"] = f"sim-{self.call.serial}"
        return [item]

    def _calls(self) -> list[Json]:
        return [
            {
                "id": call_id("fc_", self.call.serial, number),
                "type": "function_call",
                "status": "completed",
                "call_id": call_id("call_", self.call.serial, number),
                "name": name,
                "arguments": arguments,
            }
            for number, (name, arguments) in enumerate(self.written.calls)
        ]

    def _search_item(self, number: int, search: SimulatedSearch) -> Json:
        action = {"type": "search", "query": search.query}
        sources = [{"type": "url", "url": search.url}]
        return {
            "id": f"ws_{self.call.serial}_{number}",
            "type": f"{search.tool}_call",
            "status": "completed",
            "action": {**action, "sources": sources},
        }

    def _message(self) -> Json:
        written = self.written
        if written.finish == "refusal":
            part: Json = {"type": "refusal", "refusal": written.text}
        else:
            part = {"type": "output_text", "text": written.text, "logprobs": self.weights,
                    "annotations": self._annotations()}  # fmt: skip
        return {
            "id": f"msg_{self.call.serial}",
            "type": "message",
            "role": "assistant",
            "status": self.status,
            "content": [part],
        }

    def _annotations(self) -> list[Json]:
        if not self.searches:
            return []
        first = self.searches[0]
        mark = citation(first)
        at = self.written.text.find(mark)
        start, end = (at, at + len(mark)) if at >= 0 else (0, len(self.written.text))
        title = "Example page" if self.charge is None else "1"
        return [{"type": "url_citation", "url": first.url, "title": title,
                 "start_index": start, "end_index": end}]  # fmt: skip
