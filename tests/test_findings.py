"""The sections of a report: what they say follows from the counts, and no more."""

from __future__ import annotations

import json
import random
from collections import Counter
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.errors import BadLine
from synthgate.findings import inherited as weakness
from synthgate.findings.chain import links
from synthgate.findings.collapse import collapse, point
from synthgate.findings.drift import drift
from synthgate.findings.independence import independence
from synthgate.findings.judged import Evidence, judged
from synthgate.findings.sample import Drawn, Lots
from synthgate.findings.slices import TOKEN, Count, Slices, bucket
from synthgate.findings.sources import Account, sources
from synthgate.findings.tally import Tally, entropy
from synthgate.findings.verdict import verdict
from synthgate.findings.worth import Labelled, excludes, of_audit, of_gold
from synthgate.provenance import Stamp, read, splice
from synthgate.rejects import record_of, reject_line
from synthgate.rows import Decision, Row
from synthgate.stages.report import report
from synthgate.verifiers.lineage import shipped


def row(value: dict[str, Any], **marks: Any) -> Row:
    """A row with a provenance of its own."""
    found = read(json.dumps(value).encode(), "f", 1, Stamp(source="s").provenance)
    return found.marked(**marks) if marks else found


# --- the sample -------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 40)), max_size=60), st.randoms())
def test_a_sample_does_not_depend_on_the_order(rows: list[tuple[int, int]], rng: Any) -> None:
    """Which rows are held is a fact of the set; they fit, and no smaller lot was left out."""
    rows = [(lot, lot % 7 + 1) for lot, _ in rows]  # equal lots are equal rows

    def held(order: list[tuple[int, int]]) -> list[str]:
        lots = Lots(rows=10, characters=25)
        for lot, size in order:
            if lots.wants(lot):
                lots.add(lot, Drawn(chr(65 + lot), "x" * (size - 1)))
        assert len(lots) <= 10 and sum(each.size for each in lots) <= 25
        assert lots.seen == len(order) and lots.cut == (len(lots) < len(order))
        return [each.prompt for each in lots]

    wanted = held(rows)
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert held(shuffled) == wanted == sorted(wanted)
    left = sorted(lot for lot, _ in rows)[len(wanted) :]
    assert not left or not wanted or min(left) >= ord(wanted[-1]) - 65


def test_entropy_is_that_of_the_words() -> None:
    """Four equally frequent words have two bits; no words have none."""
    assert entropy([Drawn("a b", "C"), Drawn("d", "")]) == 2.0
    assert entropy([Drawn("a", "a")]) == 0.0
    assert entropy([Drawn("", "")]) is None


# --- the chain --------------------------------------------------------------------------


def manifests() -> list[dict[str, Any]]:
    """Three stages that hand rows on, the first two through a pipe."""

    def stream(path: str, digest: str, rows: int) -> dict[str, Any]:
        return {"path": path, "sha256": digest, "rows": rows}

    steps = [
        ("dedupe", stream("in.jsonl", "a", 10), stream("-", "b", 9)),
        ("cluster-cap", stream("-", "b", 9), stream("capped.jsonl", "c", 8)),
        ("verify", stream("capped.jsonl", "c", 8), stream("good.jsonl", "d", 5)),
    ]
    return [
        {"stage": stage, "inputs": [read], "outputs": [written], "rejects": {}, "findings": {}}
        for stage, read, written in steps
    ]


ROWS = [{"path": "good.jsonl", "sha256": "d", "rows": 5}]


def test_a_whole_chain_is_shown() -> None:
    """Each stage read what one before wrote, and the report what the last one wrote."""
    found = list(links(manifests(), ROWS))
    assert [each["stage"] for each in found] == ["cluster-cap", "verify", "report"]
    assert all(each["read"] == "shown" and not each["why"] for each in found)


@pytest.mark.parametrize(
    ("at", "change", "why"),
    [
        (1, {"sha256": "x", "rows": 7}, "the pipe held 7 of the 9 rows that dedupe wrote"),
        (1, {"sha256": "x"}, "the pipe is not what dedupe wrote: its 9 rows were changed"),
        (1, {"sha256": ""}, "the pipe was not read to its end"),
        (2, {"sha256": "x", "rows": 9}, "held 1 rows more than the 8 that cluster-cap wrote"),
        (2, {"sha256": "x", "path": "o.jsonl"}, "no stage here wrote o.jsonl"),
    ],
)
def test_a_broken_link_says_what_is_wrong(at: int, change: dict[str, Any], why: str) -> None:
    """A cut pipe, a changed file, a stage without a manifest: one link, and its reason."""
    past = manifests()
    past[at]["inputs"][0] |= change
    broken = [each for each in links(past, ROWS) if each["read"] != "shown"]
    assert [each["stage"] for each in broken] == [past[at]["stage"]]
    assert why in broken[0]["why"]


def test_a_missing_stage_breaks_the_link_behind_it() -> None:
    """Without the manifest of the middle stage, the next one is not shown, and a gap is named."""
    past = manifests()
    del past[1]
    past[1]["missing_before"] = 2
    found = {each["stage"]: each["why"] for each in links(past, ROWS) if each["why"]}
    assert set(found) == {"2-*.json", "verify"}
    assert "no stage here wrote capped.jsonl" in found["verify"]
    assert list(links(past, [{**ROWS[0], "sha256": "q"}]))[-1]["read"] == "not shown"


def test_only_an_audit_may_read_rejects() -> None:
    """What a stage threw away may be audited; a stage that goes on with it breaks the chain."""
    past = manifests()
    past[1]["outputs"].append({"path": "bad", "sha256": "r", "rows": 1, "role": "rejects"})
    past[2]["inputs"][0] |= {"path": "bad", "sha256": "r", "rows": 1}
    assert "no stage here wrote bad" in list(links(past))[1]["why"]
    past[2]["stage"] = "audit-draw"
    assert list(links(past))[1]["read"] == "shown"


# --- what verify said -------------------------------------------------------------------


def test_a_row_says_what_became_of_it() -> None:
    """A reject by its record, else the evidence, else the mark of a row that passed."""
    one = row({"input": "a"})
    reject = reject_line(Decision(one, "fail:answer", "gold 3"), "verify")
    other = reject_line(Decision(one, "fail:of another kind"), "dedupe")
    unsure = reject_line(Decision(one, "abstain", "x"), "verify")
    lines = [reject, other, unsure, splice(one.payload, one.marked(verified_by="v").provenance)]
    rows = [read(line, "f", 1, Stamp().provenance) for line in (*lines, one.payload)]
    fates = [each and each[1:] for each in judged(rows)]
    passed = ("accepted", "")
    assert fates == [
        ("failed", "fail:answer: gold 3"), None, ("undecided", "abstain: x"), passed, None,
    ]  # fmt: skip
    evidence = Evidence()
    evidence.add({"id": one.id, "verdict": "fail"})
    assert [each and each[1] for each in judged(rows[3:], evidence)] == ["failed", "failed"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1}',
        b'{"a":{"b":1,"_reject":{"stage":"verify","reason":"fail:x"}}}',
        b'{"a":",\\"_reject\\":{\\"stage\\":\\"verify\\"}"}',
        b'{"a":1,"_reject":[1]}',
    ],
)
def test_only_the_last_key_of_a_line_is_its_record(raw: bytes) -> None:
    """What stands inside of a row or in its text is not taken for why it was dropped."""
    assert record_of(raw) == {}


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(), max_size=4))
def test_a_reject_reads_the_same_on_the_fast_way(value: dict[str, Any]) -> None:
    """A line as a stage writes it gives the row that the general way gives for the same object."""
    for name in ("_synthgate", "_reject"):
        value.pop(name, None)
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    one = read(raw, "f", 1, Stamp(source="s").provenance)
    line = reject_line(Decision(one, "fail:x", 'a "quoted" ,"_reject":{} thing'), "verify")
    slow = line.replace(b',"_reject":{"file"', b', "_reject":{"file"', 1)
    found = [read(each, "f", 1, Stamp().provenance) for each in (line, slow)]
    assert line != slow and found[0].raw == line
    assert len({(each.payload, each.provenance, json.dumps(each.value)) for each in found}) == 1
    assert found[0].payload == raw and found[0].provenance == one.provenance


@pytest.mark.parametrize(
    "record",
    [b'{"reason":"x"}', b'{"line":1}', b'{"reason":"x","line":1', b'{"reason":"x","reason":1}'],
)
def test_a_line_that_only_looks_like_a_reject_is_none(record: bytes) -> None:
    """A record that lacks its keys, is no JSON or has a key twice is a bad line, fast or not."""
    line = splice(b'{"a":1}', row({"a": 1}).provenance)
    with pytest.raises(BadLine):
        read(line[:-1] + b',"_reject":' + record + b"}", "f", 1, Stamp().provenance)


def test_evidence_is_held_up_to_a_limit() -> None:
    """Of too many lines those with the smallest ids are held, and the others are not counted."""
    ids = [f"{random.Random(n).getrandbits(256):064x}" for n in range(400)]
    evidence = Evidence(most=100)
    for each in ids:
        evidence.add({"id": each, "verdict": "pass"})
    for each in ({"id": 3, "verdict": "pass"}, {"id": "zz", "verdict": "no"}, {}):
        evidence.add(each)
    covered = [each for each in ids if evidence.covers(each)]
    assert 25 < len(evidence) <= 100 and len(covered) == len(evidence)
    assert set(covered) == set(sorted(ids)[: len(covered)])
    assert all(evidence.of(each) == "accepted" for each in covered)


# --- weak slices ------------------------------------------------------------------------


def planted(seed: int, rate: float, rows: int = 3000) -> Slices:
    """Rows of 30 labels and 200 words, 3 % wrong, and one label with another rate."""
    rng, slices = random.Random(seed), Slices()
    for n in range(rows):
        label = f"label{rng.randrange(30)}"
        wrong = rng.random() < (rate if label == "label7" else 0.03)
        text = " ".join(
            f"w{chr(97 + rng.randrange(20))}{chr(97 + rng.randrange(10))}" for _ in "123"
        )
        slices.add(row({"input": text, "n": n, "label": label}), "failed" if wrong else "accepted")
    return slices


def test_a_planted_weak_slice_is_found() -> None:
    """A label with 60 % wrong rows among 3 % comes first, with its exact counts."""
    for seed in range(3):
        found = weakness.inherited(planted(seed, 0.6))
        first = found["slices"][0]
        assert (first["field"], first["value"], first["found"]) == ("label", "label7", True)
        assert first["low"] < first["failed"] / first["rows"] < first["high"] and first["lift"] > 8
        assert found["found"] == 1 and found["correction"] == "Holm"
        assert found["accept"][0]["value"] == "label7"


def test_nothing_is_found_where_nothing_is_weak() -> None:
    """Of 20 sets without a weak slice at most 3 name one: 5 % each, corrected for all tests."""
    found = [weakness.inherited(planted(100 + seed, 0.03, 800))["found"] for seed in range(20)]
    assert sum(each > 0 for each in found) <= 3


def test_answers_to_one_prompt_count_as_what_they_are() -> None:
    """Ten answers to a prompt that fail together are no proof against the words of that prompt."""
    slices = Slices()
    rng = random.Random(4)
    for number in range(200):
        hard = rng.random() < 0.3
        text = f"alpha{chr(97 + number // 26)}{chr(97 + number % 26)} beta{chr(97 + number % 5)}"
        for n in range(10):
            one = row({"input": text, "output": f"o{number} {n}"}, prompt=f"p{number}")
            slices.add(one, "failed" if hard else "accepted")
    found = weakness.inherited(slices)
    assert found["rows_that_count_as_one"] == pytest.approx(10, rel=0.02)
    assert not [each for each in found["slices"] if each["found"]]


def test_a_cut_tail_is_named() -> None:
    """Rare labels that are accepted less than the others are a tail that the checks cut."""
    slices = Slices()
    for n in range(600):
        slices.add(row({"input": f"q{n}", "label": "big"}), "accepted" if n % 10 else "failed")
        if n < 100:
            rare = row({"input": f"r{n}", "label": f"rare{n % 10}"})
            slices.add(rare, "accepted" if n % 2 else "failed")
    (tail,) = (each for each in weakness.inherited(slices)["tails"] if each["field"] == "label")
    assert (tail["rows"], tail["accepted"], tail["cut"]) == (100, 50, True)
    assert tail["others"] == 0.9 and "cut the tail" in tail["words"]


def test_examples_are_failed_rows_of_their_slice() -> None:
    """Three at most, each of the slice and failed, the same ones in any order."""
    slices = Slices()
    rows = [row({"text": f"word{n}", "label": "ab"[n % 2]}) for n in range(60)]
    fates = ["failed" if n % 3 else "accepted" for n in range(60)]
    for each, fate in zip(rows, fates, strict=True):
        slices.add(each, fate)  # type: ignore[arg-type]
    shown = []
    for order in (range(60), reversed(range(60))):
        examples = weakness.Examples(slices, frozenset({("label", "a")}))
        for n in order:
            examples.add((rows[n], fates[n], "why"))  # type: ignore[arg-type]
        shown.append(examples.of(("label", "a")))
    assert shown[0] == shown[1] and len(shown[0]) == 3
    allowed = {rows[n].id for n in range(60) if n % 3 and n % 2 == 0}
    assert {each["id"] for each in shown[0]} <= allowed


def test_clusters_and_prompts_have_names_that_people_read() -> None:
    """A cluster is named by its first row, a prompt by its text once it has rows enough."""
    slices = Slices()
    first = row({"prompt": "how much", "completion": "9"})
    for n in range(25):
        one = row({"prompt": "how much", "completion": f"{n}"}, prompt="hash", cluster=first.id)
        slices.add(one, "accepted")
    assert slices.named == {("prompt", "hash"): "how much", ("cluster", first.id): "how much"}
    shown = weakness.inherited(slices)["accept"]
    assert [each["text"] for each in shown if each["field"] == "cluster"] == ["how much"]


def test_tokens_stay_within_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many words, a frequent one is counted short by few, and it is said."""
    monkeypatch.setattr("synthgate.findings.slices._TOKENS", 100)
    slices = Slices()
    for n in range(1000):
        letters = "".join(chr(97 + int(d)) for d in f"{n:04d}")
        slices.add(row({"input": f"common {letters}"}), "accepted")
    assert len(slices.counts[TOKEN]) <= 100 and TOKEN in slices.dropped
    assert 950 <= slices.counts[TOKEN]["common"].rows <= 1000


def test_lengths_fall_into_powers_of_two() -> None:
    """Every length lies within the bounds that its bucket names."""
    for length in (1, 2, 3, 4, 63, 64, 100, 128, 5000):
        low, _, high = bucket(length).partition("-")
        assert int(low) <= length <= int(high or low)
    assert bucket(0) == "0"


# --- the worth of checks ----------------------------------------------------------------


def test_worth_by_audit_weighs_both_samples() -> None:
    """100 labels of 900 passed rows and 50 of 100 rejects: precision, recall and lift by hand."""
    passed = Labelled(900, {f"p{n}": n >= 10 for n in range(100)})
    rejected = Labelled(100, {f"r{n}": n < 5 for n in range(50)})
    both = {**passed.right, **rejected.right}
    verdicts = {row_id: {"c": "pass" if row_id[0] == "p" else "fail"} for row_id in both}
    (check,) = of_audit(passed, rejected, verdicts)
    right = 900 * 0.9 + 100 * 0.1
    assert check["precision"] == 0.9 and check["recall"] == round(810 / right, 4)
    assert check["lift"] == round(0.9 / (right / 1000), 4) and check["rows"] == 150
    (alone,) = of_audit(passed, None, {})
    assert (alone["precision"], alone["recall"], alone["lift"]) == (0.9, None, None)
    planted = Labelled(900, passed.right, planted=True)
    assert list(of_audit(planted, None, {})) == []


def test_worth_by_gold_is_what_verify_measured() -> None:
    """The figures of the manifest, and those of all checks together only where there are more."""
    truth = {
        "rows": 9,
        "precision": 0.5,
        "recall": 1.0,
        "lift": 2.0,
        "passes": 4,
        "base_rate": 0.25,
    }
    checks = [{"name": "a", "truth": truth}, {"name": "b"}]
    (found,) = of_gold({"findings": {"checks": checks, "combined": truth}})
    assert found["check"] == "a" and found["truth"] == "gold" and found["lift"] == 2.0
    assert list(of_gold(None)) == []


@pytest.mark.parametrize(("failures", "labels", "stop"), [(0, 100, 0), (3, 60, 5), (0, 29, 6)])
def test_what_an_audit_excludes_is_exact(failures: int, labels: int, stop: int) -> None:
    """At the bound, so few failures have just the chance that is spent on one look."""
    audit = {"verdict": "PASS", "labels": labels, "failures": failures, "stop_at_failures": stop}
    found = excludes(audit)
    assert found is not None and found["looks"] == stop + 1
    for bound, alpha in ((found["above"], 0.05 / (stop + 1)), (found["above_fixed"], 0.05)):
        chance = sum(
            comb(labels, k) * bound**k * (1 - bound) ** (labels - k) for k in range(failures + 1)
        )
        assert chance == pytest.approx(alpha, rel=1e-3)
    assert excludes(None) is excludes({"verdict": "MEASURED", "labels": 5}) is None


def test_an_audit_of_every_row_leaves_nothing_to_estimate() -> None:
    """All rows labelled is a count, not a sample: the error itself; one row less is a sample."""
    audit = {"verdict": "PASS", "labels": 75, "failures": 3, "stop_at_failures": 8, "rows": 75}
    found = excludes(audit)
    assert found is not None and found["above"] == found["above_fixed"] == 0.04
    assert "all 75 rows were labelled and 3 of them failed: the error is 4.0%" in found["words"]
    sample = excludes({**audit, "rows": 76})
    assert sample is not None and sample["above"] > 0.04 and "counted" not in sample["words"]


# --- sources, collapse, drift, independence, verdict ------------------------------------


def test_a_bad_source_stands_out() -> None:
    """A source with nine times the flags of the others is suspicious, and why is said."""
    rows = Counter({"good": 4000, "fine": 4000, "bad": 400})
    flags = Account("flags", rows, Counter({"good": 40, "fine": 44, "bad": 36}))
    found = sources({"good": 4000, "fine": 4000, "bad": 400, "new": 3}, {"flags": flags})
    first, *others = found["table"]
    assert (first["source"], first["suspicious"], first["flags"]) == ("bad", True, 36)
    assert "flags: 9.0% of its rows, 1.1% of the others'" in first["why"]
    assert not any(each["suspicious"] for each in others)
    (test,) = first["tests"]
    assert test["p"] < 1e-9 and (test["rows"], test["hits"]) == (400, 36)
    assert next(each for each in others if each["source"] == "new")["flags"] is None


def found_of(real: int, synthetic: int, **more: Any) -> dict[str, Any]:
    """A report of some rows without a run folder."""
    tally = Tally()
    for n in range(real + synthetic):
        made = n >= real
        one = row({"input": f"a {n}"}, synthetic=made, generation=int(made), verified_by="x" * made)
        list(tally.watch([one]))
    return {**report(tally, []), **more}


def test_generations_add_up() -> None:
    """Rows and shares of all generations are those of the set."""
    generations = found_of(3, 1)["collapse"]["generations"]
    assert [(each["generation"], each["rows"], each["real"]) for each in generations] == [
        (0, 3, 3), (1, 1, 0),
    ]  # fmt: skip
    assert sum(each["share"] for each in generations) == 1.0
    assert [each["real_share"] for each in generations] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("real", "said"),
    [(0, "There is no real row"), (1, "less"), (3, "Between the two"), (20, "reached|with half")],
)
def test_the_projection_says_what_was_measured(real: int, said: str) -> None:
    """The words depend on the share of real rows, and promise nothing."""
    text = found_of(real, 16)["collapse"]["projection"]
    assert any(word in text for word in said.split("|"))
    assert "One run is no trend" in text


def test_a_trend_names_what_got_worse() -> None:
    """Rare recall first; what moved both ways is no trend."""
    now = point("now", found_of(1, 1), 7.0)
    points = [
        {**now, "rare_recall": rare, "entropy": bits, "duplicates": dup}
        for rare, bits, dup in ((0.9, 8.0, 0.1), (0.7, 8.2, 0.2), (0.5, 8.1, 0.3))
    ]
    text = collapse({(0, False): 1}, points[2], points[:2], None)["projection"]
    assert "recall of rare slices fell in every step: 0.9, 0.7, 0.5." in text
    assert "duplicates rose in every step" in text and "entropy" not in text
    assert text.index("rare slices") < text.index("duplicates")


def test_drift_lists_what_changed_and_nothing_else() -> None:
    """A report against itself has no change; a source that is gone and a share that moved are."""
    before = found_of(5, 5)
    assert drift("r.json", before, before)["changes"] == []
    now = found_of(1, 9)
    now["provenance"]["source"] = {"other": 10}
    words = {each["what"]: each for each in drift("r.json", before, now)["changes"]}
    assert words["mix: real fraction"]["before"] == 0.5 and words["mix: real fraction"]["notable"]
    assert words["source s"]["now"] is None and words["source other"]["before"] is None
    assert "verdict" not in words
    assert not drift("r.json", None, now)["shown"]


def test_independence_follows_the_lineage() -> None:
    """A judge of the generator's family, an unknown one and a gold answer are told apart."""
    checks = [
        {"name": "judge", "kind": "judge"}, {"name": "answer", "kind": "answer"},
        {"name": "mine", "kind": "command"},
    ]  # fmt: skip
    verify = {"settings": {"allow_dependent": ""}, "findings": {"checks": checks}}
    generators = ["llama-3.1-70b", "qwen2.5-7b", "nobody-knows-1"]
    found = independence(verify, generators, {"judge": "llama-3.1-8b"}, shipped())["checks"]
    assert [(each["check"], each["verdict"]) for each in found] == [
        ("judge", "same lineage"), ("judge", "independent"), ("judge", "unknown"),
        ("answer", "independent"), ("mine", "unknown"),
    ]  # fmt: skip
    assert not independence(None, generators, {}, shipped())["shown"]


PASSED = {"verdict": "PASS", "words": "ok"}


@pytest.mark.parametrize(
    ("more", "word", "gate"),
    [
        ({}, "NOT SHOWN", ""),
        ({"audit": PASSED}, "PASS", ""),
        ({"audit": {"verdict": "STOP", "words": "9 wrong."}}, "STOP", "audit"),
        ({"audit": {"verdict": "INCOMPLETE", "words": "few"}}, "STOP", "audit"),
        ({"audit": PASSED, "narrowing": {"gate": {"stops": True}}}, "STOP", "narrowing"),
        ({"audit": PASSED, "poison": {"shown": True, "blocking": 2}}, "STOP", "scan"),
        ({"audit": PASSED, "chain": [{"stage": "x", "read": "not shown", "why": "w"}]},
         "NOT SHOWN", ""),
    ],
)  # fmt: skip
def test_the_verdict_names_the_gate(more: dict[str, Any], word: str, gate: str) -> None:
    """STOP where a gate blocks, NOT SHOWN where evidence lacks, PASS only where it does not."""
    found = verdict(found_of(1, 1, **more))
    assert found["word"] == word
    assert [each["gate"] for each in found["blocks"]] == [gate] * bool(gate)
    assert not gate or gate in found["words"]
    assert set(found["not_looked_at"]) >= {"inherited"}


def test_counts_of_a_slice_add_up() -> None:
    """A row that nobody could judge is in the rows of its slice, and neither of the others."""
    count = Count()
    for fate in ("failed", "accepted", "undecided"):
        count.add(fate)  # type: ignore[arg-type]
    assert (count.rows, count.failed, count.accepted) == (3, 1, 1)
