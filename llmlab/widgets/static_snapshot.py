"""What every widget has: a still picture of itself for pages without a kernel."""

from typing import Any, ClassVar, Final

from ipywidgets import DOMWidget

from llmlab.views.live import in_kernel


class StaticSnapshot(DOMWidget):  # type: ignore[misc]  # ipywidgets comes untyped
    """
    Shows a widget together with its picture, which a page hides as long as the widget lives.

    The picture is an output of its own: of one output JupyterLab takes the live view even
    where no kernel has it any more, and then says "Error displaying widget".
    """

    pictured: ClassVar[tuple[str, ...]] = ()
    """Traits that `still` shows: the picture is drawn again when one of them changes."""

    def still(self) -> str:
        """Return the widget as it stands, as HTML without anything to click."""
        raise NotImplementedError

    def shown(self) -> tuple[Any, Any]:
        """Display the widget, then its picture; return the handles of the two outputs."""
        data, metadata = self._repr_mimebundle_()
        self.add_class(f"ll-live-{self.model_id}")
        # Each form is said once: a page without widgets has the picture, a terminal the words.
        live = _display({**data, "text/html": ""}, metadata)
        picture = _display(self._picture())
        if self.pictured:
            self.observe(lambda _: picture.update(self._picture(), raw=True), self.pictured)
        return live, picture

    def _ipython_display_(self) -> None:
        if in_kernel():
            self.shown()
        else:
            _display({"text/plain": repr(self)})

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        said = {"text/html": self.still(), "text/plain": repr(self)}
        return {**(data or {}), **said}, metadata

    def _picture(self) -> dict[str, str]:
        style = _HIDE.replace("NAME", self.model_id)
        html = f'<div class="ll-still-{self.model_id}">{style}{self.still()}</div>'
        return {"text/html": html, "text/plain": ""}


def _display(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> Any:
    from IPython.display import display

    return display(data, metadata=metadata, raw=True, display_id=True)  # type: ignore[no-untyped-call]


_HIDE: Final = """<style>
body:has(.ll-live-NAME) :is(.ll-still-NAME,.jp-OutputArea-child:has(.ll-still-NAME)),
.jp-OutputArea-child:not(:has(.ll-live-NAME)):has(+.jp-OutputArea-child .ll-still-NAME)
{display:none}
</style>"""
"""One of the two is seen: the picture, or the widget; never the words that there is none."""
