"""The settings of `trace`."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Gt, Le, Settings


# fmt: off
class TracePolicy(Settings):
    """From a bad behaviour to its source, and exclude it."""

    match: Annotated[str, Flag("rows in whose values this pattern is found", (), "REGEX")] = ""
    like: Annotated[str, Flag("rows with a value that has the words of this text, or its meaning", (), "TEXT")] = ""
    like_threshold: Annotated[float, Gt(0), Le(1), Flag("share of the text's word 3-grams, or cosine of static embeddings, from which a value is like it")] = 0.8
    ids: Annotated[str, Flag("rows with these ids: one a line, or rows, rejects, labels", (), "FILE")] = ""
    field: Annotated[tuple[str, ...], Flag("field to look in, dotted; repeatable (default: every value)", (), "FIELD")] = ()
    slice: Annotated[tuple[str, ...], Flag("field whose values are ranked, too; repeatable", (), "FIELD")] = ()
    rows: Annotated[bool, Flag("the rows that match to stdout, the ranking to stderr (as with -o FILE)")] = False
    json_file: Annotated[str, Flag("write what was found as JSON; - writes it as JSONL to stdout", ("--json",), "FILE")] = ""
    lineage: Annotated[str, Flag("the row with this id, or its beginning, back to its prompt and parents", (), "ID")] = ""
    run_dir: Annotated[str, Flag("run folder: its rows for lineage and descent, its certificates and training sets [default: $SYNTHGATE_RUN_DIR]", (), "DIR")] = ""
    earlier_run: Annotated[tuple[str, ...], Flag("run folder of an earlier run; repeatable", (), "DIR")] = ()
    exclude: Annotated[tuple[str, ...], Flag("what to exclude: matches, or source:, generator:, prompt:, run:, id: and its name; repeatable", (), "WHAT")] = ()
    exclude_out: Annotated[str, Flag("where the exclusion goes, for --exclude of generate, dedupe, blend and run", (), "FILE")] = ""
    reason: Annotated[str, Flag("why it is excluded", (), "TEXT")] = ""
    verify_exclusion: Annotated[str, Flag("show that nothing excluded is left in the rows, and end with 3 where something is", (), "FILE")] = ""
