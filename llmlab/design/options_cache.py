"""
What the options of a question come to: which arm is asked, with which parameters, on which wire.

In: the words of a caller. Out: an `RequestOptions`. A loop that asks ten thousand questions with
the same options has them understood once.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from llmlab.catalogue import Catalogue
from llmlab.design.grid import RequestOptions, parameters_of, request_options
from llmlab.design.question import OPTIONS
from llmlab.records import Api

if TYPE_CHECKING:
    from collections.abc import Hashable

_REMEMBERED: Final = 64


class OptionsCache:
    """The ways to ask that were understood already, of one catalogue."""

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._known: dict[Hashable, RequestOptions] = {}

    def of(
        self, catalogue: Catalogue, model: str, api: Api | None, options: Mapping[str, Any]
    ) -> RequestOptions:
        """
        Understand *options* of a question to *model*.

        Raises:
            UnknownModel: There is no such model.
            BadParameter: There is no such option.
        """
        if catalogue is not self._catalogue or len(self._known) >= _REMEMBERED:
            self._catalogue, self._known = catalogue, {}
        # With their types: 1, 1.0 and True are one key, but not the same words to a provider.
        asked = sorted(options.items())
        name = (model, api, *asked, *(type(value) for _, value in asked))
        try:
            found = self._known.get(name)
        except TypeError:  # an option that is no key, such as a schema: it is understood anew
            return _understood(catalogue, model, api, options)
        if found is None:
            found = self._known[name] = _understood(catalogue, model, api, options)
        return found


def _understood(
    catalogue: Catalogue, model: str, api: Api | None, options: Mapping[str, Any]
) -> RequestOptions:
    return request_options(catalogue.arms(model)[0], parameters_of(options, own=OPTIONS), api)
