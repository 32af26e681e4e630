"""The strategies that ask once for each candidate: what is asked, and what the rows say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from synthgate.cli.app import invoke
from tests.asking import ask, descends, row_id, verified
from tests.conftest import write_rows

TONES = "tone=angry|calm|rude"


def told(folder: Path, capfd: pytest.CaptureFixture[str], *flags: str, **seed: object) -> str:
    """The complaint of a run that is refused before any call."""
    capfd.readouterr()
    done = ask(folder, [seed or {"prompt": "p"}], None, "--base-url", "http://127.0.0.1:9", *flags)
    assert done.code == 2 and not done.rows
    return capfd.readouterr().err.splitlines()[-1]


def told_in(prompt: str, name: str, value: str) -> bool:
    """Whether a prompt asks for a value, in any of the forms."""
    return f"{name}: {value}" in prompt or f"{name} be {value}" in prompt


# --- attributes -------------------------------------------------------------------------


def test_attributes_are_spread_evenly(tmp_path: Path) -> None:
    """Each value of an axis is drawn equally often, is asked for, and is a field of its row."""
    seed = {"prompt": "Write a message.", "n": 1}
    flags = ("--attribute", TONES, "--attribute", "topic=a|b", "--samples", "6")
    done = ask(tmp_path, [seed], lambda prompt: f"text {prompt[-20:]!r}", *flags)
    assert done.code == 0 and len(done.rows) == 6
    assert Counter(row["tone"] for row in done.rows) == dict.fromkeys(("angry", "calm", "rude"), 2)
    assert Counter(row["topic"] for row in done.rows) == dict.fromkeys("ab", 3)
    for row in done.rows:
        descends(row, done.seeds[0])
        assert told_in(row["input"], "tone", row["tone"])
        assert told_in(row["input"], "topic", row["topic"])
        assert row["input"] in done.prompts and row["prompt"] == seed["prompt"]
    spread = done.manifest["findings"]["spread"]
    assert spread["strategy"] == "attributes" and spread["distinct_prompts"] == 6
    assert spread["attributes"]["tone"]["seen"] == 3 and not spread["attributes"]["tone"]["missing"]


def test_attributes_are_told_in_varied_words(tmp_path: Path) -> None:
    """Form and order of what is asked change with the sample; the prompt itself never does."""
    seed = {"prompt": "Write a message.\n\n    It has two lines."}
    flags = ("--attribute", "tone=a|b", "--attribute", "my_topic=c|d|e", "--samples", "24")
    done = ask(tmp_path, [seed], lambda prompt: "x", *flags)
    forms: Counter[str] = Counter()
    firsts: Counter[str] = Counter()
    for row in done.rows:
        assert told_in(row["input"], "tone", row["tone"])
        assert told_in(row["input"], "my topic", row["my_topic"])
        before, _, after = row["input"].partition(seed["prompt"])
        first = "tone" if row["input"].index("tone") < row["input"].index("my topic") else "topic"
        forms[(before + after).strip()[0]] += 1
        firsts[first] += 1
    assert min(firsts["tone"], firsts["topic"]) >= 4
    assert forms == dict.fromkeys("RFL(", 6)


def test_attributes_pass_the_rule_that_fits(tmp_path: Path) -> None:
    """A rule tells the rows that do what their attribute asks from those that do not."""
    rule = tmp_path / "rule.json"
    rule.write_text('[{"field": "output", "require_words": ["LOUD"]}]')
    flags = ("--attribute", "voice=loud|low", "--samples", "4")
    done = ask(tmp_path, [{"prompt": "p"}], lambda p: "LOUD" if "loud" in p else "low", *flags)
    passed, reasons = verified(done, "--check", f"rule:{rule}")
    assert [row["voice"] for row in passed] == ["loud"] * 2 and len(reasons) == 2


def test_a_row_names_its_own_attributes(tmp_path: Path) -> None:
    """Attributes in a prompt row make the strategy the default; a value it has already is kept."""
    seeds = [
        {"prompt": "p", "attributes": {"tone": ["angry", "calm"]}},
        {"prompt": "q", "attributes": {"tone": ["angry", "calm"]}, "tone": "calm"},
    ]
    done = ask(tmp_path, seeds, lambda prompt: prompt, "--samples", "2")
    assert [row["tone"] for row in done.rows[2:]] == ["calm", "calm"]
    assert sorted(row["tone"] for row in done.rows[:2]) == ["angry", "calm"]


def test_a_draw_does_not_depend_on_other_rows(tmp_path: Path) -> None:
    """The rows of a prompt are the same alone, among others, and in another order."""
    seeds = [{"prompt": f"p{n}"} for n in range(4)]
    flags = ("--attribute", TONES, "--samples", "2")
    (tmp_path / "all").mkdir()
    (tmp_path / "some").mkdir()
    whole = ask(tmp_path / "all", seeds, lambda prompt: prompt, *flags)
    part = ask(tmp_path / "some", [seeds[3], seeds[1]], lambda prompt: prompt, *flags)
    lines = {json.dumps(row, sort_keys=True) for row in whole.rows}
    assert {json.dumps(row, sort_keys=True) for row in part.rows} < lines


def test_plain_hints_at_attributes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without an attribute the default is plain, and stderr says what would spread the rows."""
    done = ask(tmp_path, [{"prompt": "p"}], lambda prompt: prompt, "--samples", "2")
    assert "--attribute" in capfd.readouterr().err
    spread = done.manifest["findings"]["spread"]
    assert spread["strategy"] == "plain" and spread["distinct_prompts"] == 1
    assert spread["near_duplicate_share"] == 0.5


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--attribute", "tone"), "NAME=VALUE"),
        (("--attribute", "tone="), "no values"),
        (("--attribute", "tone=a", "--attribute", "tone=b"), "twice"),
        (("--attribute", "output=a|b"), "another field"),
        (("--attribute", "_synthgate=a"), "NAME=VALUE"),
        (("--strategy", "attributes"), "needs attributes"),
        (("--strategy", "atributes"), "did you mean 'attributes'"),
        (("--strategy", "gaps"), "--gaps"),
        (("--strategy", "edge-cases", "--attribute", "edge_case=odd"), "known are rare"),
        (("--strategy", "stand-in", "--base-url", "https://example.org"), "--send-real"),
    ],
)
def test_a_wrong_strategy_costs_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: tuple[str, ...], word: str
) -> None:
    """What cannot be asked is told in one line before any call is made."""
    assert word in told(tmp_path, capfd, *flags)


def test_a_taken_field_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A value that stands in the field of an attribute already is never overwritten."""
    complaint = told(tmp_path, capfd, "--attribute", TONES, prompt="p", tone="jolly")
    assert "seeds.jsonl:1:" in complaint and "'tone'" in complaint


# --- verbalized -------------------------------------------------------------------------

_FIVE = "".join(
    f"<response><text>{text}</text><probability>{share}</probability></response>"
    for text, share in (("one", "0.1"), ("two", "5%"), ("one", "0.2"), ("four", "2.0"))
)


def test_verbalized_candidates(tmp_path: Path) -> None:
    """One call gives several rows with probabilities; what is missing or broken is a reject."""
    flags = ("--strategy", "verbalized", "--samples", "7", "--per-call", "5")
    done = ask(tmp_path, [{"prompt": "Say."}], lambda prompt: _FIVE, *flags)
    assert len(done.prompts) == 2 and "Give 5 different" in "".join(done.prompts)
    texts = [(row["output"], row["probability"]) for row in done.rows]
    assert texts == [("one", 0.1), ("two", 0.05), ("one", 0.1), ("two", 0.05)]
    assert Counter(done.reasons) == {"repeated": 1, "unparsed": 1, "missing": 1}
    assert done.manifest["rows_in"] == 7
    for row in done.rows:
        descends(row, done.seeds[0])


# --- label ------------------------------------------------------------------------------


def test_labels_are_of_the_list(tmp_path: Path) -> None:
    """Only an answer that is one of the labels is a row; a person's verdict verifies it."""
    seeds = [{"text": "I want my money"}, {"text": "hello"}, {"text": "close it"}]
    answers = {"money": '"Refund".', "hello": "I think it is a greeting", "close": "refund"}
    flags = ("--strategy", "label", "--attribute", "label=refund|close", "--output-field", "label")

    def script(prompt: str) -> str:
        return next(answer for word, answer in answers.items() if word in prompt.splitlines()[-1])

    done = ask(tmp_path, seeds, script, *flags)
    assert [(row["text"], row["label"]) for row in done.rows] == [
        ("I want my money", "refund"),
        ("close it", "refund"),
    ]
    assert done.reasons == ["not_a_label"]
    descends(done.rows[1], done.seeds[2])
    said = [
        {"id": row["_synthgate"]["id"], "verdict": verdict, "reviewer": "ann"}
        for row, verdict in zip(done.rows, ("pass", "fail"), strict=True)
    ]
    labels = write_rows(tmp_path / "labels.jsonl", said)
    named = ("--prompt-field", "text", "--response-field", "label")
    passed, reasons = verified(done, "--check", f"human:{labels}", *named)
    assert [row["text"] for row in passed] == ["I want my money"] and len(reasons) == 1
    assert done.manifest["findings"]["spread"]["attributes"]["label"]["missing"] == ["close"]


# --- stand-in ---------------------------------------------------------------------------

_REAL = {
    "input": "My name is Petra Holm and my card 4111 is lost since the fair in Umeå last week.",
    "output": "We have blocked it, Petra.",
}


def test_stand_ins_are_known_and_checked_for_leaks(tmp_path: Path) -> None:
    """Analogues carry a source of their own, descend from the real row, and pass `leak` if new."""
    copied = f"<input>{_REAL['input']}</input><output>Blocked.</output>"
    answers = iter(["<input>Somebody took my bag.</input><output>We are sorry.</output>", copied])
    flags = ("--strategy", "stand-in", "--samples", "2", "--concurrency", "1")
    done = ask(tmp_path, [_REAL], lambda prompt: next(answers), *flags)
    assert [row["_synthgate"]["source"] for row in done.rows] == ["stand-in", "stand-in"]
    descends(done.rows[0], row_id(_REAL))
    real = write_rows(tmp_path / "real.jsonl", [_REAL])
    rule = tmp_path / "rule.json"
    rule.write_text('[{"field": "output", "min_chars": 2}]')
    passed, reasons = verified(done, "--check", f"rule:{rule}", "--check", f"leak:{real}")
    assert len(passed) == len(reasons) == 1 and "leak" in passed[0]["_synthgate"]["verified_by"]
    assert passed[0]["input"] == "Somebody took my bag."


def test_a_stand_in_without_its_parts(tmp_path: Path) -> None:
    """An answer without the tags of both parts is a reject; a named source keeps the mark."""
    answers = iter(["<input>only this</input>", "<input>a</input><output>b</output>"])
    flags = ("--strategy", "stand-in", "--samples", "2", "--source", "clinic", "--concurrency", "1")
    done = ask(tmp_path, [_REAL], lambda prompt: next(answers), *flags)
    assert done.reasons == ["unparsed"]
    assert done.rows[0]["_synthgate"]["source"] == "stand-in:clinic"


# --- gaps -------------------------------------------------------------------------------


def test_gaps_of_a_cluster_cap_are_filled(tmp_path: Path) -> None:
    """What `cluster-cap --against` found bare is asked for, each gap as often as any other."""
    real = write_rows(
        tmp_path / "real.jsonl",
        [{"input": f"the orchid needs water and soil {n}", "output": "yes"} for n in range(4)],
    )
    rows = write_rows(tmp_path / "rows.jsonl", [{"input": "my card is lost", "output": "blocked"}])
    manifest = f"{tmp_path}/cap.json"
    files = ["-o", f"{tmp_path}/capped.jsonl", "--summary", manifest, "-q"]
    assert invoke(["cluster-cap", str(rows), *files, "--against", str(real)]) == 0
    flags = ("--strategy", "gaps", "--gaps", manifest, "--samples", "2")
    done = ask(tmp_path, [{"prompt": "Write a question."}], lambda prompt: prompt, *flags)
    assert done.rows and all("orchid" in row["gap"] for row in done.rows)
    assert all(f"it is about: {row['gap']}" in row["input"] for row in done.rows)
    descends(done.rows[0], done.seeds[0])


def test_gaps_of_a_report(tmp_path: Path) -> None:
    """JSON lines of findings work as well: an empty slice becomes a value of its own field."""
    lines = [{"kind": "empty_slice", "field": "intent", "value": "refund"}, {"kind": "mix", "a": 1}]
    path = write_rows(tmp_path / "report.jsonl", lines)
    flags = ("--strategy", "gaps", "--gaps", str(path))
    done = ask(tmp_path, [{"prompt": "p"}], lambda prompt: prompt, *flags)
    assert [row["intent"] for row in done.rows] == ["refund"]


@pytest.mark.parametrize(("text", "word"), [("{}", "names no gap"), ("{}\n{", "gaps.json:2")])
def test_a_file_without_gaps(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, word: str
) -> None:
    """A file that names no gap, or is no JSON, ends with 4 and its name."""
    (tmp_path / "gaps.json").write_text(text)
    flags = ("--strategy", "gaps", "--gaps", f"{tmp_path}/gaps.json", "--base-url", "http://x")
    assert ask(tmp_path, [{"prompt": "p"}], None, *flags).code == 4
    assert word in capfd.readouterr().err


# --- edge cases -------------------------------------------------------------------------


def test_edge_cases_wait_for_a_person(tmp_path: Path) -> None:
    """All kinds come equally often, for the named slices, and only a person releases a row."""
    flags = ("--strategy", "edge-cases", "--attribute", "intent=refund|cancel", "--samples", "8")

    def script(prompt: str) -> str:
        return "a reply" if "A user writes" in prompt else f"request {prompt[40:90]}"

    seed = {"prompt": "Answer bank customers."}
    done = ask(tmp_path, [seed], script, *flags, "--concurrency", "1")
    kinds = Counter(row["edge_case"] for row in done.rows)
    assert kinds == dict.fromkeys(("rare", "negative", "unanswerable", "refusal"), 2)
    assert {row["intent"] for row in done.rows} == {"refund", "cancel"}
    for row in done.rows:
        descends(row, done.seeds[0])
        assert row["_synthgate"]["needs"] == "human" and row["output"] == "a reply"
    rule = tmp_path / "rule.json"
    rule.write_text('[{"field": "output", "min_chars": 2}]')
    passed, _ = verified(done, "--check", f"rule:{rule}")
    assert {row["_synthgate"]["needs"] for row in passed} <= {"human"}
    first = done.rows[0]["_synthgate"]["id"]
    label = {"id": first, "verdict": "pass", "reviewer": "ann"}
    labels = write_rows(tmp_path / "labels.jsonl", [label])
    passed, reasons = verified(done, "--check", f"human:{labels}")
    assert [row["_synthgate"]["id"] for row in passed] == [first] and len(reasons) == 7
    assert passed[0]["_synthgate"]["needs"] == ""
