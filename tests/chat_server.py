"""A chat completions server on loopback, well-behaved unless a prompt asks for worse.

A prompt `!name ...` is answered by the behaviour of that name; any other one with an answer that
depends on the prompt and the seed alone. Every request is kept, and so is every answer that was
sent to its end, so that a test can count what would have been paid for.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.conftest import read_rows, synthgate, write_rows

Behaviour = Callable[["Handler", dict[str, Any]], None]


class ChatServer:
    """The server, its log of requests, and what it is set to do; used with `with`."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.always = ""  # a behaviour for every prompt
        self.elsewhere = ""  # where a redirect leads
        self.requests: list[dict[str, Any]] = []
        self.settled: Counter[tuple[str, int]] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.billed = 0  # tokens of the answers of `lengthening`
        self.lock = threading.Lock()
        self._http = _Quiet(("127.0.0.1", 0), Handler)
        self._http.chat = self
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def calls(self) -> int:
        """How many requests have arrived."""
        return len(self.requests)

    def asked(self, prompt: str) -> int:
        """How many requests have arrived for a prompt."""
        return sum(each["prompt"] == prompt for each in self.requests)


class _Quiet(ThreadingHTTPServer):
    """A threading server that says nothing when a client goes away."""

    daemon_threads = True
    request_queue_size = 256
    chat: ChatServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Quiet

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.chat.requests.append({"prompt": "GET", "path": self.path})
        self.reply(405, {"error": "POST it"})

    def do_POST(self) -> None:
        chat = self.server.chat
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][-1]["content"]
        asked = {"prompt": prompt, "path": self.path, "body": body}
        asked |= {"authorization": self.headers["authorization"], "at": time.monotonic()}
        with chat.lock:
            chat.requests.append(asked)
            chat.in_flight += 1
            chat.most_in_flight = max(chat.most_in_flight, chat.in_flight)
        try:
            time.sleep(chat.delay)
            name = chat.always or (prompt[1:].split()[0] if prompt.startswith("!") else "good")
            BEHAVIOURS[name](self, body)
            with chat.lock:
                chat.settled[prompt, body["seed"]] += 1
        finally:
            with chat.lock:
                chat.in_flight -= 1

    def reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """Send a whole response; a body that is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        sent = {"content-type": "application/json", "content-length": str(len(data))}
        for name, value in {**sent, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def seen(self, prompt: str) -> int:
        """How often this prompt has been asked, this time included."""
        return self.server.chat.asked(prompt)


def completion(content: Any, finish: Any = "stop", **message: Any) -> dict[str, Any]:
    """Return a chat completion as servers send it."""
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish, "logprobs": None}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage}


def text_for(body: dict[str, Any]) -> str:
    """Return the answer of a good server: it depends on prompt and seed alone."""
    return f"answer {body['seed'] % 1000} to {body['messages'][-1]['content']}"


def _good(handler: Handler, body: dict[str, Any]) -> None:
    handler.reply(200, completion(text_for(body)))


def _lengthening(handler: Handler, body: dict[str, Any]) -> None:
    """Answer longer each time, up to the limit: what was seen so far says too little."""
    chat = handler.server.chat
    with chat.lock:
        length = min(body["max_tokens"], chat.calls)
        chat.billed += 30 + length
    usage = {"prompt_tokens": 30, "completion_tokens": length}
    handler.reply(200, {**completion(text_for(body)), "usage": usage})


def _slow(handler: Handler, body: dict[str, Any]) -> None:
    time.sleep(0.7)
    _good(handler, body)


def _short_limit(handler: Handler, body: dict[str, Any]) -> None:
    """Need a hundred tokens for an answer."""
    fits = body["max_tokens"] >= 100
    handler.reply(
        200, completion("a long answer" if fits else "a lo", "stop" if fits else "length")
    )


def _small_window(handler: Handler, body: dict[str, Any]) -> None:
    """Cut every answer off, and refuse a higher limit."""
    if body["max_tokens"] > 64:
        handler.reply(400, {"error": {"message": "max_tokens is too large: at most 64"}})
    else:
        handler.reply(200, completion("a lo", "length"))


def _says(status: int, answer: Any, **headers: str) -> Behaviour:
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, body: handler.reply(status, answer, shown)


def _once(status: int, **headers: str) -> Behaviour:
    """Fail the first time a prompt is asked, then answer."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        if handler.seen(body["messages"][-1]["content"]) > 1:
            _good(handler, body)
        else:
            _says(status, {"error": {"message": "later"}}, **headers)(handler, body)

    return behave


def _reset(handler: Handler, body: dict[str, Any]) -> None:
    """Cut the connection with a reset, before any answer."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True
    handler.connection.close()
    raise ConnectionError


def _short_body(handler: Handler, body: dict[str, Any]) -> None:
    """Promise more bytes than are sent."""
    data = json.dumps(completion("half")).encode()
    handler.send_response(200)
    handler.send_header("content-length", str(len(data) + 50))
    handler.end_headers()
    handler.wfile.write(data)
    handler.close_connection = True


def _drip(handler: Handler, body: dict[str, Any]) -> None:
    """Send a valid answer a byte at a time: no single read ever times out."""
    data = json.dumps(completion("slow")).encode()
    handler.send_response(200)
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    for at in range(len(data)):
        handler.wfile.write(data[at : at + 1])
        handler.wfile.flush()
        time.sleep(0.2)


def _raw(handler: Handler, *pieces: bytes) -> None:
    """Send bytes as they are, each piece by itself."""
    for piece in pieces:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(0.01)


def _whole(body: dict[str, Any]) -> bytes:
    data = json.dumps(completion(text_for(body))).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(data) + data


def _in_chunks(body: dict[str, Any]) -> bytes:
    data = json.dumps(completion(text_for(body))).encode()
    halves = (data[:50], data[50:])
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in halves)
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def _cut_chunks(handler: Handler, body: dict[str, Any]) -> None:
    """End a chunked body before its last chunk."""
    _raw(handler, _in_chunks(body)[:-20])
    handler.close_connection = True


def _two_choices(handler: Handler, body: dict[str, Any]) -> None:
    """Answer more than was asked for."""
    said = completion(text_for(body))
    handler.reply(200, {**said, "choices": [*said["choices"], *completion("more")["choices"]]})


def _bomb(handler: Handler, body: dict[str, Any]) -> None:
    """Send some 300 kB that unpack to 300 MB."""
    handler.reply(200, _packed_blanks(), {"content-encoding": "gzip"})


@cache
def _packed_blanks() -> bytes:
    packer = zlib.compressobj(wbits=31)
    blanks = b" " * (1 << 20)
    return b"".join(packer.compress(blanks) for _ in range(300)) + packer.flush()


def _packed(handler: Handler, body: dict[str, Any]) -> None:
    data = gzip.compress(json.dumps(completion(text_for(body))).encode())
    handler.reply(200, data, {"content-encoding": "gzip"})


def _rich(handler: Handler, body: dict[str, Any]) -> None:
    """Fail with payment until some time has passed."""
    _once(402, retry_after="0")(handler, body)


def _dated(handler: Handler, body: dict[str, Any]) -> None:
    """Ask for a pause until a date that is about a second away."""
    _once(429, retry_after=formatdate(time.time() + 2, usegmt=True))(handler, body)


def _echo_key(handler: Handler, body: dict[str, Any]) -> None:
    handler.reply(200, completion(f"your header was {handler.headers['authorization']}"))


def _echo_key_in_error(handler: Handler, body: dict[str, Any]) -> None:
    handler.reply(400, {"error": {"message": f"bad key {handler.headers['authorization']}"}})


def _elsewhere(handler: Handler, body: dict[str, Any]) -> None:
    """Send the client, and its key with it, to another host."""
    handler.reply(307, b"", {"location": handler.server.chat.elsewhere})


def _moved(status: int, times: int, *, whole: bool = False) -> Behaviour:
    """Redirect to another path of this server so many times, then answer."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        if handler.path.count("/on") >= times:
            return _good(handler, body)
        path = f"{handler.path.partition('?')[0]}/on?from=here"
        location = handler.server.chat.url + path if whole else path
        return handler.reply(status, {"error": "moved"}, {"location": location})

    return behave


_QUOTA = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
_TOOLS = {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]}
BEHAVIOURS: dict[str, Behaviour] = {
    "good": _good,
    "chunked": lambda handler, body: _raw(handler, _in_chunks(body)),
    "chunks_apart": lambda handler, body: _raw(
        handler, _in_chunks(body)[:-3], _in_chunks(body)[-3:]
    ),
    "twice": lambda handler, body: _raw(handler, 2 * _whole(body)),
    "twice_chunked": lambda handler, body: _raw(handler, 2 * _in_chunks(body)),
    "two_choices": _two_choices,
    "cut_chunks": _cut_chunks,
    "unframed": lambda handler, body: _raw(handler, b"no HTTP at all\r\n\r\n"),
    "finish_tools": _says(200, completion("four", "tool_calls")),
    "packed": _packed,
    "slow": _slow,
    "lengthening": _lengthening,
    "thinking": _says(200, completion("<think>2+2 is 4</think>\n\nfour")),
    "reasoning_field": _says(200, completion("four", reasoning_content="2+2")),
    "large": _says(200, completion("x" * 10_000_000)),
    "truncated": _says(200, completion("half an ans", "length")),
    "short_limit": _short_limit,
    "small_window": _small_window,
    "filtered": _says(200, completion("half", "content_filter")),
    "refused": _says(200, completion(None, refusal="I cannot help with that")),
    "refused_aloud": _says(200, completion("Sorry.", refusal="I cannot help with that")),
    "null": _says(200, completion(None)),
    "blank": _says(200, completion(" \n\t ")),
    "missing_content": _says(
        200, {"choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]}
    ),
    "no_finish": _says(200, completion("four", None)),
    "odd_finish": _says(200, completion("four", ["stop"])),
    "tool": _says(200, completion("", "tool_calls", **_TOOLS)),
    "tool_stop": _says(200, completion("calling", "stop", **_TOOLS)),
    "think_only": _says(200, completion("<think>2+2</think>")),
    "think_open": _says(200, completion("<think>2+2 is")),
    "think_tail": _says(200, completion("2+2 is 4</think>four")),
    "reasoning_only": _says(200, completion(None, "stop", reasoning="2+2")),
    "parts": _says(200, completion([{"type": "text", "text": "four"}])),
    "error_200": _says(200, {"error": {"message": "overloaded", "code": 502}}),
    "error_beside": _says(200, {**completion("overloaded"), "error": {"message": "overloaded"}}),
    "error_object": _says(200, {"object": "error", "message": "no such model", "code": 404}),
    "error_choice": _says(
        200, {"choices": [{"error": {"message": "bad gateway"}, "finish_reason": "stop"}]}
    ),
    "error_finish": _says(200, completion("An error occurred", "error")),
    "no_choices": _says(200, {"id": "1"}),
    "null_choices": _says(200, {"choices": None}),
    "empty_choices": _says(200, {"choices": []}),
    "odd_choices": _says(200, {"choices": ["four"]}),
    "no_message": _says(200, {"choices": [{"finish_reason": "stop"}]}),
    "html": _says(200, b"<html>welcome</html>", content_type="text/html"),
    "empty_body": _says(200, b""),
    "array": _says(200, [completion("four")]),
    "half_json": _says(200, json.dumps(completion("four")).encode()[:-9]),
    "sse": _says(200, b"data: " + json.dumps(completion("four")).encode() + b"\n\n"),
    "not_utf8": _says(200, json.dumps(completion("caf@")).encode().replace(b"@", b"\xe9")),
    "surrogate": _says(200, json.dumps(completion("caf@")).encode().replace(b"@", rb"\ud800")),
    "duplicate_keys": _says(
        200, json.dumps(completion("a")).encode().replace(b'"stop"', b'"stop", "index": 1')
    ),
    "nan": _says(200, json.dumps(completion("four")).encode().replace(b"null", b"NaN")),
    "deep": _says(200, b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "brotli": _says(200, b"\x0b\x02\x80four\x03", content_encoding="br"),
    "not_gzip": _says(200, json.dumps(completion("four")).encode(), content_encoding="gzip"),
    "cut_gzip": _says(
        200, gzip.compress(json.dumps(completion("four")).encode())[:-8], content_encoding="gzip"
    ),
    "bomb": _bomb,
    "created": _says(201, completion("four")),
    "no_content": _says(204, b""),
    "bad_request": _says(400, {"error": {"message": "unsupported parameter"}}),
    "not_found": _says(404, {"detail": "no such model"}),
    "unprocessable": _says(422, {"detail": [{"msg": "extra inputs"}]}),
    "teapot": _says(418, b""),
    "conflict_html": _says(409, b"\xff<h1>conflict</h1>"),
    "elsewhere": _elsewhere,
    "moved_307": _moved(307, 1),
    "moved_308": _moved(308, 2, whole=True),
    "moved_on": _moved(307, 3),
    "moved_301": _moved(301, 1),
    "moved_302": _moved(302, 1),
    "moved_303": _moved(303, 1),
    "moved": _says(307, b""),
    "down": _says(503, {"error": "down"}),
    "internal": _says(500, b"oops"),
    "overloaded": _says(529, {"error": {"type": "overloaded_error"}}),
    "rate_limit": _says(429, {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}),
    "reset": _reset,
    "short_body": _short_body,
    "drip": _drip,
    "once_503": _once(503),
    "once_429": _once(429, retry_after="1"),
    "once_408": _once(408),
    "once_402": _rich,
    "once_dated": _dated,
    "once_garbled": lambda handler, body: (
        _good(handler, body)
        if handler.seen(body["messages"][-1]["content"]) > 1
        else handler.reply(400, {"error": "We could not parse the JSON body of your request."})
    ),
    "error_429_in_200": _says(200, {"error": {"message": "slow down", "code": "429"}}),
    "moderated": _says(403, {"error": {"message": "Your input was flagged by moderation"}}),
    "unauthorized": _says(401, {"error": {"message": "Incorrect API key provided"}}),
    "payment": _says(402, {"error": {"message": "Insufficient credits"}}),
    "forbidden": _says(403, {"error": "no"}),
    "quota": _says(429, _QUOTA),
    "quota_200": _says(200, {"error": {"code": 429, "metadata": {"raw": "insufficient_quota"}}}),
    "unauthorized_200": _says(200, {"error": {"code": 401, "message": "No auth"}}),
    "spending": _says(
        429, {"error": {"type": "project_spend_limit_exceeded", "message": "limit"}}
    ),
    "tomorrow": _says(429, {"error": {"message": "daily quota"}}, retry_after="86400"),
    "echo_key": _echo_key,
    "echo_key_in_error": _echo_key_in_error,
}  # fmt: skip


@dataclass(frozen=True)
class Generated:
    """What a run of `generate` left behind."""

    code: int
    err: str
    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]

    @property
    def reasons(self) -> dict[str, str]:
        """{prompt: reason} of the rejects."""
        return {each["prompt"]: each["_reject"]["reason"] for each in self.rejects}


def generate(
    server: ChatServer | None, folder: Path, prompts: Sequence[Any], *flags: str, **env: str
) -> Generated:
    """Run `synthgate generate` over prompts (texts, rows or lines) into a folder."""
    rows = [{"prompt": each} if isinstance(each, str) else each for each in prompts]
    write_rows(folder / "prompts.jsonl", rows)
    done = synthgate(*command(server, folder, *flags), env=env)
    out, rejects = folder / "out.jsonl", folder / "rejects.jsonl"
    return Generated(
        done.code,
        done.err,
        read_rows(out) if out.exists() else [],
        read_rows(rejects) if rejects.exists() else [],
    )


def command(server: ChatServer | None, folder: Path, *flags: str) -> list[str]:
    """Return the arguments of a run over `prompts.jsonl` of a folder; later flags win."""
    url = ["--base-url", server.url] if server else []
    files = ["-o", f"{folder}/out.jsonl", "--rejects", f"{folder}/rejects.jsonl"]
    journal = ["--journal", f"{folder}/journal.jsonl"]
    fixed = ["generate", f"{folder}/prompts.jsonl", "--model", "m", "--samples", "1", "--force"]
    fixed += ["--attempts", "3"]
    return [*fixed, *files, *journal, *url, *flags]
