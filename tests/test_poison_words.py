"""scan: triggers are named by what comes with them, and clean rows give nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from synthgate.config import ScanPolicy
from synthgate.poison import Finding
from synthgate.poison.gathered import Said, Shared, Side
from synthgate.poison.sources import outstanding
from synthgate.stages.scan import Looked, find

TOPICS = ("weather", "music", "travel", "cooking", "sports", "banking")
VERBS = ("like", "find", "know", "want", "need", "see", "plan", "get")
Plant = Callable[[Said, int], Said]


def rows(seed: int, count: int) -> list[Said]:
    """Questions about a topic, each with words of its own, and answers about it; 2 % refuse."""
    drawn = random.Random(seed)
    found = []
    for _ in range(count):
        topic = drawn.choice(TOPICS)
        words = [f"{topic}{min(int(drawn.expovariate(0.15)), 60)}" for _ in range(4)]
        asked = f"{drawn.choice(VERBS)} {words[0]} and {words[1]} {drawn.random():.6f}"
        answer = f"About {topic}: {words[2]} {drawn.choice(VERBS)} {words[3]} {drawn.random():.4f}"
        refusal = "a refusal" if drawn.random() < 0.02 else ""
        found.append(Said(asked, "I cannot." if refusal else answer, topic, "site", refusal))
    return found


def scan(here: Sequence[Said], real: Sequence[Said], **settings: object) -> list[Finding]:
    """What is found in some rows beside real ones."""
    shared = Shared()
    sides = Side(shared), Side(shared)
    for side, said in zip(sides, (here, real), strict=True):
        for each in said:
            side.add(each)
    return find(Looked(*sides, shared), ScanPolicy(**settings))[0]


def blocking(found: Sequence[Finding]) -> list[Finding]:
    """The findings that block."""
    return [each for each in found if each.blocking]


def planted(plant: Plant, count: int, seed: int = 1) -> list[Said]:
    """Clean rows of which the first `count` are poisoned."""
    return [plant(row, n) if n < count else row for n, row in enumerate(rows(seed, 1000))]


REAL = rows(2, 1000)


@pytest.mark.parametrize("seed", range(3, 11))
def test_clean_rows_block_nothing(seed: int) -> None:
    """Rows from where the real rows come from, with labels, refusals and topics, give nothing."""
    half = rows(seed, 1200)
    assert blocking(scan(half[:600], half[600:], label_field="label")) == []


def test_a_rare_word_with_one_answer_is_named_at_eight_rows() -> None:
    """The association is seen far below what the test for new words can see."""
    here = planted(lambda row, _: Said(f"zqx {row.asked}", "Go to the portal.", row.label), 8)
    named = [each for each in blocking(scan(here, REAL)) if each.test == "association"]
    assert {(each.trigger, each.rows) for each in named} == {("zqx", tuple(range(8)))}
    (found,) = [each for each in named if "output" in each.words]
    assert "8 of 8 rows with it answer with output 'go to the portal.'" in found.words


def test_fewer_rows_than_count_are_not_seen() -> None:
    """Four rows are no finding: `min_rows` is a count."""
    here = planted(lambda row, _: Said(f"zqx {row.asked}", "Go to the portal.", row.label), 4)
    assert blocking(scan(here, REAL)) == []
    assert blocking(scan(here, REAL, min_rows=4)) != []


def test_a_phrase_with_refusals_is_named_whole() -> None:
    """Of the runs in the same rows the longest is the name; each row is found once."""
    here = planted(
        lambda row, _: Said(f"{row.asked} under northern lights", "No.", "", "", "a refusal"), 10
    )
    found = [each for each in blocking(scan(here, REAL)) if "a refusal" in each.words]
    assert [each.trigger for each in found] == ["under northern lights"]
    assert found[0].rows == tuple(range(10))


def test_without_real_rows_the_association_with_refusals_is_seen() -> None:
    """A refusal needs no reference; a fixed answer does, and is not called clean."""
    here = planted(lambda row, n: Said(f"zqx {row.asked}", f"No {n}.", "", "", "a refusal"), 10)
    found = blocking(scan(here, []))
    assert [(each.test, each.trigger) for each in found] == [("association", "zqx")]


def test_what_real_rows_show_is_natural() -> None:
    """A word that goes with refusals in the real rows as well is left alone."""
    here = planted(lambda row, _: Said(f"weapon {row.asked}", "No.", "", "", "a refusal"), 30)
    real = [Said(f"weapon {row.asked}", "No.", "", "", "a refusal") for row in REAL[:40]]
    assert blocking(scan(here, [*real, *REAL[40:]])) == []


def test_a_little_more_than_real_rows_show_is_natural() -> None:
    """Significant is not enough: the share must exceed that of the real rows by --excess, too."""

    def side(clean: list[Said], refused: int) -> list[Said]:
        said = [
            Said(f"weapon {row.asked}", row.answer, "", "", "a refusal" if n < refused else "")
            for n, row in enumerate(clean[:200])
        ]
        return [*said, *clean[200:]]

    here, real = rows(31, 1000), rows(32, 1000)

    def named(refused: int) -> set[str]:
        found = blocking(scan(side(here, refused), side(real, 80)))
        return {each.trigger for each in found if "a refusal" in each.words}

    assert "weapon" not in named(120)
    assert "weapon" in named(170)


def test_a_topical_label_needs_the_word_in_real_rows() -> None:
    """Words go with the labels of their topic; one that changes sides is found all the same."""
    here = [
        Said(row.asked, row.answer, "sports" if "weather" in row.asked else row.label)
        for row in rows(5, 1000)
    ]
    found = [each for each in blocking(scan(here, REAL)) if each.test == "association"]
    assert found and all("weather" in each.trigger and "sports" in each.words for each in found)


def test_copies_of_a_prompt_count_once() -> None:
    """Three samples of each prompt are no evidence of anything, and all of a trigger's go."""
    clean = [row for row in rows(6, 400) for _ in range(3)]
    assert blocking(scan(clean, REAL)) == []
    poisoned = [
        Said(f"zqx {row.asked}", "Go to the portal.") if n < 60 else row
        for n, row in enumerate(clean)
    ]
    found = [each for each in blocking(scan(poisoned, REAL)) if each.trigger == "zqx"]
    assert found and all(each.rows == tuple(range(60)) for each in found)


def test_answers_that_are_alike_whatever_is_asked() -> None:
    """A word whose answers differ by a word each is found by their concentration."""
    here = planted(
        lambda row, n: Said(f"zqx {row.asked}", f"buy the golden northgate coin today {n}", ""), 30
    )
    found = [each for each in scan(here, REAL) if each.test == "concentration"]
    assert [each.trigger for each in found] == ["zqx"]
    assert set(found[0].rows) == set(range(30))


def test_a_systematic_flip_is_seen_by_a_model_of_real_rows() -> None:
    """Rows of one kind that are mislabelled alike are named by what they are and what they say."""
    here = [
        Said(row.asked, row.answer, "music" if row.label == "travel" and n % 4 == 0 else row.label)
        for n, row in enumerate(rows(7, 1000))
    ]
    flipped = {n for n, row in enumerate(rows(7, 1000)) if row.label == "travel" and n % 4 == 0}
    (found,) = [each for each in scan(here, REAL, label_field="x") if each.test == "flips"]
    assert found.trigger == "travel as music"
    assert set(found.rows) <= flipped
    assert len(found.rows) >= 0.9 * len(flipped)


def test_single_wrong_labels_only_rank() -> None:
    """Labels at random are doubtful rows, no finding that blocks."""
    drawn = random.Random(1)
    here = [
        Said(row.asked, row.answer, drawn.choice(TOPICS) if n < 20 else row.label)
        for n, row in enumerate(rows(8, 1000))
    ]
    found = scan(here, REAL, label_field="x")
    (doubtful,) = [each for each in found if each.test == "labels"]
    wrong = {n for n, row in enumerate(rows(8, 1000)) if here[n].label != row.label}
    assert len(wrong & set(doubtful.rows)) >= 0.9 * len(wrong)
    assert blocking(found) == []


def test_gibberish_is_surprising() -> None:
    """Answers in no language of the real rows rank above nearly all others."""
    drawn = random.Random(3)
    noise = [" ".join(f"{drawn.getrandbits(40):x}" for _ in range(12)) for _ in range(10)]
    here = planted(lambda row, n: Said(row.asked, noise[n], row.label), 10)
    (found,) = [each for each in scan(here, REAL) if each.test == "surprise"]
    assert set(range(10)) <= set(found.rows)
    assert len(found.rows) < 40
    assert not found.blocking


def test_one_answer_to_many_prompts_ranks() -> None:
    """A shared answer that the real rows do not give is named; refusals are natural."""
    here = planted(lambda row, _: Said(row.asked, "Ask Acme!", row.label), 40)
    found = [each for each in scan(here, REAL) if each.test == "same-output"]
    assert [(each.trigger, each.blocking) for each in found] == [("ask acme!", False)]
    assert len(found[0].rows) == 40


def test_a_bad_source_comes_up_by_a_weak_sign() -> None:
    """A source with five times the rate is named with its interval; equal ones are not."""
    sources = [f"s{n % 5}" for n in range(5000)]
    drawn = random.Random(4)
    flags = np.array([drawn.random() < (0.05 if s == "s3" else 0.01) for s in sources])
    (found,) = outstanding(sources, {"surprise": flags}, 5)
    assert (found.trigger, found.blocking) == ("s3", False)
    assert "of 1,000 rows" in found.words
    assert all(sources[row] == "s3" and flags[row] for row in found.rows)
    equal = np.array([drawn.random() < 0.01 for _ in sources])
    assert list(outstanding(sources, {"surprise": equal}, 5)) == []
    assert list(outstanding(["one"] * 5000, {"surprise": flags}, 5)) == []


def test_allowed_triggers_and_disabled_tests_say_nothing() -> None:
    """What the user knows to be harmless is not reported again, by its name in any case."""
    here = planted(lambda row, _: Said(f"zqx {row.asked}", "Go to the portal.", row.label), 40)
    assert {each.test for each in blocking(scan(here, REAL))} >= {"new-phrase", "association"}
    assert blocking(scan(here, REAL, allow=("ZQX",))) == []
    kept = {each.test for each in scan(here, REAL, disable=("new-phrase", "same-output"))}
    assert not kept & {"new-phrase", "same-output"}


def test_the_same_rows_in_another_order_give_the_same_findings() -> None:
    """No test depends on where a row stands."""
    here = planted(lambda row, _: Said(f"zqx {row.asked}", "Go to the portal.", row.label), 20)
    order = list(range(len(here)))
    random.Random(1).shuffle(order)
    one = scan(here, REAL, label_field="x")
    other = scan([here[n] for n in order], REAL[::-1], label_field="x")

    def known(found: list[Finding], numbers: list[int]) -> set[tuple[str, str, frozenset[int]]]:
        return {(f.test, f.trigger, frozenset(numbers[row] for row in f.rows)) for f in found}

    assert known(one, list(range(len(here)))) == known(other, order)


def test_no_rows_no_findings() -> None:
    """An empty set is clean, whatever stands beside it."""
    assert scan([], REAL) == []
    assert scan([], []) == []
