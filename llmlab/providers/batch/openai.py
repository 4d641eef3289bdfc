"""
OpenAI's batches: a file of lines is uploaded, and a batch made of it.

Source: the vendor's SDK (`resources/files.py`, `resources/batches.py`, `types/batch.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec
from msgspec import structs

from llmlab.errors import CallError, Unavailable, Unreadable
from llmlab.providers.batch.shapes import (
    OK,
    BatchPage,
    BatchPart,
    BatchRequest,
    BatchState,
    ListedBatch,
    Result,
    fields_of,
    id_made,
    results_of,
)
from llmlab.providers.decoding import decode
from llmlab.providers.profile import ProviderProfile
from llmlab.records import HttpCall, HttpReply
from llmlab.secrets import redact


class _State(msgspec.Struct):
    status: str = ""
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: Any = None


class _Entry(msgspec.Struct):
    id: str
    metadata: dict[str, str] | None = None


class _List(msgspec.Struct):
    data: list[_Entry] = []
    has_more: bool = False
    last_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIBatch:
    """Uploads a file of lines, then makes a batch of it."""

    profile: ProviderProfile

    first_buys: ClassVar[bool] = False
    named: ClassVar[bool] = True

    def first(self, items: Sequence[BatchRequest], token: str, path: str, base: str) -> HttpCall:
        """Upload the requests as a file."""
        lines = b"\n".join(
            msgspec.json.encode(
                {
                    "custom_id": item.id,
                    "method": "POST",
                    "url": f"/v1{path}",
                    "body": msgspec.Raw(item.body),
                }
            )
            for item in items
        )
        body, kind = _form({"purpose": b"batch"}, "file", f"llmlab-{token}.jsonl", lines)
        call = self.profile.call(base, "/files")
        return structs.replace(
            call, method="POST", body=body, headers={**call.headers, "content-type": kind}
        )

    def rest(
        self, first: str, items: Sequence[BatchRequest], token: str, path: str, base: str
    ) -> list[BatchPart]:
        """Make a batch of the file; its metadata hold the token."""
        asked = {
            "input_file_id": first,
            "endpoint": f"/v1{path}",
            "completion_window": "24h",
            "metadata": {_MARK: token},
        }
        return [BatchPart(call=self.profile.call(base, "/batches", asked), items=items)]

    def list_call(self, base: str, after: str) -> HttpCall:
        """Ask for a hundred batches."""
        return self.profile.call(base, f"/batches?limit=100{f'&after={after}' if after else ''}")

    def read_list(self, reply: HttpReply) -> BatchPage:
        """Read ids and metadata."""
        found = decode(reply, _List, self.profile.provider)
        listed = tuple(
            ListedBatch(id=each.id, token=(each.metadata or {}).get(_MARK, ""))
            for each in found.data
        )
        return BatchPage(batches=listed, more=found.last_id or "" if found.has_more else "")

    def read_id(self, replies: Sequence[HttpReply]) -> str:
        """Return the id that the last reply made."""
        return id_made(replies[-1], self.profile.provider)

    def state_call(self, batch: str, base: str) -> HttpCall:
        """Ask for the batch."""
        return self.profile.call(base, f"/batches/{batch}")

    def read_state(self, reply: HttpReply) -> BatchState:
        """Read status and files; a batch that failed has no files."""
        found = decode(reply, _State, self.profile.provider)
        ended = found.status in {"completed", "expired", "cancelled", "failed"}
        parts = [each for each in (found.output_file_id, found.error_file_id) if each]
        trouble = redact(str(found.errors))[:300] if found.status == "failed" else ""
        return BatchState(ended=ended, said=found.status, parts=tuple(parts), trouble=trouble)

    def results_call(self, batch: str, part: str, base: str) -> HttpCall:  # noqa: ARG002 - the protocol's
        """Fetch a file."""
        return self.profile.file(base, f"/files/{part}/content")

    def read_results(self, reply: HttpReply) -> tuple[dict[str, Result], tuple[str, ...]]:
        """Read a line for each request: its response, or an error such as `batch_expired`."""
        return results_of(reply, self.profile.provider, self._result), ()

    def _result(self, line: Mapping[str, Any]) -> Result:
        response = fields_of(line.get("response"))
        if not response:
            return _failure(line.get("error"), self.profile.provider)
        status = response.get("status_code", OK)
        if not isinstance(status, int):
            odd = f"openai: the status of a result is {redact(repr(status))[:50]}"
            return Unreadable(odd, provider=self.profile.provider)
        return HttpReply(
            status=status,
            headers={"x-request-id": str(response.get("request_id") or "")},
            body=msgspec.json.encode(response.get("body")),
        )


def _failure(error: Any, provider: str) -> CallError:
    """Read OpenAI's error of a request that got no response: it was not done in time."""
    if not error:
        return Unreadable(f"{provider}: a result without answer and error", provider=provider)
    said = fields_of(error).get("message")
    text = redact(str(said or "the batch ended before this request"))[:300]
    return Unavailable(text, provider=provider)


def _form(fields: Mapping[str, bytes], name: str, file: str, content: bytes) -> tuple[bytes, str]:
    """
    Write a multipart form (RFC 7578) and its content type.

    A boundary stands at the start of a line, where *content* has nothing but braces.
    """
    parts = [
        f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n'.encode() + value
        for key, value in fields.items()
    ]
    head = (
        f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"; filename="{file}"\r\n'
        "content-type: application/jsonl\r\n\r\n"
    )
    body = b"\r\n".join([*parts, head.encode() + content, f"--{_BOUNDARY}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={_BOUNDARY}"


_MARK: Final = "llmlab"
"""Name of the token in a batch's metadata."""
_BOUNDARY: Final = "llmlab-form-boundary"
