"""Folders as inputs, and outputs cut into files of so many rows: all of them, or none."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import OutputError, UsageError
from synthgate.jsonl import expand, open_shards, shards
from tests.conftest import Done, heed_signals, read_rows, synthgate, write_rows

WORDS = ("alpha", "bravo", "delta", "gamma", "kappa", "omega", "sigma", "theta", "vixen", "zebra")
READ = {"": bytes, ".gz": gzip.decompress, ".zst": zstd.decompress}


def some_rows(count: int) -> list[dict[str, str]]:
    """Rows that no one takes for repeats of each other."""
    named = [(WORDS[n % 10], WORDS[n // 10 % 10], WORDS[n // 100 % 10]) for n in range(count)]
    return [{"input": f"what is {a} {b} {c}", "output": f"{c} {b} {a}"} for a, b, c in named]


def shard(folder: Path, rows: int, *more: Any, force: bool = False) -> Done:
    """Run a filter over `in.jsonl` into shards of `out.jsonl`."""
    options = ["--force"] if force else []
    return synthgate(
        "dedupe", "in.jsonl", "-o", "out.jsonl", "--near-threshold", 0, "--fuzzy-threshold", 0,
        "--shard-rows", str(rows), *options, *more, cwd=folder,
    )  # fmt: skip


class TestFolders:
    """A folder stands for the row files in it."""

    def test_a_folder_is_its_files_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        """All row files, at any depth, compressed or not; nothing hidden, no manifest."""
        for name in (
            "b.jsonl", "a/z.json", "a/y.ndjson.gz", "a.jsonl", "a-b.jsonl.zst", "c.txt",
            "README.md", ".hidden.jsonl", ".git/x.jsonl", "b.jsonl.manifest.json",
            "a/b/c.jsonl", "jsonl",
        ):  # fmt: skip
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        found = [os.path.relpath(path, tmp_path) for path in expand([str(tmp_path)])]
        wanted = ["a/b/c.jsonl", "a/y.ndjson.gz", "a/z.json", "a-b.jsonl.zst", "a.jsonl", "b.jsonl"]
        assert found == wanted
        assert expand([str(tmp_path / "*.jsonl")]) == [
            str(tmp_path / n) for n in ("a.jsonl", "b.jsonl")
        ]
        deep = expand([str(tmp_path / "**" / "*.jsonl")])
        assert deep == sorted(str(tmp_path / n) for n in ("a.jsonl", "b.jsonl", "a/b/c.jsonl"))

    def test_a_pipe_in_a_folder_is_left_alone_and_a_broken_link_is_not(
        self, tmp_path: Path
    ) -> None:
        """What would hang is no row file; what should be there and is not ends the run."""
        write_rows(tmp_path / "a.jsonl", some_rows(1))
        os.mkfifo(tmp_path / "b.jsonl")
        assert expand([str(tmp_path)]) == [str(tmp_path / "a.jsonl")]
        (tmp_path / "c.jsonl").symlink_to("nowhere")
        done = synthgate("dedupe", tmp_path)
        assert done.code == 4 and "c.jsonl: no such file" in done.err

    def test_compressed_shards_read_as_the_plain_file_does(self, tmp_path: Path) -> None:
        """Rows come out the same from one file and from a folder of its parts, packed or not."""
        rows = some_rows(30)
        write_rows(tmp_path / "all.jsonl", rows)
        lines = (tmp_path / "all.jsonl").read_bytes().splitlines(keepends=True)
        (tmp_path / "parts").mkdir()
        (tmp_path / "parts" / "p-0.jsonl").write_bytes(b"".join(lines[:10]))
        (tmp_path / "parts" / "p-1.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[10:20])))
        (tmp_path / "parts" / "p-2.jsonl.zst").write_bytes(zstd.compress(b"".join(lines[20:])))
        whole, parts = (
            synthgate("dedupe", tmp_path / name, "--source", "s") for name in ("all.jsonl", "parts")
        )
        assert whole.code == parts.code == 0 and len(whole.rows) == 30
        assert whole.out == parts.out

    def test_an_output_in_the_folder_is_not_read_and_written(self, tmp_path: Path) -> None:
        """A second run over a folder that holds the first run's output is refused."""
        write_rows(tmp_path / "a.jsonl", some_rows(3))
        argv = ("dedupe", tmp_path, "-o", tmp_path / "b.jsonl", "--force")
        assert synthgate(*argv).code == 0
        again = synthgate(*argv)
        assert again.code == 2 and "is also" in again.err


class TestShards:
    """`--shard-rows N`: the same lines as in one file, N to a file, in order."""

    @pytest.mark.parametrize("packed", READ)
    def test_the_shards_are_the_file(self, tmp_path: Path, packed: str) -> None:
        """Put together they are the bytes of the one file; the manifest names each of them."""
        write_rows(tmp_path / "in.jsonl", some_rows(25))
        one = shard(tmp_path, 0, "-o", f"one.jsonl{packed}")
        done = shard(tmp_path, 10, "-o", f"out.jsonl{packed}", "--summary", "s.json")
        assert one.code == done.code == 0
        names = [f"out-0000{number}.jsonl{packed}" for number in range(3)]
        stored = [(tmp_path / name).read_bytes() for name in names]
        read = READ[packed]
        assert b"".join(map(read, stored)) == read((tmp_path / f"one.jsonl{packed}").read_bytes())
        assert [read(each).count(b"\n") for each in stored] == [10, 10, 5]
        summary = json.loads((tmp_path / "s.json").read_bytes())
        assert [(o["path"], o["rows"], o["sha256"]) for o in summary["outputs"]] == [
            (name, rows, hashlib.sha256(data).hexdigest())
            for name, rows, data in zip(names, (10, 10, 5), stored, strict=True)
        ]
        manifest = json.loads((tmp_path / f"out.jsonl{packed}.manifest.json").read_bytes())
        assert manifest == summary and manifest["rows_out"] == 25
        beside = {f"out.jsonl{packed}.manifest.json", f"one.jsonl{packed}.manifest.json"}
        known = {"in.jsonl", "s.json", f"one.jsonl{packed}", *beside, *names}
        assert set(os.listdir(tmp_path)) == known

    @given(st.lists(st.binary(max_size=5).map(bytes.hex), max_size=20), st.integers(1, 7))
    @settings(max_examples=25)
    def test_any_lines_any_size(
        self, tmp_path_factory: pytest.TempPathFactory, lines, each
    ) -> None:
        """All shards but the last hold exactly N lines; no lines are one empty file."""
        folder = tmp_path_factory.mktemp("s")
        with open_shards(str(folder / "o.jsonl"), each) as sink:
            for line in lines:
                sink.write(line.encode())
            sink.commit()
        files = sorted(folder.iterdir())
        assert [path.name for path in files] == [f"o-{n:05d}.jsonl" for n in range(len(files))]
        found = [path.read_bytes().decode().split("\n")[:-1] for path in files]
        assert [line for part in found for line in part] == lines
        assert all(len(part) == each for part in found[:-1])
        assert len(files) == max(1, -(-len(lines) // each))
        assert [stream.rows for stream in sink.streams()] == [len(part) for part in found]

    def test_arrays_are_arrays(self, tmp_path: Path) -> None:
        """Each shard of a `.json` output is an array of its own."""
        write_rows(tmp_path / "in.jsonl", some_rows(3))
        assert shard(tmp_path, 2, "-o", "o.json").code == 0
        found = [json.loads((tmp_path / f"o-0000{n}.json").read_bytes()) for n in (0, 1)]
        assert [len(part) for part in found] == [2, 1]

    def test_the_next_stage_reads_a_folder_of_shards(self, tmp_path: Path) -> None:
        """A glob over the shards is the file, for every later stage."""
        write_rows(tmp_path / "in.jsonl", some_rows(7))
        assert shard(tmp_path, 2).code == 0
        done = synthgate("dedupe", "out-*.jsonl", cwd=tmp_path)
        assert [row["input"] for row in done.rows] == [row["input"] for row in some_rows(7)]


class TestAllOrNothing:
    """No shard appears before all are complete, and no old one stays among new ones."""

    def test_a_bad_line_leaves_no_shard(self, tmp_path: Path) -> None:
        """The run ends with 4 behind many complete shards: nothing of them is left."""
        write_rows(tmp_path / "in.jsonl", [*some_rows(20), b"{"])
        done = shard(tmp_path, 3, "--rejects", "r.jsonl")
        assert done.code == 4
        assert os.listdir(tmp_path) == ["in.jsonl"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_a_kill_leaves_no_shard(self, tmp_path: Path, number: signal.Signals) -> None:
        """Killed with several shards on the disk, none has its name."""
        command = [sys.executable, "-m", "synthgate", "dedupe", "-", "-o", "out.jsonl"]
        process = subprocess.Popen(
            [*command, "--shard-rows", "2", "--near-threshold", "0", "--limit", "9"],
            cwd=tmp_path, stdin=subprocess.PIPE, preexec_fn=heed_signals, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        for row in some_rows(8):
            process.stdin.write(json.dumps(row).encode() + b"\n")
        process.stdin.flush()
        wait_for(lambda: any(tmp_path.iterdir()))
        process.send_signal(number)
        process.wait(timeout=120)
        process.stdin.close()
        assert not [name for name in os.listdir(tmp_path) if not name.startswith(".")]

    def test_old_shards_are_kept_or_replaced_as_a_whole(self, tmp_path: Path) -> None:
        """Without --force any old shard stops the run; with it none of them is left."""
        write_rows(tmp_path / "in.jsonl", some_rows(9))
        assert shard(tmp_path, 2).code == 0
        (tmp_path / "out-00000.jsonl").unlink()
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        refused = shard(tmp_path, 5)
        assert refused.code == 2 and "out-00001.jsonl: exists" in refused.err
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        assert shard(tmp_path, 5, "--dry-run", force=True).code == 0
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        assert shard(tmp_path, 5, force=True).code == 0
        left = sorted(path.name for path in tmp_path.glob("out-*"))
        assert left == ["out-00000.jsonl", "out-00001.jsonl"]
        assert [len(read_rows(tmp_path / name)) for name in left] == [5, 4]

    def test_a_rename_that_fails_takes_the_others_back(self, tmp_path: Path) -> None:
        """Where one shard cannot get its name, no shard keeps one."""
        with (
            pytest.raises(OutputError, match="o-00001"),
            open_shards(str(tmp_path / "o.jsonl"), 1) as sink,
        ):
            for line in (b"1", b"2", b"3"):
                sink.write(line)
            (tmp_path / "o-00001.jsonl").mkdir()
            sink.commit()
        assert os.listdir(tmp_path) == ["o-00001.jsonl"]


class TestRefused:
    """What cannot be cut into files is refused before anything is read."""

    @pytest.mark.parametrize(
        "output", ["-", "", "folder", "folder/", "pipe", "/dev/fd/1", "none/o"]
    )
    def test_only_files_have_shards(self, tmp_path: Path, output: str) -> None:
        """Stdout, a folder, a FIFO, a missing folder: exit 2, and they are as they were."""
        write_rows(tmp_path / "in.jsonl", some_rows(2))
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")
        done = shard(tmp_path, 1, "-o", output)
        assert (done.code, done.out) == (2, b"") and output in done.err
        assert sorted(os.listdir(tmp_path)) == ["folder", "in.jsonl", "pipe"]
        assert os.listdir(tmp_path / "folder") == []

    def test_no_shard_takes_the_place_of_another_file(self, tmp_path: Path) -> None:
        """An input or another output that is named like a shard is never written over."""
        write_rows(tmp_path / "in.jsonl", some_rows(2))
        write_rows(tmp_path / "out-00001.jsonl", some_rows(2))
        before = (tmp_path / "out-00001.jsonl").read_bytes()
        for more in (["out-00001.jsonl"], ["--rejects", "out-00007.jsonl"]):
            done = shard(tmp_path, 1, *more, force=True)
            assert done.code == 2 and "one of its shards" in done.err
        assert (tmp_path / "out-00001.jsonl").read_bytes() == before

    def test_too_many_shards(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """More files than five digits count end the run; the names would no longer sort."""
        monkeypatch.setattr(shards, "MOST", 3)
        with (
            pytest.raises(UsageError, match="--shard-rows"),
            open_shards(str(tmp_path / "o.jsonl"), 1) as sink,
        ):
            for _ in range(4):
                sink.write(b"x")
        assert os.listdir(tmp_path) == []


def wait_for(happened: Any) -> None:
    """Wait until something has happened."""
    for _ in range(2400):
        if happened():
            return
        time.sleep(0.05)
    pytest.fail("it never happened")
