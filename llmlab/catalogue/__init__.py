"""In: a name such as `claude` or `six`. Out: `ModelVariant`s: a `Model`, the parameters it is asked with."""

from llmlab.catalogue.catalogue import Catalogue
from llmlab.catalogue.models import Dead, Model, ModelVariant, Provider, Rules
from llmlab.catalogue.parameters import CheckedParameters, check, default_api, fits, for_arm
from llmlab.catalogue.table import table

__all__ = [
    "Catalogue",
    "CheckedParameters",
    "Dead",
    "Model",
    "ModelVariant",
    "Provider",
    "Rules",
    "check",
    "default_api",
    "fits",
    "for_arm",
    "table",
]
