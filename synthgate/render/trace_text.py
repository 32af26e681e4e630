"""A trace as plain text: the same lines on a terminal, in a pipe and in a log."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from synthgate.text import printable

_SOURCES = ("source", "made from source")
_MOST, _FEW = 5, 2  # values of a kind; prompts of an answer
_ASKED = 200  # characters of a prompt
_HEIRS = 10  # descendants
CERTAIN = 0.05
_NAME = 32  # characters of a name
Json = dict[str, Any]


def text(found: Json) -> list[str]:
    """Return the lines; control characters of names and rows are shown as escapes."""
    lines: list[str] = []
    if "matched" in found:
        lines += [*_matched(found), *_exclusion(found), *_sets(found["sets"])]
    if "lineage" in found:
        lines += _lineage(found["lineage"])
    return [printable(line) for line in lines]


def _matched(found: Json) -> Iterator[str]:
    counts = found["matched"]
    share = counts["matched"] / counts["rows"] if counts["rows"] else 0.0
    query = ", ".join(f"{key} {value}" for key, value in found["query"].items())
    yield f"{counts['matched']:,} of {counts['rows']:,} rows match ({share:.2%}): {query}"
    if counts["untold"]:
        yield f"{counts['untold']:,} rows could not be told: the pattern took too long on them"
    for each in found["examples"]:
        yield f"  {each['file']}:{each['line']} {each['id'][:12]}: {each['text']}"
    if counts["matched"]:
        yield from _ranking(found["ranking"], counts["compared"])


def _ranking(ranking: list[Json], compared: dict[str, int]) -> Iterator[str]:
    yield f"{'':<2}{'':<{_NAME}}{'rows':>9}{'match':>8}{'share':>8}{'lift':>8}  corrected p"
    for kind, values in compared.items():
        mine = [each for each in ranking if each["kind"] == kind]
        if values < 2:
            yield f"{kind}: one for all rows, nothing to compare"
            continue
        certain = [each for each in mine if each["corrected"] < CERTAIN]
        none = "" if certain else ", none stands out"
        yield f"{kind}: {len(mine):,} of {values:,} with a match{none}"
        yield from map(_line, certain[:_MOST])
        if len(certain) > _MOST:
            yield f"  and {len(certain) - _MOST:,} more that stand out: --json FILE names all"


def _line(each: Json) -> str:
    mark, name = "*" if each["corrected"] < CERTAIN else " ", printable(each["value"])
    name = name if len(name) < _NAME else name[: _NAME - 4] + "..."
    counts = f"{each['rows']:>9,}{each['matched']:>8,}{each['share']:>8.1%}{each['lift']:>8.1f}"
    chance = f"{each['corrected']:.2g}" if each["corrected"] else "< 1e-300"
    return f"{mark} {name:<{_NAME}}{counts}  {chance}"


def _exclusion(found: Json) -> Iterator[str]:
    said = found["exclusion"]
    if not found["matched"]["matched"] and not said["ids"]:
        return
    what = ", ".join(said["exclude"])
    where = f"written to {said['file']}" if "file" in said else "--exclude-out FILE writes it"
    yield (
        f"exclusion of {what}: {said['named']:,} rows, and {said['descendants']:,} that were made "
        f"from them; {where}"
    )
    whole = filter(_whole_source, found["ranking"])
    best = max(whole, key=lambda each: each["lift"], default=None)
    if best is not None and "file" not in said and said["exclude"] == ["matches"]:
        yield f"the whole source: --exclude {shlex.quote('source:' + best['value'])}"


def _whole_source(each: Json) -> bool:
    """Tell whether a source stands out, and has a name that is safe to paste."""
    safe = printable(each["value"]) == each["value"]
    return bool(each["kind"] in _SOURCES and each["corrected"] < CERTAIN and safe)


def _sets(sets: list[Json]) -> Iterator[str]:
    for each in sets:
        where = f"{each['what']} {each['path']} ({each['rows']:,} rows)"
        if each["excluded"] is None:
            yield f"not shown: {where}: its rows are not there, and its manifest does not say"
        elif each["excluded"]:
            by = "" if each["shown_by"] == "rows" else f" (by its {each['shown_by']})"
            yield f"contains {each['excluded']:,} of these rows{by}: {where}"
    if any(each["excluded"] for each in sets):
        yield "models that were trained on these need retraining"


def _lineage(entries: list[Json]) -> Iterator[str]:
    below = [each for each in entries if each["relation"] == "descendant"]
    for each in (each for each in entries if each["relation"] != "descendant"):
        yield from _relative(each)
    for each in below[:_HEIRS]:
        yield from _relative(each)
    if len(below) > _HEIRS:
        yield f"and {len(below) - _HEIRS:,} more descendants: --json FILE names all"


def _relative(each: Json) -> Iterator[str]:
    if "missing" in each:
        yield f"{each['relation']} {each['id']}: {each['missing']}"
        return
    made = each["generator"] or ("no generator named" if each["synthetic"] else "real")
    yield f"{each['relation']} {each['id']}"
    yield f"  {made}, generation {each['generation']}, source {each['source']}"
    for asked in each["asked"][:_FEW]:
        told = " | ".join(str(turn.get("content", "")) for turn in asked["messages"])
        yield f"  asked: {told[:_ASKED]} ({asked['journal']})"
    yield f"  {each['text']}"
    dropped = f"; dropped by {', '.join(each['rejected'])}" if each["rejected"] else ""
    yield f"  in {', '.join(each['places'])}{dropped}"
