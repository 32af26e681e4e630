"""Real sentences and claims planted beside them: true ones, and ones made false in a known way.

Independent of the check: own sentence splitter, own word lists, own patterns. Every choice is a
hash of the sentence, so that the same texts give the same claims.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

Change = Callable[["Source"], str | None]


class Source(NamedTuple):
    """A sentence of a text, and the text it stands in."""

    sentence: str
    text: str


class Claim(NamedTuple):
    """What a response would say; `kind` tells how it was made from the sentence."""

    kind: str
    text: str
    source: Source


def pick(key: str, count: int) -> int:
    """Return a number below `count` that depends on the key only."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % max(1, count)


# --- real texts -------------------------------------------------------------------------


def problems(path: Path) -> list[str]:
    """The problem statements of GSM8K: names, numbers and units in everyday prose."""
    return [json.loads(line)["question"] for line in path.read_text().splitlines()]


def reference_prose() -> list[str]:
    """Paragraphs of Python's language reference and of scikit-learn's data set descriptions."""
    from pydoc_data.topics import topics

    folder = files("sklearn.datasets.descr")
    texts = [topics[name] for name in sorted(topics)]
    texts += [each.read_text() for each in sorted(folder.iterdir(), key=str) if each.is_file()]
    paragraphs = (re.sub(r"\s+", " ", part).strip() for text in texts
                  for part in re.split(r"\n\s*\n", text))  # fmt: skip
    return list(dict.fromkeys(part for part in paragraphs if _is_prose(part)))


def _is_prose(paragraph: str) -> bool:
    letters = sum(char.isalpha() or char.isspace() for char in paragraph)
    return len(paragraph) > 80 and letters > 0.85 * len(paragraph) and "::=" not in paragraph


def split(text: str) -> list[str]:
    """Return the statements of a text, cut at full stops before a capital."""
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)
    return [part for part in parts if len(part.split()) >= 6 and not part.rstrip().endswith("?")]


def sources(texts: Iterable[str]) -> list[Source]:
    """Return every statement of the texts, in an order that is drawn by hash."""
    found = [Source(sentence, text) for text in texts for sentence in split(text)]
    return sorted(dict.fromkeys(found), key=lambda source: pick(source.sentence, 2**63))


# --- numbers, units, names --------------------------------------------------------------

_FIGURE = re.compile(r"(?<![\w.,/:-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:]|[.,-]\d)")
_LABEL = re.compile(r"^(?:\[\d+\]|\d+\.)|(?<=[.!?)] )\[\d+\]|\[\d+\]$")  # of a footnote or an item
_COUNT = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|twenty|fifty)\b")
_COUNTS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twenty"]
_UNITS = [
    ("hours", "minutes"), ("minutes", "seconds"), ("days", "weeks"), ("weeks", "months"),
    ("months", "years"), ("years", "months"), ("hour", "day"), ("day", "week"), ("week", "month"),
    ("month", "year"), ("year", "month"), ("minute", "hour"), ("miles", "kilometers"),
    ("feet", "meters"), ("inches", "centimeters"), ("meters", "yards"), ("pounds", "kilograms"),
    ("ounces", "grams"), ("gallons", "liters"), ("cups", "tablespoons"), ("mph", "km/h"),
    ("cm", "mm"), ("kg", "g"), ("GB", "MB"), ("bytes", "bits"), ("bits", "bytes"),
    ("dollars", "euros"), ("cents", "dollars"), ("degrees", "radians"), ("acres", "hectares"),
]  # fmt: skip
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")
_NOT_NAMES = {"The", "This", "That", "For", "See", "And", "But", "Note", "When", "There"}


def number(source: Source) -> str | None:
    """Another number, most often one of the same text."""
    labels = [range(*m.span()) for m in _LABEL.finditer(source.sentence)]
    figures = _FIGURE.finditer(source.sentence)
    found = [m for m in figures if not any(m.start() in label for label in labels)]
    found = found or list(_COUNT.finditer(source.sentence))
    if not found:
        return None
    at = found[pick(source.sentence, len(found))]
    others = [m[0] for m in _FIGURE.finditer(source.text) if m[0] != at[0]]
    if at[0].isalpha():
        others = [word for word in _COUNTS if word != at[0]]
    elif not others or pick(source.sentence + "own", 3) == 0:
        plain = at[0].replace(",", "")
        others = [plain + "05", str(round(float(plain) + 1, 6)).removesuffix(".0"), "1" + plain]
    return _put(source.sentence, at, others[pick(source.sentence + "n", len(others))])


def unit(source: Source) -> str | None:
    """Another unit in its place: hours for minutes, euros for dollars, nothing for percent."""
    options = [
        (match, new)
        for old, new in _UNITS
        for match in re.finditer(rf"\b{old}\b", source.sentence)
        if re.search(r"\d|\b(?:an?|per|each|every|one|two|three|of)\b", source.sentence)
    ]
    signs = {"$": "\u20ac", "%": " dollars"}
    options += [(m, signs[m[0]]) for m in re.finditer(r"\$(?=\d)|(?<=\d)%", source.sentence)]
    if not options:
        return None
    return _put(source.sentence, *options[pick(source.sentence, len(options))])


def name(source: Source) -> str | None:
    """Another name, one of the same text where there is one."""
    found = [m for m in _NAME.finditer(source.sentence) if m[0] not in _NOT_NAMES]
    if not found:
        return None
    at = found[pick(source.sentence, len(found))]
    near = {m[0] for m in _NAME.finditer(source.text)} - {at[0]} - _NOT_NAMES
    others = sorted(near) or ["Margaret", "Lisbon", "Siemens", "Fortran", "Oxford", "Kepler"]
    return _put(source.sentence, at, others[pick(source.sentence + "e", len(others))])


def _put(sentence: str, at: re.Match[str], new: str) -> str:
    return sentence[: at.start()] + new + sentence[at.end() :]


# --- negations --------------------------------------------------------------------------

_AUX = r"\b(is|are|was|were|can|could|will|would|should|must|may|does|do|did)\b(?! not|n't)"
_NEGATING: list[tuple[str, str]] = [
    (_AUX, r"\1 not"), (_AUX, r"\1 never"), (r"\b(is|are|was|were|could|would|should)\b", r"\1n't"),
    (r"\bcan\b(?!not)", "cannot"), (r"\bcan\b(?!not)", "can't"), (r"\bwill\b", "won't"),
    (r"\b(is|are|was|were)\b", r"\1 no longer"), (r"\b(is|are|was|were)\b", r"\1 hardly"),
    (r"\bhas\b(?! been)", "has no"), (r"\bhave\b(?! been)", "have no"), (r"\bhas\b", "lacks"),
    (r"\bhas\b", "doesn't have"), (r"\bhave\b", "don't have"), (r"\bwith\b", "without"),
    (r"\b(all|every|each|some|any)\b", "no"), (r"\ban? (?=[a-z])", "no "),
    (r"\b(\w{3,}[^s\W])s (?=(?:\d|\$|the |a |his |her |to ))", r"doesn't \1 "),
    (r"\b(\w{3,}[^s\W])s (?=(?:\d|\$|the |a |his |her |to ))", r"never \1s "),
    (r"\b(\w{3,}[^s\W])s (?=(?:\d|\$|the |a |his |her |to ))", r"fails to \1 "),
    (r"\b(\w{3,}[^s\W])s (?=(?:\d|\$|the |a |his |her |to ))", r"refuses to \1 "),
    (r"\b(\w{3,}ed) (?=(?:\d|\$|the |a |his |her ))", r"never \1 "),
    (r"\b(\w{3,})ed (?=(?:\d|\$|the |a |his |her ))", r"did not \1 "),
    (r"\bbought\b", "did not buy"), (r"\bwants\b", "does not want"), (r"\bgets\b", "never gets"),
    (r"\b(possible)\b", r"im\1"),
    (r"\b(able|available|equal|ordered|used|known|likely)\b", r"un\1"),
    (r"\b(valid|complete|direct|dependent|correct)\b", r"in\1"), (r"\b(allowed)\b", r"dis\1"),
    (r"^(.)(.*?)[.!]?$", r"It is not true that \1\2."), (r"^(.*?)[.!]?$", r"\1, which is false."),
    (r"^(.*?)[.!]?$", r"It would be wrong to say that \1."), (r"^", "Nobody claims that "),
    (r"\b(and)\b", r"\1 not"), (r"^([A-Z]\w+) (?=[a-z]+s )", r"Neither \1 nor anybody else "),
]  # fmt: skip
_AFFIRMING: list[tuple[str, str]] = [
    (r" not\b(?! only)", ""), (r"n't\b", ""), (r"\bcannot\b", "can"), (r"\bnever ", ""),
    (r"\bwithout\b", "with"), (r"\bno (?=[a-z])", "a "), (r"\bNo (?=[a-z])", "A "),
    (r"\b[Nn]one of\b", "all of"), (r"\b[Nn]either\b", "both"), (r"\bnothing\b", "everything"),
    (r"\bunable\b", "able"), (r"\bimpossible\b", "possible"), (r"\binvalid\b", "valid"),
    (r"\bfails? to ", ""), (r"\brarely\b", "often"), (r"\bunless\b", "if"), (r"\bexcept\b", "and"),
]  # fmt: skip


def negation(source: Source) -> str | None:
    """A negation put in, one of some thirty ways."""
    return _one_of(_NEGATING, source.sentence)


def affirmation(source: Source) -> str | None:
    """A negation taken out, one of some fifteen ways."""
    return _one_of(_AFFIRMING, source.sentence)


def _one_of(ways: list[tuple[str, str]], sentence: str) -> str | None:
    fitting = [(old, new) for old, new in ways if re.search(old, sentence)]
    if not fitting:
        return None
    old, new = fitting[pick(sentence, len(fitting))]
    return re.sub(old, new, sentence, count=1)


# --- other falsehoods -------------------------------------------------------------------

_OPPOSITES = [
    ("more", "less"), ("less", "more"), ("before", "after"), ("after", "before"),
    ("above", "below"), ("greater", "smaller"), ("increased", "decreased"), ("first", "last"),
    ("largest", "smallest"), ("buys", "sells"), ("sells", "buys"), ("always", "sometimes"),
    ("all", "some"), ("must", "may"), ("may", "must"), ("older", "younger"), ("left", "right"),
    ("longer", "shorter"), ("higher", "lower"), ("same", "different"), ("true", "false"),
    ("at least", "at most"), ("twice", "half"), ("only", "also"), ("from", "to"), ("or", "and"),
]  # fmt: skip


def opposite(source: Source) -> str | None:
    """The opposite of one word that is no negation."""
    return _one_of([(rf"\b{old}\b", new) for old, new in _OPPOSITES], source.sentence)


def exchanged(source: Source) -> str | None:
    """Two numbers of the sentence in each other's place."""
    return _exchange(source.sentence, list(_FIGURE.finditer(source.sentence)))


def roles(source: Source) -> str | None:
    """Two names of the sentence in each other's place: who did it, and to whom."""
    return _exchange(source.sentence, list(re.finditer(r"\b[A-Z][a-z]{2,}\b", source.sentence)))


def _exchange(sentence: str, found: list[re.Match[str]]) -> str | None:
    first, last = (found[0], found[-1]) if len(found) > 1 else (None, None)
    if first is None or last is None or first[0] == last[0]:
        return None
    middle = sentence[first.end() : last.start()]
    return sentence[: first.start()] + last[0] + middle + first[0] + sentence[last.end() :]


def shuffled(source: Source) -> str | None:
    """The words of the sentence in another order: full lexical coverage, no meaning."""
    words = source.sentence.rstrip(".").split()
    order = sorted(range(len(words)), key=lambda at: pick(f"{source.sentence}{at}", 2**32))
    return " ".join(words[at] for at in order).capitalize() + "."


def condition(source: Source) -> str | None:
    """What holds only under a condition, without the condition."""
    found = re.match(r"(?:If|When|Unless|Suppose) [^,]+, (.*)", source.sentence)
    return found[1][0].upper() + found[1][1:] if found else None


# --- what is still true -----------------------------------------------------------------


def verbatim(source: Source) -> str | None:
    """The sentence as it stands."""
    return source.sentence


def reformatted(source: Source) -> str | None:
    """The sentence in another dress: figures, short forms, list marks, a word that leads in."""
    words = dict(zip(_COUNTS, [2, 3, 4, 5, 6, 7, 8, 9, 10, 20], strict=True))
    ways = [
        lambda s: re.sub(r"\b(\d),(\d{3})\b", r"\1\2", s),
        lambda s: re.sub(r"(?<![\w.,$/-])(\d)(\d{3})(?![\w.,/])", r"\1,\2", s),
        lambda s: _COUNT.sub(lambda m: str(words.get(m[0], m[0])), s),
        lambda s: s.replace(" does not", " doesn't").replace(" is not", " isn't"),
        lambda s: re.sub(r"(?<=\d) (?:miles per hour|mph)\b", " mph", s),
        lambda s: re.sub(r"(?<=\d)%", " percent", s),
        lambda s: re.sub(r"\$(\d[\d,.]*\d|\d)", r"\1 dollars", s),
        lambda s: re.sub(r"(?<=\d )hours\b", "hrs", re.sub(r"(?<=\d )minutes\b", "min", s)),
    ]
    dress = ["- {}", "**{}**", "According to the text, {}", "However, {}", "1. {} [2]", "{}\n\n"]
    changed = source.sentence
    for way in ways:
        changed = way(changed)
    return dress[pick(source.sentence, len(dress))].format(changed)


def part(source: Source) -> str | None:
    """The sentence up to its first comma, where a clause follows: true, but only a part."""
    found = re.match(r"((?:\S+ ){6,}?\S+), (?:and|which|while|where|so|but) .*", source.sentence)
    return found[1] + "." if found else None


TRUE: dict[str, Change] = {"verbatim": verbatim, "reformatted": reformatted, "first clause": part}
FALSE: dict[str, Change] = {
    "number": number,
    "unit": unit,
    "entity": name,
    "negation put in": negation,
    "negation taken out": affirmation,
    "numbers exchanged": exchanged,
    "names exchanged": roles,
    "opposite word": opposite,
    "condition dropped": condition,
    "words shuffled": shuffled,
}


def claims(found: list[Source], kind: str, most: int) -> Iterator[Claim]:
    """Yield up to `most` claims of a kind, each from another sentence.

    A false claim that the texts do say elsewhere is left out: it is true.
    """
    change = (TRUE | FALSE)[kind]
    said = {bare(source.sentence) for source in found}
    for source in found:
        made = change(source)
        if most and made is not None and (kind in TRUE or bare(made) not in said):
            most -= 1
            yield Claim(kind, made, source)


def bare(text: str) -> str:
    """Return the words of a text and nothing else."""
    return re.sub(r"\W+", " ", text).strip().casefold()


def mixtures(found: list[Source], most: int) -> Iterator[Claim]:
    """Yield the start of one sentence with the end of another one that shares a word with it."""
    said = {bare(source.sentence) for source in found}
    for one, two in pairwise(found):
        head, tail = one.sentence.split(), two.sentence.split()
        shared = [word for word in head[2:] if word in tail[1:-1] and one.text != two.text]
        if shared and most:
            joined = head[: head.index(shared[0], 2)] + tail[tail.index(shared[0], 1) :]
            if bare(" ".join(joined)) not in said:
                most -= 1
                yield Claim("two texts mixed", " ".join(joined), one)


WRAPS = [
    "It is a myth that {}.", "Nobody believes that {}.", "{}, but that turned out to be false.",
    "If the old rules applied, {}.", "According to a debunked report, {}.", "Suppose that {}.",
    "Some people claim that {}.", "{}, unless the contract says otherwise.", "Is it true that {}?",
    "The witness denied that {}.", "{}, or so the brochure said.", "It is hardly the case that {}.",
    "{}, which is not true.", "In the novel, {}.", "Until last year, {}.",
]  # fmt: skip


def wrapped(found: list[Source], most: int) -> Iterator[tuple[str, Claim]]:
    """Yield texts that quote a sentence without saying it, each with the bare sentence."""
    for source in found[:most]:
        way = WRAPS[pick(source.sentence, len(WRAPS))]
        yield way.format(source.sentence.rstrip(".")), Claim("not said", source.sentence, source)
