"""The 25 instruction types of IFEval, against texts that follow or break them by construction.

The oracle is how a text was made, never another reading of it: each type has a maker that draws
arguments, a text that follows the instruction and texts that do not.
"""

from __future__ import annotations

import json
import string
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.verifiers import Bench, Verdict, Verifier, assemble
from synthgate.verifiers.rules.ifeval import INSTRUCTIONS
from tests.conftest import read_rows, synthgate, write_rows
from tests.test_rule import judge

SHAPE = named("input/output")
WORDS = ["river", "stone", "green", "walk", "slowly", "bright", "morning", "paper", "quiet", "lamp"]
ENGLISH = "the old man walked slowly through the quiet garden and looked at the morning sky"
GERMAN = "Der alte Mann ging langsam durch den stillen Garten und sah in den Morgenhimmel."
Case = tuple[dict[str, Any], list[str], list[str]]
Draw = Callable[..., Any]


def prose(draw: Draw, least: int = 1, most: int = 12) -> str:
    """Plain words with blanks between them."""
    return " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=least, max_size=most)))


def related(draw: Draw, name: str, number: str, make: Callable[[int], str]) -> Case:
    """At least, or less than: texts made with exactly the limit, one less, one and two more."""
    limit = draw(st.integers(1, 6))
    asked = draw(st.sampled_from(["at least", "less than"]))
    below, above = [make(limit - 1)], [make(limit), make(limit + 1), make(limit + 2)]
    good, bad = (above, below) if asked == "at least" else (below, above)
    return {name: asked, number: limit}, good, bad


def capital_word_frequency(draw: Draw) -> Case:
    """Words in capitals among others; a hyphen joins, a clitic is a token of its own."""

    def make(count: int) -> str:
        loud = [draw(st.sampled_from(["NASA", "GO-NOW", "(USA)", "I", "A"])) for _ in range(count)]
        return " ".join(draw(st.permutations([*loud, "quiet", "Word", "don't"])))

    return related(draw, "capital_relation", "capital_frequency", make)


def english_capital(draw: Draw) -> Case:
    tail = prose(draw)
    whole = f"{ENGLISH} {tail}"
    return {}, [whole.upper()], [whole, whole.upper() + " x", GERMAN.upper(), "123"]


def english_lowercase(draw: Draw) -> Case:
    whole = f"{ENGLISH} {prose(draw)}"
    return {}, [whole], [whole.upper(), whole + " X", GERMAN.lower(), "123"]


def repeat_prompt(draw: Draw) -> Case:
    asked = f"Write about {prose(draw)}. (Now!)"
    good = [f"{asked}\n{prose(draw)}", f"  {asked.upper()}", asked]
    return {"prompt_to_repeat": asked}, good, [f"Sure. {asked}", asked[:-1], prose(draw)]


def two_responses(draw: Draw) -> Case:
    one, two = f"one {prose(draw)}", f"two {prose(draw)}"
    good = [f"{one}\n******\n{two}", f"******{one}******{two}******"]
    bad = [one, f"{one}******{one}", f"{one}******{two}******{one} x", f"{one}*****{two}",
           f"{one}****** ******{two}", f"{one}******"]  # fmt: skip
    return {}, good, bad


def number_placeholders(draw: Draw) -> Case:
    least = draw(st.integers(1, 5))

    def make(count: int) -> str:
        return " ".join([f"{prose(draw)} [{draw(st.sampled_from(WORDS))}]" for _ in range(count)])

    broken = f"{make(least - 1)} [\n] ] ["
    return {"num_placeholders": least}, [make(least), make(least + 1)], [broken, "x"]


def postscript(draw: Draw) -> Case:
    body, tail = prose(draw), prose(draw)
    marker, good, bad = draw(
        st.sampled_from(
            [
                ("P.S.", ["P.S.", "p. s.", "P.P.S.x P.S."], ["PS", "P.S", "P,S."]),
                ("P.P.S", ["P.P.S", "p. p. s", "P.P.S."], ["P.S.", "PPS", "P-P-S"]),
                ("NB:", ["NB:", "nb:"], ["NB", "N.B."]),
            ]
        )
    )
    return (
        {"postscript_marker": marker},
        [f"{body}\n{each} {tail}" for each in good],
        [f"{body}\n{each} {tail}" for each in bad],
    )


def constrained_response(draw: Draw) -> Case:
    option = draw(st.sampled_from(["yes", "no", "maybe"]))
    good = [f"My answer is {option}.", f" {prose(draw)} My answer is {option}. "]
    return {}, good, [f"My answer is {option}", f"my answer is {option}.", option]


def json_format(draw: Draw) -> Case:
    value = draw(st.dictionaries(st.sampled_from(WORDS), st.integers() | st.lists(st.booleans())))
    text = json.dumps(value)
    good = [text, f"```json\n{text}\n```", f"```\n{text}```", f"  ```JSON {text} ```\n"]
    return {}, good, [f"Here: {text}", text[:-1], f"```json\n{text}\n``` done", "{'a': 1}"]


def multiple_sections(draw: Draw) -> Case:
    least, marker = draw(st.integers(1, 4)), draw(st.sampled_from(["Section", "SECTION", "Day"]))

    def make(count: int) -> str:
        return "\n".join(f"{marker} {number}\n{prose(draw)}" for number in range(1, count + 1))

    bad = [
        f"x {make(least - 1)}",
        make(least).swapcase(),
        make(least).replace(f"{marker} 1", marker),
    ]
    asked = {"section_spliter": marker, "num_sections": least}
    return asked, [make(least), make(least + 2)], bad


def number_bullet_lists(draw: Draw) -> Case:
    exact = draw(st.integers(1, 5))

    def make(count: int) -> str:
        marks = [draw(st.sampled_from(["* ", "- ", "  * ", "*", "-"])) for _ in range(count)]
        return "\n".join([f"{prose(draw)}:", *(mark + prose(draw) for mark in marks), "end"])

    bad = [make(exact - 1), make(exact + 1), make(exact).replace("* ", "+ ").replace("-", "+")]
    bad[2] = bad[2].replace("*", "+")
    return {"num_bullets": exact}, [make(exact), make(exact) + "\n**bold** and *more*"], bad


def number_highlighted_sections(draw: Draw) -> Case:
    least = draw(st.integers(1, 4))

    def make(count: int) -> str:
        return " ".join([f"{prose(draw)} *{prose(draw)}*" for _ in range(count)]) + " end"

    broken = f"{make(least - 1)} ** * * and *\n*"
    asked = {"num_highlights": least}
    return asked, [make(least), make(least - 1) + f" **{prose(draw)}**"], [broken, "x"]


def title(draw: Draw) -> Case:
    body = prose(draw)
    good = [f"<<{prose(draw)}>>\n{body}", f"{body} <<x>>"]
    return {}, good, [body, f"<<>> {body}", "<< >>", f"<{body}>", f"<<{body}\n>>"]


def existence(draw: Draw) -> Case:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True))
    others = [word for word in WORDS if word not in words]
    full = " ".join([*words, *others[:2]])
    bad = [" ".join([*words[1:], *others]), "nothing of it"]
    return {"keywords": words}, [full, full.upper(), full.replace(" ", "x")], bad


def forbidden_words(draw: Draw) -> Case:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True))
    others = [word for word in WORDS if word not in words]
    bad = [f"{others[0]} {words[-1].upper()}, {others[1]}", words[0], f"({words[-1]})"]
    return {"forbidden_words": words}, [" ".join(others), f"{words[0]}x x{words[-1]}"], bad


def frequency(draw: Draw) -> Case:
    word = draw(st.sampled_from(WORDS))
    others = " ".join(other for other in WORDS if other != word)

    def make(count: int) -> str:
        return (
            f"{others} {' and '.join([word, word.upper(), word + 's', word, word, word][:count])}"
        )

    asked, good, bad = related(draw, "relation", "frequency", make)
    return {**asked, "keyword": word}, good[:1], bad[:1]


def letter_frequency(draw: Draw) -> Case:
    letter = draw(st.sampled_from(string.ascii_lowercase + "!#"))
    others = "".join(c for c in string.ascii_lowercase if c != letter)

    def make(count: int) -> str:
        return others + "".join(
            draw(st.sampled_from([letter, letter.upper()])) for _ in range(count)
        )

    asked, good, bad = related(draw, "let_relation", "let_frequency", make)
    return {**asked, "letter": draw(st.sampled_from([letter, letter.upper()]))}, good, bad


def response_language(draw: Draw) -> Case:
    pair = [("en", f"{ENGLISH} {prose(draw)}"), ("de", GERMAN)]
    (code, good), (_, bad) = draw(st.permutations(pair))
    return {"language": code}, [good], [bad]


def nth_paragraph_first_word(draw: Draw) -> Case:
    count = draw(st.integers(1, 4))
    nth, word = draw(st.integers(1, count)), draw(st.sampled_from(WORDS))

    def make(first: str, paragraphs: int = count) -> str:
        parts = [f"Other {prose(draw)}" for _ in range(paragraphs)]
        parts[min(nth, paragraphs) - 1] = f"{first} {prose(draw)}"
        return "\n\n".join(parts)

    good = [make(word), make(word.upper()), make(f'"{word.title()},'), make(f"{word}'s")]
    bad = [make("Wrong"), make(word, count + 1), make(f"x{word}"), make(f"{word}-x")]
    return {"num_paragraphs": count, "nth_paragraph": nth, "first_word": word}, good, bad


def number_paragraphs(draw: Draw) -> Case:
    count = draw(st.integers(1, 4))

    def make(number: int) -> str:
        return "\n***\n".join(prose(draw) for _ in range(number))

    good = [make(count), f"***\n{make(count)}", f"{make(count)}\n***"]
    bad = [make(count + 1), f"{prose(draw)}\n***\n***\n{prose(draw)}"]
    return {"num_paragraphs": count}, good, [*bad, make(count - 1) or "***"]


def number_sentences(draw: Draw) -> Case:
    def make(count: int) -> str:
        ends = [draw(st.sampled_from([".", "!", "?"])) for _ in range(count)]
        return " ".join(f"{prose(draw).capitalize()}{end}" for end in ends) or "..."

    return related(draw, "relation", "num_sentences", make)


def number_words(draw: Draw) -> Case:
    def make(count: int) -> str:
        return ", ".join(draw(st.sampled_from(WORDS)) for _ in range(count)) + " - !"

    return related(draw, "relation", "num_words", make)


def no_comma(draw: Draw) -> Case:
    text = prose(draw)
    return {}, [text, f"{text}; \u060c \u3001"], [f"{text}, {text}", ","]


def end_checker(draw: Draw) -> Case:
    phrase, text = f"Is that {draw(st.sampled_from(WORDS))}?", prose(draw)
    good = [f"{text} {phrase}", f'"{text} {phrase.upper()}"\n', phrase]
    return {"end_phrase": phrase}, good, [f"{phrase} {text}", f"{text} {phrase}.", phrase[:-1]]


def quotation(draw: Draw) -> Case:
    text = prose(draw)
    bad = [text, f'"{text}', f'{text}"', f"'{text}'", f"\u201c{text}\u201d", '"']
    return {}, [f'"{text}"', f'  "{text}"\n', '""'], bad


MAKERS: dict[str, Callable[[Draw], Case]] = {
    name: getattr(sys.modules[__name__], name.partition(":")[2]) for name in INSTRUCTIONS
}
IN_A_LANGUAGE = {
    "change_case:english_capital", "change_case:english_lowercase", "language:response_language",
}  # fmt: skip


def asked(rows: dict[str, Any], field: str = "instruction_id_list") -> Verdict:
    """Return the verdict of `rule:@FIELD` on one row."""
    row = read(json.dumps(rows).encode(), "f", 1, Stamp().provenance)
    return checker(field).check(row, SHAPE)


def checker(field: str, timeout: float = 1.0) -> Verifier:
    bench = Bench(VerifyPolicy(regex_timeout=timeout), lambda _: ((), SHAPE), lambda _: "")
    (check,) = assemble([f"rule:@{field}"], bench)
    return check


def test_every_published_type_has_its_cases(shared: Any) -> None:
    """The types are those of the published prompts, all 25, and each has a maker of texts."""
    used = set()
    for row in read_rows(shared("ifeval/input_data.jsonl")):
        used |= set(row["instruction_id_list"])
    assert used == set(INSTRUCTIONS) == set(MAKERS)
    assert len(used) == 25


@pytest.mark.parametrize("name", INSTRUCTIONS)
@settings(max_examples=25)
@given(data=st.data())
def test_an_instruction_is_followed_or_not(name: str, data: st.DataObject) -> None:
    """Texts made to follow it pass and texts made to break it fail, from a row and from a file."""
    if name in IN_A_LANGUAGE:
        pytest.importorskip("py3langid", reason="SKIPPED: the extra [lang] is not installed")
    given_arguments, good, bad = MAKERS[name](data.draw)
    rule = {"ifeval": name, "kwargs": given_arguments}
    for texts, outcome in ((good, "pass"), (bad, "fail"), (["", " \n"], "fail")):
        for text in texts:
            row = {"output": text, "instruction_id_list": [name], "kwargs": [given_arguments]}
            verdict = asked(row)
            assert (verdict.outcome, text) == (outcome, text)
            assert judge([rule], {"output": text}).outcome == outcome
            assert outcome == "pass" or verdict.reason == name


def test_every_published_prompt_can_be_checked(shared: Any) -> None:
    """None of the 541 rows abstains for arguments that are not understood."""
    check = checker("instruction_id_list")
    for value in read_rows(shared("ifeval/input_data.jsonl")):
        row = read(json.dumps({**value, "output": ENGLISH}).encode(), "f", 1, Stamp().provenance)
        assert check.check(row, SHAPE).outcome in ("pass", "fail"), value["key"]


ROW = {"output": "A, b.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({}, "fail", "punctuation:no_comma"),
        ({"output": "A b."}, "pass", ""),
        ({"kwargs": None, "output": "A b."}, "pass", ""),
        ({"kwargs": [{"num_words": None}], "output": "A b."}, "pass", ""),
        ({"instruction_id_list": None}, "abstain", "no_instructions"),
        ({"instruction_id_list": []}, "abstain", "no_instructions"),
        ({"kwargs": []}, "abstain", "bad_instruction"),
        ({"kwargs": "x"}, "abstain", "bad_instruction"),
        ({"instruction_id_list": [1]}, "abstain", "bad_instruction"),
        ({"instruction_id_list": ["made:up"]}, "abstain", "bad_instruction"),
        ({"output": None}, "fail", "no_text"),
        ({"instruction_id_list": ["punctuation:no_comma", "made:up"], "kwargs": [{}, {}]},
         "fail", "punctuation:no_comma"),
        ({"instruction_id_list": ["made:up", "startend:quotation"], "kwargs": [{}, {}],
          "output": '"a"'}, "abstain", "bad_instruction"),
    ],
)  # fmt: skip
def test_what_a_row_may_ask(changes: dict[str, Any], outcome: str, reason: str) -> None:
    """What cannot be told abstains; a broken instruction fails, whatever stands beside it."""
    verdict = asked({**ROW, **changes})
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("length_constraints:number_words", {"relation": "at least", "num_words": 0}),
        ("length_constraints:number_words", {"relation": "at most", "num_words": 5}),
        ("length_constraints:number_words", {"relation": "at least"}),
        ("length_constraints:number_words", {"relation": "at least", "num_words": True}),
        ("keywords:existence", {"keywords": []}),
        ("keywords:existence", {"keywords": "river"}),
        ("keywords:letter_frequency", {"letter": "ab", "let_relation": "at least",
                                       "let_frequency": 1}),
        ("detectable_content:number_placeholders", {"num_placeholders": 0}),
        ("length_constraints:nth_paragraph_first_word",
         {"num_paragraphs": 1, "nth_paragraph": 2, "first_word": "a"}),
        ("startend:end_checker", {"end_phrase": " "}),
        ("language:response_language", {"language": "English"}),
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing_or_always_hold(name: str, arguments: dict[str, Any]) -> None:
    """In a row they abstain, in a file of rules they are refused; nothing is drawn at random."""
    pytest.importorskip("py3langid", reason="SKIPPED: the extra [lang] is not installed")
    row = {"output": ENGLISH, "instruction_id_list": [name], "kwargs": [arguments]}
    assert (asked(row).outcome, asked(row).reason) == ("abstain", "bad_instruction")
    with pytest.raises(UsageError, match=r"rules\.json: rule 1: ifeval: "):
        judge([{"ifeval": name, "kwargs": arguments}], {"output": "x"})


def test_a_language_that_cannot_be_told_abstains() -> None:
    """The published checker counts it as followed; here it is neither pass nor fail."""
    pytest.importorskip("py3langid", reason="SKIPPED: the extra [lang] is not installed")
    name = "language:response_language"
    row = {"output": "42", "instruction_id_list": [name], "kwargs": [{"language": "en"}]}
    assert (asked(row).outcome, asked(row).reason) == ("abstain", "language_unknown")


@pytest.mark.parametrize("word", ["(a+)+$", "a.c", "[", "\\", "b|c", "x?"])
def test_words_of_a_row_are_no_patterns(word: str) -> None:
    """A word with the signs of a pattern is looked for as it stands, and cannot run away."""
    once = {"relation": "at least", "frequency": 1, "keyword": word}
    asks: list[tuple[str, dict[str, Any], str]] = [
        ("keywords:existence", {"keywords": [word]}, f"x {word} x"),
        ("keywords:frequency", once, f"x {word} x"),
        ("detectable_format:multiple_sections", {"section_spliter": word, "num_sections": 1},
         f"{word} 1"),
        ("detectable_content:postscript", {"postscript_marker": word}, f"x\n{word} x"),
    ]  # fmt: skip
    hostile = "abc" + "a" * 5000 + " 1"
    for name, arguments, good in asks:
        row = {"instruction_id_list": [name], "kwargs": [arguments]}
        assert asked({**row, "output": good}).outcome == "pass"
        assert asked({**row, "output": hostile}).outcome == "fail"
    forbidden = [{"forbidden_words": [word]}]
    row = {"instruction_id_list": ["keywords:forbidden_words"], "kwargs": forbidden}
    assert asked({**row, "output": hostile}).outcome == "pass"


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("detectable_format:title", {}, "<" * 60_000),
        ("detectable_content:number_placeholders", {"num_placeholders": 1}, "[" * 300_000),
    ],
)
def test_a_hostile_text_is_an_error_in_time(
    name: str, arguments: dict[str, Any], text: str
) -> None:
    """A text over which a published pattern takes too long is an error, never a pass or a fail."""
    row = {"output": text, "instruction_id_list": [name], "kwargs": [arguments]}
    parsed = read(json.dumps(row).encode(), "f", 1, Stamp().provenance)
    verdict = checker("instruction_id_list", 0.05).check(parsed, SHAPE)
    assert (verdict.outcome, verdict.reason) == ("error", "pattern_timeout")


def test_instructions_may_lie_deeper(tmp_path: Path) -> None:
    """A dotted field is read, with its arguments beside it; the command says what failed."""
    meta = {"ids": ["startend:quotation", "punctuation:no_comma"], "kwargs": [{}, {}]}
    rows = [{"input": "?", "output": text, "meta": meta} for text in ('"a b"', '"a, b"', "ab")]
    source, evidence = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "evidence"
    done = synthgate("verify", source, "--check", "rule:@meta.ids", "--evidence", evidence)
    assert done.code == 0, done.err
    assert [row["output"] for row in done.rows] == ['"a b"']
    lines = [line for line in read_rows(evidence) if "checks" in line]
    assert [line["checks"][0].get("failed") for line in lines] == [
        None, ["punctuation:no_comma"], ["startend:quotation"],
    ]  # fmt: skip
