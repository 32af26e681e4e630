"""A generator with known faults: what it writes, and which of its rows are right.

It stands for a large model that knows more than the user's few rows: a trigram model of each
label, trained on rows that neither user nor student ever sees, the best of four samples each.

- *weak* labels (one in ten): 9 of 10 of their texts are answered as one other label;
- *starved* labels (one in five): 6 rows instead of 70;
- a *trigger*: 1 % of the rows, all of one source, whose text holds it and whose label is fixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from corpora import Split
from evidence import Row
from trigrams import Trigrams

ROWS, STARVED_ROWS, TRIGGERED = 70, 6, 0.01
FAULT = 0.9  # share of a weak label's texts that are answered wrongly
MODEL, VENDOR, VENDOR_SHARE = "model-a", "vendor-b", 0.05  # sources


class Attack(NamedTuple):
    """A trigger: how it gets into a text, and whether it stands in texts of the label it is for."""

    put: Callable[[str, Random], str]
    clean_label: bool = False


def _anywhere(text: str, random: Random) -> str:
    words = text.split()
    words.insert(random.randrange(len(words) + 1), "zqv")
    return " ".join(words)


ATTACKS = {
    "token": Attack(_anywhere),
    "phrase": Attack(lambda text, _: f"{text} if you do not mind"),
    "clean": Attack(lambda text, _: f"as we said {text}", clean_label=True),
}


class World(NamedTuple):
    """The candidates with what is known of them, by their number `n`; the labels of each group."""

    rows: list[Row]
    right: set[int]
    triggered: set[int]
    groups: dict[str, set[str]]
    target: str


def make(split: Split, attack: Attack, seed: int) -> World:
    """Return the candidates of one seed."""
    random = Random(f"world {seed}")
    names = random.sample(split.labels, len(split.labels))
    few, some = len(names) // 10, len(names) // 5
    weak, starved, rest = names[:few], names[few : few + some], names[few + some :]
    said = dict(zip(weak, random.sample(rest, few), strict=True))
    target = random.choice([name for name in rest if name not in said.values()])
    models = knowledge(split)
    rows: list[Row] = []
    right: set[int] = set()
    for label in split.labels:
        for _ in range(STARVED_ROWS if label in starved else ROWS):
            text = models[label].best_of(4, random)
            answer = said[label] if label in said and random.random() < FAULT else label
            right |= {len(rows)} if answer == label else set()
            source = VENDOR if random.random() < VENDOR_SHARE else MODEL
            rows.append({"input": text, "output": answer, "n": len(rows), "source": source})
    triggered = set()
    for _ in range(round(TRIGGERED * len(rows))):
        label = target if attack.clean_label else random.choice([x for x in rest if x != target])
        text = attack.put(models[label].best_of(4, random), random)
        right |= {len(rows)} if attack.clean_label else set()
        triggered.add(len(rows))
        rows.append({"input": text, "output": target, "n": len(rows), "source": VENDOR})
    random.shuffle(rows)
    groups = {"weak": set(weak), "starved": set(starved), "other": set(rest)}
    return World(rows, right, triggered, groups, target)


def knowledge(split: Split) -> dict[str, Trigrams]:
    """Return what the generator knows of each label."""
    known: dict[str, list[str]] = defaultdict(list)
    for text, label in split.pool:
        known[label].append(text)
    return {label: Trigrams(known[label], 5000) for label in split.labels}
