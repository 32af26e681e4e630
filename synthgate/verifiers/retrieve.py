"""The check `retrieve:CORPUS`: every claim of the response stands in a trusted corpus.

The response is cut into sentences; for each claim the best passages are looked up (BM25) and one
sentence of one passage must say the same: numbers, units, dates, names, negations and every other
word, in order. Without `--nli` that accepts near-quotes only; a paraphrase abstains.
Memory: the corpus and its index, about three times the size of its text (and the NLI model).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.verifiers import Bench, Outcome, Verdict, Verifier
from synthgate.verifiers.retrieval.claims import Sentence, claims, clean
from synthgate.verifiers.retrieval.compare import Match, compare
from synthgate.verifiers.retrieval.counting import FACTS, Token
from synthgate.verifiers.retrieval.nli import Entailment, load
from synthgate.verifiers.retrieval.passages import Corpus, Passage, documents

TOP = 8  # passages looked at for a claim
ASKED = 3  # of them, passages that an NLI model is asked about
FLOOR = 0.5  # share of a claim that a sentence must have for it to be evidence at all
CERTAIN = 0.9  # probability at which an NLI model decides
MOST_CLAIMS = 64
MOST_TOKENS = 240
MOST_CHARS = 100_000
EVIDENCE = 3500  # bytes of the claims in a row's evidence
_SHOWN = 160  # characters of a claim or a quote in it

NO_RESPONSE = Verdict("abstain", "no_response")
NO_CLAIMS = Verdict("abstain", "no_claims")


class Finding(NamedTuple):
    """What the corpus says of one claim; `quote` is the nearest sentence, `at` its place."""

    claim: str
    outcome: Outcome
    reason: str
    score: float
    passage: Passage | None = None
    quote: str = ""
    at: int = 0
    bm25: float = 0.0
    differs: str = ""
    entailment: float = -1.0

    def shown(self) -> dict[str, Any]:
        """Return the finding as JSON: where the passage is, and what in it is like the claim."""
        line: dict[str, Any] = {"claim": _short(self.claim), "verdict": self.outcome}
        line |= {"reason": self.reason} if self.reason else {}
        line |= {"differs": self.differs} if self.differs != self.reason else {}
        line["score"] = round(self.score, 3)
        if self.passage is not None:
            line |= {"doc": self.passage.document.name, "passage": self.passage.digest}
            line |= {"bm25": round(self.bm25, 2), "quote": _short(self.quote)}
            line["span"] = [self.at, self.at + len(self.quote)]
        return line | ({"nli": round(self.entailment, 3)} if self.entailment >= 0 else {})


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "\u2026"


def build(argument: str, bench: Bench) -> Retrieve:
    """Return the check against the rows of a corpus, which is read once."""
    if not argument:
        raise UsageError("--check retrieve: name the trusted corpus, as in retrieve:corpus.jsonl")
    model = load(bench.policy.nli) if bench.policy.nli else None
    rows, shape = bench.rows(argument)
    return Retrieve(Corpus(argument, documents(argument, rows, shape)), model)


class Retrieve(Verifier):
    """Looks for each claim of the response in a corpus."""

    name = "retrieve"
    kind = "retrieval"

    def __init__(self, corpus: Corpus, model: Entailment | None = None) -> None:
        self._corpus, self._model = corpus, model
        self.config = {
            "corpus": corpus.digest,
            "settings": [TOP, ASKED, FLOOR, CERTAIN, MOST_CLAIMS, MOST_TOKENS, MOST_CHARS],
            "nli": [model.name, model.digest] if model else [],
        }

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass where every claim is supported, fail where one is contradicted."""
        response = shape.response(row.value)
        if not response or not response.strip():
            return NO_RESPONSE
        if len(response) > MOST_CHARS:
            return Verdict("abstain", "too_long", {"chars": len(response)})
        stated = list(claims(clean(response)))
        if not stated:
            return NO_CLAIMS
        if len(stated) > MOST_CLAIMS:
            return Verdict("abstain", "too_many_claims", {"claims": len(stated)})
        return _together([self._find(claim, row.id) for claim in stated])

    def _find(self, claim: Sentence, row: str) -> Finding:
        """Return what the corpus says of one claim; a row's own text in it says nothing."""
        words = self._corpus.read(claim.text)
        if len(words) > MOST_TOKENS:
            return Finding(claim.text, "abstain", "unsupported", 0.0)
        found = self._corpus.search(claim.text, TOP, row)
        best = Finding(claim.text, "abstain", "no_evidence", 0.0)
        for passage, bm25 in found:
            best = max(best, self._in_passage(claim.text, words, passage, bm25), key=_rank)
            if best.outcome == "pass":
                return best
        if self._model is None or (best.outcome == "fail" and best.reason != "negation"):
            return best
        return self._asked(self._model, best, words, found)

    def _in_passage(self, claim: str, words: list[Token], passage: Passage, bm25: float) -> Finding:
        """Return the best that one passage says of a claim."""
        best = Finding(claim, "abstain", "no_evidence", 0.0)
        norms = {token.norm for token in words}
        for sentence, theirs in self._corpus.statements(passage):
            if 2 * len(norms & {token.norm for token in theirs}) < len(norms):
                continue
            match = compare(words, theirs)
            outcome, reason = _judged(match)
            at = passage.start + sentence.start
            found = Finding(
                claim, outcome, reason, match.score, passage, sentence.text, at, bm25, match.differs
            )
            best = max(best, found, key=_rank)
        return best

    def _asked(
        self,
        model: Entailment,
        best: Finding,
        words: list[Token],
        found: list[tuple[Passage, float]],
    ) -> Finding:
        """Return what a model makes of it, in passages that hold every fact of the claim."""
        facts = {token.norm for token in words if token.kind in FACTS}
        fit = [(passage, bm25) for passage, bm25 in found if facts <= self._norms(passage)][:ASKED]
        if not fit:
            return best
        opinions = model.opinions([(passage.text, best.claim) for passage, _ in fit])
        against = max(opinion.contradiction for opinion in opinions)
        if against >= CERTAIN:
            at = [opinion.contradiction for opinion in opinions].index(against)
            return _by_model(best, "fail", "contradiction", against, fit[at], opinions[at][0])
        entailed = max(opinion.entailment for opinion in opinions)
        if entailed >= CERTAIN:
            at = [opinion.entailment for opinion in opinions].index(entailed)
            return _by_model(best, "pass", "", entailed, fit[at], entailed)
        return best._replace(entailment=entailed)

    def _norms(self, passage: Passage) -> set[str]:
        statements = self._corpus.statements(passage)
        return {token.norm for statement in statements for token in statement.tokens}


def _judged(match: Match) -> tuple[Outcome, str]:
    if not match.differs:
        return "pass", ""
    if match.score < FLOOR:
        return "abstain", "no_evidence"
    return ("fail", match.differs) if match.contradicts else ("abstain", "unsupported")


def _rank(finding: Finding) -> tuple[int, float]:
    """Order findings: support before contradiction, that before no support, then the nearest."""
    order = {"pass": 2, "fail": 1, "abstain": 0, "error": 0}
    return order[finding.outcome], finding.score


def _by_model(
    best: Finding,
    outcome: Outcome,
    reason: str,
    score: float,
    where: tuple[Passage, float],
    entailment: float,
) -> Finding:
    passage, bm25 = where
    decided = Finding(
        best.claim, outcome, reason, score, passage, passage.text, passage.start, bm25
    )
    return decided._replace(entailment=entailment)


def _together(findings: list[Finding]) -> Verdict:
    """Return the verdict on a row from those on its claims: the worst of them decides."""
    worst = sorted(findings, key=_severity)
    first = worst[0]
    evidence: dict[str, Any] = {
        "claims": len(findings),
        "supported": sum(each.outcome == "pass" for each in findings),
        "score": round(min(each.score for each in findings), 3),
        "found": _bounded([each.shown() for each in worst]),
    }
    return Verdict(first.outcome, first.reason, evidence)


def _severity(finding: Finding) -> tuple[int, float]:
    order = {"fail": 0, "abstain": 2, "pass": 3}
    severity = 1 if finding.reason == "no_evidence" else order[finding.outcome]
    return severity, finding.score


def _bounded(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many lines as the evidence of one row may hold, the worst first."""
    size, kept = 0, []
    for line in lines:
        size += len(json.dumps(line, ensure_ascii=False).encode()) + 2
        if size > EVIDENCE:
            break
        kept.append(line)
    return kept
