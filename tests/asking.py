"""Runs of `generate` with a strategy against a loopback server that answers by a script."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgate.cli.app import invoke
from tests.chat_server import BEHAVIOURS, ChatServer, Handler, completion
from tests.conftest import read_rows, write_rows

Script = Callable[[str], str]


class Scripted(ChatServer):
    """A server that answers what its script says to the last message."""

    script: Script = staticmethod(lambda prompt: f"answer to {prompt}")


def _scripted(handler: Handler, body: dict[str, Any]) -> None:
    chat: Any = handler.server.chat
    handler.reply(200, completion(chat.script(body["messages"][-1]["content"])))


BEHAVIOURS["scripted"] = _scripted


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Serve a script."""
    server = Scripted()
    server.always = "scripted"
    server.script = script  # type: ignore[method-assign]
    with server:
        yield server


@dataclass(frozen=True)
class Asked:
    """What a run left behind."""

    code: int
    folder: Path
    seeds: list[str]
    prompts: list[str]
    """What was asked, in the order of arrival."""

    def _read(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name
        return read_rows(path) if path.exists() else []

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self._read("out.jsonl")

    @property
    def rejects(self) -> list[dict[str, Any]]:
        return self._read("rejects.jsonl")

    @property
    def origins(self) -> list[dict[str, Any]]:
        return self._read("origins.jsonl")

    @property
    def reasons(self) -> list[str]:
        return [each["_reject"]["reason"] for each in self.rejects]

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "out.jsonl.manifest.json").read_bytes())


def row_id(row: dict[str, Any]) -> str:
    """The id of a seed row, found without synthgate's own code."""
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()


def ask(folder: Path, seeds: Sequence[dict[str, Any]], script: Script | None, *flags: str) -> Asked:
    """Run `generate` over seed rows; then again from the journal alone, which must be the same."""
    write_rows(folder / "seeds.jsonl", seeds)
    files = ["-o", f"{folder}/out.jsonl", "--rejects", f"{folder}/rejects.jsonl"]
    files += ["--origins", f"{folder}/origins.jsonl", "--journal", f"{folder}/journal.jsonl"]
    argv = ["generate", f"{folder}/seeds.jsonl", "--model", "m", "--samples", "1", "--force"]
    argv += [*files, *flags]
    prompts: list[str] = []
    if script is None:
        code = invoke(argv)
    else:
        with scripted(script) as server:
            code = invoke([*argv, "--base-url", server.url])
            prompts = [each["prompt"] for each in server.requests]
        if code == 0:
            same_again(folder, argv)
    return Asked(code, folder, [row_id(seed) for seed in seeds], prompts)


def same_again(folder: Path, argv: list[str]) -> None:
    """The same command on the same journal writes the same bytes and calls nothing."""
    names = ("out.jsonl", "rejects.jsonl", "origins.jsonl")
    before = [(folder / name).read_bytes() for name in names]
    assert invoke([*argv, "--offline", "-q"]) == 0
    assert [(folder / name).read_bytes() for name in names] == before
    findings = json.loads((folder / "out.jsonl.manifest.json").read_bytes())["findings"]
    assert findings["calls"] == 0


def verified(done: Asked, *flags: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Run `verify` over the rows; return those that pass, and the reasons of the others."""
    folder = done.folder
    files = ["-o", f"{folder}/v.jsonl", "--rejects", f"{folder}/v.rejects.jsonl", "--force", "-q"]
    assert invoke(["verify", f"{folder}/out.jsonl", *files, *flags]) == 0
    rejects = read_rows(folder / "v.rejects.jsonl")
    return read_rows(folder / "v.jsonl"), [each["_reject"]["reason"] for each in rejects]


def descends(row: dict[str, Any], *parents: str, generation: int = 1) -> None:
    """The row says exactly these parents, and the generation that follows from them."""
    ours = row["_synthgate"]
    assert ours["parents"].split() == list(parents)
    assert ours["generation"] == generation
    assert ours["synthetic"] is True and ours["generator"] == "m" and len(ours["prompt"]) == 16
