"""Whether training on model output has begun to feed on itself.

In measured loops the tail of the real data goes first, while averages still look well; then the
spread, then quality. The share of real rows decides: half of them real reached a plateau, a tenth
did not, and no filter replaced them. So the trend names the recall of rare slices first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from synthgate.findings import Found
from synthgate.findings.sources import DUPLICATES

_HALF, _TENTH = 0.5, 0.1
THIS = "this run"
_DIGITS = 6


def collapse(
    generations: Mapping[tuple[int, bool], int],
    now: Found,
    earlier: Sequence[Found],
    blend: Mapping[str, Any] | None,
) -> Found:
    """Return the section. `generations` counts rows by (generation, is synthetic).

    `earlier` are the points of earlier runs, oldest first; `now` is that of this one; `blend` the
    manifest of blend.
    """
    trend = [*earlier, now]
    return {
        "shown": True,
        "generations": list(_histogram(generations)),
        "trend": trend,
        "projection": _projection(trend),
        "guards": list(guards(blend)),
    }


def _histogram(generations: Mapping[tuple[int, bool], int]) -> Iterator[Found]:
    """Yield, for each generation, its rows, how many of them are real, and its share of all."""
    rows: Counter[int] = Counter()
    real: Counter[int] = Counter()
    for (generation, synthetic), count in generations.items():
        rows[generation] += count
        real[generation] += 0 if synthetic else count
    total = rows.total()
    for generation in sorted(rows):
        of = rows[generation]
        yield {
            "generation": generation,
            "rows": of,
            "real": real[generation],
            "share": round(of / total, _DIGITS),
            "real_share": round(real[generation] / of, _DIGITS),
        }


def point(run: str, found: Mapping[str, Any], entropy: float | None) -> Found:
    """Return the figures of one run for the trend, from its report; None where not known."""
    mix = found["mix"]
    blend = found.get("blend") or {}
    known = [int(each) for each in found["provenance"].get("generation", {})]
    fraction = mix["real_fraction"] if mix["rows"] else blend.get("real_fraction")
    return {
        "run": run,
        "rows": mix["rows"],
        "real_fraction": fraction,
        "rare_recall": _rare(found.get("narrowing") or {}),
        "entropy": entropy,
        "duplicates": _duplicates(found["funnel"]),
        "generation_max": max(known, default=None),
        "unknown_generation": -1 in known,
    }


def _rare(narrowing: Mapping[str, Any]) -> float | None:
    """Return the recall of rare slices, that of rare words where no slices are known."""
    rare = narrowing.get("rare") or {}
    slices = [each for each in (rare.get("slices") or {}).values() if each.get("real")]
    parts = slices or ([rare["words"]] if rare.get("words") else [])
    real = sum(int(each.get("real", 0)) for each in parts)
    recalled = sum(int(each.get("recalled", 0)) for each in parts)
    return round(recalled / real, 4) if real else None


def _duplicates(funnel: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the share of rows that dedupe dropped as repeats, None where it did not run."""
    steps = [each for each in funnel if each["stage"] == "dedupe" and each["rows_in"]]
    if not steps:
        return None
    dropped = sum(int(steps[-1]["rejects"].get(reason, 0)) for reason in DUPLICATES)
    return round(dropped / int(steps[-1]["rows_in"]), 4)


# --- words ------------------------------------------------------------------------------


def _projection(trend: Sequence[Found]) -> str:
    """Return what is to be expected, in words that say no more than was measured."""
    return " ".join([*_of_share(trend[-1]), *_of_trend(trend)])


def _of_share(now: Found) -> Iterator[str]:
    share = now["real_fraction"]
    if share is None:
        yield "The share of real rows is not known, and it decides more than anything else here."
    elif share == 0:
        yield (
            "There is no real row. In measured loops of this kind the tail was gone within a few "
            "generations, whatever was filtered."
        )
    elif share < _TENTH:
        yield (
            f"{share:.1%} of the rows are real. In measured loops a tenth slowed the loss of the "
            "tail and did not stop it; this is less."
        )
    elif share < _HALF:
        yield (
            f"{share:.1%} of the rows are real. Measured loops reached a plateau with half; with a "
            "tenth they did not. Between the two nothing was measured."
        )
    else:
        yield (
            f"{share:.1%} of the rows are real. Measured loops with half kept most of the tail and "
            "did not run away. That shows no runaway, not that the synthetic rows help."
        )
    if now["generation_max"] is not None and now["generation_max"] > 1:
        yield f"Rows of generation {now['generation_max']} are in the set: made from made ones."
    if now["unknown_generation"]:
        yield "Some rows are of an unknown generation, and count as unsafe."


def _of_trend(trend: Sequence[Found]) -> Iterator[str]:
    if len(trend) < 2:
        yield "One run is no trend: name earlier ones with --earlier-run."
        return
    falls = [
        text
        for key, name, worse in (
            ("rare_recall", "the recall of rare slices", -1),
            ("entropy", "the entropy of words", -1),
            ("duplicates", "the share of duplicates", 1),
            ("real_fraction", "the share of real rows", -1),
        )
        if (text := _run_of(trend, key, name, worse))
    ]
    yield from falls
    if falls:
        yield "If nothing is changed, expect the next run to lie further on; how far is not known."
    else:
        yield f"Over {len(trend)} runs nothing got worse in every step."


def _run_of(trend: Sequence[Found], key: str, name: str, worse: int) -> str:
    """Return a sentence where a figure got worse in every step over at least two runs."""
    values = [each.get(key) for each in trend]
    known = [each for each in values if each is not None]
    if len(known) < 2 or len(known) < len(values) - 1:
        return ""
    steps = [worse * (after - before) for before, after in pairwise(known)]
    if not all(step > 0 for step in steps):
        return ""
    word = "rose" if worse > 0 else "fell"
    path = ", ".join(f"{each:.3g}" for each in known)
    return f"{name[:1].upper()}{name[1:]} {word} in every step: {path}."


def guards(blend: Mapping[str, Any] | None) -> Iterator[Found]:
    """Yield what blend guarded against, and which guards were off, from its manifest."""
    if blend is None:
        return
    said, found = blend["settings"], blend["findings"]
    wanted, achieved = found.get("wanted_fraction"), found.get("real_fraction")
    if wanted is not None and achieved is not None:
        yield _guard("real fraction", f"{achieved:.4g} of the output is real, wanted {wanted:.4g}")
    if "max_generation" in said:
        text = f"no synthetic row beyond generation {said['max_generation']}"
        if said.get("assume_generation", -1) >= 0:
            text += f"; an unknown generation was taken for {said['assume_generation']}"
        yield _guard("generation", text)
    if threshold := said.get("near_threshold"):
        what = "refused" if said.get("on_repeat") == "error" else "dropped"
        yield _guard(
            "repeats", f"a real row that is a synthetic one's twin ({threshold:g}) is {what}"
        )
    yield from _reasons(said, found)


def _reasons(said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Found]:
    """Yield what was audited and excluded, and which guards were off for what reason."""
    if said.get("unaudited"):
        yield _guard("audit", f"off: {said['unaudited']}")
    else:
        yield _guard("audit", "only rows that a certificate covers")
    if paths := said.get("exclude"):
        yield _guard("exclusions", f"{', '.join(map(str, paths))}, with all made from them")
    for key, name in (("no_real", "real rows"), ("allow_own_model", "own models")):
        if said.get(key):
            yield _guard(name, f"off: {said[key]}")
    if found.get("override"):
        yield _guard("overrides", str(found["override"]))


def _guard(name: str, words: str) -> Found:
    return {"guard": name, "words": words}
