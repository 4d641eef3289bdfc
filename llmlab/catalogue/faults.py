"""One parameter that one model refuses, and the line that says so."""

from dataclasses import dataclass

from llmlab.catalogue.models import Model
from llmlab.records import Parameters


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """Why a parameter is refused, and what would be accepted."""

    parameter: str
    """A field of `records.Parameters`."""
    why: str
    """Reads on from the model's name: `refuses it`."""
    accepts: str
    fix: str = ""
    droppable: bool = True

    def line(self, model: Model, parameters: Parameters) -> str:
        """Return the error's one line: parameter, model, why, what it accepts, what to do."""
        value = getattr(parameters, self.parameter)
        shown = f"={value!r}" if isinstance(value, (bool, int, float, str)) else ""
        fix = self.fix or "leave it out"
        return f"{self.parameter}{shown}: {model.name} {self.why}; it accepts {self.accepts}; {fix}"


def chat_only(name: str) -> ParameterFault:
    """Return the fault of a parameter that chat completions take and Responses does not."""
    return ParameterFault(
        name,
        "takes it in chat only",
        accepts="it with api='chat'",
        fix="leave it out, or say api='chat'",
    )
