"""audit draw, import and gate: rows flow only when the labels of the drawn sample prove the set."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synthgate.cli.app import invoke
from tests import auditing
from tests.conftest import read_rows, synthgate, write_rows


@dataclass
class Audit:
    """A drawn audit of 1,000 rows: passes at label 47, 67, 83, 98, 99, 100; stops at failure 6."""

    folder: Path
    rows: Path
    sample: Path
    plan: Path

    def label(self, verdict: Callable[[int], str | None], name: str = "labels.jsonl") -> Path:
        return auditing.labels(self.folder, self.sample, verdict, name)

    def gate(self, labels: Path, *options: str | Path, rows: Path | None = None) -> int:
        """Run the gate in this process; `out.jsonl`, `rejects.jsonl`, `cert.json` are its files."""
        files = ["-o", "out.jsonl", "--rejects", "rejects.jsonl", "--certificate", "cert.json"]
        argv = ["audit", "gate", rows or self.rows, "--plan", self.plan, "--labels", labels]
        return invoke([*map(str, argv), *files, *map(str, options)])

    def nothing_written(self) -> bool:
        names = ("out.jsonl", "out.jsonl.manifest.json", "rejects.jsonl", "cert.json")
        return not any((self.folder / name).exists() for name in names)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("drawn")
    rows = auditing.rows(folder, "rows.jsonl", range(1000))
    return Audit(folder, rows, *auditing.draw(folder, rows))


@pytest.fixture
def audit(drawn: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """The drawn audit in a folder of its own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTHGATE_RUN_DIR", raising=False)
    copies = [tmp_path / path.name for path in (drawn.rows, drawn.sample, drawn.plan)]
    for path, copy in zip((drawn.rows, drawn.sample, drawn.plan), copies, strict=True):
        copy.write_bytes(path.read_bytes())
    return Audit(tmp_path, *copies)


# --- draw -------------------------------------------------------------------------------


def test_the_plan_holds_what_scripts_read(audit: Audit) -> None:
    """PLAN has the documented keys, and its digest is the one that `sort | sha256sum` gives."""
    plan = json.loads(audit.plan.read_text())
    assert plan["set_digest"] == auditing.digest_of(auditing.ids_of(audit.rows))
    assert (plan["rows"], plan["min_pass"], plan["confidence"]) == (1000, 0.9, 0.95)
    assert plan["pass_points"] == [47, 67, 83, 98, 99, 100]
    assert (plan["max_n"], plan["stop_at_failures"]) == (100, 6)
    assert (plan["seed"], plan["attempt"]) == (0, 1)
    assert plan["sample"] == auditing.ids_of(audit.sample)


def test_the_sample_is_blind_and_made_of_rows_of_the_set(audit: Audit) -> None:
    """A sample row is the payload, byte for byte, with nothing of its provenance but the id."""
    known = {
        row: line.split(b',"_synthgate"')[0]
        for row, line in zip(
            auditing.ids_of(audit.rows), audit.rows.read_bytes().splitlines(), strict=True
        )
    }
    lines = audit.sample.read_bytes().splitlines()
    assert len(lines) == len({*auditing.ids_of(audit.sample)}) == 100
    for position, line in enumerate(lines, 1):
        ours = json.loads(line)["_synthgate"]
        assert ours.keys() == {"id", "plan", "position"}
        assert ours["position"] == position
        assert line.split(b',"_synthgate"')[0] == known[ours["id"]]


def test_order_and_shards_do_not_change_the_draw(audit: Audit) -> None:
    """Shuffled rows in two files, or stdin, give the same plan and the same sample."""
    lines = audit.rows.read_bytes().splitlines(keepends=True)
    random.Random(5).shuffle(lines)
    (audit.folder / "a.jsonl").write_bytes(b"".join(lines[:300]))
    (audit.folder / "b.jsonl").write_bytes(b"".join(lines[300:]))
    words = ["-o", "s.jsonl", "--plan", "p.json", "--force"]
    assert invoke(["audit", "draw", "a.jsonl", "b.jsonl", *words]) == 0
    assert (audit.folder / "s.jsonl").read_bytes() == audit.sample.read_bytes()
    assert (audit.folder / "p.json").read_bytes() == audit.plan.read_bytes()
    piped = synthgate("audit", "draw", "--plan", audit.folder / "q.json", stdin=b"".join(lines))
    assert piped.code == 0
    assert piped.out == audit.sample.read_bytes()


def test_another_seed_draws_another_sample(audit: Audit) -> None:
    """The draw depends on the seed, and on the set."""
    assert invoke(["audit", "draw", "rows.jsonl", "-o", "s", "--plan", "p", "--seed", "1"]) == 0
    other = auditing.ids_of(audit.folder / "s")
    first = auditing.ids_of(audit.sample)
    assert other != first
    assert len({*other} & {*first}) < 40
    fewer = auditing.rows(audit.folder, "fewer.jsonl", range(999))
    assert invoke(["audit", "draw", str(fewer), "-o", "s2", "--plan", "p2"]) == 0
    assert len({*auditing.ids_of(audit.folder / "s2")} & {*first}) < 40


def test_draw_looks_and_does_not_filter(audit: Audit) -> None:
    """The manifest accounts for every row: drawn, or only looked at."""
    assert invoke(["audit", "draw", "rows.jsonl", "-o", "s", "--plan", "p"]) == 0
    found = json.loads((audit.folder / "s.manifest.json").read_text())
    assert (found["stage"], found["rows_in"], found["rows_out"]) == ("audit-draw", 1000, 100)
    assert found["findings"]["not_sampled"] == 900
    assert {each["role"] for each in found["outputs"]} == {"output", "plan"}
    known = {"plan": "p", "min_pass": 0.9, "confidence": 0.95, "max_n": 100, "seed": 0}
    assert {name: found["settings"][name] for name in known} == known


def test_equal_rows_are_drawn_each_by_itself(tmp_path: Path) -> None:
    """Equal rows are no cluster: how many fall into the sample is what chance alone makes it."""
    from synthgate.sample import freeze

    ids = sorted([b"\1" * 32] * 40 + [bytes([2, at] * 16) for at in range(40)])
    repeated = (b"\1" * 32).hex()
    drawn = [freeze(ids, 0.5, 0.95, 20, seed).sample.count(repeated) for seed in range(300)]
    # Hypergeometric: 20 of 80 rows, 40 of them equal: mean 10, variance 3.8.
    assert sum(drawn) / 300 == pytest.approx(10, abs=3 * (3.8 / 300) ** 0.5)
    assert sum((each - 10) ** 2 for each in drawn) / 300 == pytest.approx(3.8, rel=0.35)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--min-pass", "0.99"], 2, "--max-n 238"),
        (["--min-pass", "1.5"], 2, "--min-pass"),
        (["--confidence", "0.2"], 2, "--confidence"),
        (["--max-n", "0"], 2, "--max-n"),
    ],
)
def test_what_no_sample_can_show_is_refused_before_the_first_label(
    audit: Audit, capfd: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    """An impossible or senseless threshold ends with 2, says what would do and writes nothing."""
    assert invoke(["audit", "draw", "rows.jsonl", "-o", "s", "--plan", "p", *options]) == code
    assert words in capfd.readouterr().err
    assert not (audit.folder / "p").exists()
    assert not (audit.folder / "s").exists()


def test_draw_needs_rows_and_a_plan(audit: Audit, capfd: pytest.CaptureFixture[str]) -> None:
    """Empty input ends with 4, no --plan with 2, a plan that exists with 2."""
    (audit.folder / "empty.jsonl").write_bytes(b"")
    assert invoke(["audit", "draw", "empty.jsonl", "-o", "s", "--plan", "p"]) == 4
    assert invoke(["audit", "draw", "rows.jsonl", "-o", "s"]) == 2
    assert invoke(["audit", "draw", "rows.jsonl", "-o", "s", "--plan", "plan.json"]) == 2
    assert not (audit.folder / "p").exists()
    assert not (audit.folder / "s").exists()
    assert "no rows" in capfd.readouterr().err


# --- import -----------------------------------------------------------------------------


def test_import_writes_the_log_in_the_order_of_the_sample(audit: Audit) -> None:
    """Shuffled label lines, some said twice, become one line each; other fields are kept."""
    labels = audit.label(lambda at: "fail" if at == 9 else "pass")
    lines = [{**each, "note": "é", "ms": 2**70} for each in read_rows(labels)]
    random.Random(1).shuffle(lines)
    write_rows(labels, [*lines, lines[0]])
    words = ["--plan", "plan.json", "-o", "log.jsonl", "--rejects", "again.jsonl"]
    assert invoke(["audit", "import", "labels.jsonl", *words]) == 0
    found = read_rows(audit.folder / "log.jsonl")
    assert [each["id"] for each in found] == auditing.ids_of(audit.sample)
    assert found[8]["verdict"] == "fail"
    assert {each["note"] for each in found} == {"é"}
    assert {each["ms"] for each in found} == {2**70}
    assert len(read_rows(audit.folder / "again.jsonl")) == 1
    assert audit.gate(audit.folder / "log.jsonl") == 0


def test_a_log_and_plain_label_lines_prove_the_same(audit: Audit) -> None:
    """The certificate of a log is that of the lines it was made from."""
    labels = audit.label(lambda at: "fail" if at == 9 else "pass")
    assert invoke(["audit", "import", str(labels), "--plan", "plan.json", "-o", "log.jsonl"]) == 0
    assert audit.gate(labels) == 0
    plain = json.loads((audit.folder / "cert.json").read_text())
    assert audit.gate(audit.folder / "log.jsonl", "--force") == 0
    chained = json.loads((audit.folder / "cert.json").read_text())
    last = (audit.folder / "log.jsonl").read_bytes().splitlines()[-1]
    assert (plain.pop("log_head"), chained.pop("log_head")) == (
        "",
        hashlib.sha256(last).hexdigest(),
    )
    assert plain == chained


BAD_LABELS = {
    "unknown verdict": ({"verdict": "ok"}, 4, ":1: verdict 'ok' is not"),
    "no verdict": ({"verdict": None}, 4, ":1: a label needs a text in 'verdict'"),
    "no id": ({"id": ""}, 4, ":1: a label needs a text in 'id'"),
    "id of another type": ({"id": 7}, 4, ":1: a label needs a text in 'id'"),
    "no reviewer": ({"reviewer": " "}, 4, ":1: a label needs a text in 'reviewer'"),
    "a row outside the sample": ({"id": "0" * 64}, 6, "not in the plan's sample"),
    "another plan": ({"plan": "0" * 64}, 6, "another plan"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
@pytest.mark.parametrize("command", ["import", "gate"])
def test_label_lines_are_checked(
    audit: Audit, capfd: pytest.CaptureFixture[str], case: str, command: str
) -> None:
    """What is no label ends with 4 and its line, what is about another sample with 6."""
    change, code, words = BAD_LABELS[case]
    labels = audit.label(lambda at: "pass")
    lines = read_rows(labels)
    write_rows(labels, [{**lines[0], **change}, *lines[1:]])
    if command == "gate":
        assert audit.gate(labels) == code
    else:
        given = ["audit", "import", str(labels), "--plan", "plan.json", "-o", "out.jsonl"]
        assert invoke(given) == code
    error = capfd.readouterr().err
    assert words in error
    assert error.startswith("synthgate: ")
    assert error.count("\n") == 1
    assert audit.nothing_written()


def test_one_reviewer_cannot_say_two_things(
    audit: Audit, capfd: pytest.CaptureFixture[str]
) -> None:
    """Contradicting lines of one reviewer about one row end with 4."""
    labels = audit.label(lambda at: "pass")
    lines = read_rows(labels)
    write_rows(labels, [*lines, {**lines[3], "verdict": "fail"}])
    assert audit.gate(labels) == 4
    assert "labels.jsonl:101: ann says fail and said pass" in capfd.readouterr().err
    assert audit.nothing_written()


def test_any_doubt_of_any_reviewer_counts(audit: Audit) -> None:
    """A row that one of two reviewers does not pass is a failure and does not flow."""
    labels = audit.label(lambda at: "pass")
    lines = read_rows(labels)
    doubts = [{**line, "reviewer": "bob"} for line in lines]
    doubts[0]["verdict"], doubts[1]["verdict"] = "unsure", "edit"
    write_rows(labels, [*doubts, *lines])
    assert audit.gate(labels) == 0
    reasons = [row["_reject"]["reason"] for row in read_rows(audit.folder / "rejects.jsonl")]
    assert sorted(reasons) == ["audit:edit", "audit:unsure"]
    certificate = json.loads((audit.folder / "cert.json").read_text())
    assert certificate["reviewers"] == ["ann", "bob"]
    assert (certificate["failures"], certificate["passed_at"]) == (2, 83)


def test_import_of_nothing_is_an_error(audit: Audit) -> None:
    """An empty label file ends with 4."""
    (audit.folder / "none.jsonl").write_bytes(b"")
    assert invoke(["audit", "import", "none.jsonl", "--plan", "plan.json", "-o", "log"]) == 4


# --- gate: the verdict ------------------------------------------------------------------


def test_pass_lets_the_rows_through_without_the_failed_ones(
    audit: Audit, capfd: pytest.CaptureFixture[str]
) -> None:
    """PASS: every row flows in order and byte for byte, those not passed go to the rejects."""
    wrong = {3: "fail", 70: "edit", 90: "unsure"}
    assert audit.gate(audit.label(lambda at: wrong.get(at, "pass"))) == 0
    sample = auditing.ids_of(audit.sample)
    dropped = {sample[at - 1]: f"audit:{word}" for at, word in wrong.items()}
    lines = audit.rows.read_bytes().splitlines()
    ids = auditing.ids_of(audit.rows)
    kept = [line for row, line in zip(ids, lines, strict=True) if row not in dropped]
    assert (audit.folder / "out.jsonl").read_bytes().splitlines() == kept
    rejects = read_rows(audit.folder / "rejects.jsonl")
    assert {row["_synthgate"]["id"]: row["_reject"]["reason"] for row in rejects} == dropped
    said = capfd.readouterr().err
    assert (
        "If fewer than 90 % of the 1,000 rows were right, this audit would have passed at most "
        "5 times in 100. Passed at label 67 with 1 failure. Of 33 labels after it, 2 did not pass."
    ) in said


def test_the_certificate_binds_both_sets(audit: Audit) -> None:
    """The certificate names the digests of the audited and the released set, and who judged."""
    assert audit.gate(audit.label(lambda at: "fail" if at == 3 else "pass")) == 0
    certificate = json.loads((audit.folder / "cert.json").read_text())
    out = auditing.ids_of(audit.folder / "out.jsonl")
    assert certificate["verdict"] == "PASS"
    assert certificate["set_digest"] == auditing.digest_of(auditing.ids_of(audit.rows))
    assert certificate["released_digest"] == auditing.digest_of(out)
    assert (certificate["rows"], certificate["released"]) == (1000, 999)
    assert certificate["plan"] == json.loads(audit.plan.read_text())["plan"]
    assert (certificate["attempt"], certificate["reviewers"]) == (1, ["ann"])
    assert certificate["bound"].startswith("If fewer than 90 % of the 1,000 rows were right")


def test_labels_up_to_a_pass_point_are_enough(audit: Audit) -> None:
    """A PASS comes at the first pass point, not a label before it."""
    assert audit.gate(audit.label(lambda at: "pass" if at <= 46 else None)) == 5
    assert audit.nothing_written()
    assert audit.gate(audit.label(lambda at: "pass" if at <= 47 else None)) == 0


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (lambda at: "pass" if at <= 40 else None, "A PASS needs at least 7 more labels"),
        (lambda at: "pass" if at <= 46 else None, "A PASS needs at least 1 more label,"),
        (lambda at: None if at == 5 else "pass", "at least 1 more label, the next for position 5"),
        (lambda at: None if at <= 10 else "pass", "at least 10 more labels"),
        (lambda at: "fail" if at == 60 else None, "at least 47 more labels"),
        (lambda at: {1: "fail", 2: None}.get(at, "pass"), "at least 1 more label,"),
        (lambda at: "fail" if at > 95 else None, "at least 47 more labels"),
    ],
)
def test_holes_make_the_audit_incomplete(
    audit: Audit,
    capfd: pytest.CaptureFixture[str],
    verdict: Callable[[int], str | None],
    words: str,
) -> None:
    """A PASS needs every label before it; the message says how many are missing at least."""
    assert audit.gate(audit.label(verdict)) == 5
    assert words in capfd.readouterr().err
    assert audit.nothing_written()


def test_no_label_at_all_is_incomplete(audit: Audit, capfd: pytest.CaptureFixture[str]) -> None:
    """An empty label file is an audit that nobody has begun: 5, not 4."""
    assert audit.gate(audit.label(lambda at: None)) == 5
    assert "0 of 100 sampled rows are labelled" in capfd.readouterr().err


@pytest.mark.parametrize(
    "verdict",
    [
        lambda at: "fail" if at <= 6 else None,
        lambda at: "fail" if 1 < at < 8 else None,  # a hole before them: still certain
        lambda at: "edit" if at % 2 else "pass",
        lambda at: "unsure" if at in (1, 2, 3, 4, 5, 97) else None,
    ],
)
def test_more_failures_than_the_plan_allows_stop(
    audit: Audit, capfd: pytest.CaptureFixture[str], verdict: Callable[[int], str | None]
) -> None:
    """Once no further label can bring a PASS the audit ends: exit 3, nothing is written."""
    assert audit.gate(audit.label(verdict)) == 3
    said = capfd.readouterr().err
    assert "are wrong; the plan allows 5. 90 % is not shown. Nothing was written." in said
    assert audit.nothing_written()


def test_stop_in_the_words_of_the_design(audit: Audit, capfd: pytest.CaptureFixture[str]) -> None:
    """STOP says the counts, and what is not shown, even with --quiet."""
    wrong = {3, 20, 40, 50, 60, 71}
    labels = audit.label(lambda at: None if at > 71 else "fail" if at in wrong else "pass")
    assert audit.gate(labels, "-q") == 3
    assert capfd.readouterr().err == (
        "audit-gate: STOP: 6 of 71 reviewed rows are wrong; the plan allows 5. 90 % is not shown. "
        "Nothing was written.\n"
    )


def test_a_pass_in_order_is_a_pass_whatever_comes_after(audit: Audit) -> None:
    """The plan decides at its first pass point; later failures only do not flow."""
    assert audit.gate(audit.label(lambda at: "fail" if at > 90 else "pass")) == 0
    assert len(read_rows(audit.folder / "rejects.jsonl")) == 10


@pytest.mark.parametrize(
    ("verdict", "code", "word"),
    [
        (lambda at: "pass", 0, "PASS"),
        (lambda at: "fail", 3, "STOP"),
        (lambda at: None, 5, "INCOMPLETE"),
    ],
)
def test_json_is_one_line_for_programs(
    audit: Audit,
    capfd: pytest.CaptureFixture[str],
    verdict: Callable[[int], str | None],
    code: int,
    word: str,
) -> None:
    """--report-format json: stderr is one JSON line with the verdict and its counts."""
    assert audit.gate(audit.label(verdict), "--report-format", "json") == code
    said = json.loads(capfd.readouterr().err)
    assert said["verdict"] == word
    assert said.keys() >= {"words", "labels", "failures", "passed_at", "missing", "rows"}


def test_stop_and_incomplete_are_recorded(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder keeps the manifest of a gate that let nothing through."""
    monkeypatch.setenv("SYNTHGATE_RUN_DIR", "run")
    assert audit.gate(audit.label(lambda at: "fail")) == 3
    assert audit.gate(audit.label(lambda at: None)) == 5
    for number, verdict in ((1, "STOP"), (2, "INCOMPLETE")):
        manifest = json.loads(Path(f"run/{number}-audit-gate.json").read_text())
        assert manifest["findings"]["verdict"] == verdict
        assert (manifest["rows_in"], manifest["rows_out"]) == (1000, 0)
        assert manifest["outputs"] == []


def test_rows_that_need_a_person_need_their_own_passing_label(audit: Audit) -> None:
    """needs: human flows only with a pass on that very row."""
    rows = auditing.rows(audit.folder, "need.jsonl", range(200), needs="human")
    sample, plan = audit.folder / "s", audit.folder / "p"
    assert invoke(["audit", "draw", str(rows), "-o", str(sample), "--plan", str(plan)]) == 0
    other = Audit(audit.folder, rows, sample, plan)
    assert other.gate(other.label(lambda at: None if at > 60 else "pass")) == 0
    assert {*auditing.ids_of(audit.folder / "out.jsonl")} == {*auditing.ids_of(sample)[:60]}
    rejects = read_rows(audit.folder / "rejects.jsonl")
    assert {row["_reject"]["reason"] for row in rejects} == {"audit:needs_human"}
    assert len(rejects) == 140


# --- gate: attacks ----------------------------------------------------------------------


def tampered(audit: Audit, **changes: Any) -> None:
    plan = json.loads(audit.plan.read_text())
    audit.plan.write_text(json.dumps({**plan, **changes}))


def resealed(audit: Audit, **changes: Any) -> None:
    """Change the plan and make its own digests fit again, as somebody would who knows how."""
    import msgspec

    from synthgate.sample import plan

    found = plan.read_plan(audit.plan.read_text(), "plan")
    forged = plan.sealed(msgspec.structs.replace(found, **changes))
    audit.plan.write_bytes(plan.plan_text(forged))


def edit(lines: list[bytes]) -> list[bytes]:
    return [lines[0].replace(b"answer", b"bnswer"), *lines[1:]]


ATTACKS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a row edited": edit,
    "a row edited and stamped anew": lambda lines: [*lines[1:], auditing.line("new")],
    "a row added": lambda lines: [*lines, auditing.line("new")],
    "a row removed": lambda lines: lines[:-1],
    "a row repeated": lambda lines: [*lines, lines[7]],
    "a row repeated in place of another": lambda lines: [*lines[:-1], lines[7]],
    "half of the set": lambda lines: lines[:500],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_set_that_changed_after_the_draw_is_stale(
    audit: Audit, capfd: pytest.CaptureFixture[str], attack: str
) -> None:
    """Edited, added, removed or repeated rows: exit 6, one line, nothing written."""
    labels = audit.label(lambda at: "pass")
    lines = audit.rows.read_bytes().splitlines()
    write_rows(audit.rows, ATTACKS[attack](lines))
    assert audit.gate(labels) == 6
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "plan.json: is a plan for" in said
    assert audit.nothing_written()


def test_the_bad_rows_of_the_sample_cannot_be_dropped(audit: Audit) -> None:
    """Removing just the sampled rows that failed makes another set: exit 6."""
    labels = audit.label(lambda at: "fail" if at in (2, 5) else "pass")
    bad = {auditing.ids_of(audit.sample)[at - 1] for at in (2, 5)}
    kept = [
        line
        for row, line in zip(
            auditing.ids_of(audit.rows), audit.rows.read_bytes().splitlines(), strict=True
        )
        if row not in bad
    ]
    write_rows(audit.rows, kept)
    assert audit.gate(labels) == 6
    assert audit.nothing_written()


def test_reordering_is_no_change(audit: Audit) -> None:
    """The same rows in another order pass as before, and give the same certificate."""
    labels = audit.label(lambda at: "pass")
    assert audit.gate(labels) == 0
    before = (audit.folder / "cert.json").read_bytes()
    lines = audit.rows.read_bytes().splitlines()
    write_rows(audit.rows, lines[::-1])
    assert audit.gate(labels, "--force") == 0
    assert (audit.folder / "cert.json").read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"min_pass": 0.5},
        {"confidence": 0.6},
        {"max_n": 40},
        {"pass_points": [1, 2, 3, 4, 5, 6]},
        {"stop_at_failures": 60},
        {"seed": 4},
        {"attempt": 2},
        {"rows": 999},
        {"set_digest": "0" * 64},
        {"sample": []},
        {"sample_digest": ""},
        {"plan": "0" * 64},
    ],
)
def test_a_changed_plan_is_stale(
    audit: Audit, capfd: pytest.CaptureFixture[str], changes: dict[str, Any]
) -> None:
    """Any number of the plan that was changed by hand ends with 6."""
    tampered(audit, **changes)
    assert audit.gate(audit.label(lambda at: "pass")) == 6
    assert capfd.readouterr().err.count("\n") == 1
    assert audit.nothing_written()


@pytest.mark.parametrize(
    "changes",
    [
        {"min_pass": 0.5},
        {"pass_points": (1, 2, 3, 4, 5, 6)},
        {"stop_at_failures": 60},
        {"seed": 4},
        {"nonce": "4"},
        {"nonce_from": "env"},
        {"policy": {}},
        {"risk": 0.2},
        {"spend": "lineage"},
        {"of": "rejects"},
        {"gold": 3},
        {"rows": 10**15},
        {"max_n": 10**9},
        {"everyone": True, "policy": {"min_pass": 0.5}},
    ],
)
def test_a_plan_forged_with_fitting_digests_is_stale(audit: Audit, changes: dict[str, Any]) -> None:
    """Recomputed digests do not help: the plan itself is computed again from the rows."""
    labels = audit.label(lambda at: "pass")
    resealed(audit, **changes)
    assert audit.gate(labels) == 6
    assert audit.nothing_written()


def test_import_does_not_believe_a_forged_plan(audit: Audit) -> None:
    """Pass points that the plan's own settings do not give end with 6 without any rows."""
    labels = audit.label(lambda at: "pass")
    resealed(audit, pass_points=(1, 2, 3, 4, 5, 6))
    assert invoke(["audit", "import", str(labels), "--plan", "plan.json", "-o", "log.jsonl"]) == 6
    assert not (audit.folder / "log.jsonl").exists()


def test_a_chosen_sample_is_stale(audit: Audit) -> None:
    """A plan whose sample was picked and not drawn ends with 6, digests fitting or not."""
    chosen = tuple(sorted(auditing.ids_of(audit.rows))[:100])
    resealed(audit, sample=chosen)
    labels = audit.folder / "labels.jsonl"
    write_rows(labels, [{"id": row, "verdict": "pass", "reviewer": "ann"} for row in chosen])
    assert audit.gate(labels) == 6
    assert audit.nothing_written()


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"plan":1}', "\x00", '{"rows":1,"rows":2}', '{"a": 1e999}'],
)
def test_what_is_no_plan_is_said_to_be_none(audit: Audit, text: str) -> None:
    """A file that is not an audit plan ends with 4."""
    audit.plan.write_text(text)
    assert audit.gate(audit.label(lambda at: "pass")) == 4
    assert audit.nothing_written()


def test_the_labels_of_another_set_are_stale(audit: Audit) -> None:
    """A label file made for another sample ends with 6."""
    rows = auditing.rows(audit.folder, "other.jsonl", range(2000, 3000))
    words = ["-o", "s", "--plan", "p"]
    assert invoke(["audit", "draw", str(rows), *words]) == 0
    labels = auditing.labels(audit.folder, audit.folder / "s", lambda at: "pass")
    assert audit.gate(labels) == 6
    assert audit.nothing_written()


# --- gate: the certificate --------------------------------------------------------------


def test_a_certificate_is_not_overwritten(audit: Audit, capfd: pytest.CaptureFixture[str]) -> None:
    """A certificate that exists ends with 2 without --force."""
    labels = audit.label(lambda at: "pass")
    (audit.folder / "cert.json").write_text("old")
    assert audit.gate(labels) == 2
    assert "cert.json: exists" in capfd.readouterr().err
    assert (audit.folder / "cert.json").read_text() == "old"
    assert not (audit.folder / "out.jsonl").exists()


@pytest.mark.parametrize(("verdict", "code"), [(lambda at: "fail", 3), (lambda at: None, 5)])
def test_an_old_certificate_does_not_outlive_a_refusal(
    audit: Audit, verdict: Callable[[int], str | None], code: int
) -> None:
    """With --force, STOP and INCOMPLETE remove the certificate of an earlier PASS."""
    assert audit.gate(audit.label(lambda at: "pass")) == 0
    assert audit.gate(audit.label(verdict), "--force", "--dry-run") == code
    assert (audit.folder / "cert.json").exists()
    assert audit.gate(audit.label(verdict), "--force") == code
    assert not (audit.folder / "cert.json").exists()


def test_stale_evidence_removes_an_old_certificate_too(audit: Audit) -> None:
    """With --force, exit 6 leaves no certificate either."""
    labels = audit.label(lambda at: "pass")
    assert audit.gate(labels) == 0
    write_rows(audit.rows, audit.rows.read_bytes().splitlines()[1:])
    assert audit.gate(labels, "--force") == 6
    assert not (audit.folder / "cert.json").exists()


def test_a_device_named_as_certificate_survives_a_refusal(audit: Audit) -> None:
    """Only a regular file is removed: a FIFO under the certificate's name stays."""
    fifo = audit.folder / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    labels = audit.label(lambda at: "fail")
    words = ["audit", "gate", "rows.jsonl", "--plan", "plan.json", "--labels", str(labels)]
    assert invoke([*words, "-o", "out.jsonl", "--certificate", str(fifo), "--force"]) == 3
    os.close(reader)
    assert fifo.is_fifo()


def test_the_run_folder_holds_the_certificate_by_default(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default is a file of the run folder, which a later gate replaces or removes."""
    monkeypatch.setenv("SYNTHGATE_RUN_DIR", "run")
    words = ["audit", "gate", "rows.jsonl", "--plan", "plan.json", "-o", "out.jsonl", "--labels"]
    labels = audit.label(lambda at: "pass")
    assert invoke([*words, str(labels)]) == 0
    first = Path("run/certificate.json").read_bytes()
    labels = audit.label(lambda at: "fail" if at == 3 else "pass")
    assert invoke([*words, str(labels), "--force"]) == 0
    assert Path("run/certificate.json").read_bytes() != first
    assert invoke([*words, str(audit.label(lambda at: "fail")), "--force"]) == 3
    assert not Path("run/certificate.json").exists()


def test_without_a_run_folder_no_certificate_is_written(audit: Audit) -> None:
    """No --certificate, no run folder: the rows flow, and no file is made up for the proof."""
    labels = audit.label(lambda at: "pass")
    before = {each.name for each in audit.folder.iterdir()}
    words = ["audit", "gate", "rows.jsonl", "--plan", "plan.json", "--labels", str(labels)]
    assert invoke([*words, "-o", "out.jsonl"]) == 0
    made = {each.name for each in audit.folder.iterdir()} - before
    assert made == {"out.jsonl", "out.jsonl.manifest.json"}


# --- gate: usage ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["rows.jsonl", "--plan", "plan.json"], 2),
        (["rows.jsonl", "--labels", "labels.jsonl"], 2),
        (["rows.jsonl", "--plan", "missing.json", "--labels", "labels.jsonl"], 4),
        (["rows.jsonl", "--plan", "plan.json", "--labels", "missing.jsonl"], 4),
        (["missing.jsonl", "--plan", "plan.json", "--labels", "labels.jsonl"], 4),
        (["/dev/null", "--plan", "plan.json", "--labels", "labels.jsonl"], 4),
        (["-", "--plan", "plan.json", "--labels", "-"], 2),
        (["rows.jsonl", "--plan", "plan.json", "--labels", "labels.jsonl", "-o", "plan.json"], 2),
        (["rows.jsonl", "--plan", "plan.json", "--labels", "labels.jsonl", "-o", "rows.jsonl"], 2),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(
    audit: Audit, capfd: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    """Missing flags end with 2, missing and empty inputs with 4, and no file changes."""
    audit.label(lambda at: "pass")
    before = {each.name: each.read_bytes() for each in audit.folder.iterdir()}
    assert invoke(["audit", "gate", *words, "--force"]) == code
    error = capfd.readouterr().err
    assert error.startswith("synthgate: ")
    assert error.count("\n") == 1
    assert {each.name: each.read_bytes() for each in audit.folder.iterdir()} == before


def test_nothing_reaches_stdout_before_a_pass(audit: Audit) -> None:
    """In a pipe without pipefail a STOP gives no rows at all."""
    labels = audit.label(lambda at: "fail")
    words = ("audit", "gate", audit.rows, "--plan", audit.plan, "--labels", labels)
    stopped = synthgate(*words)
    assert (stopped.code, stopped.out) == (3, b"")
    passed = synthgate(*words[:-1], audit.label(lambda at: "pass"))
    assert passed.out == audit.rows.read_bytes()


def test_published_answers_that_are_half_wrong_are_stopped(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    """Real answers of the best published model, 56 % right by their flags, end with STOP."""
    found = read_rows(shared("gsm8k/example_model_solutions.jsonl"))
    answers = [each["175b_verification"] for each in found]
    rows = write_rows(
        tmp_path / "rows.jsonl",
        [
            {"input": f["question"], "output": a["solution"]}
            for f, a in zip(found, answers, strict=True)
        ],
    )
    right = {
        (f["question"], a["solution"]): a["is_correct"] for f, a in zip(found, answers, strict=True)
    }
    sample, plan = auditing.draw(tmp_path, rows)
    verdicts = [right[row["input"], row["output"]] for row in read_rows(sample)]
    labels = auditing.labels(tmp_path, sample, lambda at: "pass" if verdicts[at - 1] else "fail")
    done = synthgate(
        "audit", "gate", rows, "--plan", plan, "--labels", labels, "-o", tmp_path / "out.jsonl",
        "--unverified", "the flags are looked at alone",
    )  # fmt: skip
    assert done.code == 3
    assert "90 % is not shown" in done.err
    assert not (tmp_path / "out.jsonl").exists()
