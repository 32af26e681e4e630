"""What a call costs the client: 10,000 prompts at concurrency 64, 5 % 429 and 2 % resets.

    python benchmarks/generate.py [--prompts 10000] [--delay 0.05] [--retry-after 1] [--peers]
    python benchmarks/generate.py --a-second 100 [--prompts 3000] [--delay 0.05]

The second form is a server that takes so many calls a second and refuses all others at once: 90 %
of them must be used.

The server (`chat_mock.py`) has a process of its own. CPU seconds are those of the whole client
process with all its children, start-up measured apart and taken off. The peers run over the same
mock, each in an environment of its own: `pip install NAME` in `.bench-peers/NAME`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = {"bespokelabs-curator": "curator", "data-designer": "data_designer"}


@dataclass
class Mock:
    """A running mock; `seen` is filled when it ends."""

    url: str
    seen: dict


@contextmanager
def mock(*flags: str) -> Iterator[Mock]:
    """Run the mock for the time of a `with` block."""
    argv = [sys.executable, str(HERE / "chat_mock.py"), *flags]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        running = Mock(f"http://127.0.0.1:{int(server.stdout.readline())}", {})
        try:
            yield running
        finally:
            server.stdin.close()
            running.seen |= json.loads(server.stdout.readline())


def measured(argv: list[str], **more: str) -> tuple[float, float, int, str]:
    """Run a command; return its CPU seconds, wall seconds, exit code and stderr."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    env = {**os.environ, **more}
    with tempfile.TemporaryFile() as errors:
        code = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=errors, env=env).returncode
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - began, code, said


def ours(folder: Path, count: int, concurrency: int, *faults: str) -> dict:
    """Measure `synthgate generate` and check that nothing was lost or repeated."""
    prompts = folder / "prompts.jsonl"
    prompts.write_text("".join(f'{{"prompt":"prompt {n}"}}\n' for n in range(count)))
    one = folder / "one.jsonl"
    one.write_text('{"prompt":"one"}\n')

    def argv(url: str, source: Path, name: str) -> list[str]:
        files = ["-o", f"{folder}/{name}.out.jsonl", "--rejects", f"{folder}/{name}.rej.jsonl"]
        fixed = ["generate", str(source), "--model", "m", "--samples", "1", "--base-url", url]
        more = ["--journal", f"{folder}/{name}.journal", "--concurrency", str(concurrency)]
        return [sys.executable, "-m", "synthgate", *fixed, *files, *more]

    with mock() as server:
        start, *_ = measured(argv(server.url, one, "one"))
    with mock(*faults) as server:
        cpu, wall, code, said = measured(argv(server.url, prompts, "all"))
    rows = [json.loads(line) for line in (folder / "all.out.jsonl").read_bytes().splitlines()]
    rejects = (folder / "all.rej.jsonl").read_bytes().splitlines()
    assert code == 0, said
    assert [row["prompt"] for row in rows] == [f"prompt {n}" for n in range(count)], len(rejects)
    assert all(row["output"] == f"answer to {row['prompt']}" for row in rows)
    assert server.seen["answered"] == count, server.seen
    assert server.seen["answered_twice"] == 0, server.seen
    expected = count + server.seen["limited"] + server.seen["resets"]
    assert server.seen["calls"] == expected, server.seen
    return report("synthgate", cpu - start, wall, server.seen)


def report(name: str, cpu: float, wall: float, seen: dict) -> dict:
    """Print and return what was measured."""
    result = {
        "client": name,
        "cpu_ms_a_call": round(1000 * cpu / max(1, seen["calls"]), 3),
        "wall": round(wall, 1),
        **seen,
    }
    print(json.dumps(result), flush=True)
    return result


def peer(name: str, folder: Path, count: int, concurrency: int, *faults: str) -> None:
    """Measure a peer over the same mock, if it is installed."""
    python = HERE.parent / ".bench-peers" / name / "bin" / "python"
    script = HERE / "peers" / f"{PEERS[name]}.py"
    if not python.exists():
        print(f"{name}: not installed in .bench-peers/{name}")
        return
    env = {"HOME": str(folder), "OPENAI_API_KEY": "none", "TELEMETRY_ENABLED": "false"}
    env["NEMO_TELEMETRY_ENABLED"] = "false"
    with mock() as server:
        argv = [str(python), str(script), server.url, "1", str(concurrency)]
        start, *_ = measured(argv, **env)
    with mock(*faults) as server:
        argv = [str(python), str(script), server.url, str(count), str(concurrency)]
        cpu, wall, code, said = measured(argv, **env)
    if code:
        print(f"{name}: exit {code}: {said[-300:]}")
    report(name, cpu - start, wall, server.seen)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds of an answer")
    parser.add_argument("--retry-after", default="", help="what every 429 of the mock asks for")
    parser.add_argument("--a-second", type=float, default=0.0, help="calls that the mock takes")
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    faults = ("--rate-limited", "0.05", "--reset", "0.02", "--delay", str(given.delay))
    if given.a_second:
        faults = ("--rate-limited", "0", "--reset", "0", "--delay", str(given.delay))
        faults += ("--a-second", str(given.a_second))
    faults += ("--retry-after", given.retry_after) if given.retry_after else ()
    with tempfile.TemporaryDirectory() as folder:
        result = ours(Path(folder), given.prompts, given.concurrency, *faults)
        for name in PEERS if given.peers else ():
            peer(name, Path(folder), given.prompts, given.concurrency, *faults)
    if given.a_second:
        assert result["answers_a_second"] >= 0.9 * given.a_second, result
    else:
        assert result["cpu_ms_a_call"] <= 2.0, result


if __name__ == "__main__":
    main()
