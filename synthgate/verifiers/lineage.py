"""Which models share errors: the table of families, bases and teachers, and how names find it.

A model's name is a claim, and the table knows what is published: two models that it holds apart
may still share data that nobody wrote down. A name that it does not know has no lineage, and
vouches for nothing until somebody declares one.
"""

from __future__ import annotations

import hashlib
import pkgutil
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any

from synthgate.errors import ConfigError

Words = tuple[str, ...]
_GAP = "..."
_WORD = re.compile(r"[a-z]+|\d+")
_PATTERN = re.compile(r"\.\.\.|[a-z*]+|\d+")
# Servers and clouds that put their own name before that of the model: `us.amazon.nova-pro`.
_PROVIDERS = {
    "accounts", "ai", "amazon", "anthropic", "apac", "azure", "bedrock", "cohere", "eu",
    "fireworks", "ft", "google", "groq", "hf", "meta", "microsoft", "models", "nvidia", "ollama",
    "openai", "openrouter", "together", "us", "vertex",
}  # fmt: skip
_PACKING = re.compile(
    r"(?<![a-z0-9])(?:i?q\d(?:_\w+)*|gguf|ggml|gptq|awq|exl\d|mlx|bnb|nf4|fp\d+|bf16|int\d"
    r"|w\d+a\d+|\d-?bits?|imatrix|unsloth|hf)(?![a-z0-9])"
)
_KEYS = {"match", "family", "base", "teachers"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table: the names it means, their family, and whom they learned from.

    `rank` decides between two entries that mean the same words of a name.
    """

    words: Words
    starts: bool
    family: str
    parents: Words
    rank: tuple[bool, bool]


class Lineages:
    """A table of lineages; `digest` stands for all that is in it."""

    def __init__(self, entries: tuple[Entry, ...], digest: str) -> None:
        self._entries, self.digest = entries, digest
        # Names come from rows: as many as anybody likes.
        self._found = lru_cache(maxsize=4096)(self._find)
        self.kin = lru_cache(maxsize=4096)(self._kin)

    def family(self, name: str) -> str:
        """Return the family of a model, "" where nobody declared one."""
        found = self._found(name)
        return found[0].family if found else ""

    def _kin(self, name: str) -> frozenset[str]:
        """Return every family whose errors a model may have; empty where nobody knows it."""
        kin: set[str] = set()
        waiting, seen = [name], set[str]()
        while waiting:
            each = waiting.pop()
            if each in seen:
                continue
            seen.add(each)
            for entry in self._found(each):
                kin |= {entry.family, *entry.parents}
                waiting += entry.parents
        return frozenset(kin)

    def _find(self, name: str) -> tuple[Entry, ...]:
        """Return the entries that a name means, the one of its first word first."""
        folder, _, tail = name.rstrip("/").rpartition("/")
        return self._in(words_of(tail)) or self._in(words_of(folder.rpartition("/")[2]))

    def _in(self, words: Words) -> tuple[Entry, ...]:
        skipped = 0
        while skipped < len(words) and words[skipped] in _PROVIDERS:
            skipped += 1
        hits = [
            (places, entry)
            for entry in self._entries
            for start in ((skipped,) if entry.starts else range(len(words)))
            if (places := _places(entry.words, words, start))
        ]
        left = [hit for hit in hits if not any(_replaces(other, hit) for other in hits)]
        return tuple(entry for _, entry in sorted(left, key=lambda hit: min(hit[0])))

    def extended(self, path: str, text: str) -> Lineages:
        """Return this table with that of a file, which wins; raises `ConfigError`."""
        digest = hashlib.sha256(f"{self.digest}\n{text}".encode()).hexdigest()
        return Lineages((*_entries(path, text, own=True), *self._entries), digest)


Hit = tuple[frozenset[int], Entry]


def _replaces(one: Hit, other: Hit) -> bool:
    """Tell whether a match says more than another one: it covers it, or outranks it."""
    if one[0] == other[0]:
        return one[1].rank > other[1].rank
    return one[0] > other[0]


def _places(pattern: Words, words: Words, start: int) -> frozenset[int]:
    """Return where the words of a pattern stand from `start` on; empty where they do not."""
    places, at, gap = set[int](), start, False
    for part in pattern:
        if part == _GAP:
            gap = True
            continue
        while gap and at < len(words) and not fnmatchcase(words[at], part):
            at += 1
        if at >= len(words) or not fnmatchcase(words[at], part):
            return frozenset()
        places.add(at)
        at, gap = at + 1, False
    return frozenset(places)


def words_of(name: str) -> Words:
    """Return the words of a model's name: runs of letters and runs of digits."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", name).lower()))


@lru_cache(maxsize=4096)
def identity(name: str) -> str:
    """Return what the names of one model have in common, however it is packed and served."""
    tail = unicodedata.normalize("NFKC", name).lower().rstrip("/").rpartition("/")[2]
    return " ".join(_WORD.findall(_PACKING.sub(" ", tail))) or name


# --- reading the table ------------------------------------------------------------------


@cache
def shipped() -> Lineages:
    """Return the table that comes with the package."""
    data = pkgutil.get_data("synthgate.verifiers", "lineage.toml") or b""
    text = data.decode()
    digest = hashlib.sha256(data).hexdigest()
    return Lineages(_entries("lineage.toml", text, own=False), digest)


def _entries(path: str, text: str, *, own: bool) -> tuple[Entry, ...]:
    """Return the entries of a table; raises `ConfigError` with every finding on its own line."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    models = document.get("model")
    if document.keys() != {"model"} or type(models) is not list:
        raise ConfigError(f"{path}: a table of lineages holds [[model]] tables and nothing else")
    findings = [f"{path}: model {n}: {why}" for n, m in enumerate(models, 1) if (why := _wrong(m))]
    if findings:
        raise ConfigError("\n".join(findings))
    return tuple(_entry(model, each, own) for model in models for each in _list(model["match"]))


def _entry(model: dict[str, Any], match: str, own: bool) -> Entry:
    words = tuple(_PATTERN.findall(match.lower()))
    parents = (*_list(model.get("base", [])), *_list(model.get("teachers", [])))
    literal = "*" not in match and _GAP not in match
    return Entry(
        words,
        match.lstrip().startswith("^"),
        model["family"].strip().lower(),
        tuple(parent.strip().lower() for parent in parents),
        (own, literal),
    )


def _list(value: Any) -> list[str]:
    return [value] if type(value) is str else value


def _wrong(model: Any) -> str:
    """Return what is wrong with one [[model]] table, or nothing."""
    if type(model) is not dict or not model.keys() >= {"match", "family"}:
        return 'needs match = "words of its name" and family = "NAME"'
    if unknown := sorted(model.keys() - _KEYS):
        return f"unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}"
    if type(model["family"]) is not str or not model["family"].strip():
        return "family must be a name"
    for key in ("match", "base", "teachers"):
        given = _list(model.get(key, []))
        if type(given) is not list or not all(type(e) is str and e.strip() for e in given):
            return f"{key} must be a name or a list of names"
    for match in _list(model["match"]):
        if not any(_WORD.search(part) for part in _PATTERN.findall(match.lower())):
            return f"match {match!r} holds no word"
    return "" if model["match"] else "match must not be empty"
