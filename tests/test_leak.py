"""The check `leak:REAL`: what stands in real data is found, and nothing secret is shown."""

from __future__ import annotations

import csv
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.rows import Row
from synthgate.verifiers import Bench, Verdict, Verifier, assemble
from synthgate.verifiers.leaking import substrings
from synthgate.verifiers.leaking.near import NearCopies
from synthgate.verifiers.leaking.substrings import Substrings
from synthgate.verifiers.leaking.texts import fold, words
from tests.conftest import read_rows, synthgate, write_rows

SHAPE = named("input/output")
LONG = "My name is Ada Lovelace and I would like to know where my transfer of last Tuesday went."


def row_of(value: Any, number: int = 1) -> Row:
    return read(json.dumps(value).encode(), "real.jsonl", number, Stamp().provenance)


def check_of(real: list[Any], part: str = "", **settings: Any) -> Verifier:
    """Return the check against these real rows; a text alone is a row with only that text."""
    values = [{"text": each} if isinstance(each, str) else each for each in real]
    rows = [row_of(value, at) for at, value in enumerate(values, 1)]
    policy = VerifyPolicy(**settings)
    bench = Bench(policy, lambda _: ((), SHAPE), lambda _: "", records=lambda _: rows)
    (built,) = assemble([f"leak:real.jsonl{part}"], bench)
    return built


def ask(check: Verifier, response: str, prompt: str = "?", **more: Any) -> Verdict:
    return check.check(row_of({"input": prompt, "output": response, **more}), SHAPE)


def said(verdict: Verdict) -> str:
    return f"{verdict.outcome} {verdict.reason}".strip()


# --- common substrings, against a slow and obvious oracle -------------------------------

FEW = st.text(alphabet="ab ", max_size=60)


def longest_common(one: str, other: str) -> int:
    found = SequenceMatcher(None, one, other, autojunk=False).find_longest_match()
    return found.size


@given(st.lists(FEW, max_size=5), FEW, st.integers(8, 20))
def test_every_long_substring_is_found(stored: list[str], text: str, length: int) -> None:
    """A substring is found exactly if some stored text shares one that is long enough."""
    found = Substrings(stored, length).find(text)
    longest = max((longest_common(text, each) for each in stored), default=0)
    assert (found is not None) is (longest >= length)
    if found is not None:
        shared = text[found.start : found.start + found.length]
        assert len(shared) == found.length >= length
        assert shared in stored[found.stored]


@given(st.integers(0, 200), st.integers(50, 90), st.integers(0, 100), st.integers(8, 50))
def test_no_place_is_missed(before: int, size: int, at: int, length: int) -> None:
    """Wherever in both texts a substring of just the wanted length lies, it is found."""
    rng = random.Random(before * 1000 + size * 10 + at)
    real = "".join(rng.choices("abcdefghij", k=at + size + 20))
    part = real[at : at + length]
    text = "".join(rng.choices("uvwxyz", k=before)) + part + "".join(rng.choices("uvwxyz", k=30))
    assert Substrings([real], length).find(text) is not None
    assert Substrings([real], length + 1).find(text) is None


def test_one_character_less_is_no_leak() -> None:
    """The limit counts characters of the folded text: 50 are a leak, 49 are not."""
    check = check_of([LONG])
    assert said(ask(check, f"zz{fold(LONG)[5:55]}zz")) == "fail substring"
    assert said(ask(check, f"zz{fold(LONG)[5:54]}zz")) == "pass"
    assert said(ask(check_of([LONG], leak_chars=20), f"zz{fold(LONG)[5:25]}zz")) == "fail substring"


# --- near copies, against every pair ----------------------------------------------------


def common_words(one: list[str], other: list[str]) -> int:
    """The longest common subsequence, by the textbook."""
    row = [0] * (len(other) + 1)
    for a in one:
        last = 0
        for at, b in enumerate(other, 1):
            last, row[at] = row[at], last + 1 if a == b else max(row[at], row[at - 1])
    return row[-1]


SENTENCES = st.lists(st.sampled_from("a b c d e f g h i j k l m".split()), min_size=12, max_size=24)  # noqa: SIM905


@given(
    st.lists(SENTENCES, min_size=1, max_size=8), SENTENCES, st.sampled_from([0.5, 0.7, 0.8, 0.9])
)
def test_every_near_copy_is_found(stored: list[list[str]], text: list[str], least: float) -> None:
    """A near copy is found exactly if the words of some stored text are similar enough."""
    found = NearCopies([" ".join(each) for each in stored], least).find(" ".join(text))
    best = max(2 * common_words(text, each) / (len(text) + len(each)) for each in stored)
    assert (found is not None) is (best >= least - 1e-12)
    if found is not None:
        assert found.similarity == pytest.approx(best)


def test_the_threshold_is_included() -> None:
    """A similarity of just the threshold is near: 16 words of 20 are 0.8."""
    text = [chr(97 + n) for n in range(20)]
    for changed_words, found in ((4, True), (5, False)):
        other = ["zz"] * changed_words + text[changed_words:]
        assert (NearCopies([" ".join(text)], 0.8).find(" ".join(other)) is not None) is found


@given(SENTENCES, st.data())
def test_edits_of_a_text_are_near(text: list[str], data: st.DataObject) -> None:
    """Words dropped, changed and put in are found as long as they are few."""
    edited = list(text)
    for _ in range(len(text) // 10):
        at = data.draw(st.integers(0, len(edited) - 1))
        edited[at : at + data.draw(st.integers(0, 1))] = data.draw(st.sampled_from([["x"], []]))
    others = ["this is quite another text about something else in other words"] * 3
    assert NearCopies([*others, " ".join(text)], 0.8).find(" ".join(edited)) is not None


# --- real rows --------------------------------------------------------------------------


def banking(shared: Callable[[str], Path], name: str = "train") -> list[dict[str, str]]:
    with shared(f"banking77/{name}.csv").open() as file:
        return [{"input": row["text"], "output": row["category"]} for row in csv.DictReader(file)]


def gsm8k(shared: Callable[[str], Path]) -> list[dict[str, str]]:
    lines = shared("gsm8k/test.jsonl").read_text().splitlines()
    rows = map(json.loads, lines)
    return [{"input": row["question"], "output": row["answer"]} for row in rows]


def disguised(text: str, rng: random.Random) -> str:
    """The text with other cases and other white space."""
    cased = "".join(rng.choice([each.upper(), each.lower()]) for each in text)
    return re.sub(r"\s+", lambda _: rng.choice([" ", "  ", "\n", "\t ", "\u00a0"]), cased)


def excerpt(text: str, rng: random.Random) -> str:
    """Half of a text, at least 50 characters."""
    text = " ".join(text.split())
    size = max(50, len(text) // 2)
    at = rng.randrange(len(text) - size + 1)
    return text[at : at + size]


def changed(text: str, count: int, rng: random.Random) -> str:
    """The text with some of its words changed."""
    found = text.split()
    for at in rng.sample(range(len(found)), count):
        found[at] = rng.choice(["zebra", "quickly", "7", "Timbuktu"])
    return " ".join(found)


def found_of(check: Verifier, responses: list[str]) -> Counter[str]:
    return Counter(ask(check, each, "Write a message.").outcome for each in responses)


@pytest.mark.parametrize("read_real", [banking, gsm8k])
def test_whatever_is_planted_is_found(
    shared: Callable[[str], Path], read_real: Callable[[Any], list[dict[str, str]]]
) -> None:
    """Of real rows, every copy, long fragment and near copy is found."""
    rng, real = random.Random(5), read_real(shared)[::3]
    check = check_of(real)
    texts = [row["input"] for row in real]
    long = [text for text in texts if len(" ".join(text.split())) >= 70]
    wordy = [text for text in texts if len(text.split()) >= 25]
    planted = {
        "copies": [disguised(text, rng) for text in texts],
        "fragments": [f"Well, {disguised(excerpt(text, rng), rng)} he said." for text in long],
        "one word": [changed(text, 1, rng) for text in wordy],
        "two words": [changed(text, 2, rng) for text in wordy],
    }
    missed = {name: found_of(check, each)["pass"] for name, each in planted.items()}
    assert missed == dict.fromkeys(planted, 0)
    assert min(map(len, planted.values())) > 200
    rows = (row_of(row) for row in real)
    assert Counter(said(check.check(row, SHAPE)) for row in rows) == {"fail copy": len(real)}


def test_other_real_rows_are_no_leak(shared: Callable[[str], Path]) -> None:
    """What unrelated people wrote is hardly ever taken for a leak."""
    data = json.loads(shared("clinc150/data_small.json").read_text())
    others = [text for text, _ in data["train"]][::2]
    assert found_of(check_of(banking(shared)), others)["fail"] <= 0.003 * len(others)
    assert found_of(check_of(gsm8k(shared)), others) == {"pass": len(others)}


# --- what counts as a copy --------------------------------------------------------------


@pytest.mark.parametrize(
    ("real", "response", "verdict"),
    [
        (["Where is my card?"], "WHERE  is\nmy card?", "fail copy"),
        (["It's \u201cgone\u201d \u2013 why?"], "it's \"gone\" - why?", "fail copy"),
        (["Caf\u00e9 closed now"], "Cafe\u0301 clo\u200bsed now", "fail copy"),
        ([{"input": "Who wrote Faust, and when?", "output": "New York"}], "New York", "pass"),
        ([{"input": f"question {n}", "output": "no idea"} for n in range(5)], "no idea", "pass"),
        ([{"input": "ok", "output": "sure thing"}], "sure thing", "fail copy"),
        (["\u79c1\u306e\u53e3\u5ea7\u306f"], "\u79c1\u306e\u53e3\u5ea7\u306f", "fail copy"),
        ([{"a": {"b": [LONG]}, "c": 1}], f"He said: {LONG}", "fail substring"),
        ([LONG], "Nothing of the kind was ever said by anybody in here.", "pass"),
    ],
)  # fmt: skip
def test_what_is_a_copy(real: list[Any], response: str, verdict: str) -> None:
    """A whole row is one, however it is written; a short answer that others give too is none."""
    assert said(ask(check_of(real), response)) == verdict


def test_a_whole_row_is_a_copy_however_short() -> None:
    """Prompt and response that stand together in a real row are a copy of it."""
    check = check_of([{"input": "2+2?", "output": "4"}, {"input": "2+3?", "output": "5"}])
    assert said(ask(check, "4", "2+2?")) == "fail copy"
    assert said(ask(check, "4", "How many?")) == "pass"


def test_every_text_of_a_row_is_looked_at() -> None:
    """A leak in any field is a leak; where only the response is to be judged, the part is named."""
    check, only = check_of([LONG]), check_of([LONG], "#response")
    for verdict in (ask(check, "x", LONG), ask(check, "x", notes={"seen": ["y", LONG]})):
        assert said(verdict) == "fail copy"
    assert ask(check, "x", notes={"seen": ["y", LONG]}).evidence["field"] == "notes.seen.1"
    assert said(ask(only, "x", LONG)) == "pass"
    assert said(ask(only, LONG)) == "fail copy"
    assert said(ask(check_of([LONG], "#prompt"), LONG)) == "pass"


def test_a_template_is_nobodys() -> None:
    """A long instruction in front of many different real rows is no leak; in few of them it is."""
    system = "You are a helpful assistant of the First Bank of Nowhere. Answer in one sentence."
    many = [{"input": system, "output": f"real answer number {n} of somebody"} for n in range(5)]
    assert said(ask(check_of(many), "something else", system)) == "pass"
    assert said(ask(check_of(many[:4]), "something else", system)) == "fail copy"
    assert said(ask(check_of(many[:1] * 9), "something else", system)) == "fail copy"


@pytest.mark.parametrize(
    ("words_changed", "count", "verdict"),
    [(1, 8, "fail near"), (1, 7, "pass"), (2, 10, "pass"), (2, 12, "fail near")],
)
def test_short_texts_must_be_nearer(words_changed: int, count: int, verdict: str) -> None:
    """From 8 words on one changed word is found, from 12 on what the threshold says."""
    text = "so is it in me or do we go up to an ox at 9".split()[:count]  # noqa: SIM905
    other = [
        "zz" if at % 4 == 1 and at < 4 * words_changed else each for at, each in enumerate(text)
    ]
    assert said(ask(check_of([" ".join(text)]), " ".join(other))) == verdict


# --- identifiers ------------------------------------------------------------------------

MAIL = "ada.lovelace@engine.co.uk"


def test_identifiers_of_real_people_are_found() -> None:
    """One that stands in the real data is told from one that is only valid."""
    check = check_of([{"text": "hello", "contact": MAIL, "phone": 493090182034}])
    assert said(ask(check, f"write to {MAIL.upper()}")) == "fail pii_copied"
    assert said(ask(check, "call +49 (30) 901820-34")) == "fail pii_copied"
    assert said(ask(check, "write to bob@engine.co.uk")) == "fail pii"
    assert said(ask(check, "write to bob@example.com")) == "pass"
    copied = check_of([{"text": "hello", "contact": MAIL}], leak_identifiers="copied")
    assert said(ask(copied, "write to bob@engine.co.uk")) == "pass"
    assert said(ask(copied, f"write to {MAIL}")) == "fail pii_copied"


@given(st.sampled_from([LONG, f"{LONG} Write to {MAIL} or to 4539 1488 0343 6467."]))
def test_evidence_is_no_leak(text: str) -> None:
    """What evidence shows of a leaked text is its ends, and of an identifier hardly anything."""
    for real, response in ((text, f"He said {text}"), ({"a": "x", "mail": MAIL}, MAIL)):
        evidence = json.dumps(ask(check_of([real]), response).evidence)
        assert "lovelace" not in evidence.casefold()
        assert "0343" not in evidence and "6467" not in evidence
        assert len(evidence) < 400


# --- hostile ----------------------------------------------------------------------------


def test_repetition_costs_little() -> None:
    """Texts that repeat one thing for ever take seconds, and copies in them are found."""
    real = ["a" * 10_000, "ab" * 5000, *(f"{'a' * 60}{n}" for n in range(2000))]
    begun = time.process_time()
    check = check_of(real)
    assert said(ask(check, "a" * 49)) == "pass"
    assert said(ask(check, "x" + "ab" * 10**5)) == "fail substring"
    assert said(ask(check, "b" * 10**6)) == "pass"
    assert time.process_time() - begun < 20


def test_what_cannot_be_compared_abstains(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that repeats too much of the real data is not decided, and never passes."""
    monkeypatch.setattr(substrings, "COMPARISONS", 10)
    shared = "this is what every one of them says once"
    real = [f"{chr(97 + n) * 16}{shared}{chr(98 + n) * 17}" for n in range(20)]
    assert said(ask(check_of(real), f"9 {shared} 999999999")) == "abstain too_repetitive"


@given(st.text(), st.text())
def test_any_text_gets_a_verdict(real: str, response: str) -> None:
    """Whatever the rows hold, the check neither raises nor misses an equal text."""
    check = check_of([{"text": real}])
    verdict = ask(check, response)
    assert verdict.outcome in ("pass", "fail")
    if fold(real) and fold(real) == fold(response):
        assert verdict.outcome == "fail"
    assert words(fold(real)) is not None


def test_a_row_without_text_abstains() -> None:
    """Where there is nothing to compare, nothing can be told."""
    row = row_of({"input": "", "output": "  ", "n": 5})
    assert said(check_of([LONG]).check(row, SHAPE)) == "abstain no_text"


# --- the command ------------------------------------------------------------------------


def test_a_file_must_be_named_and_hold_rows() -> None:
    """Without real rows every candidate would pass, so that is refused."""
    with pytest.raises(UsageError, match="name the file of real rows"):
        assemble(["leak"], Bench(VerifyPolicy(), lambda _: ((), SHAPE), lambda _: ""))
    with pytest.raises(UsageError, match="no real rows"):
        check_of([])


def test_the_settings_belong_to_the_check() -> None:
    """Other real rows, lengths or parts make another check; the order of the rows does not."""
    configs = [
        check_of([LONG]), check_of([LONG, "x"]), check_of([LONG], "#response"),
        check_of([LONG], leak_chars=40), check_of([LONG], leak_near=0.9),
        check_of([LONG], leak_identifiers="copied"),
    ]  # fmt: skip
    assert len({json.dumps(each.config) for each in configs}) == len(configs)


def test_the_command_says_what_it_did_not_find(tmp_path: Path) -> None:
    """A pass names its tests, a reject names the real row, and private is not what it says."""
    real = write_rows(tmp_path / "real.jsonl", [{"query": LONG, "n": 1}])
    rows = [{"input": "a", "output": f"1+1=2 {LONG}"}, {"input": "b", "output": "1+1=2, fine"}]
    source, evidence = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "why.jsonl"
    argv = [
        "-o",
        tmp_path / "out.jsonl",
        "--rejects",
        tmp_path / "bad.jsonl",
        "--evidence",
        evidence,
    ]
    done = synthgate("verify", source, *argv, "--check", f"leak:{real}", "--check", "arithmetic")
    assert done.code == 0, done.err
    assert [row["input"] for row in read_rows(tmp_path / "out.jsonl")] == ["b"]
    (reject,) = read_rows(tmp_path / "bad.jsonl")
    assert reject["_reject"]["reason"] == "fail:leak"
    bad, good = (row["checks"][0] for row in read_rows(evidence))
    assert (bad["reason"], bad["real"]) == ("substring", f"{real}:1")
    assert good["no_leak_found_by"] == "copy, substring>=50, near>=0.8, identifiers:any"
    assert "private" not in done.err + evidence.read_text()
