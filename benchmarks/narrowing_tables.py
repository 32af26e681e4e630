"""The tables of docs/evidence.md about narrowing, from benchmarks/results/narrowing.json."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

NAMES = ("compression", "clusters", "words", "neighbours", "lengths", "rare")
TAILS = {"lm": "rare wording", "density": "outliers", "topics": "topics"}
DIRECTED = tuple(name for name in NAMES if name != "words")
BEGIN, END = "<!-- power:begin -->", "<!-- power:end -->"
Known = dict[tuple[Any, ...], Any]


# --- what was measured, counted -------------------------------------------------------------


def counted(known: Known) -> dict[str, Any]:
    """Return the results of all runs as counts and means."""
    nulls = _groups(known, "null", lambda key: (key[1],))
    powers = _groups(known, "power", lambda key: (key[1], key[2], key[3], key[4]))
    return {
        "null": [{"corpus": key[0], **_null(runs)} for key, runs in nulls.items()],
        "power": [
            {"corpus": key[0], "n": key[1], "tail": key[2], "dropped": key[3], **_power(runs)}
            for key, runs in sorted(powers.items())
        ],
        "generated": [
            _model(key[1], found) for key, found in known.items() if _is(key, "generated")
        ],
        "cost": [
            {"rows": key[1], "characters": key[2], **found}
            for key, found in known.items()
            if _is(key, "cost")
        ],
    }


def _is(key: tuple[Any, ...], kind: str) -> bool:
    return bool(key[0] == kind)


def _groups(
    known: Known, kind: str, group: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> dict[tuple[Any, ...], list[Any]]:
    found: dict[tuple[Any, ...], list[Any]] = {}
    for key, result in known.items():
        if key[0] == kind:
            found.setdefault(group(key), []).append(result)
    return found


def _null(runs: list[Any]) -> dict[str, Any]:
    """Count in how many splits a measure is outside, below, fires; and any of the six."""

    def count(flag: str) -> dict[str, int]:
        by_name = {name: sum(run["measures"][name][flag] for run in runs) for name in NAMES}
        any_of_them = sum(any(run["measures"][name][flag] for name in NAMES) for run in runs)
        return {**by_name, "any": any_of_them}

    held = {name: sum(_holds(run["measures"][name]) for run in runs) / len(runs) for name in NAMES}
    return {
        "splits": len(runs),
        "outside": count("outside"),
        "below": count("below"),
        "fires": count("fires"),
        "interval_holds_1": {name: round(share, 3) for name, share in held.items()},
        "holes": sum(run["holes"] > 0 for run in runs),
    }


def _holds(found: dict[str, Any]) -> bool:
    return bool(found["low"] <= 1 <= found["high"])


def _power(runs: list[Any]) -> dict[str, Any]:
    """Return the share of runs in which each measure sees the loss, and its mean ratio."""
    shares, ratios = {}, {}
    for name in NAMES:
        flag = "outside" if name == "words" else "below"
        shares[name] = round(sum(run["measures"][name][flag] for run in runs) / len(runs), 3)
        if name in DIRECTED:
            ratios[name] = round(sum(run["measures"][name]["ratio"] for run in runs) / len(runs), 3)
    for flag in ("below", "fires"):
        seen = [any(run["measures"][name][flag] for name in NAMES) for run in runs]
        shares[flag] = round(sum(seen) / len(runs), 3)
    return {"runs": len(runs), "seen": shares, "ratio": ratios}


def _model(name: str, found: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "ratio", "low", "high", "band", "narrower")
    measures = [{key: each[key] for key in keys} for each in found["measures"]]
    named = [each["words"] for each in found["clusters"]]
    return {"model": name, "rows": found["rows"], "measures": measures, "holes": named[:5]}


# --- tables ----------------------------------------------------------------------------------


def tables(found: dict[str, Any]) -> str:
    """Return the section of docs/evidence.md between its marks."""
    return "\n".join([*_about(found), *_null_table(found), *_power_tables(found), *_rest(found)])


def _about(found: dict[str, Any]) -> Iterator[str]:
    runs = {row["n"]: row["runs"] for row in found["power"]}
    yield "## Narrowing"
    yield ""
    yield (
        "`python benchmarks/narrowing.py null|power|generated|cost`, then `write`. Rows are"
        " compared with three times as many real rows, without labels. *Below* is below the band"
        " of chance in the direction of narrowing (for words: outside it, either way); *gate* is"
        " that and more than 10 % off."
    )
    yield ""
    yield (
        "Runs a cell: "
        + ", ".join(f"{count} at n = {n}" for n, count in sorted(runs.items()))
        + "."
    )
    yield ""


def _null_table(found: dict[str, Any]) -> Iterator[str]:
    yield "### Fresh real-versus-real splits: how many fire"
    yield ""
    yield (
        "Nine of ten splits have 100 or 400 rows, one has 1,600; rows and real rows are disjoint,"
        " and no split was used to set anything."
    )
    yield ""
    yield (
        "| corpus | splits | "
        + " | ".join(NAMES)
        + " | any below | gate | outside, either way | a cluster named |"
    )
    yield "|---" * 12 + "|"
    for row in found["null"]:
        cells = [str(row["below"][name]) if name != "words" else "-" for name in NAMES]
        ends = [row["below"]["any"], row["fires"]["any"], row["outside"]["any"], row["holes"]]
        yield (
            f"| {row['corpus']} | {row['splits']} | " + " | ".join([*cells, *map(str, ends)]) + " |"
        )
    yield ""
    yield "Share of these splits whose 95 % interval holds 1:"
    yield ""
    yield "| corpus | " + " | ".join(DIRECTED) + " |"
    yield "|---" * 6 + "|"
    for row in found["null"]:
        cells = [f"{row['interval_holds_1'][name]:.2f}" for name in DIRECTED]
        yield f"| {row['corpus']} | " + " | ".join(cells) + " |"
    yield ""


def _power_tables(found: dict[str, Any]) -> Iterator[str]:
    yield "### Dropped tails: share of runs that see it, and the mean ratio to real rows"
    for corpus in dict.fromkeys(row["corpus"] for row in found["power"]):
        yield ""
        yield f"| {corpus}: n | dropped | " + " | ".join(NAMES) + " | any below | gate |"
        yield "|---" * 10 + "|"
        for row in found["power"]:
            if row["corpus"] == corpus:
                seen, ratio = row["seen"], row["ratio"]
                cells = [_seen(name, seen, ratio) for name in NAMES]
                ends = [f"{seen['below']:.2f}", f"{seen['fires']:.2f}"]
                lost = f"{row['dropped']} % {TAILS[row['tail']]}"
                yield f"| {row['n']} | {lost} | " + " | ".join([*cells, *ends]) + " |"
    yield ""


def _seen(name: str, seen: dict[str, float], ratio: dict[str, float]) -> str:
    return f"{seen[name]:.2f}" + (f" ({ratio[name]:.2f})" if name in ratio else "")


def _rest(found: dict[str, Any]) -> Iterator[str]:
    yield "### What two small models wrote, beside banking77"
    yield ""
    yield "Raw output, nothing filtered: ratio to real rows [95 % interval], band of chance."
    yield ""
    yield "| model | rows | " + " | ".join(NAMES) + " |"
    yield "|---" * 8 + "|"
    for row in found["generated"]:
        cells = [_cell(each) for each in row["measures"]]
        yield f"| {row['model']} | {row['rows']} | " + " | ".join(cells) + " |"
    yield ""
    for row in found["cost"]:
        yield (
            f"Cost: {row['rows']:,} rows of {row['characters']} characters and as many real ones:"
            f" {row['seconds']:.0f} CPU seconds, {row['memory']} MiB for the whole process."
        )
        yield ""


def _cell(each: dict[str, Any]) -> str:
    low, high = each["band"]
    text = f"{each['ratio']:.2f} [{each['low']:.2f}, {each['high']:.2f}], {low:.2f}-{high:.2f}"
    return f"**{text}**" if each["narrower"] else text


def put(page: str, section: str) -> str:
    """Return the page with the section between its marks, at the end where there are none."""
    block = f"{BEGIN}\n{section.rstrip()}\n{END}\n"
    if BEGIN in page:
        return page[: page.index(BEGIN)] + block + page[page.index(END) + len(END) + 1 :]
    return page.rstrip() + "\n\n" + block
