"""The verdict of a report: which gate blocks, and what nobody has shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from synthgate.errors import GateStop, Incomplete
from synthgate.findings import Found

_LOOKS = ("narrowing", "inherited", "poison")
_REASON, _REASONS = 120, 3  # characters of a reason, and reasons, that the verdict has room for


def verdict(found: Mapping[str, Any]) -> Found:
    """Return the verdict over all other sections.

    `STOP` where a gate blocks; `NOT SHOWN` where none does, and the audit, the checks or the chain
    are not shown; `PASS` only where they are. What a gate said is repeated here, not judged anew:
    the exit codes are those with which the gates themselves end.
    """
    blocks, lacks, signs = list(_blocks(found)), list(_lacks(found)), list(_signs(found))
    unseen = [name for name in _LOOKS if not (found.get(name) or {}).get("shown")]
    word = "STOP" if blocks else "NOT SHOWN" if lacks else "PASS"
    return {
        "word": word,
        "blocks": blocks,
        "missing": lacks,
        "not_looked_at": unseen,
        "look_at": signs,
        "words": " ".join([_words(word, blocks, lacks, unseen), *_beside(signs)]),
    }


def _blocks(found: Mapping[str, Any]) -> Iterator[Found]:
    audit = found.get("audit") or {}
    if audit.get("verdict") == "STOP":
        yield _block("audit", GateStop.exit_code, audit.get("words", ""))
    elif audit.get("verdict") == "INCOMPLETE":
        yield _block("audit", Incomplete.exit_code, audit.get("words", ""))
    gate = (found.get("narrowing") or {}).get("gate") or {}
    if gate.get("stops"):
        yield _block("narrowing", GateStop.exit_code, gate.get("words", ""))
    poison = found.get("poison") or {}
    if poison.get("blocking") and not poison.get("removed"):
        words = f"{_count(poison['blocking'], 'finding')} of scan must not be trained on"
        yield _block("scan", GateStop.exit_code, words)


def _block(gate: str, code: int, words: str) -> Found:
    return {"gate": gate, "exit_code": code, "words": words}


def _lacks(found: Mapping[str, Any]) -> Iterator[Found]:
    """Yield what a PASS rests on and nobody has shown."""
    audit = found.get("audit")
    if not audit or audit.get("verdict") not in ("PASS", "STOP", "INCOMPLETE"):
        yield {"what": "audit", "words": "no audit of these rows is in the run folder"}
    if unverified := found["mix"]["unverified_synthetic"]:
        words = f"{unverified:,} synthetic rows are verified by nothing"
        yield {"what": "checks", "words": words}
    for link in found["chain"]:
        if link["read"] != "shown":
            yield {"what": f"chain: {link['stage']}", "words": link["why"]}


def _signs(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what no gate stops, and a person should look at."""
    yield from _switched_off((found.get("provenance") or {}).get("override") or {})
    measures = (found.get("narrowing") or {}).get("measures") or ()
    if narrower := sum(bool(each.get("narrower")) for each in measures):
        yield f"{narrower} of {len(measures)} measures are narrower than real data"
    inherited = found.get("inherited") or {}
    if weak := inherited.get("found"):
        fail = "fails" if weak == 1 else "fail"
        yield f"{_count(weak, 'slice')} {fail} verification more often than the rest"
    if cut := [each["field"] for each in inherited.get("tails") or () if each.get("cut")]:
        yield f"the checks cut the tail of {', '.join(cut)}"
    table = (found.get("sources") or {}).get("table") or ()
    if suspicious := sum(bool(each.get("suspicious")) for each in table):
        yield f"{_count(suspicious, 'source')} stand out"
    for each in (found.get("independence") or {}).get("checks") or ():
        if each["verdict"] == "same lineage":
            yield f"{each['check']} is of the lineage of what it judges"
            return


def _switched_off(overrides: Mapping[str, int]) -> Iterator[str]:
    """Yield which guards somebody answered for; a copy that `blend` made is none."""
    reasons = Counter[str]()
    for text, rows in overrides.items():
        for each in text.split("; "):
            if each and not each.startswith("repeated: use "):
                reasons[each] += rows
    if reasons:
        said = ", ".join(each[:_REASON] for each, _ in reasons.most_common(_REASONS))
        more = f" and {len(reasons) - _REASONS:,} more" if len(reasons) > _REASONS else ""
        yield f"guards were switched off in {_count(max(reasons.values()), 'row')}: {said}{more}"


def _beside(signs: list[str]) -> Iterator[str]:
    if signs:
        yield f"Look at: {'; '.join(signs)}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _words(word: str, blocks: list[Found], lacks: list[Found], unseen: list[str]) -> str:
    if word == "STOP":
        said = blocks[0]
        more = f" So does {', '.join(each['gate'] for each in blocks[1:])}." if blocks[1:] else ""
        text = f"The gate {said['gate']} blocks (exit code {said['exit_code']}): {said['words']}"
        return f"{text.rstrip('.')}.{more}"
    if word == "NOT SHOWN":
        said = lacks[0]
        more = f" Not shown, too: {', '.join(e['what'] for e in lacks[1:4])}." if lacks[1:] else ""
        return f"No gate blocks, but it is not shown that the set is good: {said['words']}.{more}"
    left = f" Not looked at: {', '.join(unseen)}." if unseen else ""
    return (
        f"The audit passed, every stage read what the one before wrote, and no gate blocks.{left}"
    )
