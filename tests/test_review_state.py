"""What a key does, as a machine of states, held against a plain account of what was said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.review.marks import done, label_of, mark_of, said
from synthgate.review.state import (
    HELP,
    REASONS,
    VERDICTS,
    Mark,
    State,
    edit,
    note,
    press,
    standing,
    start,
)
from synthgate.review.words import plan_state, tally
from synthgate.sample import freeze
from synthgate.stages.audit import judge

KEYS = ("p", "f", "u", "b", "left", "right", "enter", "esc", "space", "?", "x", "1", "5", "9", "0")
ids = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=10).map(tuple)
keys = st.lists(st.sampled_from(KEYS), max_size=60)
texts = st.text(max_size=8)


def walk(state: State, pressed: list[str]) -> tuple[State, list[tuple[str, Mark]]]:
    """Press keys; return where that ends and what was written, as (row id, mark)."""
    written = []
    for key in pressed:
        step = press(state, key)
        if step.mark is not None:
            written.append((state.ids[state.at], step.mark))
        state = step.state
    return state, written


@given(ids, keys)
def test_the_state_is_what_was_written(rows: tuple[str, ...], pressed: list[str]) -> None:
    """Marks are exactly the last ones written, so that a log holds all that there is to resume."""
    state, written = walk(start(rows, {}), pressed)
    assert dict(state.marks) == dict(written)
    assert 0 <= state.at <= len(rows)
    resumed = start(rows, dict(written))
    waiting = [n for n, row_id in enumerate(rows) if row_id not in state.marks]
    assert resumed.at == (waiting[0] if waiting else len(rows))


@given(ids, keys)
def test_one_key_writes_one_line_about_the_shown_row(
    rows: tuple[str, ...], pressed: list[str]
) -> None:
    """A verdict key writes its verdict; a digit adds the reason to a fail; nothing else writes."""
    state = start(rows, {})
    for key in pressed:
        step = press(state, key)
        if step.mark is not None:
            assert not state.ended
            if key in VERDICTS:
                assert step.mark.verdict == VERDICTS[key]
            else:
                assert (state.mode, step.mark.verdict) == ("reason", "fail")
                assert step.mark.reason == REASONS[int(key) - 1]
        elif key in VERDICTS:
            assert state.ended or state.mode == "help"
        state = step.state


@given(ids)
def test_a_verdict_a_row_ends_the_review(rows: tuple[str, ...]) -> None:
    """With one key a row, as many keys as there are different rows reach the end."""
    state, written = walk(start(rows, {}), ["p"] * len(set(rows)))
    assert state.ended and {row_id for row_id, _ in written} == set(rows)


@given(ids, keys, st.sampled_from("pu"))
def test_back_returns_to_the_row_that_was_labelled(
    rows: tuple[str, ...], pressed: list[str], key: str
) -> None:
    """`b` behind a verdict shows that row again, and a new verdict replaces the old one."""
    state, _ = walk(start(rows, {}), [*pressed, "esc"])
    if state.ended or state.mode == "help":
        return
    there = press(state, key).state
    back = press(there, "b").state
    assert back.at == state.at and back.mark.verdict == VERDICTS[key]
    assert press(back, "f").state.mark.verdict == "fail"


@given(ids, keys, texts)
def test_a_note_changes_no_verdict(rows: tuple[str, ...], pressed: list[str], text: str) -> None:
    """A note stays with the row through later verdicts; alone it is a skip, and the row waits."""
    state, _ = walk(start(rows, {}), pressed)
    if state.ended:
        assert note(state, text).mark is None
        return
    before, step = state.mark.verdict, note(state, text)
    assert step.mark is not None and step.state.at == state.at
    assert step.state.mark.verdict == (before or "skip")
    assert step.state.open(state.ids[state.at]) == (before in ("", "skip"))
    if step.state.mode == "row":
        assert press(step.state, "u").mark == Mark("unsure", note=text)


@given(ids, keys)
def test_an_edit_is_a_verdict_and_advances(rows: tuple[str, ...], pressed: list[str]) -> None:
    """An edit marks the row, keeps what was written instead, and goes on to one that waits."""
    state, _ = walk(start(rows, {}), pressed)
    step = edit(state, response="new")
    if state.ended:
        assert step.mark is None
        return
    assert step.mark == Mark("edit", note=state.mark.note, response="new")
    assert step.state.ended or step.state.open(step.state.ids[step.state.at])


@given(ids, st.sets(st.sampled_from("abcdefgh")), keys)
def test_rows_of_others_are_passed_over(
    rows: tuple[str, ...], closed: set[str], pressed: list[str]
) -> None:
    """A row that somebody else labelled is not asked for again, and can still be visited."""
    state = start(rows, {}, frozenset(closed))
    for key in pressed:
        before, state = state, press(state, key).state
        if key in ("p", "u") and before.mode == "row" and not before.ended:
            assert state.ended or state.ids[state.at] not in closed


def test_keys_that_ask_for_more() -> None:
    """`e`, `E`, `n` and `q` ask from outside and change nothing by themselves."""
    state = start(("a", "b"), {})
    for key, ask in (("e", "edit"), ("E", "edit"), ("n", "note"), ("q", "quit")):
        assert (press(state, key).ask, press(state, key).state, press(state, key).mark) == (
            ask,
            state,
            None,
        )
    assert {key for key, _ in HELP} >= {"p", "f", "e", "u", "n", "b", "?", "q"}


PLAN = freeze([bytes([n]) * 32 for n in range(200)], 0.9, 0.95, 60, 0)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["p", "p", "p", "p", "f1", "u"]), max_size=60))
def test_the_plan_is_told_as_the_gate_judges(pressed: list[str]) -> None:
    """What the reviewer sees is what `judge` says of the same labels."""
    state, _ = walk(start(PLAN.sample, {}), [key for each in pressed for key in each])
    found = standing(PLAN, state, {})
    assert found == judge(PLAN, {i: mark.verdict for i, mark in state.marks.items()})
    assert found is not None
    words = plan_state(PLAN, found)
    assert words.startswith(found.verdict) or f"{found.missing} more pass" in words


def test_doubts_of_others_count() -> None:
    """Where two people differ the plan's state takes the doubt, as the gate does."""
    first = PLAN.sample[0]
    state, _ = walk(start(PLAN.sample, {}), ["p", "p"])
    assert standing(PLAN, state, {}).failures == 0  # type: ignore[union-attr]
    assert standing(PLAN, state, {first: "unsure"}).failures == 1  # type: ignore[union-attr]
    assert tally(state) == "2 pass, 58 open"


marks = st.builds(
    Mark,
    st.sampled_from(["pass", "fail", "edit", "unsure", "skip"]),
    texts,
    texts,
    st.none() | texts,
    st.none() | texts,
)


@given(marks)
def test_a_mark_survives_its_label_line(mark: Mark) -> None:
    """What is written to a log is what is read from it."""
    verdict, more = label_of(mark)
    assert mark_of({"id": "a", "verdict": verdict, "reviewer": "r", **more}) == mark


people = st.sampled_from(["ann", "bob", "cy"])
lines = st.lists(
    st.builds(
        lambda i, v, r: {"id": i, "verdict": v, "reviewer": r},
        st.sampled_from("ab"),
        st.sampled_from(["pass", "fail", "unsure"]),
        people,
    ),
    max_size=12,
)


@given(lines)
def test_a_log_is_split_by_reviewer(labels: list[dict[str, Any]]) -> None:
    """Each reviewer's own last word, and of the others the worst of their last words."""
    last = {(each["id"], each["reviewer"]): each["verdict"] for each in labels}
    mine, others = said(labels, "ann")
    assert {i: m.verdict for i, m in mine.items()} == {
        i: verdict for (i, who), verdict in last.items() if who == "ann"
    }
    order = ("fail", "edit", "unsure", "skip", "pass")
    for row_id in "ab":
        theirs = [v for (i, who), v in last.items() if i == row_id and who != "ann"]
        assert others.get(row_id) == (min(theirs, key=order.index) if theirs else None)
    assert done(labels, "ann", None) == {i for i, who in last if who != "ann"}


@pytest.mark.parametrize("seen", [0, 1, 2])
def test_an_overlap_row_waits_for_two_people(seen: int) -> None:
    """A row in the overlap is closed to a third person only when two others have labelled it."""

    class Overlapping:
        sample, overlap = ("a", "b"), 1

    said_so = [{"id": i, "verdict": "pass", "reviewer": f"r{n}"} for n in range(seen) for i in "ab"]
    plan: Any = Overlapping
    assert done(said_so, "me", plan) == ({"a", "b"} if seen == 2 else {"b"} if seen else set())
