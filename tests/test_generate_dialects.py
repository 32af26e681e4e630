"""How a model is asked: parameters it does not take, schemas, reasoning, keys, free fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.errors import UsageError
from synthgate.generators.journal import open_journal
from synthgate.generators.schemas import read_schema
from synthgate.generators.wire import Dialect, learnt, request_body, spoken
from tests.chat_server import BEHAVIOURS, ChatServer, Handler, completion, generate, text_for
from tests.conftest import read_rows

KEY = "sk-not-a-real-key-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    for name, behave in OWN.items():
        monkeypatch.setitem(BEHAVIOURS, name, behave)
    with ChatServer() as running:
        yield running


def _no(handler: Handler, message: str, **error: Any) -> None:
    handler.reply(400, {"error": {"message": message, "type": "invalid_request_error", **error}})


def _reasoner(handler: Handler, body: dict[str, Any]) -> None:
    """Refuse what o-series models refuse, one parameter at a time, in OpenAI's words."""
    if "max_tokens" in body:
        say = "Unsupported parameter: 'max_tokens' is not supported with this model. "
        _no(handler, say + "Use 'max_completion_tokens' instead.", param="max_tokens")
    elif "temperature" in body:
        say = "Unsupported value: 'temperature' does not support 0.7 with this model. "
        _no(handler, say + "Only the default (1) value is supported.", param="temperature")
    elif "seed" in body:
        handler.reply(422, {"detail": [{"msg": "Extra inputs are not permitted: seed"}]})
    else:
        # What the server counts as settled has a seed.
        body["seed"] = -1
        handler.reply(200, completion("four"))


def _not_both(handler: Handler, body: dict[str, Any]) -> None:
    if "temperature" in body and "top_p" in body:
        _no(handler, "`temperature` and `top_p` cannot both be specified for this model")
    else:
        handler.reply(200, completion("four"))


def _schemaless(handler: Handler, body: dict[str, Any]) -> None:
    """Know only the plain JSON mode."""
    form = body.get("response_format", {})
    if form.get("type") == "json_schema" or "schema" in form:
        _no(handler, "response_format: unknown field schema")
    else:
        handler.reply(200, completion('{"n": 1}'))


def _says(text: str) -> Any:
    return lambda handler, body: handler.reply(200, completion(text))


OWN = {
    "reasoner": _reasoner,
    "not_both": _not_both,
    "schemaless": _schemaless,
    "fits": _says('{"n": 5}'),
    "wrong_type": _says('{"n": "5"}'),
    "not_json": _says("n is 5"),
    "fenced": _says('```json\n{"n": 5}\n```'),
    "twice_n": _says('{"n": "5", "n": 5}'),
}


# --- parameters -------------------------------------------------------------------------


def test_parameters_are_renamed_once(server: ChatServer, tmp_path: Path) -> None:
    """Each refusal teaches one thing for good: 3 refusals for the first prompt, none afterwards."""
    server.always = "reasoner"
    prompts = [f"prompt {number}" for number in range(8)]
    done = generate(server, tmp_path, prompts, "--concurrency", "1", "--max-tokens", "55")
    assert (done.code, len(done.rows), server.calls) == (0, 8, 8 + 3)
    for request in server.requests[3:]:
        assert request["body"]["max_completion_tokens"] == 55
        assert not {"max_tokens", "temperature"} & request["body"].keys()
        assert request["body"]["top_p"] == 1.0
    assert "max_completion_tokens -temperature -seed" in done.err


def test_what_was_learnt_is_remembered(server: ChatServer, tmp_path: Path) -> None:
    """The journal knows how a model was asked: the next run makes no call that is refused."""
    server.always = "reasoner"
    generate(server, tmp_path, ["one"])
    calls = server.calls
    done = generate(server, tmp_path, ["one", "two", "three"])
    assert (len(done.rows), server.calls) == (3, calls + 2)


def test_many_at_once_learn_together(server: ChatServer, tmp_path: Path) -> None:
    """Calls in flight when a refusal comes are refused as well, but never the ones after."""
    server.always, server.delay = "reasoner", 0.05
    prompts = [f"prompt {number}" for number in range(12)]
    done = generate(server, tmp_path, prompts, "--concurrency", "3")
    assert len(done.rows) == 12
    assert server.calls <= 12 + 3 * 3


def test_one_of_two_is_dropped(server: ChatServer, tmp_path: Path) -> None:
    """Where temperature and top_p exclude each other, top_p goes."""
    server.always = "not_both"
    assert len(generate(server, tmp_path, ["one"], "--temperature", "0.5").rows) == 1
    assert server.requests[-1]["body"]["temperature"] == 0.5
    assert "top_p" not in server.requests[-1]["body"]


@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"message":"max_tokens is too large: 9000"}}',
        '{"error":{"message":"context length exceeded"}}',
        '{"error":{"message":"Unsupported content type"}}',
        '{"error":{"message":"the temperature of the sun is 5772 K"}}',
        "",
        "[]",
    ],
)
def test_other_refusals_teach_nothing(body: str) -> None:
    """A 400 that blames no parameter of ours is not answered with another call."""
    assert learnt(Dialect(), 400, body) is None


@given(
    st.lists(
        st.sampled_from(
            [
                "Use max_completion_tokens instead of max_tokens",
                "temperature is not supported",
                "top_p is not supported",
                "seed is not supported",
                "response_format is not supported",
            ]
        ),
        max_size=40,
    )
)
def test_learning_ends(refusals: list[str]) -> None:
    """Whatever a server refuses, no dialect comes back: at most seven lessons, all spelt out."""
    dialect, seen = Dialect(), [Dialect()]
    for message in refusals:
        found = learnt(dialect, 400, json.dumps({"error": {"message": message}}))
        if found is not None:
            assert found not in seen
            dialect = found
            seen.append(dialect)
        assert spoken(str(dialect)) == Dialect(
            dialect.limit, tuple(sorted(dialect.dropped, key=_ORDER)), dialect.schema
        )
    assert len(seen) <= 8


def _ORDER(name: str) -> int:  # noqa: N802
    return ("temperature", "top_p", "seed").index(name)


def test_free_fields_are_sent_and_tell_requests_apart(server: ChatServer, tmp_path: Path) -> None:
    """--extra-body reaches the server as it is, and makes the request another one."""
    extra = {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": False}}
    generate(server, tmp_path, ["one"], "--extra-body", json.dumps(extra))
    body = server.requests[0]["body"]
    assert {name: body[name] for name in extra} == extra
    generate(server, tmp_path, ["one"], "--extra-body", json.dumps(extra))
    assert server.calls == 1
    generate(server, tmp_path, ["one"])
    assert server.calls == 2


@pytest.mark.parametrize("extra", ["{", "[]", '{"messages":[]}', '{"stream":true}'])
def test_free_fields_that_would_break_a_call(
    server: ChatServer, tmp_path: Path, extra: str
) -> None:
    """What is no object, or would change what is asked, ends with 2 before any call."""
    done = generate(server, tmp_path, ["one"], "--extra-body", extra)
    assert (done.code, server.calls) == (2, 0)


# --- schemas ----------------------------------------------------------------------------


def schema_file(folder: Path, schema: Any = SCHEMA) -> str:
    path = folder / "schema.json"
    path.write_text(json.dumps(schema))
    return str(path)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("fits", True),
        ("wrong_type", False),
        ("not_json", False),
        ("fenced", False),
        ("twice_n", False),
    ],
)
def test_an_answer_is_held_against_its_schema(
    server: ChatServer, tmp_path: Path, name: str, fits: bool
) -> None:
    """Whatever the server promises, only a document that fits is a row; a replay says the same."""
    server.always = name
    flags = ("--schema", schema_file(tmp_path))
    done = generate(server, tmp_path, ["one"], *flags)
    assert len(done.rows) == fits
    assert list(done.reasons.values()) == [] if fits else ["schema_invalid"]
    replayed = generate(None, tmp_path, ["one"], "--offline", *flags)
    assert (replayed.rows, replayed.reasons) == (done.rows, done.reasons)
    generate(server, tmp_path, ["one"], *flags)
    assert server.calls == 1


@pytest.mark.parametrize(
    ("dialect", "form"),
    [
        ("auto", {"type": "json_schema", "strict": True}),
        ("openai", {"type": "json_schema", "strict": True}),
        ("llamacpp", {"type": "json_object", "schema": SCHEMA}),
        ("json", {"type": "json_object"}),
        ("none", None),
    ],
)
def test_each_dialect(
    server: ChatServer, tmp_path: Path, dialect: str, form: dict[str, Any] | None
) -> None:
    """The schema goes out in the form that the server takes."""
    server.always = "fits"
    flags = ("--schema", schema_file(tmp_path), "--schema-dialect", dialect)
    assert len(generate(server, tmp_path, ["one"], *flags).rows) == 1
    sent = server.requests[0]["body"].get("response_format")
    if form and "strict" in form:
        assert sent["json_schema"] == {"name": "answer", "strict": True, "schema": SCHEMA}
        form = {"type": "json_schema", "json_schema": sent["json_schema"]}
    assert sent == form


def test_a_schema_mode_that_is_refused_is_left(server: ChatServer, tmp_path: Path) -> None:
    """After a 400 the next weaker form is tried, once for the whole run."""
    server.always = "schemaless"
    flags = ("--schema", schema_file(tmp_path), "--concurrency", "1")
    done = generate(server, tmp_path, ["one", "two", "three"], *flags)
    assert (len(done.rows), server.calls) == (3, 3 + 2)
    assert server.requests[-1]["body"]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("change", "strict"),
    [
        ({}, True),
        ({"required": []}, False),
        ({"additionalProperties": True}, False),
        ({"properties": {"n": {"type": "object", "properties": {"m": {}}}}}, False),
    ],
)
def test_strict_only_where_it_is_allowed(change: dict[str, Any], strict: bool) -> None:
    """OpenAI's strict mode needs every property required and no others, all the way down."""
    sampling = {"seed": 0, "temperature": 1.0, "top_p": 1.0, "schema": {**SCHEMA, **change}}
    body = request_body("m", [], sampling, "00", 9)
    assert body["response_format"]["json_schema"]["strict"] == strict


@pytest.mark.parametrize(
    "text", ["{", "[]", "3", '{"type": "no such type"}', '{"$ref": "https://example.com/s"}']
)
def test_a_schema_that_is_none(text: str) -> None:
    """A schema that cannot be used is refused in one line, and nothing is fetched."""
    with pytest.raises(UsageError, match=r"^s\.json: [^\n]+$"):
        read_schema("s.json", text)


def test_another_schema_is_another_request(server: ChatServer, tmp_path: Path) -> None:
    """The schema is part of the key, and the journal holds it."""
    server.always = "fits"
    generate(server, tmp_path, ["one"], "--schema", schema_file(tmp_path))
    assert read_rows(tmp_path / "journal.jsonl")[0]["sampling"]["schema"] == SCHEMA
    generate(server, tmp_path, ["one"], "--schema", schema_file(tmp_path, {**SCHEMA, "title": "t"}))
    assert server.calls == 2


# --- reasoning and keys -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reasoning"),
    [("thinking", "2+2 is 4"), ("reasoning_field", "2+2"), ("good", "")],
)
def test_reasoning_is_kept_apart(
    server: ChatServer, tmp_path: Path, name: str, reasoning: str
) -> None:
    """What a model thought is told beside the answer, never in it."""
    server.always = name
    (row,) = generate(server, tmp_path, ["one"]).rows
    kept = read_rows(tmp_path / "journal.jsonl")[0]["key"]
    with open_journal(f"{tmp_path}/journal.jsonl", write=False) as journal:
        answer = journal.recorded(kept)
    assert answer is not None
    assert (answer.reasoning, answer.text) == (reasoning, row["output"])
    expected = text_for(server.requests[0]["body"]) if name == "good" else "four"
    assert row["output"] == expected


def test_a_key_from_a_file(server: ChatServer, tmp_path: Path) -> None:
    """The key can lie in a file; it goes to the server and nowhere else."""
    (tmp_path / "key").write_text(KEY + "\n")
    summary = ("--summary", f"{tmp_path}/summary.json")
    done = generate(server, tmp_path, ["one"], "--api-key-file", f"{tmp_path}/key", *summary)
    assert server.requests[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in done.err
    for path in tmp_path.iterdir():
        assert path.name == "key" or KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("text", "code"), [("", 2), (" \n", 2), ("two words", 2), ("caf\xe9", 2), (None, 4)]
)
def test_a_file_without_a_key(
    server: ChatServer, tmp_path: Path, text: str | None, code: int
) -> None:
    """An empty, broken or missing key file ends the run before any call, its text not shown."""
    if text is not None:
        (tmp_path / "key").write_text(text)
    done = generate(server, tmp_path, ["one"], "--api-key-file", f"{tmp_path}/key")
    assert (done.code, server.calls) == (code, 0)
    assert "two words" not in done.err
    both = ("--api-key-file", f"{tmp_path}/key", "--api-key-env", "X")
    assert generate(server, tmp_path, ["one"], *both).code == 2
