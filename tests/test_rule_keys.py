"""The keys of the check `rule` beyond lengths and patterns: counts, words, fields, refusals."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
import unicodedata
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.errors import UsageError
from synthgate.formats import named
from synthgate.verifiers import Verdict
from synthgate.verifiers.rules.figures import figure
from synthgate.verifiers.rules.refusals import refuses
from synthgate.verifiers.rules.sentences import count_sentences
from tests.conftest import read_rows, synthgate, write_rows
from tests.test_rule import built, judge

SHAPE = named("input/output")
names = st.sampled_from(["one", "Two", "drei", "4th", "it's", "x-y"])
sentences = st.lists(names, min_size=1, max_size=5).flatmap(
    lambda words: st.sampled_from([".", "!", "?", "?!", "...\u201d"]).map(
        lambda end: " ".join([words[0].capitalize(), *words[1:]]) + end
    )
)


def said(rule: dict[str, Any], value: dict[str, Any]) -> tuple[str, str]:
    verdict = judge([rule], value)
    return verdict.outcome, verdict.reason


def answer(rule: dict[str, Any], text: str) -> tuple[str, str]:
    return said(rule, {"input": "?", "output": text})


# --- counts -----------------------------------------------------------------------------


@given(st.lists(st.lists(sentences, min_size=1, max_size=4), min_size=1, max_size=4))
def test_sentences_paragraphs_and_lines_of_a_text_built_from_them(text: list[list[str]]) -> None:
    """A text built of so many sentences, paragraphs and lines has exactly so many."""
    counts = {
        "sentences": sum(map(len, text)),
        "paragraphs": len(text),
        "lines": sum(map(len, text)),
    }
    written = "\n \n".join("\n".join(paragraph) for paragraph in text)
    for unit, count in counts.items():
        assert answer({f"min_{unit}": count}, written) == ("pass", "")
        assert answer({f"max_{unit}": count}, written) == ("pass", "")
        assert answer({f"min_{unit}": count + 1}, written) == ("fail", f"min_{unit}")
        assert answer({f"max_{unit}": count - 1}, written) == ("fail", f"max_{unit}")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0), ("...", 0), ("no mark", 1), ("Dr. No met Mr. T. Smith. They left.", 2),
        ("It costs 3.5 dollars. Really?!", 2), ('He said "Stop." Then he left.', 2),
        ("See e.g. Rome, i.e. the U.S. town.", 1), ("Wait... what? Yes.", 2),
        ("\u4eca\u5929\u5f88\u597d\u3002\u4f60\u5462\uff1f", 2), ("1. do this 2. do that.", 1),
        ("\u092f\u0939 \u0939\u0948\u0964 \u0935\u0939 \u0939\u0948\u0964", 2),
    ],
)  # fmt: skip
def test_what_ends_a_sentence(text: str, count: int) -> None:
    """Abbreviations, initials, decimals and numbered points do not; wide marks and dandas do."""
    assert count_sentences(text) == count


# --- words ------------------------------------------------------------------------------


@given(
    st.text(st.sampled_from("abB -.\u00e9\n"), max_size=14),
    st.sampled_from(["ab", "b b", "\u00e9"]),
)
def test_a_word_is_found_as_a_whole_in_any_case(text: str, word: str) -> None:
    """Found exactly where splitting the text at everything that is no letter leaves the word."""
    letters = "".join(c if c.isalpha() else "\n" if c != " " and c != "\n" else " " for c in text)
    runs = [f" {' '.join(run.split())} ".casefold() for run in letters.split("\n")]
    found = any(f" {word} " in run for run in runs)
    assert answer({"forbid_words": ["zz", word]}, text)[0] == ("fail" if found else "pass")
    assert answer({"require_words": [word]}, text)[0] == ("pass" if found else "fail")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a DAMNED thing", ""), ("well, Damn!", "Damn"), ("da\u200bmn", "damn"),
        ("\uff44\uff41\uff4d\uff4e", "damn"), ("holy\n  cow", "holy cow"), ("holycow", ""),
        ("\u8fd9\u662f\u79d8\u5bc6\u6587\u4ef6", "\u79d8\u5bc6"), ("STRASSE", "STRASSE"),
    ],
)  # fmt: skip
def test_a_forbidden_word_cannot_hide(text: str, found: str) -> None:
    """Case, width, invisible characters and line ends hide nothing; the evidence says what."""
    rule = {"forbid_words": ["damn", "holy cow", "\u79d8\u5bc6", "stra\u00dfe"]}
    verdict = judge([rule], {"output": text})
    assert verdict.outcome == ("fail" if found else "pass")
    assert verdict.evidence.get("found", "") == found
    assert unicodedata.is_normalized("NFKC", found)


def test_a_required_word_that_is_missing_is_named() -> None:
    """The evidence says which of the words is not there."""
    verdict = judge([{"require_words": ["yes", "no"]}], {"output": "Yes."})
    assert (verdict.reason, verdict.evidence["limit"]) == ("require_words", "no")


# --- values of fields -------------------------------------------------------------------

scalars = st.one_of(
    st.booleans(), st.integers(-3, 3), st.sampled_from([1.0, 0.5]), st.sampled_from(["1", "a", ""])
)


@given(scalars, st.lists(scalars, min_size=1, max_size=3))
def test_equality_is_that_of_json(value: Any, allowed: list[Any]) -> None:
    """Numbers are equal as numbers, true is not 1, a text is no number."""

    def canonical(item: Any) -> str:
        return json.dumps(float(item) if type(item) is int else item)

    same = [canonical(item) == canonical(value) for item in allowed]
    row = {"meta": {"x": value}}
    assert said({"field": "meta.x", "one_of": allowed}, row)[0] == ("pass" if any(same) else "fail")
    assert said({"field": "meta.x", "equals": allowed[0]}, row)[0] == (
        "pass" if same[0] else "fail"
    )


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_bounds_are_bounds(value: float, limit: float) -> None:
    """A number, or a text that is one, is held against a bound exactly."""
    for held in (value, format(value, "f")):
        exact = Fraction(str(held))
        for key, holds in (
            ("min", exact >= Fraction(str(limit))),
            ("max", exact <= Fraction(str(limit))),
        ):
            assert said({"field": "x", key: limit}, {"x": held})[0] == ("pass" if holds else "fail")


@pytest.mark.parametrize(
    "held", [None, True, "", "x", "1e5", "0x1", "1,5", [1], {}, "\u0661", "1" * 500]
)
def test_what_is_no_number_fails_a_bound(held: Any) -> None:
    """Nothing is guessed: only JSON numbers and plain decimal texts are numbers."""
    assert figure(held) is None
    assert said({"field": "x", "min": -1e300}, {"x": held}) == ("fail", "no_number")


def test_bounds_must_be_finite() -> None:
    """`min = -inf` could not fail; TOML can write it."""
    for number in ("-inf", "inf", "nan"):
        with pytest.raises(UsageError, match="rule 1: min: must be a number"):
            built(f'[[rule]]\nfield = "x"\nmin = {number}\n', name="rules.toml")
    assert math.isfinite(1e300)


# --- refusals ---------------------------------------------------------------------------

REFUSALS = [
    "I'm sorry, but I can't assist with that.",
    "Sorry, but I cannot help you with this request.",
    "I\u2019m unable to provide instructions for that.",
    "As an AI language model, I don't have access to real-time data.",
    "I must respectfully decline.",
    "I cannot generate content that promotes violence.",
    "Unfortunately, that goes against my guidelines.",
    "It is not ethical to provide such advice.",
    "Es tut mir leid, aber ich kann dir dabei nicht helfen.",
    "Als KI-Sprachmodell kann ich keine medizinische Diagnose stellen.",
    "Je suis d\u00e9sol\u00e9, mais je ne peux pas vous aider.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Mi dispiace, ma non posso aiutarti con questo.",
    "Desculpe, mas n\u00e3o posso ajudar com isso.",
    "\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5\u63d0\u4f9b\u8fd9\u65b9\u9762\u7684\u4fe1\u606f\u3002",
    "\u7533\u3057\u8a33\u3054\u3056\u3044\u307e\u305b\u3093\u304c\u3001\u304a\u7b54\u3048\u3067\u304d\u307e\u305b\u3093\u3002",
]
ANSWERS = [
    "My card is blocked and I can't access my account. Can you help me with that?",
    "Sorry, we cannot process your transfer today.",
    "I am unable to verify my identity in the app.",
    "Sure! Here's a message: \"I'm sorry, but I can't help with that.\"",
    "You can't divide by zero, so the answer is undefined.",
    "I'm sorry to hear that. Try restarting your phone.",
    "Of course I can help with that.",
    "The clerk refused to provide information about the loan.",
    "Ich kann heute leider nicht kommen.",
    "No puedo entrar en mi cuenta desde ayer.",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_known(text: str) -> None:
    """Unwanted it fails and says the words; wanted it passes; in quotes and capitals, too."""
    verdict = judge([{"refusal": "unwanted"}], {"output": f'"{text}"'})
    assert (verdict.outcome, verdict.reason) == ("fail", "refusal")
    assert verdict.evidence["found"]
    assert answer({"refusal": "wanted"}, text.upper()) == ("pass", "")


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_refusal(text: str) -> None:
    """A customer or a bank that cannot do something refuses nothing, nor does a quoted refusal."""
    assert refuses(text) == ""
    assert answer({"refusal": "unwanted"}, text) == (("pass", "") if text else ("fail", "no_text"))
    assert answer({"refusal": "wanted"}, text) == ("fail", "no_refusal" if text else "no_text")


@pytest.mark.parametrize(
    ("asked", "refused", "answered"),
    [
        (True, "", "no_refusal"), ("refuse", "", "no_refusal"), (1, "", "no_refusal"),
        (False, "refusal", ""), ("comply", "refusal", ""), ("No", "refusal", ""),
        (None, "refusal_field", "refusal_field"), ("maybe", "refusal_field", "refusal_field"),
    ],
)  # fmt: skip
def test_a_field_tells_wanted_from_unwanted(asked: Any, refused: str, answered: str) -> None:
    """A row whose field says neither abstains: what cannot be told is no pass and no fail."""
    rule = {"refusal_field": "meta.harmful"}
    row = {"input": "?", "meta": {"harmful": asked}}
    assert said(rule, {**row, "output": REFUSALS[0]})[1] == refused
    assert said(rule, {**row, "output": ANSWERS[0]})[1] == answered
    if refused == answered:
        assert said(rule, {**row, "output": REFUSALS[0]})[0] == "abstain"
        assert said({**rule, "max_chars": 3}, {**row, "output": REFUSALS[0]})[0] == "fail"


def test_a_fail_outweighs_what_cannot_be_told() -> None:
    """A rule that abstains hides no other that fails, in the same table or in another one."""
    pytest.importorskip("py3langid", reason="SKIPPED: the extra [lang] is not installed")
    row = {"input": "?", "output": "1234"}
    unsure, broken = [{"refusal_field": "none"}, {"language": "en"}], {"max_chars": 3}
    for rule in unsure:
        assert judge([rule, {"min_chars": 3}], row).outcome == "abstain"
        for rules in ([rule, broken], [broken, rule], [{**rule, **broken}], [*unsure, broken]):
            assert (judge(rules, row).outcome, judge(rules, row).reason) == ("fail", "max_chars")


def test_the_prompt_tells_wanted_from_unwanted() -> None:
    """Prompts with the pattern want a refusal, all others an answer."""
    rule = {"refusal_prompt": r"(?i)\bpick a lock\b"}
    outcomes = [
        said(rule, {"input": prompt, "output": text})[1]
        for prompt in ("How do I pick a lock?", "How do I bake bread?")
        for text in (REFUSALS[0], "First, take some flour.")
    ]
    assert outcomes == ["", "no_refusal", "refusal", ""]


def test_refusals_in_real_model_output(shared: Any) -> None:
    """Of 2,286 answers of two small models the 65 found were read: 61 refuse what was asked."""
    counts = {}
    for name in ("banking_qwen2.5-coder-0.5b", "banking_smollm2-135m", "gsm8k_qwen2.5-coder-0.5b"):
        rows = read_rows(shared(f"generated/{name}.jsonl"))
        counts[name] = sum(bool(refuses(row["output"])) for row in rows)
    assert list(counts.values()) == [62, 3, 0]
    human = read_rows(shared("gsm8k/test.jsonl"))
    assert not any(refuses(row["answer"]) for row in human)


@pytest.mark.parametrize(
    "bit",
    ["i can't be able to ", "i'm sorry, i'm ", "as an ai ", "as ai, i ", "i can't provide any the ",
     "ich kann dir das leider ", "je ne suis pas te ",
     "\u62b1\u6b49", "not ethical or ", "i ", " ", "'"],
)  # fmt: skip
def test_looking_for_refusals_cannot_run_away(bit: str) -> None:
    """A text made to nearly match everywhere takes no longer than a second."""
    start = time.process_time()
    assert refuses(bit * 400) == ""
    assert time.process_time() - start < 1


# --- language ---------------------------------------------------------------------------

LANGUAGES = {
    "en": "The train was late again, so we walked home through the rain.",
    "de": "Der Zug hatte wieder Verspätung, deshalb gingen wir durch den Regen nach Hause.",
    "fr": "Le train était encore en retard, alors nous sommes rentrés à pied sous la pluie.",
    "es": "El tren volvió a llegar tarde, así que caminamos a casa bajo la lluvia.",
    "hi": "ट्रेन फिर देर से आई, इसलिए हम बारिश में पैदल घर गए।",
    "ja": "電車がまた遅れたので、私たちは雨の中を歩いて帰りました。",
}


def test_languages_are_told_apart() -> None:
    """Each sentence passes its own code and no other; a text without letters abstains."""
    pytest.importorskip("py3langid", reason="SKIPPED: the extra [lang] is not installed")
    for code, text in LANGUAGES.items():
        for other in LANGUAGES:
            assert answer({"language": other}, text)[0] == ("pass" if code == other else "fail")
    assert answer({"language": ["de", "en"]}, LANGUAGES["en"]) == ("pass", "")
    assert answer({"language": "en"}, "12 + 30 = 42") == ("abstain", "language_unknown")
    with pytest.raises(UsageError, match="rule 1: language: unknown language 'english'"):
        built([{"language": "english"}])


def test_a_missing_extra_is_refused_with_the_install_line(tmp_path: Path) -> None:
    """Without py3langid a rule on the language ends with 2 before any row is read."""
    (tmp_path / "py3langid").mkdir()
    (tmp_path / "py3langid" / "__init__.py").write_text("raise ImportError('gone')\n")
    (tmp_path / "rules.toml").write_text('[[rule]]\nlanguage = "en"\n')
    source = write_rows(tmp_path / "in.jsonl", [{"input": "?", "output": "Good morning to you"}])
    done = subprocess.run(
        [sys.executable, "-m", "synthgate", "verify", source, "--check", "rule:rules.toml"],
        capture_output=True, cwd=tmp_path, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'synthgate[lang]'" in done.stderr
    assert "Traceback" not in done.stderr


# --- the command ------------------------------------------------------------------------


def test_every_key_at_once(tmp_path: Path) -> None:
    """Rows that break one rule each are rejected for it; the good one is kept."""
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\nmin_sentences = 2\nmax_lines = 3\nforbid_words = ["spam"]\n'
        'refusal = "unwanted"\n'
        '[[rule]]\nfield = "meta.score"\nmin = 0.5\nmax = 1\n'
        '[[rule]]\nfield = "meta.kind"\none_of = ["a", "b"]\n'
    )
    good = {"input": "?", "output": "One. Two.", "meta": {"score": 0.5, "kind": "a"}}
    bad = {
        "min_sentences": {"output": "One and two."},
        "max_lines": {"output": "One.\nTwo.\nThree.\nFour."},
        "forbid_words": {"output": "One. Spam."},
        "refusal": {"output": "I'm sorry. I can't help with that."},
        "min": {"meta": {"score": 0.49, "kind": "a"}},
        "max": {"meta": {"score": 2, "kind": "a"}},
        "one_of": {"meta": {"score": 1, "kind": "c"}},
    }
    source = write_rows(tmp_path / "in.jsonl", [good, *({**good, **each} for each in bad.values())])
    rejects = tmp_path / "rejects"
    done = synthgate(
        "verify", source, "--check", f"rule:{tmp_path / 'rules.toml'}", "--rejects", rejects
    )
    assert done.code == 0, done.err
    assert [row["output"] for row in done.rows] == ["One. Two."]
    reasons = [row["_reject"]["detail"].partition(":")[0] for row in read_rows(rejects)]
    assert reasons == list(bad)


def test_the_settings_of_the_check_decide_its_config() -> None:
    """Another file or another time limit is another check; the same is the same."""
    configs = [
        built([{"min_chars": 1}]).config, built([{"min_chars": 1}], timeout=2.0).config,
        built([{"min_chars": 2}]).config,
    ]  # fmt: skip
    assert len({json.dumps(config) for config in configs}) == 3
    assert built([{"min_chars": 1}]).config == configs[0]
    assert isinstance(judge([{"min_chars": 1}], {"output": "x"}), Verdict)
