"""The 25 instruction types of IFEval (Zhou et al., 2311.07911), by their published names.

`follows(id, kwargs, timeout)` returns a function of a text: True, False, or None for "cannot tell".
Semantics are those of the published checker. Where they are not, docs/checks/rule.md says so: words
are literal and never patterns, sentences and languages are told apart by other means, and nothing
is drawn where an argument is missing. A function raises `TimeoutError` where a text takes too long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import regex

from synthgate.registry import unknown
from synthgate.verifiers.rules.arguments import (
    BadInstruction,
    Given,
    related,
    text_of,
    texts_of,
    whole,
)
from synthgate.verifiers.rules.sentences import count_sentences, treebank_words

Follows = Callable[[str], bool | None]
_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def _count(pattern: str, timeout: float, flags: int = 0) -> Callable[[str], int]:
    found = regex.compile(pattern, flags)
    return lambda text: sum(1 for _ in found.finditer(text, timeout=timeout))


# --- keywords ---------------------------------------------------------------------------


def _existence(given: Given, _: float) -> Follows:
    words = [word.casefold() for word in texts_of(given, "keywords")]
    return lambda text: all(word in text.casefold() for word in words)


def _frequency(given: Given, timeout: float) -> Follows:
    count = _count(regex.escape(text_of(given, "keyword")), timeout, regex.IGNORECASE)
    enough = related(given, "relation", "frequency")
    return lambda text: enough(count(text))


def _forbidden_words(given: Given, timeout: float) -> Follows:
    words = "|".join(regex.escape(word) for word in texts_of(given, "forbidden_words"))
    count = _count(rf"\b(?:{words})\b", timeout, regex.IGNORECASE)
    return lambda text: not count(text)


def _letter_frequency(given: Given, _: float) -> Follows:
    letter = text_of(given, "letter").lower()
    if len(letter) != 1:
        raise BadInstruction(f"letter: must be one character (got {letter!r})")
    enough = related(given, "let_relation", "let_frequency")
    return lambda text: enough(text.lower().count(letter))


# --- length -----------------------------------------------------------------------------


def _number_words(given: Given, timeout: float) -> Follows:
    count, enough = _count(r"\w+", timeout), related(given, "relation", "num_words")
    return lambda text: enough(count(text))


def _number_sentences(given: Given, _: float) -> Follows:
    enough = related(given, "relation", "num_sentences")
    return lambda text: enough(count_sentences(text))


def _number_paragraphs(given: Given, _: float) -> Follows:
    """Return the test for paragraphs between dividers `***`; the first and last may be empty."""
    wanted = whole(given, "num_paragraphs")

    def follows(text: str) -> bool:
        parts = [bool(part.strip()) for part in text.split("***")]
        inner = parts[1:-1] if len(parts) > 1 else []
        return all(inner) and sum(parts) == wanted

    return follows


def _nth_paragraph_first_word(given: Given, _: float) -> Follows:
    """Return the test for paragraphs between blank lines, and the first word of one of them."""
    wanted, nth = whole(given, "num_paragraphs"), whole(given, "nth_paragraph")
    first = text_of(given, "first_word").lower()
    if nth > wanted:
        raise BadInstruction(f"nth_paragraph: must be at most num_paragraphs (got {nth})")

    def follows(text: str) -> bool:
        parts = text.split("\n\n")
        count = sum(1 for part in parts if part.strip())
        if count != wanted or not parts[nth - 1].strip():
            return False
        word = parts[nth - 1].split()[0].lstrip("'").lstrip('"')
        return re.split("[.,?!'\"]", word, maxsplit=1)[0].lower() == first

    return follows


# --- content and format -----------------------------------------------------------------


def _at_least(pattern: str, name: str) -> Callable[[Given, float], Follows]:
    def make(given: Given, timeout: float) -> Follows:
        count, least = _count(pattern, timeout), whole(given, name)
        return lambda text: count(text) >= least

    return make


def _postscript(given: Given, timeout: float) -> Follows:
    marker = text_of(given, "postscript_marker")
    known = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    count = _count(known.get(marker, regex.escape(marker.lower())), timeout)
    return lambda text: count(text.lower()) > 0


def _number_bullet_lists(given: Given, timeout: float) -> Follows:
    stars = _count(r"^\s*\*[^\*].*$", timeout, regex.MULTILINE)
    dashes = _count(r"^\s*-.*$", timeout, regex.MULTILINE)
    wanted = whole(given, "num_bullets", least=0)
    return lambda text: stars(text) + dashes(text) == wanted


def _number_highlighted_sections(given: Given, timeout: float) -> Follows:
    single, double = regex.compile(r"\*[^\n\*]*\*"), regex.compile(r"\*\*[^\n\*]*\*\*")
    least = whole(given, "num_highlights")

    def follows(text: str) -> bool:
        found = [*single.findall(text, timeout=timeout), *double.findall(text, timeout=timeout)]
        return sum(1 for each in found if each.strip("*").strip()) >= least

    return follows


def _multiple_sections(given: Given, timeout: float) -> Follows:
    marker = regex.escape(text_of(given, "section_spliter"))
    count, least = _count(rf"\s?{marker}\s?\d+\s?", timeout), whole(given, "num_sections")
    return lambda text: count(text) >= least


def _json_format(_given: Given, _: float) -> Follows:
    def follows(text: str) -> bool:
        text = text.strip()
        for opening in ("```json", "```Json", "```JSON", "```"):
            text = text.removeprefix(opening)
        try:
            json.loads(text.removesuffix("```").strip())
        except (ValueError, RecursionError):
            return False
        return True

    return follows


def _title(_given: Given, timeout: float) -> Follows:
    title = regex.compile(r"<<[^\n]+>>")

    def follows(text: str) -> bool:
        found = title.findall(text, timeout=timeout)
        return any(each.lstrip("<").rstrip(">").strip() for each in found)

    return follows


def _constrained_response(_given: Given, _: float) -> Follows:
    return lambda text: any(option in text for option in _OPTIONS)


# --- the rest ---------------------------------------------------------------------------


def _two_responses(_given: Given, _: float) -> Follows:
    def follows(text: str) -> bool:
        parts = [part.strip() for part in text.split("******")]
        found = [part for part in parts if part]
        return all(parts[1:-1]) and len(found) == 2 and found[0] != found[1]

    return follows


def _repeat_prompt(given: Given, _: float) -> Follows:
    asked = text_of(given, "prompt_to_repeat").lower()
    return lambda text: text.strip().lower().startswith(asked)


def _end_checker(given: Given, _: float) -> Follows:
    phrase = text_of(given, "end_phrase").lower()
    return lambda text: text.strip().strip('"').lower().endswith(phrase)


def _quotation(_given: Given, _: float) -> Follows:
    def follows(text: str) -> bool:
        text = text.strip()
        return len(text) > 1 and text[0] == '"' == text[-1]

    return follows


def _capital_words(given: Given, _: float) -> Follows:
    enough = related(given, "capital_relation", "capital_frequency")
    return lambda text: enough(sum(1 for word in treebank_words(text) if word.isupper()))


def _no_comma(_given: Given, _: float) -> Follows:
    return lambda text: "," not in text


def _is_language(text: str, code: str) -> bool | None:
    from synthgate.verifiers.rules.languages import identify

    found = identify(text)
    return None if found is None else found == code


def _response_language(given: Given, _: float) -> Follows:
    from synthgate.verifiers.rules.languages import known

    code = text_of(given, "language")
    if code not in known():
        raise BadInstruction(f"language: {code!r} is not told apart")
    return lambda text: _is_language(text, code)


def _english_capital(_given: Given, _: float) -> Follows:
    return lambda text: text.isupper() and _is_language(text, "en")


def _english_lowercase(_given: Given, _: float) -> Follows:
    return lambda text: text.islower() and _is_language(text, "en")


INSTRUCTIONS: dict[str, Callable[[Given, float], Follows]] = {
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _english_capital,
    "change_case:english_lowercase": _english_lowercase,
    "combination:repeat_prompt": _repeat_prompt,
    "combination:two_responses": _two_responses,
    "detectable_content:number_placeholders": _at_least(r"\[.*?\]", "num_placeholders"),
    "detectable_content:postscript": _postscript,
    "detectable_format:constrained_response": _constrained_response,
    "detectable_format:json_format": _json_format,
    "detectable_format:multiple_sections": _multiple_sections,
    "detectable_format:number_bullet_lists": _number_bullet_lists,
    "detectable_format:number_highlighted_sections": _number_highlighted_sections,
    "detectable_format:title": _title,
    "keywords:existence": _existence,
    "keywords:forbidden_words": _forbidden_words,
    "keywords:frequency": _frequency,
    "keywords:letter_frequency": _letter_frequency,
    "language:response_language": _response_language,
    "length_constraints:nth_paragraph_first_word": _nth_paragraph_first_word,
    "length_constraints:number_paragraphs": _number_paragraphs,
    "length_constraints:number_sentences": _number_sentences,
    "length_constraints:number_words": _number_words,
    "punctuation:no_comma": _no_comma,
    "startend:end_checker": _end_checker,
    "startend:quotation": _quotation,
}


def follows(instruction: str, given: Given, timeout: float) -> Follows:
    """Return the test for one instruction, or raise `BadInstruction`.

    Arguments that are None count as not given. A blank text follows nothing.
    """
    make = INSTRUCTIONS.get(instruction)
    if make is None:
        raise BadInstruction(unknown("instruction", instruction, list(INSTRUCTIONS)))
    test = make({name: value for name, value in given.items() if value is not None}, timeout)
    return lambda text: bool(text.strip()) and test(text)
