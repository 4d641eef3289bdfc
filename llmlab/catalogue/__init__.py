"""In: a name such as `claude` or `six`. Out: `Arm`s: a `Model`, the parameters it is asked with."""

from llmlab.catalogue.catalogue import Catalogue
from llmlab.catalogue.models import Arm, Dead, Model, Provider, Rules
from llmlab.catalogue.parameters import Checked, check, default_api, fits, for_arm
from llmlab.catalogue.table import table

__all__ = [
    "Arm",
    "Catalogue",
    "Checked",
    "Dead",
    "Model",
    "Provider",
    "Rules",
    "check",
    "default_api",
    "fits",
    "for_arm",
    "table",
]
