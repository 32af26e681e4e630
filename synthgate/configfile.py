"""`synthgate.toml`, or our table in a larger file, as checked values for the policies.

Every mistake is one line, `file:line:column: key: what is wrong`, and all of them are told at once.
"""

from __future__ import annotations

import json
import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Field, ValidationError, create_model

from synthgate.config import POLICIES, Bound, Table, VerifyPolicy, flags_of
from synthgate.errors import ConfigError
from synthgate.policies.models import ModelSettings

Key = tuple[str, ...]
Fields = dict[str, tuple[Any, Any, Any]]  # name: type, how it is shown, default
MODELS = "models"
_NOTHING: Mapping[str, Fields] = {}
_OF_THE_RUN = ("check", "require", "evidence", "calibration", "truth", "by")  # not of one check
_HEADER = re.compile(r"\s*(\[+)\s*([^\]]+?)\s*\]")
_ITEM = re.compile(r"""\s*([\w"'][\w\-."' ]*?)\s*=""")


def load(
    path: str, text: str, table: tuple[str, ...] = (), shared: Mapping[str, Fields] = _NOTHING
) -> dict[str, dict[str, Any]]:
    """Return {stage: {key: value}} of a configuration file, with every finding in one error.

    `table` is where ours lies in a larger file: `("tool", "synthgate")` of `pyproject.toml`;
    `shared` are the options of each stage's commands that its policy does not have.
    """
    file = _File(path, text, table)
    findings: list[str] = []
    found: dict[str, dict[str, Any]] = {}
    for name, values in file.ours().items():
        stage = name.replace("_", "-")
        if stage == MODELS and isinstance(values, dict):
            found[stage] = {}
            findings += file.models(values, found[stage])
        elif stage not in POLICIES:
            findings.append(file.unknown((name,), [*POLICIES, MODELS]))
        elif not isinstance(values, dict):
            findings.append(file.finding((name,), "must be a table"))
        elif stage in found:
            findings.append(file.finding((name,), f"the same table as [{stage}]"))
        else:
            found[stage] = {}
            known = {**shared.get(stage, {}), **flags_of(POLICIES[stage])}
            findings += file.check(name, POLICIES[stage], known, values, found[stage])
    if findings:
        raise ConfigError("\n".join(findings))
    return found


class _File:
    """A configuration file that knows on which line a key stands."""

    def __init__(self, path: str, text: str, table: tuple[str, ...]) -> None:
        self.path, self.text, self.table = path, text, table

    def ours(self) -> dict[str, Any]:
        """Return our table of the document, or raise `ConfigError`."""
        try:
            document: Any = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
            last = self.text.rstrip().count("\n") + 1
            at = f"{where[1]}:{where[2]}" if where else f"{last}:1"
            reason = _plain(str(error).split(" (at")[0])
            raise ConfigError(f"{self.path}:{at}: {reason}") from None
        for name in self.table:
            document = document.get(name, {}) if isinstance(document, dict) else {}
        return document if isinstance(document, dict) else {}

    def models(self, tables: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
        """Yield what is wrong with `[models.NAME]` tables; what is right goes into `found`."""
        model = _model("Models", flags_of(ModelSettings))
        for name, values in tables.items():
            found[name] = {}
            if isinstance(values, dict):
                yield from self._checked((MODELS, name), model, _given(values), found[name])
            else:
                yield self.finding((MODELS, name), "must be a table")

    def check(
        self, name: str, policy: type, known: Fields, values: dict[str, Any], found: dict[str, Any]
    ) -> Iterator[str]:
        """Yield what is wrong with the values of a table; what is right goes into `found`."""
        given = _given(values)
        for key in values.keys() - given.keys():
            if key.replace("-", "_") in values:
                yield self.finding((name, key), f"the same key as {key.replace('-', '_')}")
        tables: dict[int, Table] = {}
        if policy is VerifyPolicy and isinstance(given.get("check"), tuple):
            yield from self._tables((name, "check"), given["check"], tables)
            given["check"] = tuple(map(_check_named, given["check"]))
        yield from self._checked((name,), _model(policy.__name__, known), given, found)
        if tables and "check" in found:
            named = enumerate(found["check"])
            found["check"] = tuple(tables.get(number, each) for number, each in named)

    def _tables(self, key: Key, items: tuple[Any, ...], found: dict[int, Table]) -> Iterator[str]:
        """Yield what is wrong with the tables among some checks; the right ones go into `found`."""
        own: Fields = {"check": (str, None, ...), "name": (str, None, "")}
        own |= {k: kind for k, kind in flags_of(VerifyPolicy).items() if k not in _OF_THE_RUN}
        for number, item in enumerate(items):
            if isinstance(item, dict):
                checked: dict[str, Any] = {}
                model = _model("Check", own)
                yield from self._checked((*key, str(number + 1)), model, _given(item), checked)
                if checked:
                    found[number] = Table(json.dumps(checked, sort_keys=True))

    def _checked(
        self, key: Key, model: Any, given: dict[str, Any], found: dict[str, Any]
    ) -> Iterator[str]:
        try:
            checked = model.model_validate(given)
        except ValidationError as error:
            for each in error.errors():
                yield self._wrong(key, list(model.model_fields), each)
            return
        found.update({key: getattr(checked, key) for key in given})

    def _wrong(self, table: Key, known: list[str], error: Mapping[str, Any]) -> str:
        key = (*table, str(error["loc"][0]))
        if error["type"] == "extra_forbidden":
            return self.unknown(key, known)
        if error["type"] == "missing":
            return self.finding(key, "is missing")
        near = ""
        if error["type"] == "literal_error":
            choices = re.findall(r"'([^']+)'", str(error["ctx"]["expected"]))
            near = _nearest(str(error["input"]), choices)
        said = _plain(error["msg"]).replace("valid tuple", 'list, as in ["..."]')
        reason = f"{said} (got {_shown(error['input'])}){near}"
        return self.finding(key, reason)

    def unknown(self, key: Key, known: list[str]) -> str:
        """Return the finding for a key that nobody knows, the nearest known one named."""
        near = _nearest(key[-1], known) or f"; known are {', '.join(known)}"
        return self.finding(key, f"unknown key{near}")

    def finding(self, key: Key, reason: str) -> str:
        """Return the one line that says what is wrong with a key, and where it stands."""
        return f"{self.path}:{self._line_of(key)}:1: {'.'.join(key)}: {reason}"

    def _line_of(self, key: Key) -> int:
        """Return the line where a key stands, else that of the innermost table around it, else 1.

        The tables of an array are numbered from 1.
        """
        wanted, here, best, depth = _path(*self.table, *key), _path(), 1, 0
        seen: Counter[Key] = Counter()
        for number, line in enumerate(self.text.split("\n"), 1):
            if header := _HEADER.match(line):
                full = here = _path(*header[2].split("."))
                if header[1] == "[[":
                    seen[full] += 1
                    here = (*full, str(seen[full]))
            elif item := _ITEM.match(line):
                full = here + _path(*item[1].split("."))
            else:
                continue
            if wanted in (full, here):
                return number
            around = here if header else full
            if len(around) > depth and around == wanted[: len(around)]:
                best, depth = number, len(around)
        return best


def _path(*names: str) -> tuple[str, ...]:
    """Return a dotted key as one that can be compared: unquoted, with one kind of dash."""
    return tuple(name.strip(" \"'").replace("-", "_") for name in names)


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Return a table with our spelling of keys; a list stands for a tuple, which TOML has not."""
    return {
        key.replace("-", "_"): tuple(value) if isinstance(value, list) else value
        for key, value in values.items()
    }


def _check_named(item: Any) -> Any:
    """Return what names the check that a table spells out, and anything else as it is."""
    return "" if isinstance(item, dict) else item


def _model(name: str, fields: Fields) -> Any:
    """Return settings as pydantic checks them.

    Strict: a setting of "0.9" where a number belongs is a mistake, not a number.
    """

    def bounded(kind: Any) -> Any:
        notes = getattr(kind, "__metadata__", ())
        limits: dict[str, Any] = {n.kind: n.value for n in notes if isinstance(n, Bound)}
        return Annotated[get_args(kind)[0], Field(**limits)] if notes else kind

    known: dict[str, Any] = {
        key: (bounded(kind), default) for key, (kind, _, default) in fields.items()
    }
    shape = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())
    with warnings.catch_warnings():
        # `schema` is a setting of ours, and the name of an old method of pydantic's
        warnings.filterwarnings("ignore", "Field name .* shadows an attribute", UserWarning)
        return create_model(name, __config__=shape, **known)


def _plain(message: str) -> str:
    return message[:1].lower() + message[1:]


def _shown(value: Any) -> str:
    """Return a value as it was written, as far as one line can show it."""
    text = repr(list(value)) if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
