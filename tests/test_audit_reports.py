"""What a gate says to programs: JSON, JUnit, GitHub, in-toto; and who signed it."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthgate.render.verdict import ANNOTATIONS, SUMMARY, junit, summary, workflow_commands
from synthgate.text import printable
from tests import auditing
from tests.auditing import Case
from tests.conftest import write_rows

VERDICTS: dict[str, tuple[Callable[[int], str | None], int]] = {
    "PASS": (lambda at: "pass", 0),
    "STOP": (lambda at: "fail", 3),
    "INCOMPLETE": (lambda at: "pass" if at < 9 else None, 5),
}
HOSTILE = "\x1b[2J</testcase>]]>|`<script>\r\n::error::%0A,:\u202e&\"'"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(200)))
    assert found.draw() == 0
    return found


@pytest.mark.parametrize("verdict", [*VERDICTS, "STALE"])
@pytest.mark.parametrize("form", ["json", "junit", "github", "text"])
def test_every_verdict_in_every_form(
    case: Case,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    verdict: str,
) -> None:
    """The report is there when the command ends, and says the verdict and nothing else."""
    said, code = VERDICTS.get(verdict, VERDICTS["PASS"])
    case.log(said)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(case.at("summary.md")))
    if verdict == "STALE":
        write_rows(case.rows, case.rows.read_bytes().splitlines()[1:])
        code = 6
    capfd.readouterr()
    options = ("--report-format", form, "--report", case.at("report"))
    assert case.gate(*options, "--in-toto", case.at("statement.json")) == code
    error = capfd.readouterr().err
    text = case.at("report").read_text() if case.at("report").exists() else error
    if form == "json":
        assert json.loads(text)["verdict"] == verdict
    elif form == "junit":
        suite = ET.fromstring(text)
        kinds = [child.tag for child in suite.iter() if child.tag in ("failure", "error")]
        expected = {"PASS": [], "INCOMPLETE": ["error"]}.get(verdict, ["failure"])
        assert (suite.get("tests"), kinds) == ("1", expected)
    elif form == "github":
        kind = {"PASS": "notice", "INCOMPLETE": "warning"}.get(verdict, "error")
        assert text.startswith(f"::{kind} title={verdict}%3A gate::")
        assert text.count("\n") == 1
        assert f"## audit gate: {verdict}" in case.at("summary.md").read_text()
    elif verdict == "STALE":
        assert error.startswith("synthgate: ")
    else:
        assert text.startswith(f"{verdict}: ")
    statement = json.loads(case.at("statement.json").read_text())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["predicate"]["result"] == ("PASSED" if verdict == "PASS" else "FAILED")
    assert (case.at("out.jsonl").exists(), case.at("cert.json").exists()) == (code == 0, code == 0)


def test_the_statement_binds_both_sets(case: Case) -> None:
    """Its subjects are the audited and the released set, with the digests of the certificate."""
    case.log(lambda at: "fail" if at == 2 else "pass")
    assert case.gate("--in-toto", case.at("statement.json")) == 0
    statement = json.loads(case.at("statement.json").read_text())
    digests = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    found = case.certificate
    assert digests == {"audited": found["set_digest"], "released": found["released_digest"]}
    assert digests["released"] == auditing.digest_of(auditing.ids_of(case.at("out.jsonl")))


def hostile(slices: int) -> dict[str, Any]:
    """A report whose slices carry what could break out of each form."""
    found = [
        {"name": f"f={HOSTILE}{at}", "right": at, "labels": at + 1, "verdict": "STOP"}
        for at in range(slices)
    ]
    head = {"verdict": "STOP", "words": HOSTILE, "slices": found, "rows": 5, "labels": 1}
    return {**head, "failures": 1, "attempt": 1, "reviewers": [HOSTILE] * 3}


def test_hostile_names_do_not_break_out_of_a_report() -> None:
    """XML parses to the names; a workflow command stays one line; Markdown shows no HTML."""
    report = hostile(3)
    suite = ET.fromstring(junit(report))
    assert len(suite.findall("testcase")) == 4
    assert all("\x1b" not in (each.get("name") or "") for each in suite.findall("testcase"))
    lines = workflow_commands(report).splitlines()
    assert len(lines) == 4
    assert all(line.startswith("::error title=STOP%3A ") for line in lines)
    assert all("\x1b" not in line and "\u202e" not in line for line in lines)
    words = lines[0].split("::", 2)[2].replace("%25", "%")
    assert words == printable(HOSTILE)
    assert "%0A" in words and "%0A" not in lines[0].split("::", 2)[2]
    text = summary(report)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert all(line.count("|") - line.count("\\|") in (0, 5, 6) for line in text.splitlines())


def test_github_limits_are_kept() -> None:
    """At most ten annotations, failures first; a summary under 1 MiB however many slices."""
    report = hostile(5000)
    report["slices"][4999]["verdict"] = "PASS"
    assert len(workflow_commands(report).splitlines()) == ANNOTATIONS == 10
    assert len(summary(report).encode()) < SUMMARY == 2**20


def test_the_job_summary_is_added_to(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other steps wrote into the summary stays; a dry run adds nothing."""
    path = case.at("summary.md")
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    case.log()
    assert case.gate("--report-format", "github", "--dry-run") == 0
    assert path.read_text() == "before\n"
    assert case.gate("--report-format", "github") == 0
    assert path.read_text().startswith("before\n## audit gate: PASS\n")


def test_a_report_does_not_overwrite_evidence(case: Case) -> None:
    """--report and --in-toto cannot name the rows, the plan or the labels."""
    case.log()
    for name in ("rows.jsonl", "plan.json", "log.jsonl", "cert.json"):
        before = case.at(name).read_bytes() if case.at(name).exists() else b""
        assert case.gate("--in-toto", case.at(name)) == 2
        assert (case.at(name).read_bytes() if case.at(name).exists() else b"") == before


# --- signatures -------------------------------------------------------------------------


def key(folder: Path, name: str) -> Path:
    """Make an OpenSSH key, and let its owner sign."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def allow(folder: Path, name: str) -> Path:
    allowed = folder / "allowed_signers"
    public = (folder / f"{name}.pub").read_text()
    allowed.write_text(f'{name}@example.org namespaces="synthgate" {public}')
    return allowed


def sign(path: Path, with_key: Path, namespace: str = "synthgate") -> None:
    Path(f"{path}.sig").unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(with_key), str(path)]
    subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)


def test_signed_labels(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """Only an allowed signer's signature over exactly these labels is one: else 6."""
    ann, eve = key(case.folder, "ann"), key(case.folder, "eve")
    allowed = ("--allowed-signers", allow(case.folder, "ann"))
    log = case.log()
    assert case.gate(*allowed) == 6
    assert "log.jsonl.sig: is missing" in capfd.readouterr().err
    sign(log, eve)
    assert case.gate(*allowed) == 6
    sign(log, ann, namespace="file")
    assert case.gate(*allowed) == 6
    sign(log, ann)
    whole = log.read_bytes()
    write_rows(log, whole.splitlines()[:-1])
    assert case.gate(*allowed) == 6
    assert case.nothing_written
    log.write_bytes(whole)
    assert case.gate(*allowed) == 0
    assert case.certificate["labels_signed_by"] == "ann@example.org"


def test_a_policy_can_require_a_signature(case: Case) -> None:
    """Required and not shown is 6; without the requirement the certificate says unsigned."""
    assert case.draw("--require", "signature", "--force") == 0
    case.log()
    assert case.gate() == 6
    assert case.nothing_written


def test_a_signed_certificate(case: Case) -> None:
    """--sign writes CERTIFICATE.sig, which ssh-keygen itself verifies; a STOP removes both."""
    ann = key(case.folder, "ann")
    allowed = allow(case.folder, "ann")
    case.log()
    assert case.gate("--sign", ann) == 0
    assert case.certificate["signed"] is True
    command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "ann@example.org"]
    command += ["-n", "synthgate", "-s", case.at("cert.json.sig")]
    text = case.at("cert.json").read_bytes()
    for data, code in ((text, 0), (text.replace(b"PASS", b"pass"), 255)):
        done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
        assert done.returncode == code
    case.log(lambda at: "fail")
    assert case.gate("--sign", ann, "--force") == 3
    assert not case.at("cert.json").exists()
    assert not case.at("cert.json.sig").exists()


def test_a_key_that_cannot_sign_is_said_in_one_line(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    """A missing key, or --sign without a certificate, ends with 2 and writes nothing."""
    case.log()
    capfd.readouterr()
    assert case.gate("--sign", case.at("no-key")) == 2
    assert "no-key: cannot sign" in capfd.readouterr().err
    assert case.nothing_written
