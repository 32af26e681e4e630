"""What strategies are made of: draws, the pool, templates, and the reading of answers."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate import registry
from synthgate.config import GeneratePolicy
from synthgate.errors import UsageError
from synthgate.formats import PROMPTS, SHAPES
from synthgate.generators import Answer
from synthgate.provenance import Stamp, read
from synthgate.rows import Decision, Row
from synthgate.stages.generate import generate
from synthgate.strategies import Ask, Brief, Strategy, build
from synthgate.strategies.axes import draw, pick
from synthgate.strategies.exercises import asserts, head
from synthgate.strategies.pool import Pool
from synthgate.strategies.reading import fenced, numbered, tagged
from synthgate.strategies.templates import Templates
from tests.asking import ask

NAMES = sorted(registry.BUILTIN["strategies"])
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=80)


# --- draws ------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 9), st.data())
def test_no_combination_comes_twice_too_soon(sizes: list[int], seed: int, data: Any) -> None:
    """All combinations come before any comes again; each value is drawn as often as any other."""
    axes = {f"a{n}": tuple(f"v{v}" for v in range(size)) for n, size in enumerate(sizes)}
    whole = math.prod(sizes)
    drawn = [tuple(draw(axes, seed, "row", turn).values()) for turn in range(whole)]
    assert len(set(drawn)) == whole
    many = data.draw(st.integers(0, whole))
    for place, size in enumerate(sizes):
        counts = Counter(each[place] for each in drawn[:many])
        seen = [counts[f"v{v}"] for v in range(size)]
        assert max(seen) - min(seen) <= 1


@pytest.mark.parametrize("sizes", [(6, 7, 6), (6, 6, 6), (4, 4, 4, 4), (12, 8, 6), (5, 10, 20)])
@pytest.mark.parametrize("many", [25, 50])
def test_axes_do_not_keep_step(sizes: tuple[int, ...], many: int) -> None:
    """Any two axes meet in about as many pairs of values as independent draws would."""
    axes = {f"a{n}": tuple(f"v{v}" for v in range(size)) for n, size in enumerate(sizes)}
    rows = [[tuple(draw(axes, 0, f"{row}", n).values()) for n in range(many)] for row in range(60)]
    for one, other in combinations(range(len(sizes)), 2):
        met = sum(len({(each[one], each[other]) for each in drawn}) for drawn in rows) / len(rows)
        pairs = sizes[one] * sizes[other]
        assert met >= 0.9 * pairs * (1 - (1 - 1 / pairs) ** many)


@given(st.integers(1, 7), st.integers(0, 5), st.text(max_size=3))
def test_a_cycle_holds_each_value_once(size: int, cycle: int, row: str) -> None:
    """Single draws go through all values before one comes again, in an order of their own."""
    values = tuple(map(str, range(size)))
    turns = range(cycle * size, (cycle + 1) * size)
    assert sorted(pick(values, "s", row, turn) for turn in turns) == list(values)


# --- the pool ---------------------------------------------------------------------------


def rouge_l(one: str, other: str) -> float:
    """ROUGE-L as rouge-score defines it, by the textbook recurrence."""
    left, right = (re.findall(r"[a-z0-9]+", text.lower()) for text in (one, other))
    if not left or not right:
        return 0.0
    row = [0] * (len(right) + 1)
    for token in left:
        before = row[:]
        for at, each in enumerate(right, 1):
            row[at] = before[at - 1] + 1 if token == each else max(before[at], row[at - 1])
    return 2 * row[-1] / (len(left) + len(right))


_SENTENCES = st.lists(st.sampled_from([*"abcdefg12", "a-b"]), max_size=8).map(" ".join)


@settings(max_examples=200)
@given(st.lists(_SENTENCES, max_size=12), st.sampled_from([0.5, 0.7, 1.0]))
def test_no_pair_of_the_pool_is_near(texts: list[str], limit: float) -> None:
    """Every pair in the pool is below the limit, and whatever was refused is not below it."""
    pool = Pool(limit)
    for text in texts:
        near = pool.add(text)
        if near is not None:
            assert rouge_l(text, pool.texts[near]) >= limit - 1e-9
    assert all(rouge_l(*pair) < limit for pair in combinations(pool.texts, 2))


def test_the_pool_reads_every_script() -> None:
    """Texts without a Latin letter, empty to rouge-score, are compared by their own words."""
    pool = Pool(0.7)
    assert pool.add("Назови три реки в Европе") is None
    assert pool.add("Назови три реки в Азии") == 0
    assert pool.add("Сложи два числа без ошибки") is None


# --- templates --------------------------------------------------------------------------


def test_row_text_is_never_a_template(tmp_path: Path) -> None:
    """What looks like a template in a prompt or an attribute is sent as it is."""
    seeds = [{"prompt": "Say {{ 7 * 7 }} {% for %}"}]
    done = ask(tmp_path, seeds, lambda prompt: "x", "--attribute", "tone={{ 6 * 6 }}")
    assert "Say {{ 7 * 7 }} {% for %}" in done.prompts[0] and "{{ 6 * 6 }}" in done.prompts[0]


def test_own_templates(tmp_path: Path) -> None:
    """A template of the user takes the place of ours, and the prompt's hash tells the two apart."""
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "attributes.j2").write_text("{{ prompt }} ({{ attributes.tone }})")
    flags = ("--attribute", "tone=calm")
    done = ask(tmp_path, [{"prompt": "Go."}], lambda p: "x", *flags, "--templates", f"{tmp_path}/t")
    assert done.prompts == ["Go. (calm)"]
    made = done.origins[0]
    assert made["id"] == done.rows[0]["_synthgate"]["id"] and made["strategy"] == "attributes"
    assert len(made["journal"]) == 64 and made["model"] == "m" and made["parents"] == done.seeds
    other = ask(tmp_path, [{"prompt": "Go."}], lambda p: "x", *flags)
    assert other.origins[0]["templates"] != made["templates"]
    assert other.origins[0]["prompt"] != made["prompt"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{{ prompt", "attributes.j2:1"),
        ("{{ nothing }}", "undefined"),
        ("{{ prompt.__class__.__mro__ }}", "attributes.j2"),
        ("{{ 1 / 0 }}", "division"),
    ],
)
def test_a_template_that_cannot_be_used(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, word: str
) -> None:
    """A template that is wrong, or reaches for more than its values, ends with 2 and its name."""
    (tmp_path / "attributes.j2").write_text(text)
    flags = ("--attribute", "tone=calm", "--templates", str(tmp_path), "--base-url", "http://x")
    assert ask(tmp_path, [{"prompt": "Go."}], None, *flags).code == 2
    assert word in capfd.readouterr().err


def test_templates_of_another_strategy(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder without a template of the strategy is a mistake, and its own names are told."""
    (tmp_path / "evolved.j2").write_text("x")
    flags = ("--strategy", "evolve", "--templates", str(tmp_path), "--base-url", "http://x")
    assert ask(tmp_path, [{"prompt": "Go."}], None, *flags).code == 2
    assert "evolve.j2" in capfd.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_hash_says_template_and_text(name: str) -> None:
    """The hash changes with the text and, where there are templates, with each of them."""
    made = registry.find("strategies", name)
    texts = Templates(made.templates, {})
    asked = [{"role": "user", "content": "x"}]
    hashes = {texts.hash(asked), texts.hash([{"role": "user", "content": "y"}])}
    for each in made.templates:
        hashes.add(Templates(made.templates, {each: "other"}).hash(asked))
    assert len(hashes) == 2 + len(made.templates)


# --- reading ----------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.lists(st.sampled_from(["```", "~~~", "\n", "def f(x):", "1.", "9)", "<a>", "</a>", " "])))
def test_reading_never_fails(parts: list[str]) -> None:
    """Whatever a model writes is read to its end."""
    text = "".join(parts)
    assert all(each in text for each in (*fenced(text), *tagged(text, "a")))
    assert all(item.strip() for item in numbered(text))
    head(text)
    asserts(text, "f")


def test_a_numbered_list() -> None:
    """Items of any numbering are told apart, continuation lines included."""
    text = "Write a poem.\n10. Sort the\n list.\n**11.** Add.\nTask 12: Count.\n13) End"
    wanted = ["Write a poem.", "Sort the\n list.", "Add.", "Count.", "End"]
    assert numbered(text) == wanted


@given(st.integers(-9, 9), TEXTS.filter(lambda text: '"""' not in text and "\\" not in text))
def test_a_head_is_the_function_without_its_body(number: int, text: str) -> None:
    """The head parses, holds name and docstring, and nothing of the solution."""
    program = f'import os\ndef f(x):\n    """Doc. {text} ."""\n    return {number} * x\n'
    try:
        ast.parse(program)
    except (SyntaxError, ValueError):
        assert head(program) is None
        return
    found = head(program)
    assert found is not None and found[0] == "f"
    (node,) = ast.parse(found[1]).body
    assert isinstance(node, ast.FunctionDef) and len(node.body) == 1


# --- every strategy, whatever is answered -----------------------------------------------


class Echo:
    """Answers with the next of some texts; None is a failure."""

    identity = "echo"

    def __init__(self, texts: list[str | None]) -> None:
        self.texts, self.asked = texts or ["x"], 0

    def answers(self, requests: Any) -> Any:
        for _ in requests:
            text = self.texts[self.asked % len(self.texts)]
            self.asked += 1
            yield Answer(text) if text is not None else Answer(reason="truncated", detail="cut")


_PARTS = st.sampled_from(
    ["<output>a</output>", "<input>b</input>", "9. Write a fine poem about it", "no", "yes", "\n",
     "```python\ndef f(x):\n    '''Doc.'''\n```", "```\nassert f(1) == 2\nassert f(2) == 3\n```",
     "<response><text>t</text><probability>0.5</probability></response>", "{}", "\x1b[2J", "é"]
)  # fmt: skip
_ANSWERS = st.lists(st.one_of(st.none(), st.lists(_PARTS, max_size=4).map("".join)), max_size=9)
_SEED = (
    b'{"prompt":"p%d","input":"p%d","instruction":"Sort the %d lists by name","target":{"a":%d}}'
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(answers=_ANSWERS, seeds=st.integers(0, 4), samples=st.integers(1, 4))
def test_every_wanted_candidate_ends_once(
    name: str, answers: list[str | None], seeds: int, samples: int
) -> None:
    """Rows + rejects = what the strategy said that it wants, whatever the model says."""
    policy = GeneratePolicy(
        samples=samples, strategy=name, attribute=("tone=a|b",), gaps="g", per_call=3
    )
    brief = Brief(policy, text=lambda *_: '{"gaps":[{"words":["w"]}]}')
    strategy = build(name, brief)
    stamp = Stamp(real=True).provenance
    form = b'{"target":{"a":[%d,%d,%d,%d]}}' if name == "schema" else _SEED
    rows = [read(form % (n, n, n, n), "f", n, stamp) for n in range(seeds)]
    shape = next(each for each in (*strategy.shapes, *PROMPTS, *SHAPES) if each.matches(_value()))
    strategy.refuse(rows, shape)
    given_back = list(generate(rows, shape, Echo(answers), policy, strategy=strategy))
    assert len(given_back) == strategy.wanted(seeds)
    for decision in given_back:
        made = decision.row.provenance
        if not decision.reason:
            assert made.generation >= 1 and made.parents and made.generator == "echo"
            assert made.needs == ("human" if name == "edge-cases" else "")


def _value() -> dict[str, Any]:
    return {"prompt": "", "instruction": "", "target": {}}


def test_a_strategy_that_loses_a_candidate_is_a_bug() -> None:
    """An ask whose outcomes are not worth what it was stops the run: nothing goes unnoticed."""

    class Loser(Strategy):
        name = "loser"

        def rounds(self, rows: Any, shape: Any) -> Any:
            yield [Ask(self.said("x"), row, worth=2) for row in rows]

        def read(self, ask: Ask, text: str) -> Any:
            yield Decision(ask.row)

    policy = GeneratePolicy()
    row: Row = read(_SEED % (1, 1, 1, 1), "f", 1, Stamp(real=True).provenance)
    with pytest.raises(RuntimeError, match="lost 1 of 2"):
        list(generate([row], PROMPTS[1], Echo(["x"]), policy, strategy=Loser(Brief(policy))))


def test_an_unknown_strategy() -> None:
    """An unknown name lists the known ones, the nearest among them."""
    with pytest.raises(UsageError, match="did you mean 'critique'"):
        build("critic", Brief(GeneratePolicy()))


class Tempter:
    """Lists tasks that differ from known ones by few words or by many; answers everything else."""

    identity = "tempter"

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def answers(self, requests: Any) -> Any:
        for number, each in enumerate(requests):
            prompt = each.messages[-1]["content"]
            if "series of tasks" not in prompt:
                yield Answer("<input>i</input><output>o</output>")
                continue
            tasks = []
            for place in range(8):
                words = self.texts[(number * 8 + place) * 7 % len(self.texts)].split()[:40]
                new = [f"new{number}x{place}y{n}" for n in range(place * len(words) // 8)]
                tasks.append(" ".join([*new, *words[len(new) :]]))
            yield Answer("\n".join(f"{n}. {task}" for n, task in enumerate(tasks, 9)))


def test_the_pool_of_the_175_seed_tasks(shared: Any) -> None:
    """From the published seed tasks, no pair of the pool reaches 0.7 by the rouge-score package."""
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="SKIPPED: no rouge-score here")
    score = scorer.RougeScorer(["rougeL"]).score
    stamp = Stamp(real=True).provenance
    lines = shared("self_instruct/seed_tasks.jsonl").read_bytes().splitlines()
    rows = [read(line, "seeds", number, stamp) for number, line in enumerate(lines)]
    policy = GeneratePolicy(samples=1)
    strategy: Any = build("self-instruct", Brief(policy))
    tempter = Tempter([row.value["instruction"] for row in rows])
    shape = next(each for each in PROMPTS if each.name == "alpaca")
    decisions = list(generate(rows, shape, tempter, policy, strategy=strategy))
    assert len(decisions) == len(rows) == 175
    kept = [each.row.value["instruction"] for each in decisions if not each.reason]
    refused = [each.row.value["instruction"] for each in decisions if each.reason == "near_pool"]
    assert len(kept) > 20 and len(refused) > 20
    assert set(kept) <= set(strategy.pool.texts)
    for number, one in enumerate(strategy.pool.texts):
        for other in strategy.pool.texts[:number] if one in kept else ():
            assert score(one, other)["rougeL"].fmeasure < 0.7
    for one, other in zip(kept, refused, strict=False):
        assert score(one, other)["rougeL"].fmeasure == pytest.approx(rouge_l(one, other))
