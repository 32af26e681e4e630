"""The settings of `dedupe`."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Ge, Le, On, Settings, Share


# fmt: off
class DedupePolicy(Settings):
    """Drop what is invalid and what says the same again."""

    on: Annotated[On, Flag("text that is compared; both: prompt and response, each with its own")] = "both"
    near_threshold: Annotated[Share, Flag("share of word 3-grams (Jaccard) from which two rows are near duplicates; 0: exact ones only")] = 0.8
    fuzzy_threshold: Annotated[Share, Flag("similarity from which two short texts are one, with one word spelt differently; 0: off")] = 0.9
    keep: Annotated[str, Flag("which of several survives: first, longest, or best:FIELD (the largest number there)", (), "WHICH")] = "first"
    against: Annotated[tuple[str, ...], Flag("rows that no candidate may share text with, such as an evaluation set; repeatable", (), "FILE")] = ()
    max_same_output: Annotated[int, Ge(0), Flag("rows kept that have one response; 0: no cap")] = 0
    max_same_prompt: Annotated[int, Ge(0), Flag("rows kept that have one prompt; 0: no cap")] = 0
    drop_refusals: Annotated[bool, Flag("reject responses that begin by refusing, in English")] = False
    exclude: Annotated[tuple[str, ...], Flag("exclusions, such as trace writes: what they name goes, and all made from it; repeatable", (), "FILE")] = ()
    workers: Annotated[int, Ge(0), Le(256), Flag("processes; 0: one a core", inert=True)] = 0
