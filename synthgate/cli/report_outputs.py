"""Where a report goes: stdout, files, and the data card."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from synthgate.findings import Found

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import ReportPolicy
    from synthgate.findings.slices import Slices
    from synthgate.findings.tally import Tally
    from synthgate.jsonl import Output

Writer = Callable[[bytes], object]


class Outputs:
    """The files of a report, opened before the first row is read."""

    def __init__(self, io: Session, policy: ReportPolicy) -> None:
        self._io, self._policy = io, policy
        io.open_outputs()
        file = "" if policy.json_file == "-" else policy.json_file
        self._files: dict[str, Output] = {}
        for role, path in (("report", file), ("html", policy.html), ("markdown", policy.markdown)):
            if path:
                self._files[role] = io.open(role, path, whole=True)
        if policy.focus_out:
            self._files["focus"] = io.open("focus", policy.focus_out)
        if policy.card:
            if not io.options.dry_run:
                os.makedirs(policy.card, exist_ok=True)
            for role, name in (("card", "README.md"), ("croissant", "croissant.json")):
                self._files[role] = io.open(role, os.path.join(policy.card, name), whole=True)

    def write(self, found: Found) -> None:
        """Write the report to the files that were named."""
        from synthgate.render.terminal import terminal

        if self._policy.tee:
            for line in terminal(found).split("\n")[:-1]:
                self._io.say(line)
        else:
            self._print(found, terminal)
        self._text("report", lambda: json.dumps(found, indent=2, ensure_ascii=True))
        self._text("html", lambda: _html(found))
        self._text("markdown", lambda: _markdown(found))

    def _print(self, found: Found, terminal: Callable[[Found], str]) -> None:
        from synthgate.stages.report import findings

        output = self._io.sinks["output"]
        if self._policy.json_file == "-":
            for each in findings(found):
                output.write(json.dumps(each, ensure_ascii=True).encode())
        else:
            output.write(terminal(found).rstrip("\n").encode())

    def _text(self, role: str, made: Callable[[], str]) -> None:
        if role in self._files:
            self._files[role].write(made().rstrip("\n").encode())

    def focus(self, slices: Slices | None, why: str) -> None:
        """Write the weak slices for an audit; say what could not be written."""
        from synthgate.errors import InputError
        from synthgate.findings.inherited import focus

        if "focus" not in self._files:
            return
        if slices is None:
            raise InputError(f"--focus-out: {why}")
        lines, left = focus(slices)
        for line in lines:
            self._files["focus"].write(line)
        more = f"; {left} more are slices that an audit cannot draw by" if left else ""
        self._io.note(f"weak slices for audit draw --focus: {len(lines)}{more}")

    def card(self, found: Found, tally: Tally, streams: Sequence[dict[str, Any]]) -> None:
        """Write the data card: `README.md` and `croissant.json`."""
        if "card" not in self._files:
            return
        from synthgate.findings.card import readme
        from synthgate.findings.chain import PIPES
        from synthgate.findings.croissant import croissant

        name = os.path.basename(os.path.abspath(self._policy.card)) or "dataset"
        files = [
            {**each, "path": os.path.basename(each["path"])}
            for each in streams
            if each["path"] not in PIPES  # what came through a pipe has no file to name
        ]
        made = found.get("created", "")[:10]
        self._text("card", lambda: readme(found, files, name))
        described = croissant(found, files, name, tally.keys, stamped=tally.stamped, published=made)
        self._text("croissant", lambda: json.dumps(described, indent=2, ensure_ascii=True))


def _html(found: Found) -> str:
    from synthgate.render.report_html import html

    return html(found)


def _markdown(found: Found) -> str:
    from synthgate.render.report_markdown import markdown

    return markdown(found)
