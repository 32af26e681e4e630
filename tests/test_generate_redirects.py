"""Where a redirect may lead a call that carries a key."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.generators.redirects import MOST, Refused, followed
from tests.chat_server import ChatServer, generate

HERE = "http://api.example:8080/v1/chat/completions"
KEY = "sk-not-a-real-key-0123456789"
_PIECES = st.sampled_from(
    [*"/\\@:?#.[]% ab", "//", "..", "http:", "https://", "api.example", ":8080", ":80", "evil.test",
     "user:word@", "\t", "\r\n", "\x00", "é", "/v2/chat", "?k=v", "169.254.169.254", "[::1]"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=9).map("".join), st.sampled_from([307, 308]))
def test_no_location_leads_off_the_server(location: str, status: int) -> None:
    """Whatever a location says, the library that makes the call goes to the very same server."""
    try:
        url = followed(HERE, status, location, 0)
    except Refused as why:
        assert str(why).isprintable() and len(str(why)) < 300
        return
    assert httpcore.URL(url).origin == httpcore.URL(HERE).origin
    assert urlsplit(url).netloc == "api.example:8080"
    assert httpcore.URL(url).target.startswith(b"/") and url.isascii()


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/answers", "http://api.example:8080/v2/answers"),
        ("answers?x=1#part", "http://api.example:8080/v1/chat/answers?x=1"),
        ("http://API.example:8080/v2", "http://api.example:8080/v2"),
        ("?x=1", f"{HERE}?x=1"),
    ],
)
def test_the_same_server_is_followed(location: str, url: str) -> None:
    """A path, a whole address, and a host in other letters are the same server."""
    assert followed(HERE, 307, location, 0) == url
    assert followed(HERE, 308, location, MOST - 1) == url


@pytest.mark.parametrize(
    ("here", "location"),
    [
        (HERE, "http://evil.test:8080/v1/chat/completions"),
        (HERE, "//evil.test:8080/v1"),
        (HERE, "http://api.example:8081/v1"),
        (HERE, "http://api.example/v1"),
        (HERE, "https://api.example:8080/v1"),
        (HERE, "http://user@api.example:8080/v1"),
        ("https://api.example/v1", "http://api.example/v1"),
        ("https://api.example/v1", "http://api.example:443/v1"),
        (HERE, "http://api.example:99999999/"),
        (HERE, ""),
    ],
)
def test_another_server_is_not(here: str, location: str) -> None:
    """Another host, port, scheme or user is another server, even if the host's name is the same."""
    with pytest.raises(Refused):
        followed(here, 308, location, 0)


def test_the_usual_port_may_be_left_out() -> None:
    """A port that is said and is the usual one is no other port."""
    assert followed("https://a.b/v1", 307, "https://a.b:443/v2", 0) == "https://a.b/v2"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 306])
def test_only_the_same_call_is_made(status: int) -> None:
    """No status but 307 and 308 asks for the same call at another place."""
    with pytest.raises(Refused, match=str(status)):
        followed(HERE, status, "/v2", 0)


def test_a_redirect_elsewhere_is_told(tmp_path: Path) -> None:
    """The reject names the server that the call was sent to, without path, query or key."""
    with ChatServer() as other, ChatServer() as server:
        server.elsewhere = f"{other.url}/v1/x?key={KEY}"
        flags = ("--api-key-env", "THE_KEY")
        done = generate(server, tmp_path, ["!elsewhere", "fine"], *flags, THE_KEY=KEY)
    (reject,) = done.rejects
    assert reject["_reject"]["reason"] == "redirect"
    assert reject["_reject"]["detail"].endswith(f"307 and leads elsewhere, to {other.url}")
    assert (other.calls, server.calls, len(done.rows)) == (0, 2, 1)
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_server_that_has_moved_ends_the_run(tmp_path: Path) -> None:
    """Where every call is sent elsewhere, the run ends after some 50 of them, with 7."""
    with ChatServer() as server:
        server.always, server.elsewhere = "elsewhere", "http://127.0.0.1:9/v1"
        prompts = [f"prompt {number}" for number in range(200)]
        done = generate(server, tmp_path, prompts, "--concurrency", "4")
    assert (done.code, "redirect" in done.err.splitlines()[-1]) == (7, True)
    assert 50 <= server.calls <= 54
