"""What every widget has: a still picture of itself for pages without a kernel."""

from typing import Any

from ipywidgets import DOMWidget


class Still(DOMWidget):  # type: ignore[misc]  # ipywidgets comes untyped
    """Adds `text/html` and `text/plain` to what is saved with the notebook."""

    def still(self) -> str:
        """Return the widget as it stands, as HTML without anything to click."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        said = {"text/html": self.still(), "text/plain": repr(self)}
        return {**(data or {}), **said}, metadata
