"""The keys that look at one text: lengths, counts, patterns, words, the language."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import regex

from synthgate.verifiers import Verdict
from synthgate.verifiers.rules import Rule, Test
from synthgate.verifiers.rules.patterns import pattern, search
from synthgate.verifiers.rules.sentences import count_lines, count_paragraphs, count_sentences

# Words are counted only as far as the limit, so that a long text costs no more than it must.
_COUNTS: dict[str, Callable[[Verdict, int], Test]] = {
    "min_chars": lambda bad, n: lambda text: bad if len(text.strip()) < n else None,
    "max_chars": lambda bad, n: lambda text: bad if len(text.strip()) > n else None,
    "min_words": lambda bad, n: lambda text: bad if len(text.split(None, n)) < n else None,
    "max_words": lambda bad, n: lambda text: bad if len(text.split(None, n)) > n else None,
    "min_sentences": lambda bad, n: lambda text: bad if count_sentences(text) < n else None,
    "max_sentences": lambda bad, n: lambda text: bad if count_sentences(text) > n else None,
    "min_paragraphs": lambda bad, n: lambda text: bad if count_paragraphs(text) < n else None,
    "max_paragraphs": lambda bad, n: lambda text: bad if count_paragraphs(text) > n else None,
    "min_lines": lambda bad, n: lambda text: bad if count_lines(text) < n else None,
    "max_lines": lambda bad, n: lambda text: bad if count_lines(text) > n else None,
}


def _matches(rule: Rule, limit: str) -> Test:
    found = pattern(f"{rule.where}: matches", limit)
    return search(rule.failed("matches"), found, rule.timeout, wanted=True)


def _forbids(rule: Rule, limit: str) -> Test:
    found = pattern(f"{rule.where}: forbids", limit)
    return search(rule.failed("forbids"), found, rule.timeout, wanted=False)


def _forbid_words(rule: Rule, words: list[str]) -> Test:
    failed = rule.failed("forbid_words", limit=f"{len(words)} words")
    look = _words(words).search

    def test(text: str) -> Verdict | None:
        found = look(_plain(text))
        if found is None:
            return None
        return Verdict("fail", failed.reason, failed.evidence | {"found": found[0][:80]})

    return test


def _require_words(rule: Rule, words: list[str]) -> Test:
    looks = [(word, _words([word]).search) for word in words]

    def test(text: str) -> Verdict | None:
        plain = _plain(text)
        for word, look in looks:
            if look(plain) is None:
                return rule.failed("require_words", limit=word)
        return None

    return test


_INVISIBLE = regex.compile(r"\p{Cf}+")
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"


def _plain(text: str) -> str:
    """Return a text in which a word cannot hide: NFKC, nothing invisible, single blanks."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(text.split())


def _words(words: list[str]) -> Any:
    """Return a pattern for whole words and phrases in any case.

    In a script without blanks between words there are no whole words to be told apart.
    """
    parts = [_bounded(_plain(word)) for word in words]
    return regex.compile(f"(?if)(?:{'|'.join(parts)})")


def _bounded(word: str) -> str:
    before = r"(?<!\w)" if _is_spaced(word[:1]) else ""
    after = r"(?!\w)" if _is_spaced(word[-1:]) else ""
    return f"{before}{regex.escape(word)}{after}"


def _is_spaced(char: str) -> bool:
    return regex.match(r"\w", char) is not None and regex.match(_UNSPACED, char) is None


def _language(rule: Rule, wanted: str | list[str]) -> Test:
    from synthgate.verifiers.rules.languages import check_codes, identify

    codes = [wanted] if isinstance(wanted, str) else wanted
    check_codes(f"{rule.where}: language", codes)

    def test(text: str) -> Verdict | None:
        found = identify(text)
        if found is None:
            return rule.unsure("language_unknown")
        return None if found in codes else rule.failed("language", found=found)

    return test


def _refusal(rule: Rule, wanted: str) -> Test:
    from synthgate.verifiers.rules.refusals import judge

    return lambda text: judge(rule, text, wanted=wanted == "wanted")


def _ifeval(rule: Rule, instruction: str) -> Test:
    from synthgate.verifiers.rules.instructed import as_test

    return as_test(rule, instruction)


TESTS: dict[str, Callable[[Rule, Any], Test]] = {
    **{
        key: lambda rule, limit, key=key: _COUNTS[key](rule.failed(key), limit)  # type: ignore[misc]
        for key in _COUNTS
    },
    "matches": _matches,
    "forbids": _forbids,
    "forbid_words": _forbid_words,
    "require_words": _require_words,
    "language": _language,
    "refusal": _refusal,
    "ifeval": _ifeval,
}
