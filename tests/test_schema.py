"""The check `schema`: the official test suite, the drafts told apart, and hostile schemas."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.endings import cut_off
from synthgate.errors import Unreachable, UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.verifiers import Bench, Verdict, Verifier, assemble, schema, schemas
from synthgate.verifiers.documents import NoDocument, extract, parse
from tests.conftest import read_rows, synthgate, write_rows

SHAPE = named("input/output")
OBJECT = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}


def built(spec: str, text: str = "", **settings: Any) -> Verifier:
    """Return the check for a specification; any file holds `text`."""
    bench = Bench(VerifyPolicy(**settings), lambda _: ((), SHAPE), lambda _: text)
    (check,) = assemble([spec], bench)
    return check


def row_of(value: dict[str, Any]) -> Any:
    return read(json.dumps(value).encode(), "f", 1, Stamp().provenance)


def judge(of: Any, value: dict[str, Any], **settings: Any) -> Verdict:
    """Return the verdict on a row, with a schema in a file or one named by `@field`."""
    by_field = isinstance(of, str) and of.startswith("@")
    check = built(f"schema:{of}" if by_field else "schema:s.json", json.dumps(of), **settings)
    try:
        return check.check(row_of({"input": "?", **value}), SHAPE)
    finally:
        check.close()


# --- the official suite -----------------------------------------------------------------


def registry(folder: Path) -> jsonschema_rs.Registry:
    """The remotes of the suite, where its tests expect them."""
    remotes = {}
    for path in sorted((folder / "remotes").rglob("*.json")):
        at = path.relative_to(folder / "remotes").as_posix()
        if at.startswith(("draft3", "draft4", "draft6", "draft7", "v1")):
            continue
        remotes[f"http://localhost:1234/{at}"] = json.loads(path.read_text())
    return jsonschema_rs.Registry(list(remotes.items()), draft=jsonschema_rs.Draft202012)


def test_the_official_suite(shared: Any) -> None:
    """All required tests of draft 2020-12, through the check's own compiling and validating."""
    folder = shared("json_schema_test_suite")
    known, failures, count = registry(folder), [], 0
    for path in sorted((folder / "tests" / "draft2020-12").glob("*.json")):
        for case in json.loads(path.read_text()):
            ready = schemas.compiled(case["schema"], "2020-12", formats=False, registry=known)
            for test in case["tests"]:
                count += 1
                report = schemas.examine(ready, test["data"])
                if report.valid is not test["valid"] or bool(report.errors) is test["valid"]:
                    failures.append((path.stem, case["description"], test["description"]))
    assert failures == []
    assert count == 1299


# --- the drafts -------------------------------------------------------------------------

# What one draft says and its neighbours do not: (schema, document, drafts by which it is valid).
# By a keyword that a draft does not know, everything is valid.
ALL = ("4", "6", "7", "2019-09", "2020-12")
RECURSIVE = {
    "$id": "https://e.example/tree", "type": "object",
    "properties": {"n": {"$ref": "#/$defs/leaf"}},
    "$defs": {"leaf": {"$recursiveRef": "#"}},
}  # fmt: skip
APART: list[tuple[str, dict[str, Any], Any, tuple[str, ...]]] = [
    ("an integer is 1.0 since 6", {"type": "integer"}, 1.0, ALL[1:]),
    ("id anchors in 4", {"definitions": {"x": {"id": "#x", "type": "string"}}, "$ref": "#x"},
     "s", ("4",)),
    ("$id anchors in 6 and 7",
     {"definitions": {"x": {"$id": "#x", "type": "string"}}, "$ref": "#x"}, "s", ("6", "7")),
    ("$anchor since 2019-09",
     {"$defs": {"x": {"$anchor": "x", "type": "string"}}, "$ref": "#x"}, "s", ALL[3:]),
    ("exclusiveMaximum is a boolean in 4", {"maximum": 3, "exclusiveMaximum": True}, 2, ("4",)),
    ("exclusiveMaximum is a number since 6", {"exclusiveMaximum": 3}, 2, ALL[1:]),
    ("const since 6", {"const": 1}, 2, ("4",)),
    ("contains since 6", {"contains": {"enum": [1]}}, [2], ("4",)),
    ("propertyNames since 6", {"propertyNames": {"maxLength": 1}}, {"ab": 1}, ("4",)),
    ("if since 7", {"if": {"type": "integer"}, "then": {"minimum": 3}}, 2, ("4", "6")),
    ("siblings of $ref since 2019-09",
     {"definitions": {"x": {"type": "integer"}}, "$ref": "#/definitions/x",
      "minimum": 3}, 2, ALL[:3]),
    ("dependentRequired since 2019-09", {"dependentRequired": {"a": ["b"]}}, {"a": 1}, ALL[:3]),
    ("minContains since 2019-09", {"contains": {"const": 1}, "minContains": 2}, [1], ALL[:3]),
    ("unevaluatedProperties since 2019-09", {"unevaluatedProperties": False}, {"a": 1}, ALL[:3]),
    ("$recursiveRef in 2019-09 alone", RECURSIVE, {"n": {"n": 7}}, ("4", "6", "7", "2020-12")),
    ("prefixItems in 2020-12 alone", {"prefixItems": [{"type": "string"}]}, [1], ALL[:4]),
    ("items may be a list before 2020-12", {"items": [{"type": "string"}]}, ["a"], ALL[:4]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "of", "document", "valid"), APART, ids=[each[0] for each in APART]
)
def test_the_drafts_are_told_apart(
    what: str, of: dict[str, Any], document: Any, valid: tuple[str, ...]
) -> None:
    """Each draft reads a schema in its own way, asked for by setting or by `$schema`."""
    uris = {"4": "http://json-schema.org/draft-04/schema#",
     "6": "http://json-schema.org/draft-06/schema#",
            "7": "http://json-schema.org/draft-07/schema#",
            "2019-09": "https://json-schema.org/draft/2019-09/schema",
            "2020-12": "https://json-schema.org/draft/2020-12/schema"}  # fmt: skip
    found = [draft for draft in ALL if accepts(of, draft, document)]
    by_schema = [
        draft for draft in ALL if accepts({"$schema": uris[draft], **of}, "auto", document)
    ]
    assert found == by_schema
    assert found == list(valid)


def accepts(of: Any, draft: str, document: Any) -> bool:
    """Tell whether a schema is one by a draft, and a document valid by it."""
    try:
        ready = schemas.compiled(of, draft, formats=False)
    except schemas.BadSchema:
        return False
    assert draft in ("auto", ready.draft)
    return schemas.examine(ready, document).valid


def test_the_draft_may_be_set() -> None:
    """`schema_draft` wins over `$schema`; without both it is 2020-12; the evidence says which."""
    of = {"prefixItems": [{"type": "string"}], "minItems": 1}
    assert judge(of, {"output": "[1]"}).evidence["draft"] == "2020-12"
    assert judge(of, {"output": "[1]"}).outcome == "fail"
    seventh = judge(of, {"output": "[1]"}, schema_draft="7")
    assert (seventh.outcome, seventh.evidence["draft"]) == ("pass", "7")
    assert judge("@s", {"output": "[1]", "s": of}, schema_draft="7").outcome == "pass"


def test_formats_are_annotations_unless_asked_for() -> None:
    """`format` asserts nothing by default, and does with `schema_formats`."""
    of = {"type": "string", "format": "date"}
    for where, row in ((of, {}), ("@s", {"s": of})):
        value = {"output": '"2026-02-30"', **row}
        assert judge(where, value).outcome == "pass"
        assert judge(where, value, schema_formats=True).outcome == "fail"


# --- the document in an answer ----------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
plain = st.text(st.sampled_from("ab: .\n"), max_size=8).map(str.strip)


@given(
    json_values,
    plain,
    plain,
    st.sampled_from(["json", "JSON", ""]),
    st.sampled_from(["```", "~~~~"]),
)
def test_the_document_is_found_as_it_was_put(
    value: Any, before: str, after: str, label: str, fence: str
) -> None:
    """Alone or in one fenced block with prose around it, what was put in comes out."""
    text = json.dumps(value, indent=1)
    assert extract(f" {text}\n")[1] == value
    fenced = f"Here:{before}\n{fence}{label}\n{text}\n{fence}\nDone.{after}"
    assert extract(fenced) == (text, value)
    assert extract(f"{fenced}\n{fence}{label}\n{text}\n{fence}")[1] == value
    with pytest.raises(NoDocument) as raised:
        extract(f"{fenced}\n{fence}{label}\n[{text}]\n{fence}")
    assert raised.value.reason == "several_documents"
    with pytest.raises(NoDocument) as raised:
        extract(fenced.rpartition(fence)[0])  # never closed: cut off
    assert raised.value.reason == "not_json"


def test_a_labelled_block_wins_over_others() -> None:
    """Blocks of code in another language, or without a label, stand beside one block of JSON."""
    text = "```python\nx = {}\n```\n```\nls\n```\n```json\n[1]\n```"
    assert extract(text) == ("[1]", [1])
    assert extract("````json\n```\n[1]\n````".replace("```\n[", "[")) == ("[1]", [1])


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{", '{"a":1,"a":2}', '{"a":{"b":1,"\\u0062":2}}', "NaN", "[Infinity]", "{'a':1}",
     '{"a":1}}', '{"a":1} {"a":1}', "[1e400]", "9" * 400, "[" * 201 + "]" * 201, '"\\ud800"',
     "Answer: 7", "// x\n{}", '{"a":1,}'],
)  # fmt: skip
def test_json_is_read_strictly(text: str) -> None:
    """What another reader may read otherwise, or not at all, is not JSON: it fails."""
    with pytest.raises(NoDocument):
        parse(text)
    verdict = judge(OBJECT, {"output": text})
    assert (verdict.outcome, verdict.reason) == ("fail", "not_json")
    assert verdict.evidence["says"]


def test_numbers_are_those_that_were_written() -> None:
    """Long integers and decimals are not bent before they are judged."""
    assert judge({"const": 9007199254740993}, {"output": "9007199254740993"}).outcome == "pass"
    assert judge({"const": 9007199254740993}, {"output": "9007199254740992"}).outcome == "fail"
    huge = {"const": 10**30}
    assert judge("@s", {"output": str(10**30), "s": huge}).outcome == "pass"
    assert judge("@s", {"output": str(10**30 + 1), "s": huge}).outcome == "fail"
    assert judge({"type": "number", "multipleOf": 0.01}, {"output": "19.99"}).outcome == "pass"


def test_fences_are_found_in_one_pass() -> None:
    """A text full of fences that never close is read in time linear in its length."""
    text = "\n".join("`" * (3 + number % 400) + "x" for number in range(100_000))
    start = time.perf_counter()
    with pytest.raises(NoDocument):
        extract(text)
    assert time.perf_counter() - start < 5


# --- answers that were cut --------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        {"finish_reason": "length"}, {"finish_reason": "LENGTH"}, {"stop_reason": "max_tokens"},
        {"finishReason": "MAX_TOKENS"}, {"meta": {"finish_reason": "length"}},
        {"choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}]},
        {"response": {"body": {"choices": [{"finish_reason": "length"}]}}},
        {"candidates": [{"finishReason": "MAX_TOKENS"}]},
        {"messages": [{"role": "assistant", "content": "{}", "finish_reason": "length"}]},
        {"incomplete_details": {"reason": "max_output_tokens"}},
        {"metadata": {"done_reason": "length"}},
    ],
)  # fmt: skip
def test_a_cut_answer_is_never_valid(where: dict[str, Any]) -> None:
    """Wherever a row says that its answer met the limit, even a complete document fails."""
    for of, row in ((OBJECT, {}), ("@s", {"s": OBJECT})):
        verdict = judge(of, {"output": '{"a": 1}', **row, **where})
        assert (verdict.outcome, verdict.reason) == ("fail", "cut_off")


@pytest.mark.parametrize(
    "where",
    [{}, {"finish_reason": "stop"}, {"finish_reason": None}, {"finish_reason": 3}, {"choices": [7]},
     {"messages": []}, {"length": "length"}, {"meta": {"reason": "length"}},
     {"messages": [{"finish_reason": "length"}, {"finish_reason": "stop"}]}],
)  # fmt: skip
def test_other_answers_are_not_cut(where: dict[str, Any]) -> None:
    """Only what a server says of the last turn counts."""
    assert cut_off(where) == ""


# --- verdicts and evidence --------------------------------------------------------------


def test_evidence_says_where_and_by_which_schema() -> None:
    """Draft, digest of the schema and the first five errors, each cut to a length."""
    of = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    verdict = judge(of, {"output": json.dumps([*range(9), "x" * 999, {"a/b": [1] * 999}])})
    assert (verdict.outcome, verdict.reason) == ("fail", "invalid")
    assert [error["at"] for error in verdict.evidence["errors"]] == ["/0", "/1", "/2", "/3", "/4"]
    assert len(verdict.evidence["schema"]) == 64
    assert len(json.dumps(judge(of, {"output": json.dumps([{"k" * 9999: 1}])}).evidence)) < 1000
    assert schemas.pointer(["a/b", 0, "c~d"]) == "/a~1b/0/c~0d"


def test_a_schema_in_a_field(tmp_path: Path) -> None:
    """Each row is judged by its own: an object, true or false, or a text."""
    listed = {"type": "array", "maxItems": 1}
    cases: list[tuple[Any, str, str, str]] = [
        (OBJECT, '{"a": 1}', "pass", ""), (OBJECT, '{"a": "x"}', "fail", "invalid"),
        (json.dumps(listed), "[1]", "pass", ""), (listed, "[1, 2]", "fail", "invalid"),
        (False, "1", "fail", "invalid"), (None, "1", "abstain", "no_schema"),
        (True, "1", "abstain", "vacuous_schema"), ({}, "1", "abstain", "vacuous_schema"),
        ({"title": "x", "$comment": "y"}, "1", "abstain", "vacuous_schema"),
        ({"type": "strin"}, "1", "abstain", "bad_schema"), ("{", "1", "abstain", "bad_schema"),
        ([1], "1", "abstain", "bad_schema"), (7, "1", "abstain", "bad_schema"),
        ('{"a":1,"a":2}', "1", "abstain", "bad_schema"),
        ({"$schema": "http://e.example/own", "type": "null"}, "1", "abstain", "bad_schema"),
        ({"pattern": "("}, '"x"', "abstain", "bad_schema"), (OBJECT, "no", "fail", "not_json"),
        (OBJECT, "```json\n[]\n```\n```json\n{}\n```", "abstain", "several_documents"),
    ]  # fmt: skip
    rows = [{"input": "?", "output": text, "meta": {"s": of}} for of, text, _, _ in cases]
    source, evidence = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "evidence"
    done = synthgate("verify", source, "--check", "schema:@meta.s", "--evidence", evidence)
    assert done.code == 0, done.err
    found = [line["checks"][0] for line in read_rows(evidence) if "checks" in line]
    assert [(each["verdict"], each["reason"]) for each in found] == [case[2:] for case in cases]
    assert len(done.rows) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "s.json: is not JSON"),
        ("[]", "s.json: is no JSON Schema"),
        ("7", "is no JSON Schema"),
        ('{"type":"strin"}', "is no JSON Schema: /type"),
        ('{"a":1,"a":1}', "is not JSON: .*uplicate"),
        ("true", "accepts any JSON value"),
        ("{}", "accepts any JSON value"),
        ('{"title":"x"}', "accepts any JSON value"),
        ('{"$defs":{"a":{"type":"null"}}}', "accepts any JSON value"),
        ('{"properties":{"zz":{"type":"null"}}}', "accepts any JSON value"),
        ('{"$ref":"#/$defs/none"}', "is no JSON Schema"),
        (
            '{"$schema":"http://json-schema.org/draft-03/schema#"}',
            "is no JSON Schema: .*meta-schema",
        ),
    ],
)
def test_a_file_that_is_no_schema_is_refused(text: str, said: str) -> None:
    """Not JSON, no schema, or one that accepts everything: one line, and the run ends with 2."""
    with pytest.raises(UsageError, match=said) as raised:
        built("schema:s.json", text)
    assert "\n" not in str(raised.value)


def test_the_command_refuses_what_is_no_schema(tmp_path: Path) -> None:
    """Exit 2 with the file and the reason, before an output is written; 4 for a missing file."""
    source = write_rows(tmp_path / "in.jsonl", [{"input": "?", "output": "1"}])
    (tmp_path / "s.json").write_text("{}")
    argv = ["verify", source, "-o", tmp_path / "out", "--check"]
    done = synthgate(*argv, f"schema:{tmp_path / 's.json'}")
    assert (done.code, (tmp_path / "out").exists()) == (2, False)
    assert "accepts any JSON value" in done.err
    assert synthgate(*argv, "schema:none.json").code == 4
    assert synthgate(*argv, "schema").code == synthgate(*argv, "schema:@").code == 2


def test_the_answer_is_not_its_own_schema() -> None:
    """A field that the answer is part of is refused: an answer must not choose what it must be."""
    for spec in ("schema:@output",):
        check = built(spec)
        with pytest.raises(UsageError, match="that is the answer"):
            check.check(row_of({"input": "?", "output": '{"type": "object"}'}), SHAPE)


def test_settings_and_files_decide_the_config() -> None:
    """Another schema, draft, field or format setting is another check."""
    text = json.dumps(OBJECT)
    configs = [
        built("schema:s.json", text).config, built("schema:s.json", text + " ").config,
        built("schema:s.json", text, schema_draft="7").config, built("schema:@s").config,
        built("schema:s.json", text, schema_formats=True).config, built("schema:@t").config,
        built("schema:@s", schema_draft="4").config,
    ]  # fmt: skip
    assert len({json.dumps(config) for config in configs}) == len(configs)
    assert built("schema:t.json", text).config == configs[0]


# --- hostile schemas --------------------------------------------------------------------


def doubling(levels: int) -> dict[str, Any]:
    """A short schema that takes two to the power of its levels."""
    twice = [{"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)]
    defs: dict[str, Any] = {f"a{n}": each for n, each in enumerate(twice)}
    return {"$defs": {**defs, f"a{levels}": {"type": "number"}}, "$ref": "#/$defs/a0"}


def test_nothing_is_fetched(tmp_path: Path) -> None:
    """A schema that refers to a server or a file is a bad schema; no one is asked for it."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1.0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/s.json"

        def listen() -> None:
            with suppress(TimeoutError):
                asked.append(server.accept()[0])

        thread = threading.Thread(target=listen)
        thread.start()
        secret = tmp_path / "s.json"
        secret.write_text('{"type": "integer"}')
        targets = [url, url + "#/x", f"file://{secret}", str(secret), "s.json", "../s.json"]
        for ref in targets:
            for of in (
                {"$ref": ref},
                {"$schema": ref, "type": "integer"},
                {"$id": url, "$ref": "s2"},
            ):
                verdict = judge("@s", {"output": "1", "s": of})
                assert (verdict.outcome, verdict.reason) == ("abstain", "bad_schema"), of
                with pytest.raises(UsageError):
                    built("schema:s.json", json.dumps(of))
        thread.join()
    assert asked == []


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(?:(?=a)a+)+$", r"^(a+)+\1$", "(a|aa)+$"])
def test_a_hostile_pattern_ends_in_time(pattern: str) -> None:
    """Linear where it can be; one that backtracks is given up as an error, even under `not`."""
    text = json.dumps("a" * 5000 + "!")
    for of in ({"pattern": pattern}, {"not": {"pattern": pattern}, "type": "string"}):
        start = time.perf_counter()
        file, field = judge(of, {"output": text}), judge("@s", {"output": text, "s": of})
        assert time.perf_counter() - start < 5
        assert (file.outcome, file.reason) == (field.outcome, field.reason)
        backtracks = pattern.startswith("^(?:(?=")
        if backtracks:
            assert (file.outcome, file.reason) == ("error", "pattern_timeout")
        else:
            assert file.outcome == ("pass" if "not" in of else "fail")


def test_a_schema_that_never_ends_is_an_error_and_its_neighbours_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker ends itself, is replaced, and the next row is judged as if nothing was."""
    monkeypatch.setattr(schema, "SECONDS", 0.5)
    check = built("schema:@s")
    outcomes = []
    for of in (OBJECT, doubling(60), OBJECT, doubling(60), OBJECT):
        start = time.perf_counter()
        verdict = check.check(row_of({"input": "?", "output": '{"a": 1}', "s": of}), SHAPE)
        outcomes.append(verdict.reason or verdict.outcome)
        assert time.perf_counter() - start < 5
    check.close()
    assert outcomes == ["pass", "schema_timeout", "pass", "schema_timeout", "pass"]


def test_listing_errors_cannot_run_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deep answer against an honest `oneOf` fails at once, if need be without its errors."""
    monkeypatch.setattr(schema, "SECONDS", 0.5)
    node = {"required": ["op"], "properties": {"left": {"$ref": "#"}}}
    of = {
        "oneOf": [
            {"type": "number"},
            *({**node, "properties": {**node["properties"], "op": {"const": op}}} for op in "+-"),  # type: ignore[dict-item]
        ]
    }
    value: Any = 1
    for _ in range(40):
        value = {"left": value, "op": "!"}
    start = time.perf_counter()
    verdict = judge(of, {"output": json.dumps(value)})
    assert (verdict.outcome, verdict.reason) == ("fail", "invalid")
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "of",
    [{"$ref": "#"}, {"$dynamicRef": "#x", "$dynamicAnchor": "x"}, {"allOf": [{"$ref": "#"}] * 9},
     {"pattern": "((a{100}){100}){100}"}, {"minItems": 10**18, "type": "array"},
     {"type": "string", "pattern": "\\\\p{L}{1,999}" * 9}],
)  # fmt: skip
def test_odd_schemas_neither_hang_nor_crash(of: dict[str, Any]) -> None:
    """Endless references, huge counts and huge patterns give a verdict, and no pass."""
    assert judge("@s", {"output": "[1]", "s": of}).outcome in ("fail", "abstain")


def test_the_worker_knows_nothing_of_its_parent() -> None:
    """It has no environment, and it ends when the parent that asked it is gone."""
    check = built("schema:@s")
    check.check(row_of({"input": "?", "output": "1", "s": {"type": "integer"}}), SHAPE)
    process = check._worker._process  # type: ignore[attr-defined]
    assert Path(f"/proc/{process.pid}/environ").read_bytes() in (b"", b"LC_CTYPE=C.UTF-8\0")
    check.close()
    assert process.poll() is not None
    alone = [sys.executable, "-I", schemas.__file__, "1"]
    done = subprocess.run(alone, input=b"", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout[4:]) == (0, schemas.READY)


def test_a_worker_that_does_not_start_is_a_broken_rig(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the run with 7: that is no verdict on any row."""
    monkeypatch.setattr(schemas, "__file__", "/nonexistent/worker.py")
    check = built("schema:@s")
    with pytest.raises(Unreachable, match="does not start"):
        check.check(row_of({"input": "?", "output": "1", "s": {"type": "integer"}}), SHAPE)
    check.close()
