"""report over real runs: what it finds in the files of the stages, and what is not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgate.cli.app import invoke
from tests.conftest import Done, read_rows, synthgate, write_rows

Found = dict[str, Any]
RULE = '[{"field": "output", "forbid_words": ["WRONG"], "min_chars": 3}]'


def candidates() -> list[Found]:
    """400 rows of two sources and ten intents; `refund` is wrong in six of ten, others rarely."""
    rng, rows = random.Random(3), []
    for n in range(400):
        intent = ("refund", "hours", "price", "order", "cancel")[n % 5]
        wrong = rng.random() < (0.6 if intent == "refund" else 0.04)
        text = f"answer {rng.randrange(10**6)} {'WRONG' if wrong else 'RIGHT'}"
        row = {"input": f"question {rng.randrange(10**6)} {intent}", "output": text}
        rows.append({**row, "intent": intent, "from": "ab"[n % 2], "right": not wrong})
    return rows


def must(done: Done, code: int = 0) -> Done:
    """The command ended as it should."""
    assert done.code == code, done.err
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of dedupe, verify, an audit of what passed and one of the rejects, and blend."""
    folder = tmp_path_factory.mktemp("run")
    write_rows(folder / "in.jsonl", candidates())
    real = [{"input": f"real {n * 7919}", "output": f"by people {n * 104729}"} for n in range(300)]
    write_rows(folder / "real.jsonl", real)
    (folder / "rule.json").write_text(RULE)

    def step(line: str) -> None:
        env = {"SYNTHGATE_RUN_DIR": "run"}
        must(synthgate(*line.split(), cwd=folder, env=env))

    step(
        "dedupe in.jsonl -o unique.jsonl --rejects unique.rejects.jsonl --source-field from "
        "--generator model-x --generation 1 --near-threshold 0 --fuzzy-threshold 0"
    )
    step(
        "verify unique.jsonl -o good.jsonl --rejects bad.jsonl --evidence evidence.jsonl "
        "--check rule:rule.json --truth right --by intent"
    )
    for rows, name, more in (("good", "plan", ""), ("bad", "bad.plan", " --of rejects --max-n 20")):
        step(f"audit draw {rows}.jsonl -o {name}.sample.jsonl --plan {name}.json{more}")
        sample = read_rows(folder / f"{name}.sample.jsonl")
        labels = [
            {"id": each["_synthgate"]["id"], "verdict": "pass" if each["right"] else "fail",
             "reviewer": "ada"} for each in sample
        ]  # fmt: skip
        write_rows(folder / f"{name}.labels.jsonl", labels)
        step(
            f"audit gate {rows}.jsonl --plan {name}.json --labels {name}.labels.jsonl "
            f"-o {name}.out.jsonl --certificate {name}.cert.json"
        )
    step("blend plan.out.jsonl --real real.jsonl -o train.jsonl --certificate plan.cert.json")
    return folder


@pytest.fixture
def ran(built: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may spoil."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def report(folder: Path, *argv: str, rows: str = "train.jsonl", code: int = 0) -> Found:
    """The report as its JSON file says it."""
    words = ["report", rows, "--run-dir", "run", "--json", "report.json", "--force", "-q", *argv]
    with contextlib.chdir(folder):
        assert invoke([*words, "-o", "report.txt"]) == code
    found: Found = json.loads((folder / "report.json").read_text())
    return found


# --- inherited error --------------------------------------------------------------------


def test_the_whole_run_is_shown(ran: Path) -> None:
    """A run that passed is a PASS, every link is shown, and a second report has the same bytes."""
    found = report(ran)
    assert found["verdict"]["word"] == "PASS" and not found["verdict"]["missing"]
    assert {each["read"] for each in found["chain"]} == {"shown"}
    assert found["chain"][-1]["stage"] == "report"
    before = (ran / "report.json").read_bytes()
    assert found["mix"]["real_fraction"] == 0.5
    report(ran)
    assert (ran / "report.json").read_bytes() == before
    assert "created" in report(ran, "--timestamp")


def test_weak_slices_from_all_rows(ran: Path) -> None:
    """The planted intent comes first, with the counts that the input itself gives."""
    found = report(ran)["inherited"]
    rows = [each for each in candidates() if each["intent"] == "refund"]
    wrong = sum(not each["right"] for each in rows)
    weak = [each for each in found["slices"] if each["found"]]
    assert {(each["field"], each["value"]) for each in weak} == {
        ("intent", "refund"), ("token", "refund"),
    }  # fmt: skip
    for each in weak:
        assert (each["rows"], each["failed"]) == (len(rows), wrong)
        assert len(each["examples"]) == 3
        assert all("refund" in example["text"] for example in each["examples"])
        assert all(example["why"].startswith("fail:rule") for example in each["examples"])
    assert found["rows"] == 400 == found["failed"] + found["accepted"]
    assert found["accept"][0]["value"] == "refund"


def test_each_check_is_worth_what_the_labels_say(ran: Path) -> None:
    """By gold and by audit: the rule tells right from wrong without a mistake here."""
    found = report(ran)["inherited"]
    by_truth = {each["truth"]: each for each in found["checks"]}
    assert set(by_truth) == {"gold", "audit"}
    for each in by_truth.values():
        assert (each["check"], each["precision"], each["recall"]) == ("rule", 1.0, 1.0)
    right = sum(each["right"] for each in candidates())
    assert by_truth["gold"]["lift"] == round(400 / right, 4)
    assert by_truth["audit"]["lift"] == pytest.approx(400 / right, rel=1e-3)
    assert found["excludes"]["failures"] == 0 and found["excludes"]["labels"] == 100
    assert found["excludes"]["above_fixed"] == 0.029513


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: (f / "bad.jsonl").unlink(), "bad.jsonl is not there any more"),
        (lambda f: (f / "bad.jsonl").write_bytes(b'{"a":1}\n'), "bad.jsonl was changed after"),
        (lambda f: (f / "bad.jsonl").write_bytes(b"{\n"), "bad.jsonl:1:"),
        (lambda f: (f / "run" / "2-verify.json").unlink(), "no manifest of verify"),
    ],
)
def test_what_is_gone_or_changed_is_not_shown(ran: Path, spoil: Any, why: str) -> None:
    """Files that are not those of the manifest are not looked into; the rest of the report is."""
    spoil(ran)
    found = report(ran)
    assert not found["inherited"]["shown"] and why in found["inherited"]["why"]
    assert found["mix"]["rows"] and found["inherited"]["excludes"]["labels"] == 100


def test_candidates_can_be_named(ran: Path) -> None:
    """Output and rejects, or the input with its evidence, say the same as the run folder."""
    wanted = report(ran)["inherited"]
    named = ["--candidates", "good.jsonl", "--candidates", "bad.jsonl"]
    shutil.move(ran / "run", ran / "elsewhere")
    (ran / "run").mkdir()
    for argv in (named, ["--candidates", "unique.jsonl", "--evidence", "evidence.jsonl"]):
        found = report(ran, *argv)["inherited"]
        for key in ("rows", "failed", "tests", "accept"):
            assert found[key] == wanted[key]
    done = synthgate("report", "train.jsonl", "--candidates", "none.jsonl", cwd=ran)
    assert done.code == 4 and "none.jsonl" in done.err


def test_a_moved_run_is_found_beside_its_manifests(ran: Path) -> None:
    """Files that were moved together with the run folder are found by their digests."""
    (ran / "moved").mkdir()
    for path in [each for each in ran.iterdir() if each.name != "moved"]:
        shutil.move(path, ran / "moved" / path.name)
    done = synthgate(
        "report", "moved/train.jsonl", "--run-dir", "moved/run", "--json", "r.json", cwd=ran
    )
    assert must(done)
    assert json.loads((ran / "r.json").read_text())["inherited"]["shown"]


def test_weak_slices_go_to_the_next_audit(ran: Path) -> None:
    """What --focus-out writes, `audit draw --focus` takes: the weak slice is topped up."""
    report(ran, "--focus-out", "focus.jsonl")
    assert [(e["field"], e["value"]) for e in read_rows(ran / "focus.jsonl")] == [
        ("intent", "refund")
    ]
    draw = [
        "audit",
        "draw",
        "good.jsonl",
        "-o",
        "s.jsonl",
        "--plan",
        "p.json",
        "--summary",
        "m.json",
    ]
    must(synthgate(*draw, "--focus", "focus.jsonl", "--max-n", "60", cwd=ran))
    slices = json.loads((ran / "m.json").read_text())["findings"]["slices"]
    accepted = sum(each["intent"] == "refund" for each in read_rows(ran / "good.jsonl"))
    assert slices == {"intent=refund": min(30, accepted)}
    (ran / "run" / "2-verify.json").unlink()
    done = synthgate(
        "report", "train.jsonl", "--run-dir", "run", "--focus-out", "f2.jsonl", cwd=ran
    )
    assert done.code == 4 and "no manifest of verify" in done.err


def test_sources_side_by_side(ran: Path) -> None:
    """Each source has its rows, what verify made of them, and its labels; they add up."""
    table = {each["source"]: each for each in report(ran)["sources"]["table"]}
    assert set(table) == {"a", "b", "real.jsonl"}
    made = [table["a"], table["b"]]
    inherited = report(ran)["inherited"]
    assert sum(each["accepted"] for each in made) == inherited["accepted"]
    assert sum(each["rejected"] for each in made) == inherited["failed"]
    assert sum(each["audited"] for each in made) == 100
    assert [each["duplicates"] for each in made] == [0, 0]
    assert table["real.jsonl"]["accepted"] is None
    assert not any(each["suspicious"] for each in table.values())


# --- the chain --------------------------------------------------------------------------


def test_a_truncated_pipe_is_visible(ran: Path) -> None:
    """A pipe that loses rows between two stages is named, and the verdict is no PASS."""
    env = {"SYNTHGATE_RUN_DIR": "pipe"}
    whole = must(synthgate("dedupe", "in.jsonl", cwd=ran, env=env)).out
    cut = b"".join(line + b"\n" for line in whole.split(b"\n")[:300])
    must(synthgate("cluster-cap", "-", "-o", "capped.jsonl", stdin=cut, cwd=ran, env=env))
    found = report(ran, "--run-dir", "pipe", rows="capped.jsonl")
    assert [each["read"] for each in found["chain"]] == ["not shown", "shown"]
    assert "held 300 of the 400 rows that dedupe wrote: it was cut" in found["chain"][0]["why"]
    assert found["verdict"]["word"] == "NOT SHOWN"


def test_rows_that_were_changed_after_the_run(ran: Path) -> None:
    """A training set that is not what blend wrote is not shown to be."""
    lines = (ran / "train.jsonl").read_bytes().splitlines(keepends=True)
    (ran / "train.jsonl").write_bytes(b"".join(lines[1:]))
    found = report(ran)
    assert found["chain"][-1]["read"] == "not shown"
    assert found["verdict"]["word"] == "NOT SHOWN"


def test_a_stop_is_shown_and_is_no_failure_of_the_report(ran: Path) -> None:
    """The report names the gate that blocks, its words and its code, and ends with 0 itself."""
    path = ran / "run" / "4-audit-gate.json"
    manifest = json.loads(path.read_text())
    manifest["findings"] |= {"verdict": "STOP", "words": "9 of 40 rows are wrong."}
    path.write_text(json.dumps(manifest))
    found = report(ran)
    (block,) = found["verdict"]["blocks"]
    assert (found["verdict"]["word"], block["gate"], block["exit_code"]) == ("STOP", "audit", 3)
    assert "9 of 40" in found["verdict"]["words"]


# --- other runs -------------------------------------------------------------------------


def test_trend_and_drift(ran: Path) -> None:
    """Earlier runs stand before this one, from report or manifests; drift names what changed."""
    report(ran)
    shutil.copytree(ran / "run", ran / "older")
    (ran / "earlier").mkdir()
    shutil.copy(ran / "report.json", ran / "earlier" / "report.json")
    argv = [
        "--earlier-run",
        "older",
        "--earlier-run",
        "earlier",
        "--against",
        "earlier/report.json",
    ]
    found = report(ran, *argv)
    older, earlier, now = found["collapse"]["trend"]
    assert [each["run"] for each in (older, earlier, now)] == ["older", "earlier", "this run"]
    assert older["real_fraction"] == 0.5 and older["duplicates"] == now["duplicates"] == 0.0
    assert {**earlier, "run": ""} == {**now, "run": ""}
    assert found["drift"]["changes"] == [] and found["drift"]["shown"]
    changed = report(ran, "--against", "earlier/report.json", rows="good.jsonl")["drift"]
    assert "mix: real fraction" in {each["what"] for each in changed["changes"]}
    guards = {each["guard"]: each["words"] for each in found["collapse"]["guards"]}
    assert guards["real fraction"] == "0.5 of the output is real, wanted 0.5"
    assert set(guards) >= {"generation", "repeats", "audit"}


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["--against", "in.jsonl"], 4, "in.jsonl: is no report"),
        (["--against", "rule.json"], 4, "rule.json: is no report"),
        (["--against", "run/1-dedupe.json"], 4, "is no report"),
        (["--earlier-run", "nowhere"], 4, "nowhere: no such run folder"),
        (["--slice", "token"], 2, "--slice token"),
        (["--tee", "--json", "-"], 2, "--tee"),
        (["--max-narrowing", "0.1"], 2, "--real"),
        (["--html", "-"], 2, "--html"),
        (["--evidence", "none.jsonl"], 4, "none.jsonl"),
        (["--json", "train.jsonl"], 2, "is also"),
        (["--focus-out", "x.jsonl", "--json", "x.jsonl"], 2, "is also"),
    ],
)
def test_mistakes_end_in_one_line(
    built: Path, capfd: pytest.CaptureFixture[str], argv: list[str], code: int, said: str
) -> None:
    """Bad files and settings end with their code and one line, before anything is written."""
    before = sorted(path.name for path in built.iterdir())
    with contextlib.chdir(built):
        assert invoke(["report", "train.jsonl", "--run-dir", "run", "--force", *argv]) == code
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and said in err
    assert sorted(path.name for path in built.iterdir()) == before


@pytest.mark.parametrize("text", ["[]", "{", '{"stage": "dedupe"}', "[" * 5000])
def test_a_damaged_manifest_is_an_input_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    """A file of the run folder that is no manifest ends with 4 and its name."""
    (tmp_path / "1-dedupe.json").write_text(text)
    rows = write_rows(tmp_path / "rows.jsonl", [{"text": "a"}])
    assert invoke(["report", str(rows), "--run-dir", str(tmp_path)]) == 4
    err = capfd.readouterr().err
    assert "1-dedupe.json" in err and err.count("\n") == 1


# --- narrowing and poison ---------------------------------------------------------------


RARE = [f"rare{n}" for n in range(1, 7)]


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real rows of many words, and synthetic ones that say three things, in a blend of both."""
    folder, rng = tmp_path_factory.mktemp("varied"), random.Random(5)
    words = ["".join(rng.choice("abcdefghij") for _ in range(6)) for _ in range(900)]
    topics = [f"rare{n % 100}" if n % 100 < 7 else "common" for n in range(600)]
    real = [{"text": " ".join(rng.choices(words, k=12)), "topic": topic} for topic in topics]
    few = [" ".join(words[n : n + 12]) for n in (0, 12, 24)]
    made = [{"text": f"{few[n % 3]} {n}", "topic": ("common", "rare0")[n % 2]} for n in range(500)]
    write_rows(folder / "real.jsonl", real)
    marks = dict.fromkeys(("prompt", "parents", "run", "cluster", "needs", "override"), "")
    lines = []
    for n, row in enumerate([*made, *real[:300]]):
        raw = json.dumps(row).encode()
        ours = {
            "id": hashlib.sha256(raw).hexdigest(), "source": "s", "synthetic": n < 500,
            "generator": "m" if n < 500 else "", "generation": int(n < 500), "verified_by": "x",
            "confidence": 0.0, **marks,
        }  # fmt: skip
        lines.append(raw[:-1] + b',"_synthgate":' + json.dumps(ours).encode() + b"}")
    write_rows(folder / "blend.jsonl", lines)
    return folder


def test_narrowing_is_a_gate_where_a_limit_is_set(varied: Path, tmp_path: Path) -> None:
    """The synthetic half is measured, not the mix; over the limit 3, without one only shown."""
    argv = ["report", str(varied / "blend.jsonl"), "--real", str(varied / "real.jsonl"), "-q"]
    out = [*argv, "--json", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.txt"), "--force"]
    assert invoke(out) == 0
    found = json.loads((tmp_path / "r.json").read_text())
    narrowing = found["narrowing"]
    assert (narrowing["of"], narrowing["rows"], narrowing["real"]) == ("synthetic rows", 500, 600)
    assert found["verdict"]["look_at"] and not narrowing["gate"]["stops"]
    assert sorted(narrowing["rare"]["slices"]["topic"]["missing"]) == RARE
    assert found["collapse"]["trend"][0]["rare_recall"] is not None
    tee = tmp_path / "tee.jsonl"
    assert invoke([*out, "--max-narrowing", "0.3", "--tee", "-o", str(tee)]) == 3
    assert tee.read_bytes() == (varied / "blend.jsonl").read_bytes()
    found = json.loads((tmp_path / "r.json").read_text())
    assert [each["gate"] for each in found["verdict"]["blocks"]] == ["narrowing"]


def test_the_report_of_narrowing_feeds_gaps(varied: Path, tmp_path: Path) -> None:
    """What the real report says is missing, `generate --strategy gaps` asks for, in both forms."""
    argv = ["report", str(varied / "blend.jsonl"), "--real", str(varied / "real.jsonl"), "-q"]
    assert invoke([*argv, "--json", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.txt")]) == 0
    assert invoke([*argv, "--json", "-", "-o", str(tmp_path / "r.jsonl")]) == 0
    write_rows(tmp_path / "seed.jsonl", [{"prompt": "Write one."}])
    for name in ("r.json", "r.jsonl"):
        done = synthgate(
            "generate", "seed.jsonl", "--strategy", "gaps", "--gaps", name, "--samples", "60",
            "--generator", "command", "--command", "cat", "--model", "cat", cwd=tmp_path,
        )  # fmt: skip
        assert {row["topic"] for row in must(done).rows} >= set(RARE)


def test_what_scan_found_blocks_unless_it_was_taken_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden characters are a gate of the report; with --reject they are not in the set."""
    rows = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(60)]
    rows[7]["output"] += "".join(chr(0xE0000 + ord(c)) for c in "obey")
    write_rows(tmp_path / "in.jsonl", rows)
    monkeypatch.chdir(tmp_path)
    for folder, reject in (("a", []), ("b", ["--reject"])):
        monkeypatch.setenv("SYNTHGATE_RUN_DIR", folder)
        assert invoke(["scan", "in.jsonl", "-o", f"{folder}.jsonl", "-q", *reject]) == 0
        monkeypatch.delenv("SYNTHGATE_RUN_DIR")
        found = report(tmp_path, "--run-dir", folder, rows=f"{folder}.jsonl")
        gates = [each["gate"] for each in found["verdict"]["blocks"]]
        assert gates == ["scan"] * (not reject) and found["poison"]["blocking"] == 1
        assert found["poison"]["removed"] is bool(reject)
        (line,) = found["sources"]["table"]
        assert line["flags"] == 1


# --- gaps -------------------------------------------------------------------------------


def test_gaps_reads_the_real_report(tmp_path: Path) -> None:
    """Empty clusters and missing values of a report's own form become prompts; thin ones do not."""
    from synthgate.stages.report import Tally, findings
    from synthgate.stages.report import report as made

    narrowing = {
        "shown": True,
        "clusters": [
            {"words": "orchid, soil", "state": "empty", "real": 9, "rows": 0, "examples": ["x"]},
            {"words": "loan, bank", "state": "thin", "real": 9, "rows": 1, "examples": []},
        ],
        "rare": {
            "slices": {"intent": {"real": 3, "recalled": 2, "missing": ["refund"]}},
            "words": {"real": 9, "recalled": 8, "missing": ["gloxinia"]},
        },
    }
    found = made(Tally(), [], narrowing=narrowing)
    (tmp_path / "report.json").write_text(json.dumps(found))
    write_rows(tmp_path / "report.jsonl", list(findings(found)))
    write_rows(tmp_path / "seed.jsonl", [{"prompt": "Write a question."}])
    for name in ("report.json", "report.jsonl"):
        done = synthgate(
            "generate", "seed.jsonl", "--strategy", "gaps", "--gaps", name, "--samples", "4",
            "--generator", "command", "--command", "cat", "--model", "cat", cwd=tmp_path,
        )  # fmt: skip
        rows = must(done).rows
        assert {row["gap"] for row in rows} == {"orchid, soil"}
        assert {row["intent"] for row in rows} == {"refund"}


# --- the data card ----------------------------------------------------------------------

HOSTILE = [
    "a\n---\nlicense: mit", "x: [y]\n- z", "`code` | cell |", "<script>alert(1)</script>",
    "\u202egnp.exe", '"quoted" \\ "', "\x1b[31mred", "[link](javascript:alert(1))", "# head",
    "a` <b>bold</b> `c",
]  # fmt: skip


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card of rows with hostile sources, keys and generators."""
    rows = [
        {"input": f"q{n}", "output": f"a{n}", "from": name, name[:20]: n}
        for n, name in enumerate(HOSTILE)
    ]
    write_rows(tmp_path / "rows.jsonl", rows)
    argv = ["report", "rows.jsonl", "--source-field", "from", "--generator", HOSTILE[1]]
    must(synthgate(*argv, "--card", "card\n: [x]", cwd=tmp_path))
    return tmp_path / "card\n: [x]"


def test_the_front_matter_is_what_it_says(card: Path) -> None:
    """YAML reads the card as the tags, size and file that it has, whatever rows are called."""
    text = (card / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    found = yaml.safe_load(front)
    assert found["tags"] == ["synthetic", "synthgate"] and found["license"] == "unknown"
    assert found["pretty_name"] == "card\n: [x]" and found["size_categories"] == ["n<1K"]
    assert found["configs"] == [{"config_name": "default", "data_files": ["rows.jsonl"]}]
    assert front.isascii()
    outside = re.sub(r"`[^`\n]*`", "", body)
    for wild in ("<script", "\x1b", "\u202e", "](java", "license: mit", "alert", "<b>"):
        assert wild not in outside
    assert "\x1b" not in body and "\u202e" not in body
    assert all(line.count("|") in (0, 3, 4, 5) for line in body.split("\n"))


def test_croissant_describes_files_and_rows(card: Path) -> None:
    """The context is that of Croissant 1.1; ids are unique, and every reference has its target."""
    found = json.loads((card / "croissant.json").read_text())
    assert "http://mlcommons.org/croissant/1.1" in found["conformsTo"]
    assert found["@type"] == "sc:Dataset" and found["rai:hasSyntheticData"] is True
    ids: list[str] = []
    targets: list[str] = []

    def walk(node: Any) -> None:
        for each in node if isinstance(node, list) else ():
            walk(each)
        if isinstance(node, dict):
            if set(node) == {"@id"}:
                targets.append(node["@id"])
            elif "@id" in node and node["@id"] != "urn:synthgate":
                ids.append(node["@id"])
            for key, each in node.items():
                if key != "@context":
                    walk(each)

    walk(found)
    assert len(ids) == len(set(ids)) and set(targets) <= set(ids)
    labels = [each["prov:label"] for each in found["prov:wasDerivedFrom"]]
    assert labels == HOSTILE
    assert found["prov:wasAttributedTo"][0]["prov:label"] == HOSTILE[1]
    (file,) = found["distribution"]
    assert len(file["sha256"]) == 64 and file["contentUrl"] == "rows.jsonl"
    fields = [each["name"] for each in found["recordSet"][0]["field"]]
    assert fields[:3] == ["input", "output", "from"]


def test_a_card_of_a_whole_run(ran: Path) -> None:
    """Stages, checks and limits stand in it; provenance of rows has the names of PROV-O."""
    must(synthgate("report", "train.jsonl", "--run-dir", "run", "--card", "card", cwd=ran))
    found = json.loads((ran / "card" / "croissant.json").read_text())
    steps = [each["prov:label"] for each in found["prov:wasGeneratedBy"]]
    assert steps[0] == "dedupe: 400 rows in, 400 out"
    assert found["rai:machineAnnotationTools"] == ["rule"]
    ours = found["recordSet"][0]["field"][-1]
    assert ours["name"] == "_synthgate"
    names = {e["name"]: e.get("equivalentProperty") for e in ours["subField"]}
    assert names["parents"] == "prov:wasDerivedFrom"
    assert names["generator"] == "prov:wasAttributedTo"
    text = (ran / "card" / "README.md").read_text()
    assert "**PASS**" in text and "refund" in text and "mixed-real-and-synthetic" in text
    assert invoke(["report", str(ran / "train.jsonl"), "--card", str(ran / "c2"), "--dry-run"]) == 0
    assert not (ran / "c2").exists()
    rows = (ran / "train.jsonl").read_bytes()
    must(synthgate("report", "-", "--card", "c3", cwd=ran, stdin=rows))
    assert json.loads((ran / "c3" / "croissant.json").read_text())["distribution"] == []
