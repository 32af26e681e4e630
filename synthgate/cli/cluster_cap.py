"""Keep at most N rows of one semantic cluster, so that a generator's favourites do not take over.

density (default): a row is kept while fewer than N kept rows lie within the distance; exact up to
200,000 rows. kmeans and agglomerative cap each of --clusters groups. Rows are taken best first,
then by hash(seed, id), so their order in the file changes nothing.

What an embedder sees: static (English, offline) the words, tfidf (any language, offline) the
spelling, sentence-transformers:MODEL the meaning as the model knows it. A sentence and its negation
are near for all of them; a German sentence lies near 0.0 of its English twin for static, tfidf and
English models such as MiniLM. Memory: about 1.2 KiB a row; rows are read twice.

Example: synthgate cluster-cap unique.jsonl -o capped.jsonl --rejects crowd.jsonl
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synthgate.cli.common import Session
    from synthgate.clusters.gaps import Gaps
    from synthgate.clusters.summary import Summary
    from synthgate.config import ClusterCapPolicy
    from synthgate.rows import Decision
    from synthgate.stages.cluster_cap import Capping

COMMAND = Command("cluster-cap")
_SHOWN = 3


def run(io: Session, policy: ClusterCapPolicy) -> None:
    """Read rows, cap each semantic cluster, say what was lost and what is missing."""
    from synthgate.clusters.summary import Summary
    from synthgate.stages.cluster_cap import decide, plan, text_of
    from synthgate.verifiers.slices import Slices

    embedder = _embedder(io, policy)
    real = _real(io, policy)
    rows, shape = io.read(again=True)
    capping = plan(rows, shape, embedder, policy, io.options.seed)
    cap = policy.max_per_cluster
    groups, order, kept = capping.groups, capping.order, capping.kept
    summary = Summary(groups, kept, order, cap, capping.fields, capping.id_of)
    slices = Slices(capping.fields)

    def watch(number: int, decision: Decision) -> None:
        slices.add(decision.row, not decision.reason)
        if number in summary:
            summary.add(number, text_of(decision.row, shape, policy.on))

    io.settle(decide(rows, capping, policy, watch))
    io.manifest.slices = slices.as_json()
    _report(io, policy, capping, summary)
    if policy.against:
        _against(io, capping, real)


def _embedder(io: Session, policy: ClusterCapPolicy) -> Any:
    """Return the embedder that the policy names, with its cache."""
    from synthgate import registry
    from synthgate.embedders import Learner
    from synthgate.embedders.cache import Cached, CachedLearner
    from synthgate.jsonl.appending import open_log

    name, _, argument = policy.embedder.partition(":")
    embedder = registry.find("embedders", name)(argument)
    if not policy.cache or io.options.dry_run:
        return embedder
    store = io.enter_context(open_log(policy.cache, write=True))
    cached = CachedLearner if isinstance(embedder, Learner) else Cached
    return cached(embedder, store)


def _real(io: Session, policy: ClusterCapPolicy) -> list[tuple[str, str]]:
    """Return (id, text) of the real rows of --against.

    Real rows often are of another shape: one that has no prompt gives the text that it has.
    """
    from synthgate.embedders import MAX_CHARS
    from synthgate.errors import InputError
    from synthgate.stages.cluster_cap import text_of

    found = []
    for path in policy.against:
        rows, shape = io.reference(path, "against")
        for row in rows:
            text = text_of(row, shape, policy.on) or text_of(row, shape, "both")
            found.append((row.id, text[:MAX_CHARS]))
    if policy.against and not found:
        raise InputError(f"--against {policy.against[0]}: no rows")
    return found


# --- the end of a run -------------------------------------------------------------------


def _report(io: Session, policy: ClusterCapPolicy, capping: Capping, summary: Summary) -> None:
    """Record what the cap did, and say it in a few lines."""
    found = summary.as_json()
    saved = int((capping.kept & ~capping.groups.kept).sum())
    io.manifest.findings |= {
        "embedder": capping.embedder.identity,
        "threshold": capping.threshold,
        "exact": capping.groups.exact,
        "protected": saved,
        **found,
    }
    for line in _lost(found, policy.max_per_cluster):
        io.note(line)
    if policy.protect and saved:
        io.note(f"protected: {saved:,} rows kept that the cap would have cut")
    if not capping.groups.exact:
        io.note(f"{len(capping.order):,} rows: compared with the nearest cells only, not all rows")


def _lost(found: dict[str, Any], cap: int) -> Iterator[str]:
    """Yield a line for each of the clusters that lost most, and one for each kind of tail."""
    for each in found["lost_most"][:_SHOWN]:
        words = ", ".join(each["words"]) or "(no words)"
        yield f"full: {words}: {each['rows_out']:,} of {each['rows_in']:,} kept"
    if (more := found["clusters_that_lost_rows"] - _SHOWN) > 0:
        yield f"full: and {more:,} more clusters"
    if found["clusters_that_lost_rows"]:
        tails = {"clusters": found["tail"]}
        tails |= {f"slices of {name}": each for name, each in found["rare_slices"].items()}
        for what, each in tails.items():
            lost = f"lost {each['lost']:,} of {each['rows']:,} rows"
            yield f"tail: {lost} in {what} of {cap} or fewer"


def _against(io: Session, capping: Capping, real: list[tuple[str, str]]) -> None:
    """Record and say which clusters of the real rows have no row here."""
    found = _gaps(io, capping, real)
    io.manifest.findings["against"] = found.as_json()
    near = f"{found.near:,} of {found.rows:,} real rows have a row near them"
    io.note(f"against: {near}; {found.uncovered:,} of {found.clusters:,} real clusters have none")
    for each in found.largest[:_SHOWN]:
        words = ", ".join(each["words"]) or "(no words)"
        io.note(f"missing: {words}: {each['rows']:,} real rows, none here")


def _gaps(io: Session, capping: Capping, real: list[tuple[str, str]]) -> Gaps:
    import numpy as np

    from synthgate.clusters.gaps import gaps
    from synthgate.rows import lot
    from synthgate.stages.cluster_cap import embed

    texts = [text for _, text in real]
    lots = np.array([lot(io.options.seed, row_id) for row_id, _ in real], dtype=np.uint64)
    vectors = embed(capping.embedder, texts)
    order = np.argsort(lots, kind="stable")
    return gaps(texts, vectors, order, capping.kept_vectors(), capping.threshold)
