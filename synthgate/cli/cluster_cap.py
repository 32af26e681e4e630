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

from synthgate.cli.options import Command, Declaring, Shaping, Spreading, Stamping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synthgate.cli.common import Session
    from synthgate.clusters.gaps import Gaps
    from synthgate.config import ClusterCapPolicy
    from synthgate.rows import Decision
    from synthgate.stages.cluster_cap import Facts
    from synthgate.verifiers.slices import Slices

COMMAND = Command("cluster-cap", groups=(Shaping, Stamping, Declaring, Spreading))
_SHOWN = 3


def run(io: Session, policy: ClusterCapPolicy) -> None:
    """Read rows, cap each semantic cluster, say what was lost and what is missing."""
    from synthgate.errors import UsageError
    from synthgate.verifiers.slices import Slices

    if policy.clusters and "method" not in io.stated:
        raise UsageError("--clusters is for --method kmeans or agglomerative: add one")
    slices = Slices([policy.protect, *policy.by] if policy.protect else policy.by)
    if io.options.engine == "ray":
        from synthgate.cli.cap_on_ray import cap

        facts = cap(io, policy, slices)
    else:
        facts = _here(io, policy, slices)
    io.manifest.slices = slices.as_json()
    _report(io, policy, facts)
    if facts.gaps is not None:
        _against(io, facts.gaps)


def _here(io: Session, policy: ClusterCapPolicy, slices: Slices) -> Facts:
    from synthgate.stages.cluster_cap import decide, missing, plan, text_of

    embedder = _embedder(io, policy)
    real = real_rows(io, policy)
    rows, shape = io.read(again=True)
    capping = plan(rows, shape, embedder, policy, io.options.seed)
    missed = missing(capping, real, io.options.seed) if policy.against else None
    facts = capping.facts(policy.max_per_cluster, missed)

    def watch(number: int, decision: Decision) -> None:
        slices.add(decision.row, not decision.reason)
        if number in facts.summary:
            facts.summary.add(number, text_of(decision.row, shape, policy.on))

    io.settle(decide(rows, capping.fates, watch))
    return facts


def _embedder(io: Session, policy: ClusterCapPolicy) -> Any:
    """Return the embedder that the policy names, with its cache."""
    from synthgate import registry
    from synthgate.embedders import Learner
    from synthgate.embedders.cache import Cached, CachedLearner, is_vector
    from synthgate.jsonl.appending import open_log

    name, _, argument = policy.embedder.partition(":")
    embedder = registry.find("embedders", name)(argument)
    if not policy.cache or io.options.dry_run:
        return embedder
    store = io.enter_context(open_log(policy.cache, write=True, ours=is_vector))
    cached = CachedLearner if isinstance(embedder, Learner) else Cached
    return cached(embedder, store)


def real_rows(io: Session, policy: ClusterCapPolicy) -> list[tuple[str, str]]:
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


def _report(io: Session, policy: ClusterCapPolicy, facts: Facts) -> None:
    """Record what the cap did, and say it in a few lines."""
    found = facts.summary.as_json()
    io.manifest.findings |= {
        "embedder": facts.embedder,
        "threshold": facts.threshold,
        "exact": facts.exact,
        "protected": facts.saved,
        **found,
    }
    for line in _lost(found, policy.max_per_cluster):
        io.note(line)
    if policy.protect and facts.saved:
        io.note(f"protected: {facts.saved:,} rows kept that the cap would have cut")
    if not facts.exact:
        io.note(f"{facts.rows:,} rows: compared with the nearest cells only, not all rows")


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


def _against(io: Session, found: Gaps) -> None:
    """Record and say which clusters of the real rows have no row here."""
    io.manifest.findings["against"] = found.as_json()
    near = f"{found.near:,} of {found.rows:,} real rows have a row near them"
    io.note(f"against: {near}; {found.uncovered:,} of {found.clusters:,} real clusters have none")
    for each in found.largest[:_SHOWN]:
        words = ", ".join(each["words"]) or "(no words)"
        io.note(f"missing: {words}: {each['rows']:,} real rows, none here")
