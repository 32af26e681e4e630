"""The journal: no answer is lost, none is paid for twice, whatever happens to the process."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import OutputError
from synthgate.generators.journal import Record, open_journal, record, request_key
from synthgate.jsonl import appending, open_log
from synthgate.rows import lot
from tests.chat_server import ChatServer, command, completion, generate
from tests.conftest import read_rows, synthgate, write_rows

KILLS = int(os.environ.get("KILLS", "8"))
PROMPTS = [f"prompt {number}" for number in range(40)]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


def start(server: ChatServer, folder: Path, *flags: str, **more: Any) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own, over the prompts that lie in the folder."""
    argv = [sys.executable, "-m", "synthgate", *command(server, folder, *flags)]
    more.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return subprocess.Popen(argv, stderr=subprocess.PIPE, **more)


def until(server: ChatServer, settled: int) -> None:
    """Wait until the server has answered so many requests."""
    end = time.monotonic() + 120
    while sum(server.settled.values()) < settled:
        assert time.monotonic() < end, "the server was not asked"
        time.sleep(0.002)


def until_asked(server: ChatServer) -> None:
    """Wait until a request has arrived."""
    end = time.monotonic() + 120
    while not server.calls:
        assert time.monotonic() < end, "the server was not asked"
        time.sleep(0.01)


def journaled(folder: Path) -> int:
    return len((folder / "journal.jsonl").read_bytes().splitlines())


# --- kills and signals ------------------------------------------------------------------


def on_record(folder: Path) -> set[tuple[str, int]]:
    """The prompts and seeds of the answers that are on record, whole lines only."""
    path = folder / "journal.jsonl"
    raw = path.read_bytes() if path.exists() else b""
    whole = [json.loads(line) for line in raw.split(b"\n")[:-1] if line]
    return {(each["messages"][-1]["content"], lot(0, each["key"]) >> 33) for each in whole}


def sent(requests: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The prompts and seeds of requests."""
    return [(each["prompt"], each["body"]["seed"]) for each in requests]


def test_killed_and_resumed(server: ChatServer, tmp_path: Path) -> None:
    """After kill -9 at random moments no answer is lost or doubled, and none on record asked again.

    Only what was in flight at a kill may be asked again. KILLS=100 makes it a hundred of them.
    """
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": text} for text in PROMPTS])
    server.delay, concurrency, samples = 0.02, 4, 3 if KILLS <= 8 else 30
    flags = ("--samples", str(samples), "--concurrency", str(concurrency))
    for number in range(KILLS):
        known, calls, answered = on_record(tmp_path), server.calls, sum(server.settled.values())
        process = start(server, tmp_path, *flags)
        if number % 4:
            until(server, answered + 1 + lot(number, "kill") % 14)
        time.sleep(lot(number, "moment") % 1000 / 1000 * (0.03 if number % 4 else 0.6))
        process.kill()
        process.communicate()
        assert not known & set(sent(server.requests[calls:]))
        gained = len(on_record(tmp_path)) - len(known)
        assert gained >= sum(server.settled.values()) - answered - concurrency
        assert known <= on_record(tmp_path)
        assert not (tmp_path / "out.jsonl").exists()
    known, calls = on_record(tmp_path), server.calls
    last = synthgate(*command(server, tmp_path, *flags))
    rows = read_rows(tmp_path / "out.jsonl")
    assert last.code == 0
    assert not known & set(sent(server.requests[calls:]))
    assert [row["prompt"] for row in rows] == [text for text in PROMPTS for _ in range(samples)]
    assert all(row["output"].endswith(f" to {row['prompt']}") for row in rows)
    assert len(on_record(tmp_path)) == len(rows)
    repeated = sum(count - 1 for count in server.settled.values())
    assert repeated <= KILLS * concurrency


def test_a_finished_run_again_is_free(server: ChatServer, tmp_path: Path) -> None:
    """A finished run, run again, makes no call and writes the same bytes."""
    first = generate(server, tmp_path, PROMPTS, "--samples", "2")
    out, calls = (tmp_path / "out.jsonl").read_bytes(), server.calls
    again = generate(server, tmp_path, PROMPTS, "--samples", "2")
    assert (first.code, again.code, calls) == (0, 0, 80)
    assert server.calls == calls
    assert (tmp_path / "out.jsonl").read_bytes() == out


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_cleanly(
    server: ChatServer, tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    """A signal ends the run at once, with its code and no traceback, and the journal stays."""
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": text} for text in PROMPTS])
    server.delay = 0.05
    process = start(server, tmp_path, "--concurrency", "2")
    until(server, 5)
    process.send_signal(signum)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.jsonl", "prompts.jsonl"]
    assert journaled(tmp_path) >= 5 - 2
    assert len(generate(server, tmp_path, PROMPTS).rows) == len(PROMPTS)
    assert server.calls <= len(PROMPTS) + 2


def test_a_closed_pipe_keeps_the_journal(server: ChatServer, tmp_path: Path) -> None:
    """A reader that leaves ends the run with 141, silently; what was paid for stays."""
    rows = [{"prompt": f"{number} " + "x" * 20_000} for number in range(30)]
    write_rows(tmp_path / "prompts.jsonl", rows)
    process = start(server, tmp_path, "-o", "-", "--concurrency", "2", stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=120)
    assert process.returncode == 141
    assert b"Traceback" not in err
    assert journaled(tmp_path) >= 3


# --- one writer -------------------------------------------------------------------------


def test_a_second_run_is_refused(server: ChatServer, tmp_path: Path) -> None:
    """Two runs on one journal would pay twice: the second ends with 8 and names the file."""
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": "one"}])
    server.delay = 300.0
    process = start(server, tmp_path)
    until_asked(server)
    for flags in ((), ("--offline",)):
        second = synthgate(*command(server, tmp_path, *flags))
        assert (second.code, str(tmp_path / "journal.jsonl") in second.err) == (8, True)
    process.kill()
    process.communicate()
    assert server.calls == 1


@pytest.mark.parametrize("path", ["", "missing/journal.jsonl", "prompts.jsonl", "out.jsonl"])
def test_a_journal_that_cannot_be_kept(server: ChatServer, tmp_path: Path, path: str) -> None:
    """What cannot be written, or is another file of the run, is refused before anything is paid."""
    done = generate(server, tmp_path, ["one"], "--journal", str(tmp_path / path))
    assert (done.code, server.calls) == (2, 0)
    assert done.err.splitlines()[-1].startswith(f"synthgate: {tmp_path / path}")
    assert read_rows(tmp_path / "prompts.jsonl") == [{"prompt": "one"}]


def test_a_full_disk_stops_the_run(server: ChatServer, tmp_path: Path) -> None:
    """What cannot be kept is not bought: the run ends with 2, and goes on where there is room."""
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": text} for text in PROMPTS])

    def cramped() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    process = start(server, tmp_path, "--concurrency", "2", preexec_fn=cramped)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"{tmp_path}/journal.jsonl: cannot be written".encode() in err
    kept, calls = journaled(tmp_path), server.calls
    assert calls <= kept + 2 * 2
    assert len(generate(server, tmp_path, PROMPTS).rows) == len(PROMPTS)
    assert server.calls - calls <= len(PROMPTS) - kept + 1


# --- damage -----------------------------------------------------------------------------


def line(number: int) -> bytes:
    return record("m", f"prompt {number}", f"answer {number}")


def asked(prompt: str, **fields: Any) -> Record:
    """Return the record of a request with known sampling parameters."""
    messages = [{"role": "user", "content": prompt}]
    known: dict[str, Any] = {"model": "m", "sample": 0, "sampling": {"seed": 0}}
    key = request_key("m", messages, {"seed": 0}, 0)
    return Record(key=key, messages=messages, **{**known, "status": 200, **fields})


def replayed(path: Path, prompt: str, sampling: Any = "unknown") -> str:
    """Return what a journal answers to a prompt: a text, or `!reason`, or nothing."""
    with open_journal(str(path), write=False) as journal:
        key = request_key("m", [{"role": "user", "content": prompt}], sampling, 0)
        answer = journal.recorded(key)
    return "" if answer is None else f"!{answer.reason}" if answer.reason else answer.text


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.data())
def test_a_torn_tail_harms_only_itself(count: int, data: st.DataObject) -> None:
    """Cut anywhere, a journal still gives every whole line, and a new one is not joined to it."""
    whole = b"".join(line(number) + b"\n" for number in range(count))
    left = whole[: data.draw(st.integers(0, len(whole)))]
    lines = [line(number) for number in range(count)]
    tail = left.split(b"\n")[-1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(left)
        with open_journal(str(path), write=True) as journal:
            journal.add(asked("new", body=json.dumps(completion("fresh"))))
            assert journal.damaged == (tail not in (b"", *lines))
        for number in range(count):
            expected = f"answer {number}" if lines[number] in left else ""
            assert replayed(path, f"prompt {number}") == expected
        assert replayed(path, "new", {"seed": 0}) == "fresh"


def test_damage_is_told(tmp_path: Path) -> None:
    """Lines that are no record of ours are skipped and counted; their neighbours are used."""
    broken = [
        b"\0" * 4096,
        b"{}",
        b"[]",
        b'{"key":1}',
        line(1).replace(b"prompt 1", b"prompt 7"),  # a key that is not its own
        line(1)[:-1],
        b"\xff" + line(1),
    ]
    text = b"\n".join([line(0), *broken, b"", b"  ", line(2)])
    (tmp_path / "journal.jsonl").write_bytes(text)
    flags = ("--offline", "--unknown-sampling")
    done = generate(None, tmp_path, ["prompt 0", "prompt 1", "prompt 2"], *flags)
    assert [row["output"] for row in done.rows] == ["answer 0", "answer 2"]
    assert done.reasons == {"prompt 1": "not_in_journal"}
    assert f"{len(broken)} damaged lines skipped" in done.err


_BODIES = st.one_of(
    st.text(max_size=40),
    st.builds(
        lambda content, finish, indent, more: json.dumps(
            {**completion(content, finish), **more}, indent=indent, ensure_ascii=False
        ),
        st.one_of(st.none(), st.text(max_size=20), st.lists(st.text(max_size=3), max_size=2)),
        st.sampled_from(["stop", "length", "content_filter", None, 1]),
        st.sampled_from([None, 1, "\t"]),
        st.sampled_from([{}, {"error": None}, {"error": "x"}, {"big": 10**30}, {"choices": []}]),
    ),
    st.integers(190, 210).map(lambda depth: '{"a":' * depth + "1" + "}" * depth),
    st.sampled_from(
        ['{"a":1,"a":2}', '{"a":1e999}', "{}\n", '\r\n{"b":"\u2028"}\r\n', '{"a":NaN}']
    ),
)


@settings(max_examples=150, deadline=None)
@given(_BODIES, st.sampled_from([200, 200, 404, 307]))
def test_a_replay_is_the_answer(body: str, status: int) -> None:
    """Whatever a server sent, what the line means when it is read back is what it meant then."""
    live = asked("p", body=body, status=status)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        with open_journal(str(path), write=True) as journal:
            journal.add(live)
            first = journal.recorded(live.key)
        with open_journal(str(path), write=False) as journal:
            assert journal.damaged == 0
            assert first == live.answer() == journal.recorded(live.key)


# --- what is bought again ---------------------------------------------------------------


def test_the_last_success_wins(tmp_path: Path) -> None:
    """A failure never hides a success, before or after it; of two successes the later counts."""
    good, better = (json.dumps(completion(text)) for text in ("good", "better"))
    lines = [
        asked("p", status=503, body="down").line(),
        asked("p", body=good).line(),
        asked("p", body=better).line(),
        asked("p", error="timeout").line(),
    ]
    path = tmp_path / "journal.jsonl"
    meant = ["!http_503", "good", "better", "better"]
    for count, expected in enumerate(meant, 1):
        path.write_bytes(b"\n".join(lines[:count]))
        assert replayed(path, "p", {"seed": 0}) == expected


def test_failures_are_asked_again(server: ChatServer, tmp_path: Path) -> None:
    """A recorded failure is never replayed as a success: the next run asks again."""
    server.always = "down"
    assert generate(server, tmp_path, ["one"]).reasons == {"one": "http_503"}
    server.always = "good"
    assert len(generate(server, tmp_path, ["one"]).rows) == 1
    calls = server.calls
    assert len(generate(server, tmp_path, ["one"]).rows) == 1
    assert server.calls == calls == 4


def limits(server: ChatServer) -> list[int]:
    """The limits of the calls that were made, in order."""
    return [each["body"]["max_tokens"] for each in server.requests]


def test_a_cut_answer_waits_for_a_higher_limit(server: ChatServer, tmp_path: Path) -> None:
    """What was cut off is asked again once, with a higher limit; what is complete stays so."""
    server.always = "truncated"
    for limit in ("64", "64", "32"):
        done = generate(server, tmp_path, ["one"], "--max-tokens", limit)
        assert done.reasons == {"one": "truncated"}
    assert limits(server) == [64, 128]
    done = generate(server, tmp_path, ["one"], "--max-tokens", "100")
    assert (done.reasons, limits(server)) == ({"one": "truncated"}, [64, 128, 200])
    server.always = "good"
    assert len(generate(server, tmp_path, ["one"], "--max-tokens", "256").rows) == 1
    assert len(generate(server, tmp_path, ["one"], "--max-tokens", "16").rows) == 1
    assert limits(server) == [64, 128, 200, 256]


@pytest.mark.parametrize(
    ("flags", "made"), [((), [64, 128]), (("--raised-max-tokens", "64"), [64])]
)
def test_the_limit_is_raised_once(
    server: ChatServer, tmp_path: Path, flags: tuple[str, ...], made: list[int]
) -> None:
    """A cut answer that fits under the higher limit is a row; the raise can be switched off."""
    server.always = "short_limit"
    done = generate(server, tmp_path, ["one"], "--max-tokens", "64", *flags)
    assert (len(done.rows), limits(server)) == (len(made) - 1, made)
    again = generate(server, tmp_path, ["one"], "--max-tokens", "64", *flags)
    assert (len(again.rows), limits(server)) == (len(done.rows), made)


def test_a_raise_that_the_server_refuses(server: ChatServer, tmp_path: Path) -> None:
    """Where the higher limit is beyond the server, the answer stays cut off, and is paid once."""
    server.always = "small_window"
    for _ in range(2):
        done = generate(server, tmp_path, ["one"], "--max-tokens", "64")
        assert done.reasons == {"one": "truncated"}
    assert limits(server) == [64, 128]
    assert generate(None, tmp_path, ["one"], "--offline").reasons == {"one": "truncated"}


@pytest.mark.parametrize("name", ["refused", "filtered", "blank", "tool", "think_only"])
def test_what_was_paid_for_is_settled(server: ChatServer, tmp_path: Path, name: str) -> None:
    """A refusal or an empty answer is not bought again, unless that is asked for."""
    server.always = name
    first = generate(server, tmp_path, ["one"]).reasons
    assert generate(server, tmp_path, ["one"]).reasons == first
    assert server.calls == 1
    server.always = "good"
    assert len(generate(server, tmp_path, ["one"], "--ask-again").rows) == 1
    assert server.calls == 2


@pytest.mark.parametrize(
    ("flags", "calls"),
    [
        (("--max-tokens", "9", "--timeout", "5", "--concurrency", "1"), 0),
        (("--samples", "3"), 1),
        (("--temperature", "0.5"), 2),
        (("--top-p", "0.5"), 2),
        (("--seed", "1"), 2),
        (("--model", "other"), 2),
        (("--system", "Be brief."), 2),
    ],
)
def test_what_makes_another_request(
    server: ChatServer, tmp_path: Path, flags: tuple[str, ...], calls: int
) -> None:
    """Model, messages, sampling and sample number make a request another one; limits do not."""
    generate(server, tmp_path, ["one"], "--samples", "2")
    generate(server, tmp_path, ["one"], "--samples", "2", *flags)
    assert server.calls == 2 + calls


def test_equal_prompts_are_bought_once(server: ChatServer, tmp_path: Path) -> None:
    """The same request twice in one run, even at the same moment, is one call and two rows."""
    server.delay = 0.1
    done = generate(server, tmp_path, [{"prompt": "one", "n": n} for n in range(5)])
    assert [row["n"] for row in done.rows] == [0, 1, 2, 3, 4]
    assert len({row["output"] for row in done.rows}) == 1
    assert server.calls == 1


def test_the_key_is_what_the_page_says(server: ChatServer, tmp_path: Path) -> None:
    """The key can be computed by anyone from the documented formula."""
    generate(server, tmp_path, ["é 1"], "--seed", "7", "--temperature", "1", "--system", "s")
    kept = read_rows(tmp_path / "journal.jsonl")[0]
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "é 1"}]
    sampling = {"seed": 7, "temperature": 1.0, "top_p": 1.0}
    what = {"model": "m", "messages": messages, "sampling": sampling, "sample": 0}
    canonical = json.dumps(what, sort_keys=True, separators=(",", ":"))
    assert kept["key"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert {name: kept[name] for name in what} == what
    assert kept["max_tokens"] == 1024


def test_each_line_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    """A line is written by one write and synced before `append` returns."""
    calls: list[bytes] = []
    write = os.write
    with pytest.MonkeyPatch.context() as patch, open_log(f"{tmp_path}/log", write=True) as log:
        patch.setattr(os, "write", lambda fd, data: calls.append(data) or write(fd, data))
        patch.setattr(appending, "_sync", lambda fd: calls.append(b"sync"))
        log.append(b"one")
    assert calls == [b"one\n", b"sync"]


def test_half_a_line_is_no_line(tmp_path: Path) -> None:
    """A write that a full disk cut short is an error, and the next line is not joined to it."""
    path, write = f"{tmp_path}/log", os.write
    with pytest.MonkeyPatch.context() as patch, open_log(path, write=True) as log:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))
        with pytest.raises(OutputError, match=re.escape(path)):
            log.append(b"half a line")
    with open_log(path, write=True) as log:
        offset = log.append(b"whole")
        assert [line for _, line in log.lines()] == [b"half", b"whole"]
        assert log.at(offset) == b"whole"
