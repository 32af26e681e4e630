"""The check `rule:FILE`: lengths, patterns and required fields from a file."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.verifiers import Bench, Verdict, Verifier, assemble
from synthgate.verifiers.rules.patterns import is_tame
from tests.conftest import read_rows, synthgate, write_rows

SHAPE = named("input/output")
texts = st.text(st.sampled_from("ab1 \n\u00e9\u2003."), max_size=12)


def built(rules: Any, name: str = "rules.json", timeout: float = 1.0) -> Verifier:
    """Return the check for a file of rules with this content."""
    text = rules if isinstance(rules, str) else json.dumps(rules)
    policy = VerifyPolicy(regex_timeout=timeout)
    (check,) = assemble([f"rule:{name}"], Bench(policy, lambda _: ((), SHAPE), lambda _: text))
    return check


def judge(rules: Any, value: dict[str, Any], **options: Any) -> Verdict:
    """Return the verdict of a fresh check on one row."""
    row = read(json.dumps(value).encode(), "f", 1, Stamp().provenance)
    return built(rules, **options).check(row, SHAPE)


@given(texts, st.integers(1, 8), st.integers(0, 8), st.sampled_from([r"\d", "^a", "b\\s", "é$"]))
def test_lengths_and_patterns_mean_what_they_say(
    text: str, low: int, high: int, pattern: str
) -> None:
    """Each condition holds exactly when Python's own counting and searching says so."""
    found = re.search(pattern, text) is not None
    expected = {
        "min_chars": len(text.strip()) >= low, "max_chars": len(text.strip()) <= high,
        "min_words": len(text.split()) >= low, "max_words": len(text.split()) <= high,
        "matches": found, "forbids": not found,
    }  # fmt: skip
    limits = {key: low if key.startswith("min") else high for key in expected}
    for key, holds in expected.items():
        limit = pattern if key in ("matches", "forbids") else limits[key]
        verdict = judge([{key: limit}], {"input": "?", "output": text})
        assert verdict.outcome == ("pass" if holds else "fail")
        assert verdict.reason == ("" if holds else key)


@given(st.lists(st.sampled_from(["min_chars", "max_words", "forbids"]), unique=True), texts)
def test_all_rules_must_hold(keys: list[str], text: str) -> None:
    """Rules in one table, in several tables and in TOML give the same verdict: all must hold."""
    limits: dict[str, Any] = {"min_chars": 3, "max_words": 2, "forbids": "1"}
    rule = {"max_chars": 99, **{key: limits[key] for key in keys}}
    value = {"input": "?", "output": text}
    one = judge([rule], value)
    many = judge([{key: limit} for key, limit in rule.items()], value)
    toml = "[[rule]]\n" + "\n".join(f"{key} = {json.dumps(rule[key])}" for key in rule)
    assert one == judge(toml, value, name="rules.toml") == judge({"rule": [rule]}, value)
    assert (one.outcome, one.reason) == (many.outcome, many.reason)


@pytest.mark.parametrize(
    ("rule", "value", "reason"),
    [
        ({"field": "prompt", "matches": "^Q"}, {"input": "Q?", "output": "x"}, ""),
        ({"field": "prompt", "matches": "^Q"}, {"input": "q?", "output": "Q"}, "matches"),
        ({"field": "meta.by", "max_chars": 2}, {"meta": {"by": "me"}, "output": ""}, ""),
        ({"field": "meta.by", "max_chars": 2}, {"meta": {}, "output": ""}, "no_text"),
        ({"max_chars": 2}, {"input": "?", "output": 7}, "no_text"),
        ({"required": ["meta.by", "prompt"]}, {"input": "?", "meta": {"by": 0}}, ""),
        ({"required": ["meta.by"]}, {"meta": {"by": "  "}}, "required"),
        ({"required": ["meta.by"]}, {"meta": {"by": None}}, "required"),
        ({"required": ["tags"]}, {"tags": []}, "required"),
        ({"required": ["prompt"]}, {"prompt": "x", "input": " "}, "required"),
        ({"required": ["response"], "max_chars": 9}, {"input": "?"}, "no_text"),
    ],
)
def test_fields(rule: dict[str, Any], value: dict[str, Any], reason: str) -> None:
    """`prompt` and `response` are views of the row, other names are fields, dotted for nested."""
    verdict = judge([rule], value)
    assert (verdict.outcome, verdict.reason) == ("fail" if reason else "pass", reason)
    assert not reason or verdict.evidence["rule"] == 1


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([{"min_char": 1}], "rules.json: rule 1: unknown key 'min_char'.*did you mean 'min_chars'"),
        ([{"min_chars": 1}, {"regex": "x"}], "rules.json: rule 2: unknown key 'regex'"),
        ([{"min_chars": "1"}], "rule 1: min_chars: must be a whole number"),
        ([{"min_chars": True}], "rule 1: min_chars: must be a whole number"),
        ([{"max_words": -1}], "rule 1: max_words: must not be negative"),
        ([{"required": "id"}], "rule 1: required: must be a list of field names"),
        ([{"required": [1]}], "rule 1: required: must be a list of field names"),
        ([{"matches": ["a"]}], "rule 1: matches: must be a string"),
        ([{"matches": "("}], "rule 1: matches: is no pattern: missing"),
        ([{"forbids": "(" * 5000 + ")" * 5000}], "rule 1: forbids: is no pattern"),
        ([{"field": "prompt"}], "rule 1: has no condition"),
        ([{}], "rule 1: has no condition"),
        (["x"], "rule 1: must be a table"),
        ([{"tolerance": 1, "min_chars": 1}], "rule 1: tolerance: goes with relation"),
        ([{"kwargs": {}, "min_chars": 1}], "rule 1: kwargs: goes with ifeval"),
        ([{"refusal": "wanted", "refusal_field": "x"}], "rule 1: one of refusal, .*not several"),
        ([{"refusal": "maybe"}], "rule 1: refusal: must be 'wanted' or 'unwanted'"),
        ([{"min": "1"}], "rule 1: min: must be a number"),
        ([{"equals": ["a"]}], "rule 1: equals: must be a string, a number, true or false"),
        ([{"one_of": [["a"]]}], "rule 1: one_of: must be a list of strings"),
        ([{"forbid_words": [""]}], "rule 1: forbid_words: must be a list of words"),
        ([{"relation": "a ="}], "rule 1: relation: '=' is not understood"),
        ([{"refusal_prompt": "("}], "rule 1: refusal_prompt: is no pattern"),
        ([{"ifeval": "punctuation:no_coma"}], "rule 1: ifeval: unknown instruction .*did you mean"),
        ([], "rules.json: holds no list of rules"),
        ({"rules": []}, "rules.json: unknown key 'rules'.*did you mean 'rule'"),
        ("{", "rules.json: "),
        ('[{"min_chars":1,"min_chars":2}]', "rules.json: .*duplicate key"),
        ("[" * 5000, "rules.json: "),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused(rules: Any, said: str) -> None:
    """Unknown keys, wrong types and broken patterns name the file, the rule and the key."""
    with pytest.raises(UsageError, match=re.compile(said, re.IGNORECASE)):
        built(rules)


@pytest.mark.parametrize(
    "rule",
    [
        {"min_chars": 0}, {"min_words": 0, "min_lines": 0}, {"matches": ".*"}, {"matches": ""},
        {"matches": r"(?s)^.*$"}, {"matches": r"[\s\S]*"}, {"matches": r"\d*|x"},
        {"required": []}, {"forbid_words": []}, {"require_words": [], "matches": "a?"},
        {"field": "meta.by", "min_chars": 0},
    ],
)  # fmt: skip
def test_a_rule_that_can_never_fail_is_refused(rule: dict[str, Any]) -> None:
    """It says which rule of which file; beside a condition that can fail it is let be."""
    with pytest.raises(UsageError, match=r"rules\.json: rule 2: can never fail: "):
        built([{"min_chars": 1}, rule])
    built([{**rule, "max_chars": 3}])


def test_a_file_of_rules_is_toml_or_json() -> None:
    """Another extension, or none, is refused: nothing is guessed."""
    for name in ("rules.yaml", "rules", "rulestoml"):
        with pytest.raises(UsageError, match=r"is \.toml or \.json"):
            built([], name=name)
    with pytest.raises(UsageError, match=r"rules\.toml: .*line 1"):
        built("min_chars = 1 = 2", name="rules.toml")


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_hostile_pattern_is_an_error_in_time(pattern: str) -> None:
    """A pattern that would run for ages ends after its time as an error, never as a pass."""
    start = time.process_time()
    verdict = judge([{"forbids": pattern}], {"output": "a" * 5000 + "!"}, timeout=0.1)
    assert (verdict.outcome, verdict.reason) == ("error", "pattern_timeout")
    assert time.process_time() - start < 3


def test_catastrophic_backtracking_does_not_hang_the_command(tmp_path: Path) -> None:
    """`^(a+)+$` on hostile rows: each is an error within its time, and its neighbours pass."""
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nmin_chars = 2\nforbids = '^(a+)+$'\n")
    hostile = {"input": "?", "output": "a" * 400_000 + "!"}
    rows = [{"input": "?", "output": "good"}, hostile, {"input": "?", "output": "better"}]
    source, rejects = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "rejects.jsonl"
    argv = ["verify", source, "--rejects", rejects, "--check", f"rule:{rules}"]
    done = synthgate(*argv, "--regex-timeout", "0.2")
    assert done.code == 0, done.err
    assert [row["output"] for row in done.rows] == ["good", "better"]
    (reject,) = (row["_reject"] for row in read_rows(rejects))
    assert (reject["reason"], reject["detail"]) == ("error:rule", "pattern_timeout")


def test_the_file_of_rules_is_an_input(tmp_path: Path) -> None:
    """The manifest names the rules with their digest, and no output may be written over them."""
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nmin_chars = 2\n")
    source = write_rows(tmp_path / "in.jsonl", [{"input": "?", "output": "xyz"}])
    argv = ["verify", source, "--check", f"rule:{rules}", "--force"]
    assert synthgate(*argv, "-o", rules).code == 2
    assert synthgate(*argv, "-o", tmp_path / "out", "--evidence", rules).code == 2
    assert rules.read_text().startswith("[[rule]]")
    assert synthgate(*argv, "-o", tmp_path / "out").code == 0
    inputs = json.loads((tmp_path / "out.manifest.json").read_text())["inputs"]
    assert [(each["path"], each.get("role", "")) for each in inputs] == [
        (str(source), ""),
        (str(rules), "check"),
    ]
    assert synthgate("verify", source, "--check", "rule:missing.toml").code == 4


@pytest.mark.parametrize(
    ("pattern", "tame"),
    [
        (r"\w+", True), (r"(?i)answer", True), (r"^(yes|no)\b", True), (r"[^z]+z", True),
        (r"(a+)+$", False), (r"(a|aa)+$", False), (r"a*b*$", False), (r"a{9,}", False),
        (r"(.*)\1", False), (r"(a|aa)(a|aa)x", False), (r"(?:a)+", False), (r"(?R)?", False),
    ],
)  # fmt: skip
def test_only_patterns_that_cannot_run_away_go_unwatched(pattern: str, tame: bool) -> None:
    """The time limit is left out only where n characters take at most about n * n steps."""
    assert is_tame(pattern) is tame
    if tame:
        for text in ("a" * 4000, " " * 4000, "ab" * 2000, "a" * 3999 + "!"):
            regex.compile(pattern).search(text, timeout=2.0)
