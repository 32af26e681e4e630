"""Commands on a Ray cluster of two nodes: the same bytes as on one machine, whatever dies.

The nodes are processes of this machine (`tests/ray_bed.py`). Without the extra `[ray]` all of this
is skipped.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backports import zstd

from synthgate.engine.ray_cluster import guarded, lifted, staying
from tests.conftest import Done, heed_signals, started
from tests.ray_bed import Bed, bed
from tests.tracing import exclusion, id_of, member

pytest.importorskip("ray", reason="SKIPPED: the extra [ray] is not installed")

WORDS = [
    "alpha",
    "bravo",
    "delta",
    "gamma",
    "kappa",
    "omega",
    "sigma",
    "theta",
    "vixen",
    "zebra",
    "lemon",
    "maple",
]


def row_line(n: int) -> bytes:
    """A row; some of them repeat others: exactly, nearly, or in one word's spelling."""
    base = n if n % 5 else n // 2
    words = [WORDS[(base // 12**k + k * base) % 12] for k in range(6)]
    told = " ".join(words * 6)
    if n % 7 == 0:
        told = told.upper()
    if n % 11 == 0:
        told += " and so on"
    row = {"input": f"Tell me about {words[0]} {words[1]} {base}", "output": told, "n": n}
    row |= {"answer": words[2] if n % 3 else told, "lang": "en" if n % 50 else "rare"}
    return json.dumps(row).encode()


BAD = b'{"input":"x","input":"y"}'


@pytest.fixture(scope="module")
def cluster() -> Iterator[Bed]:
    """A head and one more node."""
    with bed(2) as running:
        yield running


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of rows, packed or not; two of them hold a bad line; a file of real rows."""
    folder = tmp_path_factory.mktemp("ray")
    (folder / "parts").mkdir()
    pack: dict[str, Any] = {"": bytes, ".gz": gzip.compress, ".zst": zstd.compress}
    for number in range(6):
        lines = [row_line(n) for n in range(number * 200, number * 200 + 200)]
        if number in (1, 4):
            lines.insert(70, BAD)
        kind = ("", ".gz", ".zst", "")[number % 4]
        path = folder / "parts" / f"p{number}.jsonl{kind}"
        path.write_bytes(pack[kind](b"\n".join(lines) + b"\n"))
    real = [{"text": json.loads(row_line(n))["output"]} for n in range(1000, 1040, 3)]
    (folder / "real.jsonl").write_bytes(b"\n".join(json.dumps(each).encode() for each in real))
    (folder / "few").mkdir()
    for number in range(6):
        lines = [row_line(n) for n in range(number * 25, number * 25 + 25)]
        (folder / "few" / f"p{number}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (folder / "slow.sh").write_text(
        "read -r row\n"
        """case $row in *'"n": 6'*) : > began;; esac\n"""  # the command itself tries the first row
        "[ -e slowly ] && sleep 0.05\n"
        "case $row in *rare*) exit 10;; esac\n"
        "exit 0\n"
    )
    return folder


def run(folder: Path, name: str, words: list[str], *more: str) -> tuple[Done, dict[str, bytes]]:
    """Run a command into files that begin with a name; return what they hold."""
    for path in folder.glob(f"{name}*"):
        path.unlink()
    outputs = ["-o", f"{name}.jsonl", "--rejects", f"{name}.r.jsonl", "--summary", f"{name}.json"]
    done = started(*words, *outputs, *more, cwd=folder)
    found = {path.name.removeprefix(name): path.read_bytes() for path in folder.glob(f"{name}*")}
    return done, found


def told(found: dict[str, bytes]) -> dict[str, Any]:
    """What a manifest says but for the engine, the names of outputs and the time it took."""
    summary = json.loads(found[".json"])
    summary["findings"].pop("engine", None)
    outputs = [{**each, "path": ""} for each in summary["outputs"]]
    return {**summary, "outputs": outputs, "seconds": 0}


COMMANDS = {
    "verify": ["verify", "parts", "--check", "answer", "--by", "lang", "--truth", "n"],
    "cluster-cap": [
        "cluster-cap", "parts", "--embedder", "tfidf", "--max-per-cluster", "9", "--order", "n",
        "--protect", "lang", "--against", "real.jsonl", "--shard-rows", "100",
    ],
    "dedupe": [
        "dedupe", "parts", "--against", "real.jsonl", "--keep", "best:n", "--max-same-output", "3",
    ],
    "dedupe first": ["dedupe", "parts", "--on", "response", "--shard-rows", "100"],
}  # fmt: skip


REFUSED = [
    (2, "--cache", ["cluster-cap", "parts", "--cache", "c"]),
    (2, "--limit", ["cluster-cap", "parts", "--limit", "5"]),
    (2, "looks at all rows", ["verify", "parts", "--check", "agree:parts/p0.jsonl"]),
    (4, "several machines", ["cluster-cap", "-"]),
    (7, "connection refused", ["cluster-cap", "parts", "--ray-address", "127.0.0.1:1"]),
    (2, "HOST:PORT", ["cluster-cap", "parts", "--ray-address", "ray://127.0.0.1:1"]),
]
Ran = tuple[Done, dict[str, bytes]]
TOLERANT = ["--on-error", "reject"]


class Runs:
    """All commands whose answers tests look at, several at a time: a run is mostly start-up."""

    def __init__(self, pool: ThreadPoolExecutor, data: Path, address: str) -> None:
        self._pool, self._data = pool, data
        there = ["--engine", "ray", "--ray-address", address]
        self.there, self.here, self.bad, self.refused = (
            [self._run(kind, number, words) for number, words in enumerate(every)]
            for kind, every in (
                ("there", [[*words, *TOLERANT, *there] for words in COMMANDS.values()]),
                ("here", [[*words, *TOLERANT] for words in COMMANDS.values()]),
                ("bad", [[*words, *there] for words in COMMANDS.values()]),
                ("no", [[*words, "--engine", "ray", *TOLERANT] for _, _, words in REFUSED]),
            )
        )

    def _run(self, kind: str, number: int, words: list[str]) -> Future[Ran]:
        return self._pool.submit(run, self._data, f"{kind}{number}", words)


@pytest.fixture(scope="module")
def runs(cluster: Bed, data: Path) -> Iterator[Runs]:
    """The runs, started when the first test asks for one."""
    with ThreadPoolExecutor(4) as pool:
        yield Runs(pool, data, cluster.address)


EACH = [pytest.param(number, id=name) for number, name in enumerate(COMMANDS)]


@pytest.mark.parametrize("number", EACH)
def test_the_same_bytes_as_on_one_machine(runs: Runs, number: int) -> None:
    """Rows, shards, rejects, counts and findings do not depend on the engine."""
    here, wanted = runs.here[number].result()
    there, found = runs.there[number].result()
    assert (here.code, there.code) == (0, 0), there.err
    assert here.err == there.err
    for each in wanted:
        if not each.endswith(".json"):
            assert found[each] == wanted[each], each
    assert found.keys() == wanted.keys()
    assert told(found) == told(wanted)
    assert json.loads(found[".json"])["findings"]["engine"]["nodes"] == 2
    assert told(found)["rows_in"] == 1202 and 0 < told(found)["rows_out"] < 1200


def test_excluded_rows_and_their_heirs_are_the_same(cluster: Bed, data: Path) -> None:
    """Descent that crosses parts and files, and sources by file name, packed or not."""
    folder = data / "kin"
    folder.mkdir()
    for number in range(4):
        lines = [
            member(n, [n + 300] if n < 900 else [], source="bad" if n >= 1100 else "good")
            for n in range(number * 300, number * 300 + 300)
        ]
        packed = gzip.compress if number % 2 else bytes
        name = f"k{number}.jsonl" + ".gz" * (number % 2)
        (folder / name).write_bytes(packed(b"\n".join(lines) + b"\n"))
    exclusion(data / "gone.jsonl", ("source", "bad"), ("source", "p1.jsonl.gz"), ("id", id_of(5)))
    words = ["dedupe", "kin", "parts", "--exclude", "gone.jsonl", "--on-error", "reject"]
    here, wanted = run(data, "here", words)
    there, found = run(data, "there", [*words, "--engine", "ray", "--ray-address", cluster.address])
    assert (here.code, there.code) == (0, 0), there.err
    assert found[".jsonl"] == wanted[".jsonl"] and found[".r.jsonl"] == wanted[".r.jsonl"]
    assert told(found) == told(wanted)
    assert told(found)["rejects"]["excluded"] == 4 * 100 + 200 + 1


@pytest.mark.parametrize("number", EACH)
def test_the_first_bad_line_ends_the_run(runs: Runs, number: int) -> None:
    """Exit 4, the line of the first file that has one, and nothing is left."""
    done, found = runs.bad[number].result()
    assert (done.code, found) == (4, {})
    assert done.err.splitlines()[-1].startswith("synthgate: parts/p1.jsonl.gz:71:")


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[each[1] for each in REFUSED])
def test_what_a_cluster_cannot_do(runs: Runs, number: int) -> None:
    """It is refused in one line before a task runs, and nothing is written."""
    code, why, _ = REFUSED[number]
    done, found = runs.refused[number].result()
    assert (done.code, found) == (code, {})
    assert why in done.err.splitlines()[-1] and "Traceback" not in done.err


@pytest.mark.parametrize(("size", "least"), [(10, 0), (2_000, 100 << 10), (200_000, 200_000)])
def test_what_a_task_leaves_is_large_enough_to_stay(size: int, least: int) -> None:
    """Ray gives the driver what is below 100 KiB: only what is next to nothing may go there."""
    for value in (bytes(size), np.zeros(size, np.uint8)):
        told, left = guarded(lambda value=value: ("told", value), 1)([])
        stored = len(pickle.dumps(left, 5))
        assert told == "told" and left.value is value
        assert least <= stored <= max(size, least) + (6 << 10)


def test_a_task_is_given_values_for_references() -> None:
    """Whatever lists and tuples hold references, a task sees what they refer to and all else."""

    class Ref:
        pass

    first, second = Ref(), Ref()
    needs: list[Any] = []
    args = lifted([(1, [first, second], "x"), {"k": 1}, second, first], Ref, needs)
    assert needs == [first, second, second, first]
    seen: list[Any] = []
    task = guarded(lambda *args: seen.extend(args), 0)
    task(args, staying("a"), "b", "b", staying(b"a" * 2000))
    assert seen == [(1, ["a", "b"], "x"), {"k": 1}, "b", b"a" * 2000]


def test_without_the_extra(data: Path, tmp_path: Path) -> None:
    """Exit 2 and the line that installs it."""
    (tmp_path / "ray.py").write_text("raise ImportError\n")
    words = ["cluster-cap", "parts", "--engine", "ray"]
    done = started(*words, cwd=data, env={"PYTHONPATH": str(tmp_path)})
    assert done.code == 2 and "uv pip install 'synthgate[ray]'" in done.err


class TestDeath:
    """What happens when something dies in the middle; the last tests, for they cost nodes."""

    def start(self, cluster: Bed, data: Path, words: list[str]) -> subprocess.Popen[bytes]:
        """Start a run that takes long, and wait until it checks rows."""
        (data / "began").unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "synthgate", *words, "--engine", "ray",
             "--ray-address", cluster.address],
            cwd=data, preexec_fn=heed_signals, stderr=subprocess.PIPE,
        )  # fmt: skip
        for _ in range(1200):
            if (data / "began").exists() or process.poll() is not None:
                return process
            time.sleep(0.05)
        process.kill()
        raise TimeoutError

    WORDS = ("verify", "few", "--check", "ok=command:sh slow.sh")

    def test_a_signal_ends_it(self, cluster: Bed, data: Path) -> None:
        """SIGTERM: exit 143, and no output is left."""
        (data / "slowly").touch()
        before = sorted(os.listdir(data))
        process = self.start(cluster, data, [*self.WORDS, "-o", "t.jsonl", "--on-error", "reject"])
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 143, err
        assert sorted({*os.listdir(data)} - {"began"}) == [n for n in before if n != "began"]

    def test_a_node_dies(self, cluster: Bed, data: Path) -> None:
        """A node is killed while it checks rows: the same bytes, nothing lost, nothing twice."""
        words = [*self.WORDS, "--on-error", "reject", "--evidence", "e.jsonl", "--force"]
        (data / "slowly").unlink(missing_ok=True)
        done, wanted = run(data, "alone", words)
        assert done.code == 0
        evidence = (data / "e.jsonl").read_bytes()
        (data / "slowly").touch()
        outputs = ["-o", "dead.jsonl", "--rejects", "dead.r.jsonl"]
        process = self.start(cluster, data, [*words, *outputs])
        cluster.kill(1)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert (data / "dead.jsonl").read_bytes() == wanted[".jsonl"]
        assert (data / "dead.r.jsonl").read_bytes() == wanted[".r.jsonl"]
        assert (data / "e.jsonl").read_bytes() == evidence

    def killed_while_capping(self, cluster: Bed, process: subprocess.Popen[bytes]) -> bool:
        """Kill the last node while the task that caps is held; tell whether that was in time."""
        while "planned" not in (tasks := cluster.tasks()) and process.poll() is None:
            time.sleep(0.005)
        held = tasks.get("planned", 0)
        with contextlib.suppress(ProcessLookupError):
            os.kill(held or process.pid, signal.SIGSTOP if held else 0)
        caught = "planned" in cluster.tasks()
        cluster.kill(-1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(held or process.pid, signal.SIGCONT)
        return caught

    def test_a_node_dies_while_rows_are_capped(self, cluster: Bed, data: Path, runs: Runs) -> None:
        """A node is killed once rows were embedded, and those vectors are lost: the same bytes."""
        _, wanted = runs.here[list(COMMANDS).index("cluster-cap")].result()
        words = [*COMMANDS["cluster-cap"], *TOLERANT]
        outputs = ["-o", "lost.jsonl", "--rejects", "lost.r.jsonl", "--summary", "lost.json"]
        argv = [sys.executable, "-m", "synthgate", *words, *outputs, "--force", "--engine", "ray",
                "--ray-address", cluster.address]  # fmt: skip
        for _ in range(5):  # a quick machine may have capped the rows before a node is dead
            cluster.start()
            with subprocess.Popen(argv, cwd=data, stderr=subprocess.PIPE) as process:
                caught = self.killed_while_capping(cluster, process)
                _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            if caught:
                break
        assert caught
        found = {p.name.removeprefix("lost"): p.read_bytes() for p in data.glob("lost*")}
        assert found.keys() == wanted.keys() and told(found) == told(wanted)
        assert all(found[each] == wanted[each] for each in wanted if not each.endswith(".json"))
