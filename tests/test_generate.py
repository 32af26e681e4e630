"""`generate`: every prompt and sample ends once, and no byte of a prompt row changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.config import GeneratePolicy
from synthgate.formats import PROMPTS, named
from synthgate.generators import Answer, Request
from synthgate.generators.answers import Unusable, usable_text
from synthgate.generators.journal import record
from synthgate.generators.wire import endpoint
from synthgate.provenance import Stamp, emit, read
from synthgate.rows import Row
from synthgate.stages.generate import Origin
from synthgate.stages.generate import generate as generated
from tests.chat_server import ChatServer, command, completion, generate, text_for
from tests.conftest import read_rows, synthgate, write_rows


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


class Scripted:
    """A generator that answers from a list; None is a failure, and a short list gives up early."""

    identity = "scripted"

    def __init__(self, texts: list[str | None]) -> None:
        self.texts = texts

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        for _, text in zip(requests, self.texts, strict=False):
            yield Answer(text) if text is not None else Answer(reason="empty", detail="nothing")


def prompt_row(raw: bytes, line: int = 1) -> Row:
    return read(raw, "prompts.jsonl", line, Stamp(real=True).provenance)


# --- properties -------------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), _TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
_RESERVED = {"prompt", "input", "output", "messages", "instruction", "_synthgate", "_reject"}
_ROWS = st.tuples(
    st.dictionaries(_TEXTS.filter(lambda key: key not in _RESERVED), _JSON, max_size=3),
    st.one_of(_TEXTS, st.sampled_from(["", " ", None, 5])),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_ROWS, max_size=4),
    st.integers(1, 3),
    st.lists(st.one_of(st.none(), _TEXTS.filter(str.strip)), max_size=14),
)
def test_every_sample_ends_once(
    rows: list[tuple[dict[str, Any], Any]], samples: int, texts: list[str | None]
) -> None:
    """Prompts times samples = rows + rejects, in order, whatever the generator withholds."""
    lines = [json.dumps({**fields, "prompt": prompt}).encode() for fields, prompt in rows]
    prompts = [prompt_row(line, number) for number, line in enumerate(lines)]
    policy = GeneratePolicy(samples=samples)
    shape = named("prompt", PROMPTS)
    decisions = list(generated(prompts, shape, Scripted(list(texts)), policy))
    assert [each.row.line for each in decisions] == [
        n for n in range(len(rows)) for _ in range(samples)
    ]
    left = iter(texts)
    for number, decision in enumerate(decisions):
        fields, prompt = rows[number // samples]
        askable = isinstance(prompt, str) and bool(prompt.strip())
        text = next(left, "") if askable else ""
        if not text:
            expected = "no_prompt" if not askable else "empty" if text is None else "no_answer"
            assert decision.reason == expected
            assert decision.detail.startswith(f"sample {number % samples}: ")
            assert decision.row.payload == lines[number // samples]
            continue
        made = json.loads(emit(decision.row))
        assert made.pop("_synthgate")["generator"] == "scripted"
        assert made == {**fields, "prompt": prompt, "input": prompt, "output": text}
        assert decision.row.value == made
        assert decision.row.payload.startswith(lines[number // samples][:-1] + b',"input":')


_MAYBE = st.sampled_from([None, "", " ", "four", "<think>x</think>four", ["four"], 4, {}])


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([200, 200, 200, 201, 204, 307, 400, 429, 500]),
    _MAYBE,
    st.sampled_from(["stop", "stop", "length", "content_filter", "tool_calls", None, 3, ["stop"]]),
    st.sampled_from([{}, {"refusal": None}, {"refusal": "no"}, {"reasoning": "four"}]),
    st.sampled_from([{}, {"error": None}, {"error": {"code": 1}}, {"object": "error"}]),
    st.sampled_from([{}, {"error": None}, {"error": "bad"}]),
)
def test_only_whole_answers_count(
    status: int, content: Any, finish: Any, said: Any, top: Any, choice: Any
) -> None:
    """A text is an answer only where nothing at all speaks against it."""
    body = {**completion(content, finish, **said), **top}
    body["choices"][0] |= choice
    whole = (
        status == 200
        and finish in ("stop", "tool_calls")
        and content in ("four", "<think>x</think>four")
        and not said.get("refusal")
        and not (top.get("error") or top.get("object") == "error")
        and not choice.get("error")
    )
    for form in (body, json.dumps(body)):
        try:
            assert (usable_text(status, form), whole) == ("four", True)
        except Unusable as why:
            assert not whole
            assert why.reason
            assert why.detail or status == 204


# --- rows -------------------------------------------------------------------------------


def test_the_prompt_row_keeps_its_bytes(server: ChatServer, tmp_path: Path) -> None:
    """Other fields travel byte for byte: spelling of numbers, order of keys, escapes, spaces."""
    line = rb'{ "tests": [1E5, 0.10],"prompt" : "caf\u00e9",  "id":123456789012345678901234567890}'
    generate(server, tmp_path, [line])
    out = (tmp_path / "out.jsonl").read_bytes()
    answer = text_for(server.requests[0]["body"])
    expected = (
        line[:-1]
        + ',"input":"café","output":'.encode()
        + json.dumps(answer, ensure_ascii=False).encode()
    )
    assert out.startswith(expected + b',"_synthgate":{')
    assert len(out.splitlines()) == 1


def test_a_conversation_gets_a_turn(server: ChatServer, tmp_path: Path) -> None:
    """Prompts given as messages come back with one turn more, all other bytes as they were."""
    line = (
        b'{"messages": [ {"role":"system","content":"Be brief.","n":1.0},\n'
        b' {"content":"2 ] 2?","role":"user"} ] ,"answer":4.0, "input": "mine"}'
    ).replace(b"\n", b"")
    done = generate(server, tmp_path, [line])
    turn = json.dumps({"role": "assistant", "content": done.rows[0]["messages"][2]["content"]})
    turn = turn.replace('": "', '":"').replace('", "', '","')
    out = (tmp_path / "out.jsonl").read_bytes()
    spliced = line[:-1].replace(b' ] ,"answer"', b" ," + turn.encode() + b'] ,"answer"')
    assert out.startswith(spliced + b',"_synthgate":{')
    assert server.requests[0]["body"]["messages"] == json.loads(line)["messages"]


def test_a_conversation_in_the_prompt_field(server: ChatServer, tmp_path: Path) -> None:
    """A prompt that is a list of turns is asked turn by turn, not as one flattened text."""
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    turns.append({"role": "user", "content": "three"})
    done = generate(server, tmp_path, [{"prompt": turns}], "--system", "Be brief.")
    assert server.requests[0]["body"]["messages"] == [
        {"role": "system", "content": "Be brief."},
        *turns,
    ]
    assert done.rows[0]["prompt"] == turns


@pytest.mark.parametrize(
    ("row", "asked", "added"),
    [
        ({"instruction": "Sum", "input": "2 2"}, "Sum\n\n2 2", {"output"}),
        ({"instruction": "Sum", "input": ""}, "Sum", {"output"}),
        ({"instruction": "Sum 2 2"}, "Sum 2 2", {"input", "output"}),
        ({"input": "2+2"}, "2+2", {"output"}),
        ({"prompt": "2+2", "input": "2+2"}, "2+2", {"output"}),
        ({"prompt": "2+2"}, "2+2", {"input", "output"}),
    ],
)
def test_what_is_added(
    server: ChatServer, tmp_path: Path, row: dict[str, str], asked: str, added: set[str]
) -> None:
    """A row gets `input` (the prompt text) unless it is there, and `output`; nothing else."""
    done = generate(server, tmp_path, [row])
    assert server.requests[0]["body"]["messages"] == [{"role": "user", "content": asked}]
    made = done.rows[0]
    assert made.keys() - row.keys() == {*added, "_synthgate"}
    assert {key: made[key] for key in row} == row
    assert "input" not in added or made["input"] == asked


def test_named_fields(server: ChatServer, tmp_path: Path) -> None:
    """The prompt can lie in any field, nested ones too, and the answer go to any new one."""
    row = {"item": {"question": "2+2?"}, "output": "an old answer"}
    flags = ("--prompt-field", "item.question", "--output-field", 'an "odd" field')
    made = generate(server, tmp_path, [row], *flags).rows[0]
    assert (made["input"], made["output"]) == ("2+2?", "an old answer")
    assert made['an "odd" field'].endswith("2+2?")


@pytest.mark.parametrize(
    ("row", "flags", "said"),
    [
        ({"prompt": "p", "output": "old"}, (), "--output-field"),
        (b'{"prompt":"p","\\u006futput":""}', (), "--output-field"),
        ({"prompt": "p", "input": "other"}, (), "--prompt-field"),
        ({"prompt": "p", "gold": 1}, ("--output-field", "gold"), "--output-field"),
        ({"prompt": "p"}, ("--output-field", "input"), "--output-field"),
        ({"prompt": "p"}, ("--output-field", "_synthgate"), "--output-field"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            (),
            "last turn",
        ),
    ],
)
def test_no_value_is_overwritten(
    server: ChatServer, tmp_path: Path, row: Any, flags: tuple[str, ...], said: str
) -> None:
    """A place that is taken ends the run with 2 and the line, before the first call."""
    first = {"messages": [{"role": "user", "content": "a"}]} if said == "last turn" else "fine"
    done = generate(server, tmp_path, [first, row], *flags)
    assert (done.code, server.calls) == (2, 0)
    assert said in done.err.splitlines()[-1]
    assert flags or "prompts.jsonl:2: " in done.err.splitlines()[-1]


def test_a_bad_line_costs_nothing(server: ChatServer, tmp_path: Path) -> None:
    """All prompts are read before the first call: a bad line at the end is found for free."""
    assert generate(server, tmp_path, ["one", b"{broken"]).code == 4
    assert server.calls == 0
    done = generate(server, tmp_path, ["one", b"{broken", "two"], "--on-error", "reject")
    assert [row["prompt"] for row in done.rows] == ["one", "two"]
    assert done.rejects[0]["_reject"]["reason"] == "invalid_json"


def test_provenance(server: ChatServer, tmp_path: Path) -> None:
    """A row says its model, its prompt and its parent; its generation is one more than theirs."""
    first = generate(server, tmp_path, ["one", "two"], "--samples", "2").rows
    stamps = [row["_synthgate"] for row in first]
    line = (tmp_path / "prompts.jsonl").read_bytes().splitlines()[0]
    assert stamps[0]["parents"] == hashlib.sha256(line).hexdigest()
    assert stamps[0]["prompt"] == stamps[1]["prompt"] != stamps[2]["prompt"]
    for stamp in stamps:
        assert (stamp["source"], stamp["synthetic"], stamp["generator"]) == ("synthetic", True, "m")
        assert stamp["generation"] == 1
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    flags = ("--output-field", "second", "--source", "twice")
    second = generate(server, tmp_path, lines[:1], *flags).rows[0]["_synthgate"]
    assert second["generation"] == 2
    assert (second["source"], second["parents"]) == ("twice", stamps[0]["id"])
    assert second["prompt"] == stamps[0]["prompt"]
    flags = ("--generator-generation", "-1")
    unknown = generate(server, tmp_path, ["one"], *flags).rows[0]["_synthgate"]
    assert unknown["generation"] == -1


# --- the server -------------------------------------------------------------------------


def test_what_is_sent(server: ChatServer, tmp_path: Path) -> None:
    """Model, messages and sampling are sent as set; each sample has a seed of its own."""
    flags = ("--samples", "3", "--temperature", "0.7", "--top-p", "0.9", "--max-tokens", "55")
    generate(server, tmp_path, ["one"], *flags)
    for request in server.requests:
        body = request["body"]
        assert request["path"] == "/v1/chat/completions"
        assert request["authorization"] is None
        assert (body["model"], body["temperature"], body["top_p"]) == ("m", 0.7, 0.9)
        assert body["max_tokens"] == 55
        assert 0 <= body["seed"] < 2**31
    assert len({request["body"]["seed"] for request in server.requests}) == 3


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_order_and_bound(server: ChatServer, tmp_path: Path, concurrency: int) -> None:
    """Rows come in the order of the prompts, and never more calls are in flight than allowed."""
    server.delay = 0.03
    prompts = [f"prompt {number}" for number in range(20)]
    flags = ("--samples", "2", "--concurrency", str(concurrency))
    rows = generate(server, tmp_path, prompts, *flags).rows
    assert [row["prompt"] for row in rows] == [text for text in prompts for _ in range(2)]
    assert server.most_in_flight <= concurrency
    assert (server.most_in_flight > 1) == (concurrency > 1)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://h", "http://h/v1/chat/completions"),
        ("http://h/", "http://h/v1/chat/completions"),
        ("http://h:8080/v1", "http://h:8080/v1/chat/completions"),
        ("http://[::1]:8080/v1/", "http://[::1]:8080/v1/chat/completions"),
        ("https://h/api", "https://h/api/v1/chat/completions"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai/chat/completions"),
        ("https://h/own/chat/completions", "https://h/own/chat/completions"),
    ],
)
def test_base_url(base: str, expected: str) -> None:
    """A base URL works with and without version and slash; a whole endpoint is taken as it is."""
    assert endpoint(base) == expected


# --- settings and exit codes ------------------------------------------------------------

_ONLINE = ("--base-url", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--model", "m"), "--base-url"),
        (_ONLINE, "--model"),
        (("--offline", "--model", "m"), "--journal"),
        (("--offline", "--journal", "j"), "--model"),
        ((*_ONLINE, "--model", "m", "--unknown-sampling"), "--offline"),
        (("--base-url", "ftp://h", "--model", "m"), "--base-url"),
        (("--base-url", "localhost:8080", "--model", "m"), "--base-url"),
        (("--base-url", "http://user:secret@h", "--model", "m"), "--base-url"),
        (("--base-url", "http://h/?key=secret", "--model", "m"), "--base-url"),
        ((*_ONLINE, "--model", "m", "--api-key-env", "NOT_SET_AT_ALL"), "not set"),
        ((*_ONLINE, "--model", "m", "--api-key-env", "EMPTY_KEY"), "empty"),
        ((*_ONLINE, "--model", "m", "--api-key-env", "BROKEN_KEY"), "cannot be sent"),
        ((*_ONLINE, "--model", "m", "--api-key-env", "sk-secret"), "not the key"),
    ],
)
def test_settings_that_cannot_work(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    """A setting that is missing or makes no sense ends with 2, one line, and what to type."""
    prompts = write_rows(tmp_path / "prompts.jsonl", [{"prompt": "one"}])
    env = {"EMPTY_KEY": " ", "BROKEN_KEY": "sk-secret\nsecret"}
    done = synthgate("generate", prompts, *flags, env=env, cwd=tmp_path)
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert said in last
    assert "secret" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.jsonl"]


def test_no_prompts_is_nothing_to_do(server: ChatServer, tmp_path: Path) -> None:
    """An empty file of prompts gives an empty output and ends with 0."""
    done = generate(server, tmp_path, [])
    assert (done.code, done.rows, server.calls) == (0, [], 0)


def test_the_manifest_counts(server: ChatServer, tmp_path: Path) -> None:
    """The manifest says rows in = prompts x samples + bad lines, and what it took."""
    prompts = ["one", "!null", b"{broken", {"prompt": " "}]
    generate(server, tmp_path, prompts, "--samples", "2", "--on-error", "reject")
    manifest = json.loads((tmp_path / "out.jsonl.manifest.json").read_bytes())
    assert (manifest["rows_in"], manifest["rows_out"]) == (7, 2)
    assert manifest["rejects"] == {"empty": 2, "invalid_json": 1, "no_prompt": 2}
    assert manifest["findings"].pop("spread")["distinct_prompts"] == 1
    spent = {"prompt_tokens": 12, "answer_tokens": 16, "usd": 0.0, "repeated": {}}
    assert manifest["findings"] == {"wanted": 6, "calls": 4, "replayed": 0, **spent}


def test_a_dry_run_only_counts(server: ChatServer, tmp_path: Path) -> None:
    """A dry run calls nothing, writes nothing, and tells how many calls a run would make."""
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": "one"}, {"prompt": "two"}])
    dry = command(server, tmp_path, "--samples", "2", "--dry-run")
    fresh = synthgate(*dry)
    assert (fresh.code, server.calls) == (0, 0)
    assert "0 answers from the journal, 4 calls would be made" in fresh.err
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.jsonl"]
    generate(server, tmp_path, ["one"], "--samples", "2")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": each} for each in ("one", "two", "two")])
    before["prompts.jsonl"] = (tmp_path / "prompts.jsonl").read_bytes()
    again = synthgate(*dry)
    assert "2 answers from the journal, 2 calls would be made" in again.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert server.calls == 2


def test_in_a_pipe(server: ChatServer, tmp_path: Path) -> None:
    """Prompts from stdin, rows to stdout, and nothing else there."""
    flags = ("--base-url", f"{server.url}/v1/", "--model", "m", "--samples", "2")
    done = synthgate("generate", *flags, stdin=b'{"input":"one"}\n{"input":"two"}\n')
    assert (done.code, [row["input"] for row in done.rows]) == (0, ["one", "one", "two", "two"])
    assert "no --journal" in done.err


# --- replay -----------------------------------------------------------------------------


def test_offline_needs_no_server(server: ChatServer, tmp_path: Path) -> None:
    """A finished run replays from its journal alone: the same rows, failures by their reason."""
    prompts = ["one", "!refused", "two"]
    online = generate(server, tmp_path, prompts)
    offline = generate(None, tmp_path, [*prompts, "three"], "--offline")
    assert [row["output"] for row in offline.rows] == [row["output"] for row in online.rows]
    assert offline.reasons == {"!refused": "refused", "three": "not_in_journal"}
    assert server.calls == 3


def test_a_journal_of_others_replays(tmp_path: Path) -> None:
    """Published answers replay offline, their sampling parameters unknown and said to be so."""
    lines = [record("m", f"prompt {number}", f"answer {number}") for number in range(3)]
    lines += [record("m", "prompt 0", "another", sample=1)]
    lines += [record("other model", "prompt 1", "not this one", sample=1)]
    (tmp_path / "journal.jsonl").write_bytes(b"\n".join(lines))
    prompts = ["prompt 0", "prompt 1"]
    flags = ("--offline", "--unknown-sampling", "--samples", "2", "--temperature", "0.1")
    done = generate(None, tmp_path, prompts, *flags)
    assert [row["output"] for row in done.rows] == ["answer 0", "another", "answer 1"]
    assert done.reasons == {"prompt 1": "not_in_journal"}
    assert "sample 1" in done.rejects[0]["_reject"]["detail"]
    without = generate(None, tmp_path, prompts, "--offline")
    assert (without.code, len(without.rejects)) == (7, 2)


def test_an_offline_run_needs_its_journal(tmp_path: Path) -> None:
    """A journal that is not there is a missing input: 4."""
    assert generate(None, tmp_path, ["one"], "--offline").code == 4


def test_unstamped_prompts_keep_their_origin(tmp_path: Path) -> None:
    """A stage called directly stamps rows with the origin it was given."""
    row = prompt_row(b'{"prompt":"p"}')
    shape, policy = named("prompt", PROMPTS), GeneratePolicy(samples=1)
    (made,) = generated([row], shape, Scripted(["a"]), policy, Origin("mine", "r"))
    assert (made.row.provenance.source, made.row.provenance.run) == ("mine", "r")
    assert read_rows(write_rows(tmp_path / "x", [emit(made.row)]))[0]["output"] == "a"
