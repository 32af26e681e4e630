"""`--check auto`: the checks that the fields of the first rows call for. Never a judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.rows import Row, Value
from synthgate.verifiers.specs import AUTO, read_spec

_SCHEMAS = ("schema", "json_schema")
_PROBE = "\x00probe"


def wants_auto(specs: Sequence[str]) -> bool:
    """Tell whether `auto` is among the wanted checks; it takes neither a name nor an argument."""
    kinds = {read_spec(spec).check.partition(":")[0]: read_spec(spec) for spec in specs}
    found = kinds.get(AUTO)
    if found is not None and (found.check != AUTO or found.name or found.settings):
        raise UsageError("--check auto takes no name, no argument and no settings")
    return found is not None


def chosen(rows: Sequence[Row], shape: Shape) -> dict[str, str]:
    """Return {specification: which field calls for it, and in how many of the rows}.

    Raises `UsageError` where no field calls for any check.
    """
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        for each in _called_for(row.value, shape):
            counts[each] = counts.get(each, 0) + 1
    found: dict[str, str] = {}
    for (spec, fields), count in counts.items():
        found.setdefault(spec, f"{fields} in {count} of the first {len(rows)} rows")
    if not rows:
        return {"answer": "there are no rows"}
    if not found:
        raise UsageError(
            "--check auto: the rows have no tests (entry_point and test; tests; cases), no "
            "schema and no answer field: name a check"
        )
    return found


def _called_for(value: Value, shape: Shape) -> Iterator[tuple[str, str]]:
    """Yield (specification, fields) of the checks that one row has the fields for."""
    if all(_is_text(value, name) for name in ("entry_point", "test")):
        yield "exec", "entry_point and test"
    elif name := next((name for name in ("tests", "cases") if _is_list(value, name)), ""):
        yield "exec", name
    for name in _SCHEMAS:
        held = value.get(name)
        if type(held) in (dict, bool) or (type(held) is str and held.lstrip().startswith("{")):
            yield f"schema:@{name}", name
            break
    own = dig(shape.with_response(value, _PROBE), "answer") == _PROBE  # the answer to be checked
    if not own and value.get("answer") not in (None, "", [], {}):
        yield "answer", "answer"


def _is_text(value: Value, name: str) -> bool:
    return type(value.get(name)) is str and bool(value[name].strip())


def _is_list(value: Value, name: str) -> bool:
    return type(value.get(name)) is list and bool(value[name])
