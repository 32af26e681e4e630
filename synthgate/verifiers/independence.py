"""Whether one maker of answers may vouch for another.

An error that two rows share because one model made both, or taught both, is agreement and not
evidence. What a row says of its generator is a claim; it is taken as such, and an unknown one
vouches for nothing.
"""

from __future__ import annotations

from typing import Literal

from synthgate.rows import Provenance
from synthgate.verifiers import Bench
from synthgate.verifiers.lineage import Lineages, identity, shipped, words_of

PERSON = "(a person)"
CONSENT = "--allow-dependent REASON accepts and records that"
Relation = Literal["same", "unknown", "family", "independent"]


def maker(provenance: Provenance) -> str:
    """Return who made a row: its generator, "" where that is unknown, `PERSON` for real rows."""
    if not provenance.synthetic:
        return PERSON
    return "" if provenance.generator == PERSON else provenance.generator


def lineages(bench: Bench) -> Lineages:
    """Return the table that is shipped, with those of `[models]` and `--lineage`."""
    path, table = bench.policy.lineage, shipped()
    if bench.lineages:
        table = table.extended("[models]", bench.lineages)
    return table.extended(path, bench.text(path)) if path else table


def family(generator: str, table: Lineages | None = None) -> str:
    """Return the family of a model, "" where the table does not know its name."""
    return (table or shipped()).family(generator)


def relation(ours: str, theirs: str, table: Lineages | None = None) -> Relation:
    """Return how two makers are related; a person is independent of every generator.

    `family` is any shared ancestor: a family, a base or a teacher of either.
    """
    if not ours or not theirs:
        return "unknown"
    if ours == theirs:
        return "same"
    if PERSON in (ours, theirs):
        return "independent"
    if identity(ours) == identity(theirs):
        return "same"
    kin = [(table or shipped()).kin(name) for name in (ours, theirs)]
    if not all(kin):
        return "unknown"
    return "family" if kin[0] & kin[1] else "independent"


def shared(ours: str, theirs: str, table: Lineages) -> str:
    """Return the ancestors that two makers have in common, as words for a message."""
    return " and ".join(repr(each) for each in sorted(table.kin(ours) & table.kin(theirs)))


def unknown(what: str, name: str) -> str:
    """Return what to do about a maker that nobody knows; `what` says whose it is."""
    words = " ".join(words_of(identity(name)))
    if not words:
        return f"the generator of {what} is unknown; declare it with --generator NAME"
    line = f'model = [{{match = "{words}", family = "NAME"}}]'
    return (
        f"the generator of {what}, {name!r}, is in no table of lineages; "
        f"say where it comes from in a file for --lineage: {line}"
    )
