"""The strategies that ask several times for a candidate: chains, and what they leave behind."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.asking import ask, descends, row_id, verified

# --- schema -----------------------------------------------------------------------------

_INVOICE = {"number": "A-17", "total": 12.5, "items": [{"name": "pump", "count": 2}]}


def test_documents_of_one_target(tmp_path: Path) -> None:
    """Each layout is a document of its own, the target stays as gold, a wrong reading fails."""
    seed = {"target": _INVOICE, "n": 1}

    def script(prompt: str) -> str:
        if prompt.startswith("Read the document"):
            wrong = "chat" in prompt
            return json.dumps({**_INVOICE, "total": 99} if wrong else _INVOICE)
        return f"Dear Sir, {prompt[:40]} A-17"

    done = ask(tmp_path, [seed], script, "--strategy", "schema", "--samples", "10")
    assert len({row["layout"] for row in done.rows}) == 10
    for row in done.rows:
        descends(row, row_id(seed))
        assert row["target"] == _INVOICE and row["gold"] == {"const": _INVOICE}
        assert "Dear Sir" in row["input"] and row["input"] in done.prompts
    passed, reasons = verified(done, "--check", "schema:@gold")
    assert len(passed) == 9 and len(reasons) == 1
    first = (tmp_path / "out.jsonl").read_bytes().splitlines()[0]
    assert first.startswith(json.dumps(seed).encode()[:-1])  # no byte of the target changes


def test_a_target_that_is_none(tmp_path: Path) -> None:
    """A row whose target is no object is a reject, and nothing is asked about it."""
    seeds = [{"target": _INVOICE}, {"target": "text"}, {"target": {}}]
    done = ask(tmp_path, seeds, lambda prompt: "{}", "--strategy", "schema")
    assert (len(done.rows), done.reasons) == (1, ["no_prompt", "no_prompt"])


# --- exercises --------------------------------------------------------------------------

_EXERCISE = '''Here it is:
```python
def double(x):
    """Return twice x. double(2) == 4, double(0) == 0."""
    return 2 * x
```'''
_TESTS = """```python
assert double(1) == 2
assert double(1) == 2
assert double(-3) == -6
assert triple(1) == 3
print("done")
```"""


def _coder(solution: str) -> Any:
    def script(prompt: str) -> str:
        if "tests for this function" in prompt:
            return _TESTS
        return solution if "Complete this function" in prompt else _EXERCISE

    return script


def test_exercises_are_run(tmp_path: Path) -> None:
    """Head, tests and solution are asked for apart, and `exec` passes what the tests pass."""
    right = "```python\ndef double(x):\n    return x + x\n```"
    done = ask(tmp_path, [{"prompt": "doubling"}], _coder(right), "--strategy", "exercises")
    (row,) = done.rows
    descends(row, done.seeds[0])
    assert row["prompt"].startswith("def double(x):\n") and "return 2 * x" not in row["prompt"]
    assert row["entry_point"] == "double" and row["topic"] == "doubling"
    assert row["tests"] == ["assert double(1) == 2", "assert double(-3) == -6"]
    assert not any("return 2 * x" in prompt for prompt in done.prompts)
    sandbox = ("--check", "exec", "--sandbox", "C")
    assert len(verified(done, *sandbox)[0]) == 1
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    bad = _coder("```python\ndef double(x):\n    return x\n```")
    done = ask(wrong, [{"prompt": "doubling"}], bad, "--strategy", "exercises")
    assert len(done.rows) == 1 and not verified(done, *sandbox)[0]


@pytest.mark.parametrize(
    ("exercise", "tests", "reason"),
    [
        ("no code", _TESTS, "no_exercise"),
        ("```python\nx = 1\n```", _TESTS, "no_exercise"),
        ("```python\ndef f():\n    return 1\n```", _TESTS, "no_exercise"),
        ("(" * 9000, _TESTS, "no_exercise"),
        (_EXERCISE, "assert True\nassert double(1)", "no_tests"),
        (_EXERCISE, "assert double(", "no_tests"),
    ],
)
def test_what_is_no_exercise(tmp_path: Path, exercise: str, tests: str, reason: str) -> None:
    """An answer that cannot be used ends as one reject with its reason, whatever it holds."""
    done = ask(
        tmp_path,
        [{"prompt": "t"}, {"prompt": "u"}],
        lambda p: tests if "tests for" in p else _EXERCISE if "about: u" in p else exercise,
        *("--strategy", "exercises"),
    )
    assert reason in done.reasons and len(done.rows) + len(done.reasons) == 2


# --- critique ---------------------------------------------------------------------------


def _critic() -> Any:
    drafts = count()

    def script(prompt: str) -> str:
        if "Write the answer again" in prompt:
            return "better than " + re.findall("Answer:\n(.*)", prompt)[0]
        return "too short" if "fall short" in prompt else f"draft {next(drafts)}"

    return script


def test_a_revision_descends_from_what_it_revises(tmp_path: Path) -> None:
    """Every version is a candidate: the last is kept, the others are rejects that lead to it."""
    flags = ("--strategy", "critique", "--rounds", "2")
    done = ask(tmp_path, [{"prompt": "Why?"}], _critic(), *flags)
    (row,) = done.rows
    assert row["output"] == "better than better than draft 0" and row["prompt"] == "Why?"
    assert done.reasons == ["revised", "revised"]
    draft, middle = done.rejects
    descends(draft, done.seeds[0], generation=1)
    descends(middle, done.seeds[0], draft["_synthgate"]["id"], generation=2)
    descends(row, done.seeds[0], middle["_synthgate"]["id"], generation=3)
    assert draft["_reject"]["survivor"] == middle["_synthgate"]["id"]
    assert middle["_reject"]["survivor"] == row["_synthgate"]["id"]
    assert len({each["_synthgate"]["prompt"] for each in (draft, middle, row)}) == 3
    rule = tmp_path / "rule.json"
    rule.write_text('[{"field": "output", "require_words": ["better"]}]')
    assert len(verified(done, "--check", f"rule:{rule}")[0]) == 1


def test_own_principles_are_drawn_in_turn(tmp_path: Path) -> None:
    """The principles of the file are the ones asked by, each before any comes again."""
    (tmp_path / "p.txt").write_text("It is kind.\nIt is short.\n\nIt is true.\n")
    flags = ("--strategy", "critique", "--rounds", "3", "--principles", f"{tmp_path}/p.txt")
    done = ask(tmp_path, [{"prompt": "Why?"}], _critic(), *flags)
    asked = [prompt.splitlines()[0] for prompt in done.prompts if "fall short" in prompt]
    assert sorted(asked) == [
        f"A principle for good answers: It is {word}." for word in ("kind", "short", "true")
    ]


def test_a_revision_that_says_the_same(tmp_path: Path) -> None:
    """The same text is no new candidate: no row is its own parent, and the draft is kept."""
    done = ask(tmp_path, [{"prompt": "Why?"}], lambda prompt: "same", "--strategy", "critique")
    (row,) = done.rows
    descends(row, done.seeds[0], generation=1)
    assert done.reasons == ["unchanged", "unchanged"]


# --- evolve -----------------------------------------------------------------------------


def test_evolutions_descend_from_each_other(tmp_path: Path) -> None:
    """Each round is a row with its own answer, one generation further than the round before."""
    rewrites = count(2)

    def script(prompt: str) -> str:
        if "Instruction:" in prompt:
            return f"Add {next(rewrites)} and 2."
        return f"The answer is {int(prompt.split()[1]) + 2}"

    seed = {"prompt": "Add 1 and 2.", "answer": "3"}
    flags = ("--strategy", "evolve", "--rounds", "3")
    done = ask(tmp_path, [seed], script, *flags)
    assert [row["depth"] for row in done.rows] == [1, 2, 3]
    assert [row["input"] for row in done.rows][1:] == ["Add 3 and 2.", "Add 4 and 2."]
    assert "answer" not in done.rows[1]  # the gold of another instruction is no gold
    ids = [row["_synthgate"]["id"] for row in done.rows]
    descends(done.rows[0], row_id(seed), generation=1)
    descends(done.rows[1], row_id(seed), ids[0], generation=2)
    descends(done.rows[2], row_id(seed), ids[1], generation=3)
    ways = {row["evolution"] for row in done.rows}
    assert len(ways) == 3
    rule = tmp_path / "rule.json"
    rule.write_text('[{"field": "output", "require_words": ["answer"]}]')
    assert len(verified(done, "--check", f"rule:{rule}")[0]) == 3


def test_many_seeds_are_all_counted(tmp_path: Path) -> None:
    """All seed rows are read and counted before the first call, whatever the strategy looks at."""
    seeds = [{"prompt": f"Add {n} and 2."} for n in range(130)]
    flags = ("--strategy", "evolve", "--rounds", "1")
    done = ask(tmp_path, seeds, lambda prompt: f"{prompt.splitlines()[-1]} Now.", *flags)
    assert done.code == 0 and done.manifest["rows_in"] == len(done.rows) == 130


@pytest.mark.parametrize(
    "said", ["Add 1 and 2.", " add 1 AND 2.", "Here is the new prompt: x", "y" * 3000]
)
def test_what_is_no_evolution(tmp_path: Path, said: str) -> None:
    """An evolution that changes nothing, or talks about itself, ends the line: all its rounds."""
    good = {"prompt": "Go."}

    def script(prompt: str) -> str:
        if "Instruction:" not in prompt:
            return "fine"
        return said if "Add 1 and 2." in prompt else f"{prompt.splitlines()[-1]} Then stop."

    flags = ("--strategy", "evolve", "--rounds", "2")
    done = ask(tmp_path, [{"prompt": "Add 1 and 2."}, good], script, *flags)
    assert done.reasons == ["not_evolved", "not_evolved"] and len(done.rows) == 2


# --- self-instruct ----------------------------------------------------------------------

_VERBS = ("sort", "weigh", "praise", "mend", "count", "paint", "carry", "trade", "plant", "bake")
_SEEDS = [
    {"instruction": f"Please {verb} every {verb}er in the {verb}ing town", "n": n}
    for n, verb in enumerate(_VERBS)
]


def _teacher(prompt: str) -> str:
    if "series of tasks" in prompt:
        turn = sum(map(ord, prompt)) % 1000
        fresh = [
            f"Explain word{turn}x{n} to reader{turn}y{n} using idea{turn}z{n}" for n in range(5)
        ]
        return "\n".join(
            f"{9 + n}. {task}"
            for n, task in enumerate([*fresh, fresh[0] + " now", "Draw a picture of a red cat"])
        )
    if "Yes or No" in prompt:
        return "Yes." if "x0 " in prompt else "No, it cannot."
    return "<output>done</output><input>given</input>"


def test_self_instruct_tasks(tmp_path: Path) -> None:
    """New tasks descend from the tasks shown; what is near the pool or unsuitable is a reject."""
    done = ask(tmp_path, _SEEDS, _teacher, "--strategy", "self-instruct", "--samples", "10")
    reasons = Counter(done.reasons)
    assert done.manifest["rows_in"] == 100 == len(done.rows) + sum(reasons.values())
    assert reasons["near_pool"] >= 10 and reasons["unsuitable"] >= 10 and reasons["missing"] >= 10
    known = {*done.seeds, *(row["_synthgate"]["id"] for row in done.rows)}
    for row in done.rows:
        assert set(row["_synthgate"]["parents"].split()) <= known
        assert row["is_classification"] == ("x0 " in row["instruction"])
        assert (row["input"], row["output"]) == ("given", "done")
    first = done.rows[0]["_synthgate"]
    assert len(first["parents"].split()) == 8 and first["generation"] == 1
    later = [row["_synthgate"] for row in done.rows if row["_synthgate"]["generation"] == 2]
    assert later and all(len(set(each["parents"].split()) - set(done.seeds)) == 2 for each in later)
    near = next(each for each in done.rejects if each["_reject"]["reason"] == "near_pool")
    assert near["instruction"].endswith(" now") and near["_synthgate"]["parents"]


def test_the_kind_decides_the_order(tmp_path: Path) -> None:
    """A classification task is written label first, any other one input first."""
    done = ask(tmp_path, _SEEDS, _teacher, "--strategy", "self-instruct")
    asked = [prompt for prompt in done.prompts if "Write it as:" in prompt]
    assert {("x0 " in prompt) == ("First choose one" in prompt) for prompt in asked} == {True}
    rule = tmp_path / "rule.json"
    rule.write_text('[{"field": "output", "require_words": ["done"]}]')
    assert len(verified(done, "--check", f"rule:{rule}")[0]) == len(done.rows) > 0
