"""An answer held against the JSON Schema that it was asked for.

Always here and never left to the server: some ignore the parameter and answer 200.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from synthgate.errors import UsageError
from synthgate.generators.answers import Unusable

_BACKTRACKS = 100_000
_LONGEST = 200  # characters of an error


def fits(text: str, schema: bytes) -> None:
    """Raise `Unusable` where a text is no JSON document that fits the schema."""
    import jiter

    try:
        value = jiter.from_json(text.encode(), catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:
        raise Unusable("schema_invalid", f"the answer is not JSON: {error}"[:_LONGEST]) from None
    validator = _validator(schema)
    if validator.is_valid(value):
        return
    first = next(iter(validator.iter_errors(value)))
    where = "".join(f"/{step}" for step in first.instance_path) or "/"
    raise Unusable("schema_invalid", f"{where}: {first.message}"[:_LONGEST])


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Any:
    import jsonschema_rs

    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)
    # As the check `schema` reads it: formats count, and nothing is fetched.
    return jsonschema_rs.validator_for(
        json.loads(schema), validate_formats=True, pattern_options=options, offline=True
    )


def read_schema(path: str, text: str) -> dict[str, Any]:
    """Return the JSON Schema in a file's text, or raise `UsageError` saying why it is none."""
    import jsonschema_rs

    try:
        schema = json.loads(text)
        if not isinstance(schema, dict):
            raise UsageError(f"{path}: a schema is a JSON object")
        _validator(json.dumps(schema).encode())
    except (ValueError, jsonschema_rs.ReferencingError, RecursionError) as error:
        said = str(getattr(error, "message", error)).partition("\n")[0]
        raise UsageError(f"{path}: no usable JSON Schema: {said}"[:_LONGEST]) from None
    return schema
