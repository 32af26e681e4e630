"""A fast chat completions server on loopback for benchmarks, in a process of its own.

    python benchmarks/chat_mock.py [--delay 0.05] [--rate-limited 0.05] [--reset 0.02]
        [--retry-after 1] [--a-second 100]

Prints its port, then serves until its stdin closes and prints what was asked of it as JSON. Which
attempt is refused depends on the prompt and the number of the attempt alone, so that every client
meets the same faults.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections import Counter

_BURST = 20.0  # calls that are taken at once where so many a second are


class Mock:
    """What the server is set to do, and what it has seen."""

    def __init__(
        self,
        delay: float,
        rate_limited: float,
        reset: float,
        retry_after: str = "",
        a_second: float = 0.0,
    ) -> None:
        self.delay, self.rate_limited, self.reset = delay, rate_limited, reset
        self.more = f"retry-after: {retry_after}\r\n".encode() if retry_after else b""
        self.a_second, self.left, self.last = a_second, _BURST, time.monotonic()
        self.times: list[float] = []
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.limited = self.resets = self.in_flight = self.most_in_flight = 0

    def lot(self, prompt: str) -> float:
        """Draw for one attempt at a prompt."""
        drawn = hashlib.blake2b(f"{prompt}\n{self.asked[prompt]}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") / 2**64

    def over(self) -> bool:
        """Tell whether a call is one too many of those that are taken in a second."""
        if not self.a_second:
            return False
        now = time.monotonic()
        self.left = min(_BURST, self.left + (now - self.last) * self.a_second)
        self.last = now
        if self.left < 1:
            return True
        self.left -= 1
        return False

    def pace(self) -> float:
        """Return the answers a second, without the first fifth of them and the last twentieth."""
        first, last = len(self.times) // 5, len(self.times) * 19 // 20
        if last <= first:
            return 0.0
        return round((last - first) / (self.times[last] - self.times[first]), 1)

    def summary(self) -> dict[str, float]:
        """Return what was seen."""
        return {
            "answers_a_second": self.pace(),
            "calls": sum(self.asked.values()),
            "prompts": len(self.asked),
            "answered": len(self.answered),
            "answered_twice": sum(count > 1 for count in self.answered.values()),
            "limited": self.limited,
            "resets": self.resets,
            "most_in_flight": self.most_in_flight,
        }


class Connection(asyncio.Protocol):
    """One connection; requests on it come one after the other."""

    def __init__(self, mock: Mock) -> None:
        self.mock, self.buffer = mock, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.lower().split(b"\r\n")
        length = next(int(h[15:]) for h in lines if h.startswith(b"content-length:"))
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        self._asked(json.loads(rest[:length]))

    def _asked(self, body: dict) -> None:
        mock = self.mock
        said = body["messages"][-1]["content"] if body["messages"] else ""  # some only look
        prompt = said if isinstance(said, str) else said[0]["text"]
        lot = mock.lot(prompt) if prompt else 1.0
        mock.asked[prompt] += 1
        mock.in_flight += 1
        mock.most_in_flight = max(mock.most_in_flight, mock.in_flight)
        delay, lot = (0.0, -1.0) if mock.over() else (mock.delay, lot)
        asyncio.get_running_loop().call_later(delay, self._answer, prompt, lot, body)

    def _answer(self, prompt: str, lot: float, body: dict) -> None:
        mock = self.mock
        mock.in_flight -= 1
        if lot < mock.rate_limited:
            mock.limited += 1
            limited = {"error": {"code": "rate_limit_exceeded"}}
            self._send(b"429 Too Many Requests", limited, mock.more)
        elif lot < mock.rate_limited + mock.reset:
            mock.resets += 1
            self.transport.abort()
        else:
            mock.answered[prompt] += 1
            mock.times.append(time.monotonic())
            message = {"role": "assistant", "content": f"answer to {prompt}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20}
            made = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
            self._send(b"200 OK", {**made, "choices": [choice], "usage": usage})

    def _send(self, status: bytes, body: dict, more: bytes = b"") -> None:
        data = json.dumps(body).encode()
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
        self.transport.write(head % (status, len(data), more) + data)


async def serve(mock: Mock) -> None:
    """Serve until stdin closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(mock), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(mock.summary()), flush=True)
    server.close()


def main() -> None:
    """Read the settings and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--rate-limited", type=float, default=0.05)
    parser.add_argument("--reset", type=float, default=0.02)
    parser.add_argument("--retry-after", default="")
    parser.add_argument("--a-second", type=float, default=0.0, help="calls that are taken")
    given = parser.parse_args()
    asyncio.run(serve(Mock(**vars(given))))


if __name__ == "__main__":
    main()
