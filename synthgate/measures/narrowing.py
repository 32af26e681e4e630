"""The section `narrowing` of the report: six measures of rows against real data.

Time and memory depend on the rows that are dealt (`deals.MOST` a part), not on how many there are:
beside a hash a row, the vectors and words of 14,000 texts at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.measures import Sample

if TYPE_CHECKING:
    from synthgate.clusters import Vectors
    from synthgate.measures.compared import Compared, Measure
    from synthgate.measures.deals import Table
    from synthgate.measures.text import Words

_BATCH = 1024
_LANGUAGES = 1000  # rows a side whose language is told

Found = list[tuple["Measure", "Compared"]]


def narrowing(
    rows: Sample, real: Sample, seed: str, *, limit: float | None = None
) -> dict[str, Any]:
    """Return whether rows say less than real rows do, and what is missing.

    `limit` is the share by which a measure may fall (0.1: a tenth less than in real data) before
    the gate stops. Without it nothing stops, and narrower is what is off by more than a tenth.
    """
    from synthgate.measures import deals
    from synthgate.measures.scripts import languages, script, shares
    from synthgate.measures.slices import rare_slices

    if len(rows.texts) < deals.FEWEST or len(real.texts) < 3 * deals.FEWEST:
        return {"shown": False, "why": _too_few(len(rows.texts), len(real.texts))}
    table = deals.table(seed, rows, real)
    ours, theirs = table.texts[: table.rows], table.texts[table.rows :]
    spoken, why = languages(ours[:_LANGUAGES], theirs[:_LANGUAGES])
    found = _found(table, limit)
    found["rare"]["slices"] = rare_slices(rows.slices, real.slices)
    return {
        "shown": True,
        "rows": len(rows.texts),
        "real": len(real.texts),
        "compared": table.size,
        "dealt": {"rows": table.rows, "real": table.real},
        "languages": spoken,
        "languages_why": why,
        "scripts": shares(ours, theirs, script),
        **found,
    }


def _too_few(rows: int, real: int) -> str:
    from synthgate.measures.deals import FEWEST

    needed = f"{FEWEST} and {3 * FEWEST} are needed"
    return f"{rows} rows and {real} real rows are too few to compare: {needed}"


def _found(table: Table, limit: float | None) -> dict[str, Any]:
    """Return the measures, what is missing by name, and what the gate says."""
    import numpy as np

    from synthgate.measures.compared import LIMIT
    from synthgate.measures.holes import holes
    from synthgate.measures.lengths import quantiles
    from synthgate.measures.rare import missing
    from synthgate.measures.text import words_of
    from synthgate.measures.vocabulary import vocabulary

    vectors, words = _vectors(table.texts), words_of(table.texts)
    results = measured(table, vectors, words)
    ours, theirs = np.arange(table.rows), table.rows + np.arange(table.real)
    named, clusters = holes(table.texts, vectors, table.rows)
    return {
        "measures": [_described(*each, LIMIT if limit is None else limit) for each in results],
        "worst": _worst(results),
        "clusters": named,
        "clusters_all": clusters,
        "words": vocabulary(words, ours, theirs),
        "lengths": quantiles(table.texts, table.rows),
        "rare": {"words": missing(words, ours, theirs)},
        "gate": _gate(results, limit),
    }


def measured(table: Table, vectors: Vectors, words: Words) -> Found:
    """Return the six measures and what each of them says."""
    from synthgate.measures.clusters import Clusters
    from synthgate.measures.compared import compared
    from synthgate.measures.compression import Compression
    from synthgate.measures.lengths import Lengths
    from synthgate.measures.neighbours import Neighbours
    from synthgate.measures.rare import Rare
    from synthgate.measures.words import InCommon

    measures: list[Measure] = [
        Compression(table),
        Clusters(table, vectors),
        InCommon(table, words),
        Neighbours(table, vectors),
        Lengths(table),
        Rare(table, words),
    ]
    return [(each, compared(table, each)) for each in measures]


def _described(measure: Measure, found: Compared, limit: float) -> dict[str, Any]:
    return {
        "name": measure.name,
        "title": measure.title,
        "value": round(found.value, 6),
        "real": round(found.real, 6),
        "ratio": round(found.ratio, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "band": [round(each, 4) for each in found.band],
        "outside": found.outside,
        "directed": measure.directed,
        "narrower": measure.directed and found.narrower(limit),
        "effect": round(found.effect, 4),
        "sees": measure.sees,
        "misses": measure.misses,
    }


def _worst(results: Found) -> str:
    """Return the measure that is furthest below real data beyond chance, "" where none is."""
    below = [(found.effect, each.name) for each, found in results if _below(each, found)]
    return max(below)[1] if below else ""


def _below(measure: Measure, found: Compared) -> bool:
    return measure.directed and found.narrower(0.0)


def _gate(results: Found, limit: float | None) -> dict[str, Any]:
    if limit is None:
        return {"limit": None, "stops": False, "words": "no limit is set (--max-narrowing)"}
    over = [(each, found) for each, found in results if each.directed and found.narrower(limit)]
    said = ", ".join(
        f"{each.title.lower()} is {found.effect:.0%} less than in real rows "
        f"(95 % interval of the ratio {found.low:.2f} to {found.high:.2f}, "
        f"chance {found.band[0]:.2f} to {found.band[1]:.2f})"
        for each, found in over
    )
    fine = f"no measure is both beyond chance and more than {limit:.0%} less than in real rows"
    return {"limit": limit, "stops": bool(over), "words": said or fine}


def summary(rows: Sample, real: Sample, seed: str = "") -> dict[str, float]:
    """Return a few cheap figures of one run, to be set beside those of other runs.

    `rare_recall`: share of the words that stand once or twice in the real rows, and of their rare
    slices, that the rows have (a mean over words and fields); `entropy`: of the words, in bits;
    both of as many rows as there are real ones, 5,000 at most, so that runs of different size can
    be compared; `duplicates`: share of all rows that repeat an earlier one, but for case and white
    space.
    """
    from synthgate.measures.trend import figures

    return figures(rows, real, seed)


def _vectors(texts: list[str]) -> Vectors:
    import numpy as np

    from synthgate.embedders.static import Static

    embedder = Static()
    parts = [embedder.embed(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
    return np.concatenate(parts)
