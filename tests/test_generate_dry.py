"""What a dry run says of the calls of a run: exact where it can be, else at least and at most."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from synthgate.cli.app import invoke
from tests.asking import Script, scripted
from tests.conftest import write_rows

PROMPTS = [{"prompt": "one"}, {"prompt": "two"}, {"prompt": "three"}]
TARGETS = [{"target": {"n": number}} for number in range(3)]
TASKS = [{"instruction": f"{word} the text about the {word}s"} for word in ("sum", "sort", "name")]
_HEAD = '```python\ndef double(x):\n    """Return twice x (%d)."""\n```'
_TESTS = "```python\nassert double(1) == 2\nassert double(2) == 4\n```"


def good() -> Script:
    """Answers that lead every chain to its end, no two of them alike."""
    number = count()

    def script(prompt: str) -> str:
        new = next(number)
        if "Continue the list" in prompt:
            return "\n".join(f"{at}. " + f"t{new}x{at} " * 6 for at in range(1, 9))
        if "Write it as" in prompt:
            return "<input>in</input>\n<output>out</output>"
        if "tests for this function" in prompt:
            return _TESTS
        return _HEAD % new if "coding exercise" in prompt else f"text {new}"

    return script


def dry(folder: Path, capfd: pytest.CaptureFixture[str], *flags: str) -> tuple[int, int | None]:
    """Return (calls at least, calls at most or None) as a dry run says them."""
    capfd.readouterr()
    assert invoke(argv(folder, "--base-url", "http://127.0.0.1:9", "--dry-run", *flags)) == 0
    said = capfd.readouterr().err
    if found := re.search(r", (\d+) calls would be made\n", said):
        return int(found[1]), int(found[1])
    found = re.search(r"at least (\d+) calls would be made(, at most (\d+))?: later ones", said)
    assert found, said
    return int(found[1]), int(found[3]) if found[3] else None


def argv(folder: Path, *flags: str) -> list[str]:
    """A run over the seeds of a folder."""
    files = ["-o", f"{folder}/out.jsonl", "--journal", f"{folder}/journal.jsonl", "--force"]
    return ["generate", f"{folder}/seeds.jsonl", "--model", "m", *files, *flags]


def asked(folder: Path, script: Script, *flags: str) -> int:
    """Run it, and return how many calls the server saw."""
    with scripted(script) as server:
        assert invoke(argv(folder, "--base-url", server.url, *flags)) in (0, 7)
        return server.calls


CASES: dict[str, tuple[list[dict[str, Any]], int, int]] = {
    "plain": (PROMPTS, 6, 6),
    "verbalized": (PROMPTS, 3, 3),
    "label": ([{"text": "a"}, {"text": "b"}], 4, 4),
    "stand-in": ([{"input": "a", "output": "b"}], 2, 2),
    "schema": (TARGETS, 6, 12),
    "edge-cases": (PROMPTS, 6, 12),
    "exercises": (PROMPTS, 6, 18),
    "critique": (PROMPTS, 6, 6 + 6 * 4),
    "evolve": (PROMPTS, 6, 6 * 4),
    "self-instruct": (TASKS, 1, 1 + 6 * 2),
}


@pytest.mark.parametrize("strategy", CASES)
def test_a_run_makes_what_a_dry_run_says(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], strategy: str
) -> None:
    """Good answers lead to the most calls, empty ones to the least; then there are none left."""
    seeds, least, most = CASES[strategy]
    write_rows(tmp_path / "seeds.jsonl", seeds)
    flags = ("--strategy", strategy, "--samples", "2", "-q")
    assert dry(tmp_path, capfd, *flags[:-1]) == (least, most)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    write_rows(nothing / "seeds.jsonl", seeds)
    assert asked(nothing, lambda prompt: " ", *flags) == least
    assert asked(tmp_path, good(), *flags) == most
    assert dry(tmp_path, capfd, *flags[:-1]) == (0, 0)


@pytest.mark.parametrize("strategy", ["schema", "edge-cases", "exercises", "critique", "evolve"])
@pytest.mark.parametrize("stop", [4, 9, 11])
def test_what_is_left_of_a_chain(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], strategy: str, stop: int
) -> None:
    """After a run that broke off somewhere, the most is still what the rest then takes."""
    seeds, _, _ = CASES[strategy]
    write_rows(tmp_path / "seeds.jsonl", seeds)
    flags = ("--strategy", strategy, "--samples", "2", "-q", "--attempts", "1")
    answers, left = good(), iter(range(stop))
    asked(tmp_path, lambda prompt: answers(prompt) if next(left, None) is not None else "", *flags)
    journal = (tmp_path / "journal.jsonl").read_bytes().splitlines()
    kept = [
        line for line in journal if json.loads(line)["body"]["choices"][0]["message"]["content"]
    ]
    (tmp_path / "journal.jsonl").write_bytes(b"".join(line + b"\n" for line in kept))
    least, most = dry(tmp_path, capfd, *(each for each in flags if each != "-q"))
    calls = asked(tmp_path, answers, *flags)
    assert least <= calls == most


def test_nobody_knows_of_a_foreign_strategy(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy that does not say what its answers lead to has no most."""
    from synthgate.strategies import Strategy
    from synthgate.strategies.plain import Plain

    monkeypatch.setattr(Plain, "further", Strategy.further)
    write_rows(tmp_path / "seeds.jsonl", PROMPTS)
    assert dry(tmp_path, capfd, "--strategy", "plain", "--samples", "1") == (3, None)
