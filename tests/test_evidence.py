"""The proofs that the gate works: small versions of them, and the page that shows the large ones.

Commands are the real ones; what is asserted is the direction of each main fact. Sizes and figures
of the real proofs stand in docs/evidence.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.forking import Forks

PROOFS = ("benefit", "collapse", "inherited")
Result = dict[str, Any]


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a module of the benchmarks, as a script there imports it; its commands are forks."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(import_module("evidence"), "subprocess", SimpleNamespace(run=forked))
    return import_module


PLUGGED = Forks()  # with the plug-in of the proofs on its path


def forked(words: list[str], *, env: dict[str, str], **_: Any) -> SimpleNamespace:
    """Run a command as `subprocess.run` would."""
    assert words[:3] == [sys.executable, "-m", "synthgate"]
    found = PLUGGED.run(words[3:], b"", str(Path.cwd()), env, 300)
    assert found is not None
    code, _, err = found
    return SimpleNamespace(returncode=code, stderr=err.decode())


def script(name: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run one proof."""
    words = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *argv]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)


# --- small versions ---------------------------------------------------------------------


@pytest.fixture
def data(shared: Callable[[str], Path]) -> None:
    """The shared data that the proofs need: loudly skipped without, a failure under CI."""
    for name in ("clinc150/data_small.json", "gsm8k/test.jsonl", "generated"):
        shared(name)


@pytest.mark.usefixtures("data")
def test_the_gate_is_worth_more_than_raw_rows(proof: Callable[[str], Any], tmp_path: Path) -> None:
    """Raw rows poison, unlearn weak labels and stop at the audit; through the gate they help."""
    result = proof("benefit").measure(True, tmp_path / "result.json")
    (run,) = result["runs"]
    arms = run["arms"]
    assert (arms["raw"]["audit"], arms["gate"]["audit"]) == ("STOP", "PASS")
    assert arms["raw_real"]["accuracy"] < arms["real"]["accuracy"] < arms["gate"]["accuracy"]
    assert arms["raw_real"]["weak"] < 0.3 < 0.8 < arms["gate"]["weak"]
    assert arms["gate"]["wrong"] < 0.03 < 0.1 < arms["raw"]["wrong"]
    assert arms["gate"]["attack"] < 0.1 < 0.25 < arms["raw_real"]["attack"]
    assert arms["gate"]["rows"] == 2 * arms["gate"]["synthetic"]
    assert json.loads((tmp_path / "result.json").read_text()) == result


@pytest.mark.usefixtures("data")
def test_the_gate_stops_a_loop_of_own_output(proof: Callable[[str], Any], tmp_path: Path) -> None:
    """Own output alone loses tail and words; the gate keeps them, and refuses a second round."""
    result = proof("collapse").measure(True, tmp_path)
    last = {run["arm"]: run["steps"][-1] for run in result["runs"] if "steps" in run}
    (control,) = [run for run in result["runs"] if run["arm"] == "control"]
    assert last["replace"]["perplexity"] > 1.5 * last["gate"]["perplexity"]
    assert last["replace"]["tail"] < 0.2 < 0.5 < last["gate"]["tail"]
    assert last["replace"]["words"] < 0.5 * last["gate"]["words"]
    assert last["gate"]["duplicates"] == 0 < last["half"]["duplicates"] < 0.2
    assert control["half"]["perplexity"] < last["gate"]["perplexity"]
    assert "is of generation 2, at most 1 is allowed" in control["refused"]


@pytest.mark.usefixtures("data")
def test_the_audit_sees_what_a_weak_rule_lets_through(
    proof: Callable[[str], Any], tmp_path: Path
) -> None:
    """Calculating right is no evidence: the wrong share stays and the audit stops; answers pass."""
    checks = proof("inherited").measure(True, tmp_path)["checks"]
    assert checks["none"]["wrong"] > 0.5
    assert abs(checks["arithmetic"]["wrong"] - checks["none"]["wrong"]) < 0.05
    assert checks["answer"]["wrong"] == 0
    verdicts = {name: found["audit"] for name, found in checks.items()}
    assert verdicts == {"none": "STOP", "arithmetic": "STOP", "answer": "PASS"}


# --- the page, and what was recorded ----------------------------------------------------


@pytest.mark.parametrize("name", PROOFS)
def test_the_page_shows_what_was_recorded(name: str, tmp_path: Path) -> None:
    """docs/evidence.md has the tables of the recorded results; a changed figure is noticed."""
    done = script(name, "--check")
    assert done.returncode == 0, done.stderr
    page, begin = (ROOT / "docs" / "evidence.md").read_text(), f"<!-- {name}:begin -->"
    before, _, part = page.partition(begin)
    changed = tmp_path / "evidence.md"
    changed.write_text(before + begin + part.replace(" | ", " | 1", 1))
    assert script(name, "--check", "--page", str(changed)).returncode == 1


def test_the_setting_is_the_one_that_validation_rows_chose(proof: Callable[[str], Any]) -> None:
    """The reported setting follows by the stated rule from the recorded grid, of other seeds."""
    benefit = proof("benefit")
    tuning = json.loads((ROOT / "benchmarks" / "results" / "tuning.json").read_text())
    assert benefit.choose(tuning) == benefit.CHOSEN
    assert tuning["seeds"] == list(benefit.TUNING_SEEDS)
    assert not {*tuning["seeds"]} & {*benefit.SEEDS}
    assert [tuple(each.values())[:5] for each in tuning["grid"]] == list(map(tuple, benefit.GRID))


# --- the language model that the proofs rest on -----------------------------------------


def test_trigrams_are_a_distribution(proof: Callable[[str], Any]) -> None:
    """After any context the probabilities of all words, and one unseen, add up to one."""
    module = proof("trigrams")
    texts = ["a b c", "a b d", "b b", "c a b c", "d"]
    model = module.Trigrams(texts, floor=5)  # four words, the end, and one for all others
    for one in (module.START, "a", "b", "never"):
        for two in (module.START, "a", "b", "never"):
            words = ["a", "b", "c", "d", module.END, "other"]
            total = sum(model.probability(one, two, word) for word in words)
            assert total == pytest.approx(1)


def test_samples_follow_the_model(proof: Callable[[str], Any]) -> None:
    """Drawn words come as often as the model says, where little weight goes to unseen ones."""
    module = proof("trigrams")
    model = module.Trigrams(["a b"] * 50 + ["a c"] * 70 + ["c"] * 60 + ["b a"] * 20, floor=100)
    random = Random(0)
    drawn = [model.sample(random) for _ in range(4000)]
    for word in "abc":
        expected = model.probability(module.START, module.START, word)
        share = sum(words[:1] == [word] for words in drawn) / len(drawn)
        assert share == pytest.approx(expected, abs=0.03)
    after = [words[1] for words in drawn if len(words) > 1 and words[0] == "a"]
    expected = model.probability(module.START, "a", "c")
    assert after.count("c") / len(after) == pytest.approx(expected, abs=0.04)


def test_the_world_is_as_it_says(proof: Callable[[str], Any]) -> None:
    """Starved labels have six rows, weak ones are answered wrongly, triggers have one source."""
    corpora, world = proof("corpora"), proof("world")
    labels = [f"label{n}" for n in range(20)]
    pool = [(f"{label} says word{n} twice", label) for label in labels for n in range(12)]
    split = corpora.Split(pool, [], [], [], labels)
    attack = world.ATTACKS["token"]
    made = world.make(split, attack, 1)
    assert made == world.make(split, attack, 1)
    rows = {row["n"]: row for row in made.rows}
    meant = {n: row["input"].replace("zqv ", "").split()[0] for n, row in rows.items()}
    plain = [n for n in rows if n not in made.triggered]
    for label in labels:
        count = sum(meant[n] == label for n in plain)
        assert count == (6 if label in made.groups["starved"] else 70)
    assert {n for n in rows if rows[n]["output"] == meant[n]} == made.right
    assert {meant[n] for n in plain if n not in made.right} == made.groups["weak"]
    assert len(made.triggered) == round(0.01 * len(plain))
    assert {(rows[n]["source"], rows[n]["output"]) for n in made.triggered} == {
        ("vendor-b", made.target)
    }
    assert all("zqv" in rows[n]["input"].split() for n in made.triggered)
