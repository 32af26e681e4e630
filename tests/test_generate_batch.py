"""Batch files: requests that can be sent as they are, results joined by key in any order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.generators import batch
from synthgate.generators.batch import Parts, numbered
from tests.chat_server import ChatServer, Generated, completion, generate
from tests.conftest import read_rows, write_rows

PROMPTS = [f"prompt {number}" for number in range(6)]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


def written(folder: Path, *flags: str, prompts: list[str] = PROMPTS) -> list[dict[str, Any]]:
    """Write the requests of a run and return them."""
    path = folder / "requests.jsonl"
    done = generate(None, folder, prompts, "--batch-out", str(path), *flags)
    assert done.code == 0, done.err
    return read_rows(path)


def result(request: dict[str, Any], status: int = 200, **body: Any) -> dict[str, Any]:
    """Return what a batch answers to a request."""
    said = completion(f"batch answer to {request['body']['messages'][-1]['content']}")
    response = {"status_code": status, "request_id": "r", "body": body or said}
    return {"id": "b", "custom_id": request["custom_id"], "response": response, "error": None}


def expired(request: dict[str, Any]) -> dict[str, Any]:
    error = {"code": "batch_expired", "message": "This request could not be executed in time."}
    return {"id": "b", "custom_id": request["custom_id"], "response": None, "error": error}


def taken(
    server: ChatServer | None, folder: Path, results: list[dict[str, Any]], *flags: str
) -> Generated:
    """Run with the results of a batch."""
    path = write_rows(folder / "results.jsonl", results)
    return generate(server, folder, PROMPTS, "--batch-in", str(path), *flags)


def test_requests_are_what_would_be_sent(server: ChatServer, tmp_path: Path) -> None:
    """A request in the file is the body that a call would have; its name is the journal key."""
    requests = written(tmp_path, "--samples", "2", "--max-tokens", "7")
    generate(server, tmp_path, PROMPTS, "--samples", "2", "--max-tokens", "7")
    kept = {line["key"]: line for line in read_rows(tmp_path / "journal.jsonl")}
    bodies = [each["body"] for each in server.requests]
    assert len(requests) == 12 == len({each["custom_id"] for each in requests})
    for each in requests:
        assert each.keys() == {"custom_id", "method", "url", "body"}
        assert (each["method"], each["url"]) == ("POST", "/v1/chat/completions")
        assert each["body"] in bodies
        assert kept[each["custom_id"]]["messages"] == each["body"]["messages"]


def test_every_sample_waits_for_the_batch(tmp_path: Path) -> None:
    """Rows + rejects = prompts x samples; each request is written once, however often wanted."""
    prompts = ["one", "one", "two"]
    done = generate(None, tmp_path, prompts, "--batch-out", str(tmp_path / "requests.jsonl"))
    assert (done.code, done.rows) == (0, [])
    assert [each["_reject"]["reason"] for each in done.rejects] == ["in_batch"] * 3
    ids = {each["custom_id"] for each in read_rows(tmp_path / "requests.jsonl")}
    assert len(ids) == 2 == len((tmp_path / "requests.jsonl").read_bytes().splitlines())
    assert all(any(key in each["_reject"]["detail"] for key in ids) for each in done.rejects)


def test_results_come_in_any_order(tmp_path: Path) -> None:
    """Joined by key alone, shuffled results give every row its own answer, without any call."""
    requests = written(tmp_path)
    results = [result(each) for each in requests]
    random.Random(7).shuffle(results)
    done = taken(None, tmp_path, results)
    assert [row["output"] for row in done.rows] == [f"batch answer to {each}" for each in PROMPTS]
    replayed = generate(None, tmp_path, PROMPTS, "--offline")
    assert [row["output"] for row in replayed.rows] == [row["output"] for row in done.rows]


def test_only_the_missing_is_topped_up(server: ChatServer, tmp_path: Path) -> None:
    """What a batch answered is kept; what expired, failed or is absent is asked for."""
    requests = written(tmp_path)
    results = [
        *map(result, requests[:3]),
        expired(requests[3]),
        result(requests[4], 500, error="x"),
    ]
    done = taken(server, tmp_path, results)
    assert (done.code, len(done.rows)) == (0, 6)
    assert sorted(each["prompt"] for each in server.requests) == PROMPTS[3:]
    assert done.rows[0]["output"] == "batch answer to prompt 0"
    again = taken(server, tmp_path, results)
    assert [row["output"] for row in again.rows] == [row["output"] for row in done.rows]
    assert server.calls == 3


def test_the_missing_goes_to_a_second_batch(tmp_path: Path) -> None:
    """Without a server, what a batch left out is written to the next one."""
    requests = written(tmp_path)
    second = tmp_path / "second.jsonl"
    done = taken(None, tmp_path, list(map(result, requests[:4])), "--batch-out", str(second))
    assert len(done.rows) == 4
    assert [each["custom_id"] for each in read_rows(second)] == [
        each["custom_id"] for each in requests[4:]
    ]


def test_a_bad_result_is_a_reject(tmp_path: Path) -> None:
    """A result is judged like any answer: cut off or refused is no row."""
    requests = written(tmp_path)
    cut, refused = completion("half", "length"), completion(None, refusal="no")
    results = [result(requests[0], **cut), result(requests[1], **refused)]
    done = taken(None, tmp_path, results)
    assert done.code == 7
    reasons = {"prompt 0": "truncated", "prompt 1": "refused"}
    assert done.reasons == {**dict.fromkeys(PROMPTS, "not_in_journal"), **reasons}


def test_results_of_others_are_left_alone(tmp_path: Path) -> None:
    """A result whose key was not asked for changes nothing."""
    foreign = {"custom_id": "request-1", "body": {"messages": [{"content": "prompt 0"}]}}
    done = taken(None, tmp_path, [result(foreign)])
    assert (done.code, len(done.rejects)) == (7, 6)
    assert (tmp_path / "journal.jsonl").read_bytes() == b""


@pytest.mark.parametrize("line", [b"{torn", b"[]", b'{"response":null}'])
def test_a_file_that_holds_no_results(tmp_path: Path, line: bytes) -> None:
    """A line that is no result ends the run with 4, its file and its number."""
    requests = written(tmp_path)
    path = write_rows(tmp_path / "results.jsonl", [result(requests[0]), line])
    done = generate(None, tmp_path, PROMPTS, "--batch-in", str(path))
    assert done.code == 4
    assert f"{path}:2:" in done.err.splitlines()[-1]


def test_a_batch_needs_what_it_needs(tmp_path: Path) -> None:
    """Results without a journal, and requests that are asked for offline, are refused with 2."""
    path = str(write_rows(tmp_path / "results.jsonl", []))
    assert generate(None, tmp_path, PROMPTS, "--batch-in", path, "--journal", "").code == 2
    assert generate(None, tmp_path, PROMPTS, "--batch-out", "x", "--offline").code == 2


@given(st.lists(st.binary(max_size=30), max_size=40), st.integers(1, 7), st.integers(31, 90))
def test_parts_stay_within_their_limits(lines: list[bytes], most: int, size: int) -> None:
    """No part has more lines or bytes than allowed; together they are the lines, in order."""
    parts: list[list[bytes]] = []

    class Part:
        def __init__(self) -> None:
            parts.append([])

        def write(self, line: bytes) -> None:
            parts[-1].append(line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "MOST_LINES", most)
        patch.setattr(batch, "MOST_BYTES", size)
        writer = Parts(lambda _: Part())
        for line in lines:
            writer.write(line)
    assert [line for part in parts for line in part] == lines
    assert all(len(part) <= most for part in parts)
    assert all(sum(len(line) + 1 for line in part) <= size for part in parts)
    assert writer.files == len(parts)


def test_the_limits_are_those_of_the_provider() -> None:
    """A batch file holds at most 50,000 requests and 200 MB."""
    assert (batch.MOST_LINES, batch.MOST_BYTES) == (50_000, 200_000_000)


@pytest.mark.parametrize(
    ("path", "second"),
    [("r.jsonl", "r-2.jsonl"), ("a.b/r.jsonl.gz", "a.b/r-2.jsonl.gz"), ("/x/r", "/x/r-2")],
)
def test_names_of_parts(path: str, second: str) -> None:
    """The first part has the name that was given, the others a number before the extension."""
    assert numbered(path, 1) == path
    assert numbered(path, 2) == second


def test_a_batch_is_json_lines(tmp_path: Path) -> None:
    """One request a line, no blank line, UTF-8 as it is."""
    written(tmp_path, prompts=["é\n1"])
    raw = (tmp_path / "requests.jsonl").read_bytes()
    assert raw.count(b"\n") == 1
    assert json.loads(raw)["body"]["messages"][0]["content"] == "é\n1"
