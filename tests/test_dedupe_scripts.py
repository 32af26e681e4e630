"""dedupe: words in any script, in code, and in scripts without blanks."""

from __future__ import annotations

import itertools
import json
import random
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.near.tokens import split, words
from synthgate.text import folded
from tests.test_dedupe import decided, text_rows

TEXTS = Path(__file__).parent / "texts" / "vimtutor.jsonl"
PASSAGES: dict[str, list[str]] = {}
for _line in TEXTS.read_text(encoding="utf-8").splitlines():
    _row = json.loads(_line)
    PASSAGES.setdefault(_row["language"], []).append(_row["text"])
LANGUAGES = pytest.mark.parametrize("language", sorted(PASSAGES))


def told(text: str) -> list[str]:
    """The words of a text."""
    return [word.decode() for word in split(folded(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't stop, it's 3.5!", ["don", "t", "stop", "it", "s", "3", "5", "!"]),
        (
            "if (!x_1 && y<=2) {f(a);}",
            ["if", "!", "x_1", "&", "&", "y", "<", "=", "2", "{", "f", "a", "}"],
        ),
        ("CAF\u00c9 Stra\u00dfe cafe\u0301", ["caf\u00e9", "strasse", "caf\u00e9"]),
        ("它很快。vim 9", ["它", "很", "快", "vim", "9"]),
        ("日本語のテキスト", list("日本語のテキスト")),
        ("键位k右", ["键", "位", "k", "右"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
        ("مرحبا بالعالم، هنا", ["مرحبا", "بالعالم", "هنا"]),
        ("Привет, мир — «да»", ["привет", "мир", "да"]),
        ("£1 is €2", ["£", "1", "is", "€", "2"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("?!. , ;", ["!"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    """Letters and marks make words, signs stand alone, punctuation of prose and blanks part."""
    assert told(text) == found


def oracle(text: str) -> list[str]:
    """The words of ASCII text, by a pattern."""
    return re.findall(r"\w+|[^\s\w.,;:?'\"()`\x00-\x1f\x7f]", text, re.ASCII)


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(TEXT, max_size=6))
@settings(max_examples=300)
def test_hashed_words_are_the_words(texts: list[str]) -> None:
    """As many hashes as words, equal for equal words and different for different ones."""
    plain = [folded(text) for text in texts]
    hashes, counts = words(plain)
    several = [split(text) for text in plain]
    assert counts.tolist() == [len(each) for each in several]
    every = [word for each in several for word in each]
    assert len({*zip(every, hashes.tolist(), strict=True)}) == len(set(every))
    assert len(set(hashes.tolist())) == len(set(every))


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_ascii_words(text: str) -> None:
    """ASCII words are what a pattern finds."""
    assert told(text) == oracle(folded(text).decode())


@given(st.integers(1, 200), st.integers(0, 199))
def test_every_byte_of_a_word_counts(size: int, at: int) -> None:
    """Words of any length that differ in one byte, or in length, have different hashes."""
    at %= size
    word = b"a" * size
    other = word[:at] + b"b" + word[at + 1 :]
    hashes, _ = words([word, other, word + b"a"])
    assert len(set(hashes.tolist())) == 3


@LANGUAGES
def test_passages_of_one_tutor_are_no_duplicates(language: str) -> None:
    """Different passages of one text by one hand are kept."""
    assert set(decided(text_rows(PASSAGES[language]), "text")) == {""}


@LANGUAGES
def test_a_changed_word_is_found_in_every_script(language: str) -> None:
    """A passage of 60 words or more with one word replaced is near its original."""
    rng = random.Random(language)
    for text in PASSAGES[language]:
        text = f"{text} {PASSAGES[language][0][:200]}"
        letters = [at for at, char in enumerate(text) if unicodedata.category(char)[0] == "L"]
        at = rng.choice(letters)
        other = f"{text[:at]}\u7684x{text[at + 1 :]}"
        assert decided(text_rows([text, other]), "text", near_threshold=0.7) == ["", "near"], other


@LANGUAGES
def test_half_a_passage_is_no_duplicate(language: str) -> None:
    """Where half of the words are others, both stay."""
    texts = PASSAGES[language]
    mixed = [
        one[: len(one) // 2] + other[len(other) // 2 :] for one, other in itertools.pairwise(texts)
    ]
    for text, other in zip(texts, mixed, strict=False):
        assert decided(text_rows([text, other]), "text", near_threshold=0.7) == ["", ""]


def test_code_with_another_operator_is_other_code() -> None:
    """Two short functions that differ in a sign are no exact match of words."""
    body = "def area(width, height):\n    total = width {} height\n    return total"
    rows = text_rows([body.format("*"), body.format("+")])
    assert decided(rows, "text") == ["", ""]
    spaced = body.format("*").replace("(width, height)", "( width,height )")
    assert decided(text_rows([body.format("*"), spaced]), "text") == ["", "near"]
