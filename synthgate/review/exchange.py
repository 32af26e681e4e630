"""The sample in the formats of other labelling tools, and their verdicts as label lines.

JSONL, CSV for spreadsheets, Label Studio tasks (its JSON and JSON-MIN exports come back) and
Argilla 2 records (`records.to_json`). Rows go out blind, with a digest of what was shown: a row
whose text was changed over there comes back as an error, not as a verdict.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from synthgate.errors import InputError
from synthgate.formats import Shape
from synthgate.review.edits import as_json
from synthgate.rows import Row, Value
from synthgate.text import printable

ANSWERS = ("verdict", "reason", "note", "edited", "reviewer")
COLUMNS = ("position", "id", "prompt", "response", "row", *ANSWERS, "check", "plan")
CELL = 32_767  # characters that a spreadsheet's cell holds
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


# --- out --------------------------------------------------------------------------------


def record(row: Row, position: int, plan: str, shape: Shape | None) -> dict[str, Any]:
    """Return what a reviewer elsewhere is shown of a row; hidden characters as escapes."""
    prompt = shape.prompt(row.value) if shape else None
    response = shape.response(row.value) if shape else None
    shown = {"prompt": visible(prompt or ""), "response": visible(response or "")}
    found = {"id": row.id, "plan": plan, "position": position, **shown}
    return {**found, "row": visible(as_json(row.payload)), "check": _check(shown)}


def as_line(found: Mapping[str, Any], tool: str) -> bytes:
    """Return the line that a record is in the format of a tool."""
    if tool == "csv":
        return csv_line([_cell(str(found.get(name, ""))) for name in COLUMNS])
    value: dict[str, Any] = {**found, **dict.fromkeys(ANSWERS, "")}
    if tool == "label-studio":
        data = dict(found)
        value = {"data": {"row_id": data.pop("id"), **data}}
    elif tool == "argilla":
        shown = {name: found[name] for name in ("prompt", "response", "row")}
        rest = {name: found[name] for name in ("plan", "position", "check")}
        value = {"id": found["id"], "fields": shown, "metadata": rest, "suggestions": {}}
        value |= {"responses": {}, "vectors": {}, "_server_id": None}
    return json.dumps(value, ensure_ascii=False).encode()


def csv_line(cells: list[str]) -> bytes:
    """Return one line of CSV (RFC 4180), without its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)  # what it holds is also what it quotes
    return out.getvalue().removesuffix("\r\n").encode()


def header() -> bytes:
    """Return the first line of the CSV; its first bytes tell spreadsheets that it is UTF-8."""
    return b"\xef\xbb\xbf" + csv_line(list(COLUMNS))


def visible(text: str) -> str:
    """Return a text whose hidden characters are escapes; line ends and tabs stay."""
    lines = text.split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)


def _cell(text: str) -> str:
    """Return a text that a spreadsheet takes for text, however it begins, and can hold."""
    if text.lstrip().startswith(_FORMULA) or text[:1] in ("\t", "\r", "\n"):
        text = "'" + text
    if len(text) > CELL:
        end = f" … {len(text) - CELL + 100:,} more characters: see this row in audit review"
        text = text[: CELL - len(end)] + end
    return text


def _plain(cell: str) -> str:
    """Return what a person meant by a cell: without the quote that kept it from being a formula."""
    guarded = cell.startswith("'") and cell[1:].lstrip().startswith(_FORMULA)
    return cell[1:] if guarded else cell


# --- back -------------------------------------------------------------------------------


def labels_in(value: Value, where: str, reviewer: str) -> Iterator[dict[str, Any]]:
    """Yield the label lines that one line or record holds, none where nobody has answered.

    `reviewer` is who labelled where that is not said. Raises `InputError` with the place.
    """
    if type(value.get("data")) is dict and "row_id" in value["data"]:
        found = _label_studio(value["data"], value.get("annotations") or [], where)
    elif type(value.get("fields")) is dict and type(value.get("responses")) is dict:
        found = _argilla(value, where)
    elif "row_id" in value:
        found = iter([_minimal(value, where)])
    elif "check" in value:
        _compare(value, value, where)
        found = iter([_answered(value, _text(value, "id"))])
    else:
        found = iter([dict(value)])
    for label in found:
        if label.get("verdict") != "":
            yield _named(label, reviewer, where)


def csv_rows(text: str, path: str) -> Iterator[tuple[int, Value]]:
    """Yield (line, what stands in its cells) of each line of a CSV, by its header."""
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    split = max((",", ";", "\t"), key=head.count)
    csv.field_size_limit(1 << 28)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=split)
    names = [name.strip() for name in next(lines, [])]
    if not {"id", "verdict"} <= set(names):
        raise InputError(f"{path}:1: a CSV of labels needs the columns id and verdict")
    for cells in lines:
        if any(cell.strip() for cell in cells):
            found = dict(zip(names, map(_plain, cells), strict=False))
            yield lines.line_num, {name: each for name, each in found.items() if name}


def _answered(value: Mapping[str, Any], row_id: str) -> dict[str, Any]:
    """Return the label in a record with the fields of `ANSWERS`."""
    verdict = _text(value, "verdict").strip().lower()
    label = {"id": row_id, "verdict": verdict, "reviewer": _text(value, "reviewer").strip()}
    label |= {name: _text(value, name) for name in ("reason", "note", "plan") if _text(value, name)}
    if verdict == "edit" and _text(value, "edited"):
        label["response"] = _text(value, "edited")
    return label


def _label_studio(data: Value, annotations: list[Any], where: str) -> Iterator[dict[str, Any]]:
    _compare(data, data, where)
    for each in annotations:
        if type(each) is not dict or type(each.get("result")) is not list:
            raise InputError(f"{where}: an annotation is none of Label Studio's")
        said = {str(one.get("from_name")): _choice(one.get("value")) for one in each["result"]}
        if each.get("was_cancelled"):
            said["verdict"] = "skip"
        label = _answered({**said, "plan": data.get("plan")}, _text(data, "row_id"))
        label["reviewer"] = _person(each.get("completed_by"))
        if type(each.get("lead_time")) in (int, float):
            label["ms"] = round(1000 * each["lead_time"])
        yield label


def _minimal(value: Value, where: str) -> dict[str, Any]:
    """Return the label in one object of Label Studio's JSON-MIN."""
    _compare(value, value, where)
    flat = {name: _choice({"text": value[name]}) for name in ANSWERS if name in value}
    label = _answered({**flat, "plan": value.get("plan")}, _text(value, "row_id"))
    return {**label, "reviewer": _person(value.get("annotator"))}


def _argilla(value: Value, where: str) -> Iterator[dict[str, Any]]:
    found = value.get("metadata")
    meta: Value = found if type(found) is dict else {}
    _compare(value["fields"], meta, where)
    people: dict[str, dict[str, Any]] = {}
    for question, answers in value["responses"].items():
        for answer in answers if type(answers) is list else ():
            person = people.setdefault(str(answer.get("user_id") or ""), {})
            person[question] = answer.get("value")
    for name, said in people.items():
        label = _answered({**said, "plan": meta.get("plan")}, _text(value, "id"))
        yield {**label, "reviewer": name}


def _named(label: dict[str, Any], reviewer: str, where: str) -> dict[str, Any]:
    name = label.get("reviewer") or reviewer
    if not name:
        raise InputError(f"{where}: nobody is named as the reviewer; --reviewer NAME says who")
    return {**label, "reviewer": name}


def _person(who: Any) -> str:
    """Return the name of an annotator of Label Studio: an e-mail, or its number there."""
    if type(who) is dict:
        who = who.get("email") or who.get("id")
    return f"annotator {who}" if type(who) is int else str(who or "")


def _choice(value: Any) -> str:
    """Return the text of an answer: a choice, or the lines of a text area."""
    if type(value) is dict:
        value = value.get("choices", value.get("text"))
    if type(value) is dict:
        value = value.get("choices")
    return "\n".join(map(str, value)) if type(value) is list else str(value or "")


def _check(shown: Mapping[str, Any]) -> str:
    """Return a digest of what was shown, whatever a tool does to line ends and outer blanks."""
    texts = [_text(shown, name) for name in ("prompt", "response")]
    flat = "\0".join(" ".join(_cell(text).split()) for text in texts)
    return hashlib.sha256(flat.encode()).hexdigest()[:16]


def _compare(shown: Mapping[str, Any], held: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` where the prompt or the response is not what was handed out."""
    if "check" in held and held["check"] != _check(shown):
        raise InputError(
            f"{where}: the prompt or the response was changed; the column 'edited' is for what "
            "the response should say"
        )


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if type(found) is str else "" if found is None else str(found)
