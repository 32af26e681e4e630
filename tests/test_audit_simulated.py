"""2,000 simulated audits of real model answers pass as often as the plan says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from math import sqrt
from pathlib import Path

import pytest

from synthgate.rows import content_id
from synthgate.sample import Frozen, Terms, draw
from synthgate.sample.verdict import judge
from synthgate.stats.plan import make_plan, outlook
from tests.conftest import ROOT, read_rows

AUDITS = 2000
ROWS = 1000


@cache
def answers(path: Path) -> dict[bool, list[bytes]]:
    """The ids of the published answers of four models, the right and the wrong ones."""
    found: dict[bool, dict[bytes, None]] = {True: {}, False: {}}
    for row in read_rows(path):
        for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            said = row[model]
            text = json.dumps({"input": row["question"], "output": said["solution"]})
            found[said["is_correct"]][bytes.fromhex(content_id(text.encode()))] = None
    return {right: list(ids) for right, ids in found.items()}


@pytest.mark.parametrize("rate", [0.387, 0.795, 0.95])
def test_audits_accept_as_often_as_the_plan_predicts(
    shared: Callable[[str], Path], rate: float
) -> None:
    """Accept rates at tau .90 lie within three standard errors of the exact prediction."""
    known = answers(shared("gsm8k/example_model_solutions.jsonl"))
    right = round(rate * ROWS)
    good = {each.hex() for each in known[True][:right]}
    frozen = Frozen(sorted([*known[True][:right], *known[False][: ROWS - right]]))
    plan = make_plan(ROWS, 0.9, 0.95, 100)
    passed = labels = 0
    for number in range(AUDITS):
        drawn = draw(frozen, Terms(nonce=f"beacon {number}", nonce_from="given"))
        said = {each: "pass" if each in good else "fail" for each in drawn.main}
        found = judge(drawn.plan, said, drawn.main)
        passed += found.verdict == "PASS"
        labels += found.until
    expected = outlook(plan, ROWS - right)
    error = sqrt(expected.passes * (1 - expected.passes) / AUDITS)
    assert abs(passed / AUDITS - expected.passes) <= 3 * error + 1e-12
    assert labels / AUDITS == pytest.approx(expected.labels, abs=3)
    if rate == 0.387:
        assert passed == 0


def test_the_published_tables_are_reproduced() -> None:
    """benchmarks/audit_plan.py has the figures of the research to the third decimal."""
    script = [sys.executable, str(ROOT / "benchmarks" / "audit_plan.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n| .9") > 10
