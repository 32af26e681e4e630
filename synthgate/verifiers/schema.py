"""The check `schema:FILE` or `schema:@FIELD`: the answer is JSON of the shape that a schema asks.

The schema is one for all rows, from a file, or each row's own, from a field. Drafts 4, 6, 7,
2019-09 and 2020-12. A schema says shape, never that what stands in it is right.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from typing import Any

import msgspec

from synthgate.endings import cut_off
from synthgate.errors import Unreachable, UsageError
from synthgate.formats import Shape, dig
from synthgate.rows import Row
from synthgate.verifiers import Bench, Outcome, Verdict, Verifier, schemas
from synthgate.verifiers.documents import NoDocument, extract, parse

SECONDS = 10.0  # for one row, in the worker
_PROBE = "synthgate: is the schema the answer itself?"
_encode = msgspec.json.Encoder().encode
NO_SCHEMA = Verdict("abstain", "no_schema")
NO_TEXT = Verdict("fail", "no_text")


def build(argument: str, bench: Bench) -> Verifier:
    """Return the check for a file or for a field of the row; raises `UsageError`."""
    draft, formats = bench.policy.schema_draft, bench.policy.schema_formats
    if argument.startswith("@") and len(argument) > 1:
        return FieldSchema(argument[1:], draft, formats=formats)
    if not argument or argument == "@":
        raise UsageError("--check schema: name the schema, as in schema:FILE or schema:@FIELD")
    return FileSchema(argument, bench.text(argument), draft, formats=formats)


class FileSchema(Verifier):
    """One schema for all rows. Errors are listed by the worker: listing them can run away."""

    name = "schema"
    kind = "schema"

    def __init__(self, path: str, text: str, draft: str, *, formats: bool) -> None:
        try:
            self._schema = schemas.compiled(parse(text), draft, formats=formats)
        except NoDocument as error:
            raise UsageError(f"{path}: is not JSON: {error.detail}") from None
        except schemas.BadSchema as error:
            raise UsageError(f"{path}: is no JSON Schema: {error}") from None
        if schemas.is_vacuous(self._schema):
            raise UsageError(f"{path}: accepts any JSON value: it checks nothing")
        digest = sha256(text.encode()).hexdigest()
        self.config = {"schema": digest, "draft": self._schema.draft, "formats": formats}
        self._evidence = {"draft": self._schema.draft, "schema": digest}
        self._question = {"schema": text, "draft": draft, "formats": formats, "untrusted": False}
        self._worker = Worker(SECONDS)

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass or fail; abstain where the answer holds several documents that differ."""
        found = instance(row, shape)
        if isinstance(found, Verdict):
            return found
        text, value = found
        if self._schema.validator.is_valid(value):
            return Verdict("pass", "", self._evidence)
        report = self._worker.ask({**self._question, "instance": text})
        if report is None:  # that it is invalid is known already
            return Verdict("fail", "invalid", self._evidence | {"errors": []})
        return _verdict(report, self._evidence)

    def close(self) -> None:
        self._worker.close()


class FieldSchema(Verifier):
    """Each row brings its schema, which is as hostile as the row: all is done in the worker."""

    name = "schema"
    kind = "schema"

    def __init__(self, field: str, draft: str, *, formats: bool) -> None:
        self._field = field
        self._question = {"draft": draft, "formats": formats, "untrusted": True}
        self.config = {"field": field, "draft": draft, "formats": formats}
        self._worker = Worker(SECONDS)
        self._apart = False

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass or fail; abstain where a row has no schema, or none that can be used."""
        if not self._apart:
            self._refuse_itself(row, shape)
        schema = dig(row.value, self._field)
        if schema is None:
            return NO_SCHEMA
        found = instance(row, shape)
        if isinstance(found, Verdict):
            return found
        return self._judge(schema if type(schema) is str else _encode(schema).decode(), found[0])

    def _judge(self, schema: str, text: str) -> Verdict:
        evidence: dict[str, Any] = {"schema": sha256(schema.encode()).hexdigest()}
        try:
            parse(schema)
        except NoDocument as error:
            return Verdict("abstain", "bad_schema", evidence | {"says": error.detail})
        report = self._worker.ask({**self._question, "schema": schema, "instance": text})
        if report is None:
            return Verdict("error", "schema_timeout", evidence)
        if "bad_schema" in report:
            return Verdict("abstain", "bad_schema", evidence | {"says": report["bad_schema"]})
        evidence["draft"] = report["draft"]
        if "vacuous" in report:
            return Verdict("abstain", "vacuous_schema", evidence)
        return _verdict(report, evidence)

    def _refuse_itself(self, row: Row, shape: Shape) -> None:
        """Refuse a field that the answer is part of: an answer would choose its own schema."""
        changed = shape.with_response(row.value, _PROBE)
        if dig(changed, self._field) != dig(row.value, self._field):
            raise UsageError(f"--check schema:@{self._field}: that is the answer which is checked")
        self._apart = True

    def close(self) -> None:
        self._worker.close()


def instance(row: Row, shape: Shape) -> tuple[str, Any] | Verdict:
    """Return the JSON text of an answer and its value, or the verdict where there is none."""
    if reason := cut_off(row.value):
        return Verdict("fail", "cut_off", {"finish_reason": reason})
    text = shape.response(row.value)
    if text is None:
        return NO_TEXT
    try:
        return extract(text)
    except NoDocument as error:
        outcome: Outcome = "abstain" if error.reason == "several_documents" else "fail"
        return Verdict(outcome, error.reason, {"says": error.detail[: schemas.LONGEST]})


def _verdict(report: dict[str, Any], evidence: dict[str, Any]) -> Verdict:
    """Return the verdict for a report of the worker."""
    if report["valid"]:
        return Verdict("pass", "", evidence)
    if report["gave_up"]:
        return Verdict("error", "pattern_timeout", evidence)
    errors = [{"at": at, "says": says} for at, says in report["errors"]]
    return Verdict("fail", "invalid", evidence | {"errors": errors})


class Worker:
    """A process that answers questions on schemas; one that dies is replaced by the next question.

    It has no environment and no descriptor but its two pipes.
    """

    def __init__(self, seconds: float) -> None:
        self._argv = [sys.executable, "-I", schemas.__file__, str(seconds)]
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """Return the worker's answer, None where it died of the question: of time or memory."""
        if self._process is None:
            self._process = self._started()
        to, back = self._process.stdin, self._process.stdout
        body = None
        if to is not None and back is not None:
            with suppress(BrokenPipeError):
                schemas.write_frame(to, _encode(question))
                body = schemas.read_frame(back)
        if body is None:
            self.close()
            return None
        answer: dict[str, Any] = msgspec.json.decode(body)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        process = subprocess.Popen(  # noqa: S603 -- our own script, no text of a row
            self._argv, stdin=pipe, stdout=pipe, stderr=null, env={}, start_new_session=True
        )
        if process.stdout is None or schemas.read_frame(process.stdout) != schemas.READY:
            process.kill()
            process.communicate()
            raise Unreachable("the process that validates schemas does not start")
        return process

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
