"""Show the whole gate on real model output: stopped twice, repaired, passed.

200 maths problems with four published model answers each (openai/grade-school-math, MIT), replayed
offline through the real commands. Ends with 0 when everything ended as it should, in seconds.

Example: synthgate demo
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from synthgate.cli.options import NO_ROWS, Command

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import DemoPolicy

COMMAND = Command(
    "demo", groups=(), without=(*NO_ROWS, "inputs", "seed", "dry_run", "force", "verbose")
)
_MODELS = {
    "6b_finetuning": "gpt-3-6b-finetuning",
    "6b_verification": "gpt-3-6b-verification",
    "175b_finetuning": "gpt-3-175b-finetuning",
    "175b_verification": "gpt-3-175b-verification",
}
_STAND_IN = "the published is_correct flag, standing in for a person"


def run(io: Session, policy: DemoPolicy) -> int:
    """Play the four steps; return 0 when each ended as it should."""
    from synthgate.errors import OutputError

    folder = policy.folder
    if os.path.isdir(folder) and os.listdir(folder) and not os.path.exists(f"{folder}/.demo"):
        raise OutputError(f"{folder}: is not empty and not a demo's; name another with --folder")
    os.makedirs(folder, exist_ok=True)
    with contextlib.chdir(folder):
        demo = _Demo()
        demo.say(f"$ cd {shlex.quote(folder)}")
        wrong = [*_recorded(demo.candidates), *demo.weak_check(), *demo.agreement()]
        wrong += _recorded(demo.answer_check)
    if wrong:
        io.headline = f"did not end as it should: {', '.join(wrong)}"
        return 1
    demo.farewell(shlex.quote(folder))
    io.headline = f"two sets stopped, one passed; the files are in {folder}"
    return 0


def _recorded(step: Callable[[], list[str]]) -> list[str]:
    """Play a step whose manifests go to the run folder: it is part of what is reported."""
    os.environ["SYNTHGATE_RUN_DIR"] = "manifests"
    try:
        return step()
    finally:
        del os.environ["SYNTHGATE_RUN_DIR"]


class _Demo:
    """The demo's materials, in its folder, and the commands as a user would type them."""

    def __init__(self) -> None:
        from synthgate.jsonl import read_file

        shutil.rmtree("manifests", ignore_errors=True)
        os.makedirs("journals", exist_ok=True)
        _write(".demo", [])
        source = f"{_fixtures()}/gsm8k"
        solved = read_file(f"{source}/solutions.jsonl").splitlines()
        self.problems: list[Any] = [json.loads(line) for line in solved]
        self.flags = {
            (problem["input"], each["solution"]): bool(each["is_correct"])
            for problem in self.problems
            for each in problem["models"].values()
        }
        _write("real.jsonl", read_file(f"{source}/real.jsonl").splitlines())
        prompts = [{"input": p["input"], "answer": p["answer"]} for p in self.problems]
        _write("prompts.jsonl", [_line(each) for each in prompts])

    # --- the four steps -----------------------------------------------------------------

    def candidates(self) -> list[str]:
        """Step (a): four answers to each problem, replayed from journals."""
        from synthgate.generators.journal import record

        self.say("(a) Candidates. 200 problems, one answer from each of four models, replayed from")
        self.say("    journals of the published answers. What was not written down is marked so.")
        wrong = []
        for name, model in _MODELS.items():
            answers = [(p["input"], p["models"][name]["solution"]) for p in self.problems]
            lines = [record(model, prompt, answer) for prompt, answer in answers]
            _write(f"journals/{model}.jsonl", lines)
            journal = ["--journal", f"journals/{model}.jsonl"]
            wrong += self.enter(
                0, "generate", "-q", "prompts.jsonl", "--offline", "--unknown-sampling", *journal,
                "--model", model, "--samples", "1", out=f"{model}.jsonl",
            )  # fmt: skip
        every = [f"{model}.jsonl" for model in _MODELS.values()]
        wrong += self.enter(0, "dedupe", *every, out="unique.jsonl")
        wrong += self.enter(0, "cluster-cap", "unique.jsonl", out="capped.jsonl")
        right, total = self.count("capped.jsonl")
        self.say(f"    By the published flags {right} of {total} candidates are right.")
        return wrong

    def weak_check(self) -> list[str]:
        """Step (b): a check that nearly everything passes, and the audit that stops the set."""
        self.say("(b) A weak check: is the arithmetic in each answer right?")
        wrong = self.enter(0, "verify", "capped.jsonl", "--check", "arithmetic", out="weak.jsonl")
        (right, total), (_, candidates) = self.count("weak.jsonl"), self.count("capped.jsonl")
        share = f"{total / candidates:.0%} of the candidates and {right / total:.0%} of those are"
        self.say(f"    It accepts {share} right.")
        return [*wrong, *self.audit("weak.jsonl", 3)]

    def agreement(self) -> list[str]:
        """Step (c): two generators that agree; better, and still not enough."""
        self.say("(c) A better check: another model, asked the same, gives the same final answer.")
        one, other = "gpt-3-175b-verification.jsonl", "gpt-3-6b-verification.jsonl"
        why = "both are fine-tunes of one family: nothing better was published"
        wrong = self.enter(
            0, "verify", one, "--check", f"agree:{other}", "--allow-dependent", why,
            out="agreed.jsonl",
        )  # fmt: skip
        right, total = self.count("agreed.jsonl")
        self.say(f"    {right / total:.0%} of what it accepts is right: better, not enough.")
        return [*wrong, *self.audit("agreed.jsonl", 3)]

    def answer_check(self) -> list[str]:
        """Step (d): the gold answer, audit, blend, report."""
        self.say("(d) The real check: the final answer equals the problem's gold answer.")
        self.say(
            "    Here check and label are the same fact, so the audit has nothing left to find;"
        )
        self.say("    on your data the labels come from people.")
        rejects = ["--rejects", "right.rejects.jsonl"]
        wrong = self.enter(
            0, "verify", "capped.jsonl", "--check", "answer", *rejects, out="right.jsonl"
        )
        wrong += self.audit("right.jsonl", 0)
        certificate = ["--certificate", "right.certificate.json"]
        wrong += self.enter(
            0, "blend", "right.audited.jsonl", "--real", "real.jsonl", *certificate,
            out="train.jsonl",
        )  # fmt: skip
        return [*wrong, *self.enter(0, "report", "train.jsonl", "--run-dir", "manifests")]

    def audit(self, name: str, expected: int) -> list[str]:
        """Draw a sample, replay its labels, and ask the gate."""
        stem = name.removesuffix(".jsonl")
        plan = ["--plan", f"{stem}.plan.json"]
        wrong = self.enter(0, "audit", "draw", name, *plan, out=f"{stem}.sample.jsonl")
        self.label(f"{stem}.sample.jsonl", f"{stem}.labels.jsonl")
        labels = ["--labels", f"{stem}.labels.jsonl"]
        certificate = ["--certificate", f"{stem}.certificate.json"]
        out = f"{stem}.audited.jsonl"
        wrong += self.enter(expected, "audit", "gate", name, *plan, *labels, *certificate, out=out)
        if expected and os.path.exists(out):
            wrong.append(f"{out} was written although the gate said STOP")
        return wrong

    def label(self, sample: str, labels: str) -> None:
        """Write one label for each sampled row, from the published flags."""
        from synthgate.jsonl import read_file

        rows = [json.loads(line) for line in read_file(sample).splitlines()]
        verdicts = ["pass" if self.flags[row["input"], row["output"]] else "fail" for row in rows]
        ids = [row["_synthgate"]["id"] for row in rows]
        _write(labels, [
            _line({"id": each, "verdict": verdict, "reviewer": "gsm8k", "note": _STAND_IN})
            for each, verdict in zip(ids, verdicts, strict=True)
        ])  # fmt: skip
        self.say(f"    Labels: {_STAND_IN}.")

    # --- saying and doing ---------------------------------------------------------------

    def enter(self, expected: int, *argv: str, out: str = "") -> list[str]:
        """Run a command and show it as it would be typed; return what did not end as expected."""
        from synthgate.cli.app import invoke

        words = [*argv, *(("-o", out) if out else ())]
        sys.stdout.write(f"    $ synthgate {shlex.join(words)}\n")
        sys.stdout.flush()
        with contextlib.redirect_stderr(_Indented()):
            code = invoke([*words, "--force"])
        if code:
            self.say(f"      exit code {code}")
        return [] if code == expected else [f"{argv[0]} ended with {code}"]

    def say(self, text: str) -> None:
        """Write one line of the story."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def farewell(self, folder: str) -> None:
        """Say where the files are and what to type next."""
        self.say(f"Files: {folder}")
        self.say(f"  what was dropped, and why   less {folder}/right.rejects.jsonl")
        self.say(f"  what the audit proved       cat {folder}/right.certificate.json")
        self.say(f"  the training set            head -1 {folder}/train.jsonl")
        self.say("Your own data: synthgate verify --help, then synthgate audit draw --help")

    def count(self, name: str) -> tuple[int, int]:
        """Return (rows that are right by the published flags, rows) of a file."""
        from synthgate.jsonl import read_file

        rows = [json.loads(line) for line in read_file(name).splitlines()]
        return sum(self.flags[row["input"], row["output"]] for row in rows), len(rows)


class _Indented:
    """A stderr that puts what a command says under the command, in the demo's transcript."""

    def write(self, text: str) -> int:
        """Write a text, its lines indented."""
        for line in text.splitlines():
            sys.stdout.write(f"      {line}\n")
        return len(text)

    def flush(self) -> None:
        """Flush the transcript."""
        sys.stdout.flush()

    def isatty(self) -> bool:
        """Tell that no live progress is wanted."""
        return False


def _write(name: str, lines: list[bytes]) -> None:
    from synthgate.jsonl import write_file

    write_file(name, b"".join(line + b"\n" for line in lines), force=True)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _fixtures() -> str:
    """Return the folder of the fixtures: inside the installed package, else beside it."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (os.path.join(package, "fixtures"), os.path.join(package, "..", "fixtures")):
        if os.path.isdir(os.path.join(folder, "gsm8k")):
            return os.path.normpath(folder)
    from synthgate.errors import InputError

    raise InputError("the demo's fixtures are not installed")
