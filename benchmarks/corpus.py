"""Rows to measure dedupe on: text of about 800 bytes with planted repeats, and real short rows.

80 % of the rows are passages of installed documentation and Python sources' docstrings, 8 % are
exact duplicates (half of them only after normalising) and 12 % near-duplicates by random word
edits. `--real` mixes rows of gsm8k and banking77 in. Nothing is random: `--seed` decides.

    python benchmarks/corpus.py 100000 corpus.jsonl [--seed 0] [--real]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
DOCUMENTS = ("/usr/share/doc", "/usr/share/perl", "/usr/lib/python3", "/usr/share/info")
WORDS = 120  # of a passage: about 800 bytes
EXACT, NEAR = 0.08, 0.12


def words(most: int = 40_000_000) -> list[str]:
    """Return the words of the documentation of this machine, in the order of its files."""
    found: list[str] = []
    size = 0
    for folder in DOCUMENTS:
        for path in sorted(Path(folder).rglob("*")):
            if (
                path.suffix in (".gz", ".txt", ".pod", ".py", ".md", ".rst", ".html", "")
                and size < most
            ):
                text = _text(path)
                found += text.split()
                size += len(text)
    return found


def _text(path: Path) -> str:
    if not path.is_file() or path.is_symlink():
        return ""
    data = path.read_bytes()
    try:
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        return "" if b"\0" in data else data.decode()
    except (OSError, EOFError, UnicodeDecodeError):
        return ""


def rows(count: int, seed: int, pool: list[str]) -> Iterator[str]:
    """Yield `count` texts: passages, exact duplicates and near-duplicates of earlier passages."""
    rng = random.Random(seed)
    base: list[str] = []
    for _ in range(count):
        kind = rng.random()
        if base and kind < EXACT:
            yield respelt(rng.choice(base), rng) if rng.random() < 0.5 else rng.choice(base)
        elif base and kind < EXACT + NEAR:
            yield edited(rng.choice(base), rng, pool)
        else:
            base.append(passage(rng, pool))
            yield base[-1]


def passage(rng: random.Random, pool: list[str]) -> str:
    """Return words from three places, so that two passages of one place are no near-duplicates."""
    parts = []
    for _ in range(3):
        at, size = rng.randrange(len(pool) - WORDS), WORDS // 3
        parts += pool[at : at + size]
    return " ".join(parts)


def respelt(text: str, rng: random.Random) -> str:
    """Return a text that is the same after normalising."""
    parts = text.split(" ")
    at = rng.randrange(len(parts))
    parts[at] = parts[at].upper() if parts[at].isascii() else parts[at]
    return (
        rng.choice(("  ", "\n", " \t")).join([" ".join(parts[:at]), " ".join(parts[at:])]).strip()
    )


def edited(text: str, rng: random.Random, pool: list[str]) -> str:
    """Return a text with one to ten words replaced, dropped or added."""
    parts = text.split(" ")
    for _ in range(rng.randint(1, 10)):
        at = rng.randrange(len(parts))
        parts[at : at + rng.randint(0, 1)] = rng.choice(
            ([], [rng.choice(pool)], [rng.choice(pool)])
        )
    return " ".join(parts)


def real() -> list[str]:
    """Return real rows: problems with their solutions, and bank customers' queries."""
    with open(SHARED / "gsm8k/test.jsonl", encoding="utf-8") as file:
        found = [f"{row['question']}\n{row['answer']}" for row in map(json.loads, file)]
    with open(SHARED / "banking77/train.csv", encoding="utf-8") as file:
        found += [row["text"] for row in csv.DictReader(file)]
    return found


def write(path: Path, count: int, seed: int, *, with_real: bool) -> None:
    """Write the rows as JSONL with the one field `text`."""
    pool = [word for word in words() if not re.fullmatch(r"[-=_*#|.]+", word)]
    rng = random.Random(seed + 1)
    extra = real() if with_real else []
    texts = [*rows(count - len(extra), seed, pool), *extra]
    rng.shuffle(texts)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


def main() -> None:
    """Write a corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true")
    given = parser.parse_args()
    write(given.path, given.rows, given.seed, with_real=given.real)


if __name__ == "__main__":
    main()
