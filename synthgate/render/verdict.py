"""The verdict of a gate for programs: JUnit XML, GitHub annotations and job summary, in-toto.

Names of slices and reviewers are hostile texts; each form gets its own escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from synthgate.text import printable

ANNOTATIONS = 10  # GitHub shows no more of a kind and step
SUMMARY = 1 << 20  # bytes that GitHub takes as a job summary
_MOST_ROWS = 500
Report = Mapping[str, Any]


def cases(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield (name, verdict, words) of the gate and of each slice with a floor."""
    yield "gate", report["verdict"], report["words"]
    for each in report.get("slices", ()):
        if each["verdict"]:
            yield each["name"], each["verdict"], of_slice(each)


def of_slice(each: Report) -> str:
    """Return k of n of a slice, and its rate."""
    rate = f" ({100 * each['right'] / each['labels']:.0f} %)" if each["labels"] else ""
    return f"{each['right']} of {each['labels']} right{rate}"


def junit(report: Report) -> str:
    """Return the verdict as JUnit XML: one test case for the gate and for each slice."""
    found = list(cases(report))
    failed = sum(verdict in ("STOP", "STALE") for _, verdict, _ in found)
    open_ = sum(verdict == "INCOMPLETE" for _, verdict, _ in found)
    counts = f'tests="{len(found)}" failures="{failed}" errors="{open_}" skipped="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="synthgate audit gate" {counts}>',
    ]
    for name, verdict, words in found:
        kind = {"STOP": "failure", "STALE": "failure", "INCOMPLETE": "error"}.get(verdict)
        head = f'  <testcase classname="audit" name={_attribute(name)}'
        if kind is None:
            lines.append(f"{head}/>")
        else:
            inner = f"<{kind} type={_attribute(verdict)} message={_attribute(words)}/>"
            lines.append(f"{head}>{inner}</testcase>")
    return "\n".join([*lines, "</testsuite>", ""])


def _attribute(text: str) -> str:
    return quoteattr(
        re.sub("[^\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", printable(text))
    )


def workflow_commands(report: Report) -> str:
    """Return at most ten workflow commands of GitHub: the gate, what failed, the rest."""
    kinds = {"STOP": "error", "STALE": "error", "INCOMPLETE": "warning", "WARNING": "warning"}
    odd = (("reviewers", "WARNING", text) for text in report.get("warnings", ()))
    gate, *others = cases(report)
    shown = [gate, *sorted([*others, *odd], key=lambda each: each[1] not in kinds)][:ANNOTATIONS]
    return "".join(
        f"::{kinds.get(verdict, 'notice')} title={_command(f'{verdict}: {name}', title=True)}::"
        f"{_command(words)}\n"
        for name, verdict, words in shown
    )


def _command(text: str, *, title: bool = False) -> str:
    """Escape a text as GitHub's workflow commands want it."""
    text = printable(text).replace("%", "%25")
    return text.replace(":", "%3A").replace(",", "%2C") if title else text


def summary(report: Report) -> str:
    """Return the job summary as Markdown, shorter than what GitHub takes."""
    lines = [f"## audit gate: {report['verdict']}", "", _cell(report["words"]), ""]
    if "rows" in report:
        counts = f"{report['rows']:,} | {report['labels']} | {report['failures']}"
        who = _cell(", ".join(report["reviewers"])[:1000])
        lines += ["| rows | labels | failures | attempt | reviewers |", "|---|---|---|---|---|"]
        lines += [f"| {counts} | {report['attempt']} | {who} |", ""]
    if changed := report.get("verdicts_changed"):
        passed = report["changed_to_pass"]
        lines += [f"Verdicts taken back: {changed}, {passed} of them became a pass.", ""]
    lines += [f"- Warning: {_cell(text)}" for text in report.get("warnings", ())[:_MOST_ROWS]]
    slices = report.get("slices", ())
    if slices:
        lines += ["", "| slice | right | of | verdict |", "|---|---|---|---|"]
    for each in slices[:_MOST_ROWS]:
        name = _cell(each["name"])
        lines.append(f"| {name} | {each['right']} | {each['labels']} | {each['verdict'] or '-'} |")
    if len(slices) > _MOST_ROWS:
        lines.append(f"\n{len(slices) - _MOST_ROWS} more slices are in the JSON report.")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape a text so that Markdown and HTML show it as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>&~$@:])", r"\\\1", printable(text))


def statement(report: Report, certificate: Report | None) -> bytes:
    """Return an in-toto statement with a test-result predicate; nothing but PASS is PASSED.

    The subjects are the audited and, after a PASS, the released set, by their set digests.
    """
    subjects = [{"name": "audited", "digest": {"sha256": report.get("set_digest", "")}}]
    if certificate:
        digest = {"sha256": certificate["released_digest"]}
        subjects.append({"name": "released", "digest": digest})
    passed = report["verdict"] == "PASS"
    found = list(cases(report))
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": "PASSED" if passed else "FAILED",
            "configuration": [
                {"name": "plan", "digest": {"sha256": report.get("plan", "")}},
                {"name": "policy", "digest": {"sha256": report.get("policy_digest", "")}},
            ],
            "passedTests": [name for name, verdict, _ in found if verdict == "PASS"],
            "warnedTests": [],
            "failedTests": [name for name, verdict, _ in found if verdict != "PASS"],
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=True).encode()
