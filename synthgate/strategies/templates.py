"""Prompt templates: Jinja2 in a sandbox, with row text as values and never as a template."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from synthgate.errors import UsageError
from synthgate.generators import Message
from synthgate.generators.journal import canonical


class Templates:
    """The templates of one strategy, some of them the user's own."""

    def __init__(self, own: Mapping[str, str], overrides: Mapping[str, str]) -> None:
        self._texts = {name: overrides.get(name, text) for name, text in own.items()}
        self.digests = {
            name: hashlib.sha256(text.encode()).hexdigest()[:16]
            for name, text in self._texts.items()
        }
        self._all = hashlib.sha256(canonical(self.digests)).hexdigest() if own else ""
        self._compiled: dict[str, Any] = {}

    @cached_property
    def _environment(self) -> Any:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        # Prompts are plain text: escaping for HTML would change what is asked.
        return ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
        )

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Return a template filled in; raises `UsageError` for a template that cannot be."""
        from jinja2 import TemplateError

        try:
            if name not in self._compiled:
                self._compiled[name] = self._environment.from_string(self._texts[name])
            return str(self._compiled[name].render(values)).strip()
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            line = getattr(error, "lineno", None)
            where = f"{name}.j2:{line}" if line else f"{name}.j2"
            raise UsageError(f"--templates: {where}: {error}") from None

    def hash(self, messages: Sequence[Message], step: str = "") -> str:
        """Return the hash of a prompt and the templates behind it, the same for every sample."""
        asked = canonical(list(messages))
        if self._all:
            asked += f"\n{step}\n{self._all}".encode()
        return hashlib.sha256(asked).hexdigest()[:16]
