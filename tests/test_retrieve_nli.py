"""The check `retrieve` with an NLI model: what it may decide, and what it may never overrule."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.rows import Row
from synthgate.verifiers import Bench, Verdict
from synthgate.verifiers.retrieve import Retrieve, build
from tests.conftest import synthgate, write_rows

TEXT = "Anna sold 30 boats in Oslo. The old harbour does not open in winter."
TWO = "Anna sold 30 boats in Oslo. Bertha sold 31 boats in Oslo."
NLI = {0: "contradiction", 1: "entailment", 2: "neutral"}
YES, NO, UNSURE = (0.02, 0.95, 0.03), (0.95, 0.02, 0.03), (0.05, 0.8, 0.15)
Scores = tuple[float, float, float]


def row(value: dict[str, Any]) -> Row:
    return read(json.dumps(value).encode(), "c.jsonl", 1, Stamp().provenance)


def pretending(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    answer: Callable[[str, str], Scores],
    labels: dict[int, str] = NLI,
    text: str = TEXT,
) -> Retrieve:
    """Return the check with a stand-in for the library at the far end."""

    class CrossEncoder:
        def __init__(self, path: str, *, local_files_only: bool, trust_remote_code: bool) -> None:
            assert (path, local_files_only, trust_remote_code) == (str(folder), True, False)
            self.config = SimpleNamespace(id2label=labels)
            self.model = SimpleNamespace(state_dict=dict)

        def predict(
            self, pairs: Sequence[list[str]], *, apply_softmax: bool, show_progress_bar: bool
        ) -> list[Scores]:
            assert apply_softmax
            assert not show_progress_bar
            return [answer(premise, claim) for premise, claim in pairs]

    library = ModuleType("sentence_transformers")
    library.CrossEncoder = CrossEncoder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    rows = [row({"text": text})]
    policy = VerifyPolicy(nli=str(folder))
    return build("c", Bench(policy, lambda _: (rows, named("text")), str))


def says(check: Retrieve, response: str) -> Verdict:
    return check.check(row({"input": "?", "output": response}), named("input/output"))


@pytest.mark.parametrize(
    ("claim", "scores", "outcome", "reason"),
    [
        ("In Oslo, 30 boats were sold by Anna.", YES, "pass", ""),
        ("In Oslo, 30 boats were sold by Anna.", UNSURE, "abstain", "no_evidence"),
        ("In Oslo, 30 boats were bought by Anna.", NO, "fail", "contradiction"),
        ("The old harbour does open in winter.", NO, "fail", "contradiction"),
        ("The old harbour does open in winter.", UNSURE, "fail", "negation"),
        ("The old harbour never opens in winter.", YES, "pass", ""),
        ("Anna sold 31 boats in Oslo.", YES, "fail", "number"),
        ("In Oslo, 31 boats were sold by Anna.", YES, "abstain", "no_evidence"),
        ("In Oslo, 30 boats were sold by Bertha.", YES, "abstain", "no_evidence"),
        ("Anna sold 30 boats in Oslo.", NO, "pass", ""),
    ],
)  # fmt: skip
def test_who_decides(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    claim: str,
    scores: Scores,
    outcome: str,
    reason: str,
) -> None:
    """A model accepts paraphrases and settles negations; facts that differ it cannot overrule."""
    verdict = says(pretending(monkeypatch, tmp_path, lambda *_: scores), claim)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_swap_within_a_passage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A model that would accept the other one's number is not asked."""
    check = pretending(monkeypatch, tmp_path, lambda *_: YES, text=TWO)
    verdict = says(check, "Anna sold 31 boats in Oslo.")
    assert verdict.outcome == "fail"
    assert verdict.reason in ("number", "entity")


def test_the_passage_is_the_premise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The model is asked whether the passage entails the claim, not the other way round."""
    asked = []
    claim = "In Oslo, 30 boats were sold by Anna."
    check = pretending(monkeypatch, tmp_path, lambda *pair: asked.append(pair) or YES)
    found = says(check, claim).evidence["found"][0]
    assert asked == [(TEXT, claim)]
    assert found["nli"] == 0.95
    assert check.config["nli"][0] == str(tmp_path)


@pytest.mark.parametrize(
    "labels", [{0: "LABEL_0"}, {0: "entailment", 1: "not_entailment"}, {0: "positive"}]
)
def test_labels_must_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, labels: dict[int, str]
) -> None:
    """A model that does not say which of its labels is entailment and contradiction is refused."""
    with pytest.raises(UsageError, match="no NLI model"):
        pretending(monkeypatch, tmp_path, lambda *_: YES, labels)


def test_what_ends_with_two(tmp_path: Path) -> None:
    """No such folder, no library and a folder without a model each end with 2 and say so."""
    corpus = write_rows(tmp_path / "c.jsonl", [{"text": TEXT}])
    rows = write_rows(tmp_path / "in.jsonl", [{"input": "?", "output": "a"}])
    argv = ("verify", rows, "--check", f"retrieve:{corpus}", "--nli")
    done = synthgate(*argv, tmp_path / "none")
    assert (done.code, "no such folder" in done.err) == (2, True)
    done = synthgate(*argv, tmp_path)
    installed = importlib.util.find_spec("sentence_transformers")
    expected = "not a cross-encoder" if installed else "pip install 'synthgate[semantic]'"
    assert (done.code, expected in done.err) == (2, True), done.err


def test_a_real_model(tmp_path: Path) -> None:
    """A small untrained BERT goes through the library, offline; what it says is in bounds."""
    for name in ("torch", "sentence_transformers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"SKIPPED: {name} is not installed (the extra [semantic])")
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "anna", "sold", "boats", "in", "oslo"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, id2label=NLI, label2id={v: k for k, v in NLI.items()},
    )  # fmt: skip
    digests, rows = [], [row({"text": TEXT})]
    for _ in range(2):
        folder = tmp_path / f"model{len(digests)}"
        BertForSequenceClassification(config).save_pretrained(folder)
        BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(folder)
        policy = VerifyPolicy(nli=str(folder))
        check = build("c", Bench(policy, lambda _: (rows, named("text")), str))
        found = says(check, "In Oslo, 30 boats were sold by Anna.").evidence["found"][0]
        assert 0.0 <= found["nli"] <= 1.0
        digests.append(check.config["nli"][1])
    assert digests[0] != digests[1], "other weights, another check"
