"""Templates of Jinja2's, in its sandbox. Import this only once Jinja2 is known to be installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import ChainableUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from headwater.sinks.change import dumps
from headwater.sinks.kind import InvalidSettings


class TemplateFailed(Exception):
    """A template cannot be filled in with these values; the text says why."""


class _Sandbox(SandboxedEnvironment):
    """What an object of JSON holds is meant, rather than what Python's dictionaries can do."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class Template:
    """A template. name: as messages call it. is_html: what is filled in is escaped for HTML."""

    def __init__(self, name: str, text: str, *, is_html: bool) -> None:
        """Raises InvalidSettings."""
        self._name = name
        sandbox = _Sandbox(
            autoescape=is_html, undefined=ChainableUndefined, keep_trailing_newline=True
        )
        sandbox.filters["json"] = lambda value: dumps(value).decode()
        try:
            self._template = sandbox.from_string(text)
        except TemplateError as error:
            raise InvalidSettings(f"{name}: {error}") from error

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text with values filled in. Raises TemplateFailed."""
        try:
            return self._template.render(values)
        except Exception as error:  # a boundary: a template is code of the client's
            raise TemplateFailed(f"The template of the {self._name} fails: {error}") from error
