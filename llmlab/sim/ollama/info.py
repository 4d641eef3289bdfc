"""Ollama's inventory: which models are pulled, what they are, and which are loaded."""

from datetime import UTC, datetime

from llmlab.sim.call import Call, Json, Reply, as_json
from llmlab.sim.models import OLLAMA, SimulatedModel
from llmlab.sim.ollama.api import model_of

VERSION = "0.33.0"
_SIZE = 4_700_000_000
_KEPT = 300
"""Seconds a model stays loaded after its last use."""


async def running(_call: Call) -> Reply:
    """Say that the server is there, in plain text."""
    return Reply(chunks=(b"Ollama is running",), content_type="text/plain; charset=utf-8")


async def version(_call: Call) -> Reply:
    """Show the version."""
    return as_json({"version": VERSION})


async def tags(_call: Call) -> Reply:
    """List the pulled models."""
    return as_json({"models": [_pulled(model) for model in OLLAMA]})


async def ps(call: Call) -> Reply:
    """List the loaded models with the context each really has."""
    until = datetime.fromtimestamp(call.clock() + _KEPT, UTC).isoformat()
    loaded = [model for model in OLLAMA if model.id in call.memory.loaded]
    return as_json(
        {
            "models": [
                {**_pulled(model), "size_vram": 0, "expires_at": until,
                 "context_length": call.memory.loaded[model.id]}
                for model in loaded
            ]
        }
    )  # fmt: skip


async def show(call: Call) -> Reply:
    """Show one model's details, limits and capabilities, or 404."""
    model = model_of(call)
    family = _details(model)["family"]
    return as_json(
        {
            "details": _details(model),
            "model_info": {
                "general.architecture": family,
                f"{family}.context_length": model.context,
            },
            "capabilities": ["completion", *(["thinking"] if model.thinking else [])],
            "parameters": "",
            "template": "{{ .Prompt }}",
            "modified_at": "2026-01-01T00:00:00Z",
        }
    )


def _pulled(model: SimulatedModel) -> Json:
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": "2026-01-01T00:00:00Z",
        "size": _SIZE,
        "digest": "0" * 64,
        "details": _details(model),
    }


def _details(model: SimulatedModel) -> Json:
    family = model.id.partition(":")[0].partition(".")[0]
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": "8B",
        "quantization_level": "Q4_K_M",
    }
