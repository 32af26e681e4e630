"""The key `relation`: formulas over the numbers of a row or of the JSON in an answer."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.errors import UsageError
from synthgate.verifiers import Verdict
from synthgate.verifiers.rules.formulas import BadFormula, read
from synthgate.verifiers.rules.operands import NoValue
from tests.conftest import read_rows, synthgate, write_rows
from tests.test_rule import built, judge

INVOICE = "total == sum(lines.qty * lines.unit_price)"
cents = st.integers(-10_000, 10_000).map(lambda number: Decimal(number) / 100)


def related(relation: str, data: Any, **rule: Any) -> Verdict:
    """Return the verdict on an answer that is this JSON."""
    text = data if isinstance(data, str) else json.dumps(data)
    return judge([{"relation": relation, **rule}], {"input": "?", "output": text})


@given(st.lists(st.tuples(st.integers(0, 9), cents), min_size=1, max_size=5), st.integers(-2, 2))
def test_an_invoice_adds_up_to_the_cent(lines: list[tuple[int, Decimal]], off: int) -> None:
    """Decimals are exact: it holds where Decimal says so, within a tolerance if there is one."""
    total = sum((qty * price for qty, price in lines), Decimal(0)) + Decimal(off) / 100
    listed = ",".join(f'{{"qty":{qty},"unit_price":{price}}}' for qty, price in lines)
    text = f'{{"total":{total},"lines":[{listed}]}}'
    assert related(INVOICE, text).outcome == ("fail" if off else "pass")
    assert related(INVOICE, f"```json\n{text}\n```").outcome == ("fail" if off else "pass")
    near = related(INVOICE, text, tolerance=0.01).outcome
    assert near == ("fail" if abs(off) > 1 else "pass")


# An oracle of its own: formulas made with their values, by another evaluator of other code.
leaves = st.one_of(
    st.integers(0, 99).map(lambda n: (str(n), Fraction(n))),
    st.sampled_from([("a", Fraction(7)), ("b.c", Fraction(-5, 2)), ('"x y"', Fraction(3))]),
    st.sampled_from([("sum(l)", Fraction(6)), ("max(l, 4)", Fraction(4)), ("len(l)", Fraction(3))]),
    st.sampled_from([("count(l)", Fraction(3)), ("mean(l)", Fraction(2)), ("min(l)", Fraction(1))]),
    st.sampled_from(
        [("round(b.c)", Fraction(-3)), ("abs(b.c)", Fraction(5, 2)), ("l.1", Fraction(2))]
    ),
    st.just(("round(a / 3, 2)", Fraction(233, 100))),
)
DATA = {"a": 7, "b": {"c": -2.5}, "x y": 3, "l": [1, 2, 3]}
Term = tuple[str, Fraction]


def joined(pair: tuple[Term, str, Term]) -> Term:
    (left, x), symbol, (right, y) = pair
    value = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else x}[symbol]
    return (left, x) if symbol == "/" and not y else (f"({left} {symbol} {right})", value)


terms = st.recursive(
    leaves, lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(joined), max_leaves=8
)


@given(terms, terms)
def test_a_formula_means_what_it_says(left: Term, right: Term) -> None:
    """Every comparison of two made-up terms is that of their values, which were made with them."""
    compared = {
        "==": left[1] == right[1], "!=": left[1] != right[1], "<": left[1] < right[1],
        "<=": left[1] <= right[1], ">": left[1] > right[1], ">=": left[1] >= right[1],
    }  # fmt: skip
    for symbol, holds in compared.items():
        formula = f"{left[0]} + a {symbol} {right[0]} + 7"
        assert read(formula).holds(DATA, Fraction(0)) is holds, formula


@pytest.mark.parametrize(
    ("formula", "holds"),
    [
        ("2 + 3 * a == 23", True), ("-a + 10 == 3", True), ("10 - 3 - a == 0", True),
        ("14 / a / 2 == 1", True), ("--a == 7", True), ("1 <= a < 8", True), ("1 < a < 7", False),
        ("l == 2", False), ("l > 0", True), ("l * l <= 9", True), ("l + l == 2 * l", True),
        ("l != 2", False), ("l.0 == 1", True), ("'x y' == 3", True), ('b."c" < 0', True),
        ("len(b) == 1", True), ("len(t) == 3", True), ("n == 12.50", True),
        ("f == 0.1 + 0.2", True),
        ("rows.v == 3 * rows.w", True), ("sum(rows.m) == 10", True), ("round(h) == 3", True),
        ("sum(none) == 0", True), ("abs(rows.w - 1) <= 1", True),
    ],
)  # fmt: skip
def test_precedence_lists_and_texts(formula: str, holds: bool) -> None:
    """Usual precedence; lists go item by item; a text that is a plain number is one."""
    more = {"t": "abc", "n": "12.5", "f": 0.3, "h": 2.5, "none": [],
            "rows": [{"v": 3, "w": 1, "m": [1, 2]}, {"v": 6, "w": 2, "m": [3, 4]}]}  # fmt: skip
    assert read(formula).holds({**DATA, **more}, Fraction(0)) is holds


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("z == 1", "missing: z"), ("l.v == 1", "missing: l.v"), ("l.7 == 1", "missing: l.7"),
        ("s == 1", "no_number: s"), ("t == 1", "no_number: t"),
        ("a / (a - 7) == 1", "division_by_zero: /"),
        ("l == k", "lengths: =="), ("l + k == 1", "lengths: +"),
        ("max(none) == 1", "no_numbers: max"),
        ("none > 0", "no_numbers: >"), ("len(a) == 1", "no_length: a"),
        ("nil == 0", "missing: nil"),
        ("big * big * big * big * big * big * big * big * big == 1", "too_large: a number"),
    ],
)  # fmt: skip
def test_what_the_data_cannot_answer_fails(formula: str, reason: str) -> None:
    """Missing fields, texts, unequal lists and empty ones fail and say why: none is a pass."""
    more = {"s": "1 kg", "t": True, "k": [1], "none": [], "nil": None, "big": 10**300}
    with pytest.raises(NoValue) as raised:
        read(formula).holds({**DATA, **more}, Fraction(0))
    assert f"{raised.value.reason}: {raised.value.what}" == reason
    verdict = related(formula, {**DATA, **more})
    assert (verdict.outcome, verdict.reason) == ("fail", "relation")
    assert verdict.evidence["says"] == reason


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("a", "compares nothing"), ("a + 1", "compares nothing"), ("1 == 1", "names no field"),
        ("a == a", "with itself"), ("a.b  <= a.b", "with itself"), ("a = 1", "'= 1' is not"),
        ("a == ", "ends too early"), ("(a == 1", "not closed"), ("sum(a == 1", "not closed"),
        ("a == )", "stands where a value"), ("a == 1 2", "'2' is not understood"),
        ("avg(a) == 1", "unknown function 'avg'"), ("len(1) == a", "len takes one field"),
        ("a == __import__('os')", "unknown function '__import__'"), ("a == 2**3", "stands where"),
        ("(" * 40 + "a" + ")" * 40 + " == 1", "nested deeper"), ("a == 1; b", "is not understood"),
        ("a == 0x10", "is not understood"), ("a and b == 1", "'and' is not understood"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused(formula: str, said: str) -> None:
    """A formula that cannot be read, or says nothing, ends with the rule and the reason."""
    with pytest.raises(BadFormula, match=said.replace("(", r"\(").replace(")", r"\)")):
        read(formula)
    with pytest.raises(UsageError, match=r"rules\.json: rule 1: relation: "):
        built([{"relation": formula}])


@pytest.mark.parametrize(
    ("rule", "outcome", "reason"),
    [
        ({"relation": "total == 3"}, "fail", "relation"),  # the answer's total is 4
        ({"relation": "total == 4"}, "pass", ""),
        ({"field": "row", "relation": "total == 3"}, "pass", ""),
        ({"field": "row", "relation": "response.total == total + 1"}, "pass", ""),
        ({"field": "row", "relation": "response.total == total"}, "fail", "relation"),
        ({"field": "meta", "relation": "x < y"}, "pass", ""),
        ({"field": "meta.json", "relation": "x == 5"}, "pass", ""),
        ({"field": "input", "relation": "x == 5"}, "fail", "not_json"),
        ({"field": "meta.none", "relation": "x == 5"}, "fail", "relation"),
    ],
)
def test_where_the_numbers_come_from(rule: dict[str, Any], outcome: str, reason: str) -> None:
    """The JSON of the answer, the whole row, another field, or the JSON in one."""
    meta = {"x": 1, "y": 2, "json": '{"x": 5}'}
    verdict = judge([rule], {"input": "?", "output": '{"total": 4}', "total": 3, "meta": meta})
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_an_answer_with_several_documents_abstains() -> None:
    """Two fenced blocks that differ: which one is meant cannot be told."""
    verdict = related("total == 4", '```json\n{"total": 4}\n```\n```json\n{"total": 5}\n```')
    assert (verdict.outcome, verdict.reason) == ("abstain", "several_documents")
    twice = '```json\n{"total": 4}\n```\nor\n```json\n{"total": 4}\n```'
    assert related("total == 4", twice).outcome == "pass"


def test_hostile_numbers_are_bounded() -> None:
    """Long lists of huge fractions end soon, and never as a pass."""
    data = {"l": [10**300 + n for n in range(3000)], "m": [1e-300] * 3000}
    start = time.process_time()
    assert related("sum(l / m) / sum(m / l) == 1", data).outcome == "fail"
    assert time.process_time() - start < 5


def test_the_command_keeps_what_adds_up(tmp_path: Any) -> None:
    """Rows whose JSON answer does not add up are rejected, with the formula."""
    (tmp_path / "rules.toml").write_text(f'[[rule]]\nrelation = "{INVOICE}"\n')
    good = {"total": 7.3, "lines": [{"qty": 1, "unit_price": 0.3}, {"qty": 2, "unit_price": 3.5}]}
    answers = [good, {**good, "total": 7.31}, {**good, "lines": []}, "text", {"total": 7.3}]
    rows = [{"input": "?", "output": json.dumps(each)} for each in answers]
    source, rejects = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "rejects"
    rule = f"rule:{tmp_path / 'rules.toml'}"
    done = synthgate("verify", source, "--check", rule, "--rejects", rejects)
    assert done.code == 0, done.err
    assert [json.loads(row["output"]) for row in done.rows] == [good]
    details = [row["_reject"]["detail"] for row in read_rows(rejects)]
    assert [INVOICE in detail for detail in details] == [True] * 4
    assert "missing: lines" in details[3]
