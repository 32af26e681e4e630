"""The settings of `scan`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Gt, Lt, Settings


# fmt: off
class ScanPolicy(Settings):
    """Look for what was planted."""

    real: Annotated[tuple[str, ...], Flag("real rows that nobody could plant anything in; repeatable", (), "FILE")] = ()
    reject: Annotated[bool, Flag("reject the rows of blocking findings, instead of passing them on")] = False
    findings: Annotated[str, Flag("where findings go, one JSON line each", (), "FILE")] = ""
    fail_on: Annotated[Literal["none", "blocking", "any"], Flag("findings that end with 3, no row written", inert=True)] = "none"
    disable: Annotated[tuple[str, ...], Flag("test that is left out; repeatable", (), "TEST")] = ()
    allow: Annotated[tuple[str, ...], Flag("trigger that is known and harmless, as scan names it; repeatable", (), "TRIGGER")] = ()
    label_field: Annotated[str, Flag("field of the label: is it the one that a model of the real rows gives?", (), "FIELD")] = ""
    # 250 documents poison models of any size (arXiv 2510.07192), so that limits are counts; below
    # 5 rows nothing can be told from an accident.
    min_rows: Annotated[int, Ge(1), Flag("rows from which on a trigger counts")] = 5
    # What the words of one topic can explain: on clean dialogues no word passes .3 (decision 110).
    excess: Annotated[float, Gt(0), Lt(1), Flag("share of a word's rows with one kind of answer, above that of all rows")] = 0.3
    # Expected false findings of each test for new words, over all words of a clean set.
    risk: Annotated[float, Gt(0), Lt(1), Flag("false findings to be expected of a test on clean rows")] = 0.001
# fmt: on
