"""Faults of servers: a bad answer is a reject with its cause, and harms nothing beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chat_server import BEHAVIOURS, ChatServer, Generated, command, generate
from tests.conftest import write_rows
from tests.judges import JUDGES

KEY = "sk-not-a-real-key-0123456789"
GOOD = {
    "good",
    "slow",
    "packed",
    "thinking",
    "reasoning_field",
    "large",
    "once_503",
    "once_429",
    "once_408",
    "once_402",
    "once_dated",
    "once_garbled",
    "chunked",
    "chunks_apart",
    "twice",
    "twice_chunked",
    "two_choices",
    "finish_tools",
    "moved_307",
    "moved_308",
}
ANSWERED = {
    "thinking": "four",
    "reasoning_field": "four",
    "finish_tools": "four",
    "large": "x" * 10_000_000,
}
REJECTED = {
    "truncated": "truncated",
    "filtered": "content_filter",
    "refused": "refused",
    "refused_aloud": "refused",
    "null": "empty",
    "blank": "empty",
    "missing_content": "empty",
    "think_only": "empty",
    "reasoning_only": "empty",
    "think_open": "reasoning",
    "think_tail": "reasoning",
    "no_finish": "unfinished",
    "odd_finish": "unfinished",
    "tool": "tool_calls",
    "tool_stop": "tool_calls",
    "parts": "not_text",
    "error_beside": "error_in_200",
    "error_object": "error_in_200",
    "error_choice": "error_in_200",
    "error_finish": "error_in_200",
    "no_choices": "no_choices",
    "null_choices": "no_choices",
    "empty_choices": "no_choices",
    "odd_choices": "no_choices",
    "no_message": "no_choices",
    "html": "invalid_json",
    "empty_body": "invalid_json",
    "array": "invalid_json",
    "half_json": "invalid_json",
    "sse": "invalid_json",
    "not_utf8": "invalid_json",
    "surrogate": "invalid_json",
    "duplicate_keys": "invalid_json",
    "nan": "invalid_json",
    "deep": "invalid_json",
    "brotli": "invalid_encoding",
    "not_gzip": "invalid_encoding",
    "cut_gzip": "invalid_encoding",
    "bomb": "too_large",
    "created": "http_201",
    "no_content": "http_204",
    "bad_request": "http_400",
    "not_found": "http_404",
    "unprocessable": "http_422",
    "teapot": "http_418",
    "conflict_html": "http_409",
    "elsewhere": "redirect",
    "moved": "redirect",
    "moved_on": "redirect",
    "moved_301": "redirect",
    "moved_302": "redirect",
    "moved_303": "redirect",
    "moderated": "http_403",
}
ASKED_AGAIN = {
    "error_200": "error_in_200",
    "down": "http_503",
    "internal": "http_500",
    "overloaded": "http_529",
    "rate_limit": "http_429",
    "reset": "connection",
    "short_body": "connection",
    "cut_chunks": "connection",
    "unframed": "connection",
    "error_429_in_200": "error_in_200",
}
STOPPING = (
    "unauthorized",
    "payment",
    "forbidden",
    "quota",
    "spending",
    "tomorrow",
    "quota_200",
    "unauthorized_200",
)
# Expected of them is something else than one reject: see the tests that name them, here and in
# test_generate_pace.py.
APART = {"short_limit", "small_window", "drip", "echo_key", "echo_key_in_error", "lengthening"}
APART |= {*STOPPING}


class Hostile:
    """One run over every fault, each with a good prompt beside it."""

    def __init__(self, folder: Path) -> None:
        names = sorted({*GOOD, *REJECTED, *ASKED_AGAIN})
        self.prompts = [text for name in names for text in (f"!{name}", f"beside {name}")]
        with ChatServer() as self.other, ChatServer() as self.server:
            self.server.elsewhere = f"{self.other.url}/v1/chat/completions"
            flags = ("--concurrency", "16", "--api-key-env", "THE_KEY")
            self.done = generate(self.server, folder, self.prompts, *flags, THE_KEY=KEY)
            self.journal = (folder / "journal.jsonl").read_bytes()
            self.calls = self.server.calls
            flags = ("--offline",)
            self.replayed = generate(None, folder, self.prompts, *flags)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    return Hostile(tmp_path_factory.mktemp("hostile"))


def test_every_behaviour_is_tested() -> None:
    """A behaviour of the hostile server that no test expects anything of would prove nothing."""
    assert {*GOOD, *REJECTED, *ASKED_AGAIN, *APART} == set(BEHAVIOURS) - set(JUDGES) - {"scripted"}


@pytest.mark.parametrize(("name", "reason"), [*REJECTED.items(), *ASKED_AGAIN.items()])
def test_a_bad_answer_is_a_reject_with_its_cause(hostile: Hostile, name: str, reason: str) -> None:
    """Whatever is not a whole answer ends as one reject that names the cause, never as a row."""
    assert hostile.done.reasons[f"!{name}"] == reason
    assert not any(row["prompt"] == f"!{name}" for row in hostile.done.rows)


def test_good_prompts_are_unharmed(hostile: Hostile) -> None:
    """Every good prompt beside a bad one becomes a row, in the order of the prompts."""
    wanted = [text for text in hostile.prompts if not text.startswith("!") or text[1:] in GOOD]
    assert [row["prompt"] for row in hostile.done.rows] == wanted
    assert hostile.done.code == 0


def test_every_prompt_ends_once(hostile: Hostile) -> None:
    """Rows and rejects together are the prompts: nothing is lost and nothing is doubled."""
    ended = [row["prompt"] for row in hostile.done.rows] + list(hostile.done.reasons)
    assert sorted(ended) == sorted(hostile.prompts)


def test_every_answer_is_its_own(hostile: Hostile) -> None:
    """An answer is what was said aloud to this very prompt, whatever came on the connection before.

    Reasoning, in tags or in a field of its own, is never part of it.
    """
    for row in hostile.done.rows:
        expected = ANSWERED.get(row["prompt"][1:])
        assert row["output"] == expected or row["output"].endswith(f" to {row['prompt']}")
        assert (expected is None) == row["output"].startswith("answer ")


@pytest.mark.parametrize("name", [*REJECTED, *ASKED_AGAIN])
def test_only_what_may_pass_is_asked_again(hostile: Hostile, name: str) -> None:
    """A sure failure is paid for once, a passing one as often as is asked for.

    What was cut off is asked for once more, but not under the same limit.
    """
    calls = [each["body"] for each in hostile.server.requests if each["prompt"] == f"!{name}"]
    if name == "truncated":
        assert [each["max_tokens"] for each in calls] == [1024, 2048]
    else:
        assert len(calls) == (3 if name in {*ASKED_AGAIN, "moved_on"} else 1)


def test_no_redirect_leads_to_another_host(hostile: Hostile) -> None:
    """The key would be carried along, and the prompts: nothing at all is sent there."""
    assert hostile.other.calls == 0


@pytest.mark.parametrize(("name", "calls"), [("moved_307", 2), ("moved_308", 3), ("moved_on", 3)])
def test_a_redirect_keeps_the_call(hostile: Hostile, name: str, calls: int) -> None:
    """On the same server a call is made again: method, body and key as before, twice at most."""
    asked = [each for each in hostile.server.requests if each["prompt"] == f"!{name}"]
    paths = [each["path"] for each in asked]
    assert len({json.dumps(each["body"]) for each in asked}) == 1
    assert {each["authorization"] for each in asked} == {f"Bearer {KEY}"}
    first = "/v1/chat/completions"
    assert paths == [first, *(f"{first}{'/on' * (n + 1)}?from=here" for n in range(calls - 1))]


def test_no_redirect_makes_a_get(hostile: Hostile) -> None:
    """301, 302 and 303 turn a POST into a GET, whose answer would be to something else."""
    assert not [each for each in hostile.server.requests if each["prompt"] == "GET"]


def test_a_replay_means_the_same(hostile: Hostile) -> None:
    """The journal replays every answer and every recorded failure for the same reason."""

    def content(done: Generated) -> list[tuple[str, str]]:
        return [(row["prompt"], row["output"]) for row in done.rows]

    assert content(hostile.replayed) == content(hostile.done)
    assert hostile.replayed.reasons == hostile.done.reasons
    assert hostile.server.calls == hostile.calls


def test_the_journal_holds_every_raw_answer(hostile: Hostile) -> None:
    """One whole line for each request, failures too, with the body as it came."""
    lines = [json.loads(line) for line in hostile.journal.splitlines()]
    assert len(lines) == len(hostile.prompts) + 1  # one was cut off twice
    bodies = {line["messages"][-1]["content"]: line.get("body") for line in lines}
    assert bodies["!html"] == "<html>welcome</html>"
    assert bodies["!truncated"]["choices"][0]["message"]["content"] == "half an ans"


def test_a_drip_is_cut_by_the_deadline(tmp_path: Path) -> None:
    """The deadline is for the whole call: a server that drips bytes cannot hold the run."""
    with ChatServer() as server:
        done = generate(server, tmp_path, ["!drip", "fine"], "--timeout", "0.5")
    assert done.reasons == {"!drip": "timeout"}
    assert [row["prompt"] for row in done.rows] == ["fine"]
    assert server.asked("!drip") == 3


_PEAK = """
import sys
from synthgate.cli.app import invoke
code = invoke(sys.argv[1:])
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
sys.exit(code)
"""


def test_a_bomb_stays_small(tmp_path: Path) -> None:
    """300 MB behind 300 kB are never unpacked whole: the process stays under 150 MB."""
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": "!bomb"}, {"prompt": "fine"}])
    with ChatServer() as server:
        argv = [sys.executable, "-c", _PEAK, *command(server, tmp_path)]
        done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
    assert int(done.stdout) < 150 * 1024


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@pytest.mark.parametrize("name", STOPPING)
def test_a_futile_run_stops(server: ChatServer, tmp_path: Path, name: str) -> None:
    """A refused key, spent quota or a wait until tomorrow ends the run with 7, not 50 rejects."""
    server.always = name
    server.delay = 0.02
    prompts = [f"prompt {number}" for number in range(50)]
    done = generate(server, tmp_path, prompts, "--concurrency", "4")
    assert done.code == 7
    assert len([line for line in done.err.splitlines() if line.startswith("synthgate:")]) == 1
    assert server.calls <= 8
    assert not (tmp_path / "out.jsonl").exists()
    assert not (tmp_path / "rejects.jsonl").exists()


def test_what_was_paid_before_a_stop_is_kept(server: ChatServer, tmp_path: Path) -> None:
    """After the quota is filled up, the same command asks only for what is missing."""
    prompts = [f"prompt {number}" for number in range(12)]
    assert generate(server, tmp_path, [*prompts, "!quota"], "--concurrency", "2").code == 7
    server.always = "good"
    done = generate(server, tmp_path, [*prompts, "!quota"], "--concurrency", "2")
    assert done.code == 0
    assert len(done.rows) == 13
    assert all(server.asked(prompt) == 1 for prompt in prompts)


def test_what_is_in_flight_at_a_stop_is_kept(server: ChatServer, tmp_path: Path) -> None:
    """A stop asks for nothing more, but answers that are on their way still reach the journal."""
    server.delay = 0.3
    assert generate(server, tmp_path, ["!quota", "!slow", "late"], "--concurrency", "2").code == 7
    done = generate(None, tmp_path, ["!quota", "!slow", "late"], "--offline")
    assert [row["prompt"] for row in done.rows] == ["!slow"]
    assert done.reasons == {"!quota": "http_429", "late": "not_in_journal"}
    assert server.calls == 2


def test_retry_after_is_a_minimum(server: ChatServer, tmp_path: Path) -> None:
    """A server that asks for a second is not asked again before."""
    done = generate(server, tmp_path, ["!once_429"])
    assert len(done.rows) == 1
    first, second = (each["at"] for each in server.requests)
    assert 1.0 <= second - first < 10.0


@pytest.mark.parametrize("name", ["good", "echo_key", "echo_key_in_error", "unauthorized"])
def test_the_key_is_never_shown(server: ChatServer, tmp_path: Path, name: str) -> None:
    """The key goes to the server and nowhere else, even if the server sends it back."""
    server.always = name
    flags = ("--api-key-env", "THE_KEY", "-v", "--summary", f"{tmp_path}/summary.json")
    done = generate(server, tmp_path, ["one", "two"], *flags, THE_KEY=KEY)
    assert server.requests[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in done.err
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes(), path
    assert len(done.rows) == (2 if name == "good" else 0)
    if name == "echo_key":
        assert set(done.reasons.values()) == {"key_in_answer"}


def test_no_usable_answer_is_seven(server: ChatServer, tmp_path: Path) -> None:
    """A run without one row ends with 7, says so in one line, and still writes its rejects."""
    done = generate(server, tmp_path, ["!null", "!html"], "-q")
    assert done.code == 7
    assert done.reasons == {"!null": "empty", "!html": "invalid_json"}
    counts = "not one of 2 answers is usable: empty 1, invalid_json 1"
    first = f"{tmp_path}/prompts.jsonl:1: empty: sample 0: no text"
    assert done.err.splitlines() == [f"synthgate: zero yield: {counts}; the first one: {first}"]


def test_an_absent_server_is_a_reject(tmp_path: Path) -> None:
    """Nobody listening is a connection fault of each prompt, and costs nothing: exit 7."""
    with ChatServer() as server:
        pass
    done = generate(server, tmp_path, ["one"])
    assert (done.code, done.reasons) == (7, {"one": "connection"})
    assert "3 calls made\n" in done.err  # and no tokens
    done = generate(server, tmp_path, ["one"], "--budget-tokens", "900", "--max-tokens", "400")
    assert done.reasons == {"one": "connection"}
