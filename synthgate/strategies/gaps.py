"""`gaps`: prompts aimed at the real clusters and slices that have no synthetic row.

Where they lie is what `cluster-cap --against` (its manifest) and `report --json` found: empty
clusters, and values of fields that real rows have and these have not. Each gap is drawn as often as
any other; the row names it in `gap`, or has the missing slice's value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from synthgate.errors import InputError, UsageError
from synthgate.strategies.attributes import Attributes
from synthgate.strategies.axes import Axes

_LISTS = ("largest_uncovered", "empty_slices", "empty_clusters", "gaps")
_FINDINGS = ("gap", "empty_cluster", "empty_slice")
_TEMPLATE = """\
{{ prompt }}

Our examples have a gap. Write for exactly this part of it:
{% for name, value in attributes.items() %}
{% if name == "gap" %}
- it is about: {{ value }}
{% else %}
- {{ name | replace("_", " ") }}: {{ value }}
{% endif %}
{% endfor %}
"""


class Gaps(Attributes):
    """Attributes whose values are the gaps of a file."""

    name = "gaps"
    templates: ClassVar[dict[str, str]] = {"gaps": _TEMPLATE}

    def _named(self) -> Axes:
        path = self.policy.gaps
        if not path:
            raise UsageError(
                "gaps needs --gaps FILE: the manifest of cluster-cap --against, or report --json"
            )
        axes = super()._named()
        for name, value in _found(path, self.brief.text(path, "gaps")):
            axes[name] = tuple(dict.fromkeys((*axes.get(name, ()), value)))
        if not axes:
            raise InputError(f"{path}: names no gap: nothing is missing, or it is another file")
        return axes


def _found(path: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield (field, value) of every gap in a JSON document or in JSON lines."""
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = [_line(path, n, each) for n, each in enumerate(text.split("\n"), 1)]
    for document in documents:
        yield from _gaps(document, listed=False)


def _line(path: str, number: int, text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        raise InputError(f"{path}:{number}: is not JSON") from None


def _gaps(node: Any, *, listed: bool) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for each in node:
            yield from _gaps(each, listed=listed)
    elif isinstance(node, dict):
        kind = node.get("finding", node.get("kind"))
        if listed or kind in _FINDINGS or node.get("state") == "empty":
            yield from _named(node)
        if isinstance(node.get("rare"), dict):
            yield from _rare(node["rare"].get("slices"))
        for key, each in node.items():
            yield from _gaps(each, listed=key in _LISTS)


def _rare(slices: Any) -> Iterator[tuple[str, str]]:
    """Yield the rare real slices that a report found missing, {field: {missing: values}}."""
    for field, each in slices.items() if isinstance(slices, dict) else ():
        for value in each.get("missing", ()) if isinstance(each, dict) else ():
            yield from _named({"field": field, "value": value})


def _named(gap: dict[str, Any]) -> Iterator[tuple[str, str]]:
    words, field, value = gap.get("words"), gap.get("field"), gap.get("value")
    if isinstance(words, list) and words:
        yield "gap", ", ".join(map(str, words))
    elif isinstance(words, str) and words:
        yield "gap", words
    elif isinstance(field, str) and field and isinstance(value, str | int | float):
        yield field, str(value)
