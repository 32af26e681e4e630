"""The reviewer as one page: no network, no markup from rows, nothing runs but its own script."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files

from synthgate.formats import Shape
from synthgate.review.edits import as_json, as_text
from synthgate.review.items import parts
from synthgate.review.state import HELP
from synthgate.rows import Row
from synthgate.sample import AuditPlan
from synthgate.text import UNSAFE


def page(
    rows: list[Row],
    plan: AuditPlan | None,
    shape: Shape | None,
    reviewer: str,
    reasons: tuple[str, ...],
) -> str:
    """Return a self-contained HTML document that reviews these rows.

    Its Content-Security-Policy lets nothing load and nothing run but the one script and the one
    style that its hashes name; rows are data in it, and its script sets them as text only.
    """
    style, script = _asset("review.css"), _asset("review.js") + _asset("review_page.js")
    fields = {
        "CSP": html.escape(policy(script, style), quote=True),
        "TITLE": "synthgate audit review",
        "STYLE": style,
        "SCRIPT": script,
        "DATA": inert(_data(rows, plan, shape, reviewer, reasons)),
    }
    head, *rest = _asset("review.html").split("@")
    return head + "".join(fields.get(each, each) for each in rest)


def policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy that admits exactly this script and this style."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def inert(value: object) -> str:
    """Return JSON that cannot end the element that it stands in, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(
    rows: list[Row],
    plan: AuditPlan | None,
    shape: Shape | None,
    reviewer: str,
    reasons: tuple[str, ...],
) -> dict[str, object]:
    key = (
        plan.plan if plan else hashlib.sha256("".join(row.id for row in rows).encode()).hexdigest()
    )
    return {
        "key": key,
        "reviewer": reviewer,
        "reasons": reasons,
        "help": [*HELP[:-1], ("d", "download the verdicts"), ("q", "end and download")],
        "unsafe": UNSAFE,
        "plan": plan and _plan(plan),
        "rows": [_row(row, shape) for row in rows],
    }


def _plan(plan: AuditPlan) -> dict[str, object]:
    return {
        "plan": plan.plan,
        "share": f"{100 * plan.min_pass:g} %",
        "pass_points": plan.pass_points,
        "stop_at_failures": plan.stop_at_failures,
        "drawn": min(plan.max_n, plan.rows),
        "blind": bool(getattr(plan, "gold", 0)) or not plan.pass_points,
    }


def _row(row: Row, shape: Shape | None) -> dict[str, object]:
    return {
        "id": row.id,
        "parts": [{"name": part.name, "text": part.text} for part in parts(row.value)],
        "response": as_text(row, shape),
        "json": as_json(row.payload),
    }


def _asset(name: str) -> str:
    return files("synthgate.render").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
